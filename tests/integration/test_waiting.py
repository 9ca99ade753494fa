"""Who waits for whom: the program for its debugger, or not, or not for ever."""

from __future__ import annotations

import pytest

from tests.integration.conftest import Place, code, job
from tests.integration.test_pythons import APP
from tests.payload.conftest import lines_with

pytestmark = pytest.mark.integration

LOOP = """\
import time

done = False
while not done:
    time.sleep(0.05)  # here
print("done", flush=True)
"""


def test_wait_runs_out_and_the_program_goes_on(place: Place, images: dict[str, str]) -> None:
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "app.py"]))
    before = place.objects()
    run = place.debug("job/train", "--wait-timeout", "3", "-e", "EXIT=7")
    assert run.finish() == 7, run.transcript()
    assert run.out == b"double 42\n"
    assert "The program goes on undebugged: nobody attached in time" in run.err.decode()
    place.assert_as_before(before)


def test_attach_later_to_a_program_that_was_not_held(place: Place, images: dict[str, str]) -> None:
    app = place.write("src/app.py", LOOP)
    text = "print('loop', flush=True)\n" + LOOP
    app.write_text(text)
    place.apply(code(app_py=text), job("train", images["3.11"], ["python3", "app.py"]))
    run = place.debug("job/train", "--no-wait")
    run.wait_for("loop")
    stop = place.stop_at(app)
    stop.evaluate("globals().update(done=True)")
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()
    assert run.out == b"loop\ndone\n"


def test_stop_on_entry(place: Place, images: dict[str, str]) -> None:
    app = place.write("src/app.py", APP)
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "app.py"]))
    run = place.debug("job/train", "--stop-on-entry")
    stop = place.stop_at(app)
    assert (stop.path, stop.line) == (str(app), 1)
    stop.go()
    stop = stop.session.stopped()
    assert [stop.line] == lines_with(app, "# here")
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()


def test_program_names_the_one_that_waits(place: Place, images: dict[str, str]) -> None:
    app = place.write("src/app.py", APP)
    wrapper = "python3 first.py\npython3 app.py\npython3 first.py\n"
    files = code(app_py=APP, first_py="print('not held')\n", wrapper=wrapper)
    place.apply(files, job("train", images["3.11"], ["bash", "wrapper"]))
    run = place.debug("job/train", "--program", "app.py")
    run.wait_for("not held")
    stop = place.stop_at(app)
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()
    assert run.out == b"not held\ndouble 42\nnot held\n"

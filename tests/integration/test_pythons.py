"""Every Python, every way to start one: a Job under Pod Security "restricted", its code in a ConfigMap."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.dap import Editor
from tests.integration.conftest import Place, code, job
from tests.payload.conftest import lines_with
from tests.payload.test_debug import FORK, POOL

pytestmark = pytest.mark.integration

APP = """\
import os, sys

def double(n):
    result = n * 2
    return result  # here

if __name__ == "__main__":
    print("double", double(21), flush=True)
    sys.exit(int(os.environ.get("EXIT", "0")))
"""
MINORS = ["3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]


def image_of(images: dict[str, str], minor: str) -> str:
    if minor not in images:
        pytest.skip(f"no image with Python {minor} can be had on this machine")
    return images[minor]


@pytest.mark.parametrize("minor", MINORS)
def test_breakpoint_through_the_generated_configuration(place: Place, images: dict[str, str], minor: str) -> None:
    app = place.write("src/app.py", APP)
    place.apply(code(app_py=APP))
    place.apply(job("train", image_of(images, minor), ["bash", "-c", "echo start; python3 app.py; exit $?"]))
    before = place.objects()
    run = place.debug("job/train", "-e", "EXIT=7")
    session = place.attach(Editor({app: lines_with(app, "# here")}), "job/train")
    stop = session.stopped()
    assert (Path(stop.path), stop.line) == (app, lines_with(app, "# here")[0])
    assert stop.variables()["result"] == "42"
    assert stop.evaluate("'%d.%d' % sys.version_info[:2]") == repr(minor)
    stop.go()
    session.terminated()
    assert run.finish() == 7, run.transcript()
    assert run.out.decode() == "start\ndouble 42\n"
    place.assert_as_before(before)


@pytest.mark.parametrize("command", [["python3", "-m", "app"], ["/opt/venv/bin/python", "app.py"]], ids=["-m", "venv"])
@pytest.mark.parametrize("minor", ["3.9", "3.13"])
def test_ways_to_start(place: Place, images: dict[str, str], minor: str, command: list[str]) -> None:
    app = place.write("src/app.py", APP)
    place.apply(code(app_py=APP), job("train", image_of(images, minor), command))
    run = place.debug("job/train")
    session = place.attach(Editor({app: lines_with(app, "# here")}), "job/train")
    stop = session.stopped()
    assert stop.evaluate("result") == "42"
    stop.go()
    session.terminated()
    assert run.finish() == 0, run.transcript()


@pytest.mark.parametrize(("text", "arguments"), [(FORK, []), (POOL, ["spawn"])], ids=["fork", "spawn"])
@pytest.mark.parametrize("minor", ["3.11", "3.14"])
def test_children_through_the_same_port(
    place: Place, images: dict[str, str], minor: str, text: str, arguments: list[str]
) -> None:
    app = place.write("src/app.py", text)
    place.apply(code(app_py=text), job("train", image_of(images, minor), ["python3", "app.py", *arguments]))
    run = place.debug("job/train")
    editor = Editor({app: lines_with(app, "# here")})
    session = place.attach(editor, "job/train")
    stop = editor.child().stopped()
    assert stop.line == lines_with(app, "# here")[0]
    stop.go()
    session.terminated()
    assert run.finish() == 0, run.transcript()

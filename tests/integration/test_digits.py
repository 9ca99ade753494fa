"""The workload of the recipe: a bash entry point that chooses, a real model, real data, a real end."""

from __future__ import annotations

import pytest

from tests.dap import DEADLINE, Editor
from tests.integration.conftest import Place, copy_example
from tests.payload.conftest import lines_with

pytestmark = pytest.mark.integration


def test_train_stops_in_the_checkout_and_leaves_nothing(place: Place) -> None:
    """Two Pythons in one entry point (prepare, train), one F5; a decoy with the same base name in tools/."""
    copy_example("digits", place.checkout)
    train = place.checkout / "src" / "digits" / "train.py"
    place.apply_file("job.yaml", EPOCHS="2")  # two minutes of it would slow all other tests
    before = place.objects()
    run = place.debug("job/train", "-e", "EPOCHS=1")
    line = lines_with(train, "epoch")[-1]
    editor = Editor({train: [line]})
    session = place.attach(editor, "job/train")
    session.restarting()
    session = editor.attach(session.configuration)
    stop = session.stopped()
    assert (stop.path, stop.line) == (str(train), line)
    assert stop.evaluate("1 + 1") == "2"
    assert stop.variables()
    stop.go()
    session.terminated()
    assert run.finish() == 0, run.transcript()
    assert "epoch 1 step" in run.out.decode()
    assert f"{place.checkout}/src -> /app: " in run.err.decode()
    place.assert_as_before(before)


def test_the_failing_entry_point_stops_at_the_raising_line(place: Place) -> None:
    """The third Python of the entry point ends with an uncaught exception at a late step."""
    copy_example("digits", place.checkout)
    place.apply_file("evaluate-job.yaml")
    place.kubectl("patch", "job/evaluate", "--patch", '{"spec": {"suspend": true}}')
    place.wait(lambda: not place.kubectl("get", "pods", "-o", "name"))
    before = place.objects()
    run = place.debug("job/evaluate", "--program", "digits.evaluate")
    session = place.attach(Editor(), "job/evaluate")
    stop = session.stopped(timeout=4 * DEADLINE)
    assert stop.reason == "exception"
    assert stop.path == str(place.checkout / "src" / "digits" / "model.py")
    assert "@" in (place.checkout / "src" / "digits" / "model.py").read_text().splitlines()[stop.line - 1]
    assert stop.evaluate("images.shape[1]") == "56"
    stop.go()
    session.terminated()
    assert run.finish() == 1, run.transcript()
    assert "ValueError: matmul" in run.out.decode()
    assert [m.get("event") for m in session.connection.messages].count("stopped") == 1
    place.assert_as_before(before)

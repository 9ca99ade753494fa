"""What is written for the editors on kind, and what is left of it."""

from __future__ import annotations

import json
import signal

import pytest

from tests.dap import Editor
from tests.integration.conftest import Place, code, job

pytestmark = pytest.mark.integration

APP = "def main():\n    answer = 42\n    return answer  # here\n\n\nmain()\n"


@pytest.fixture
def train(place: Place, images: dict[str, str]) -> Place:
    place.write("app.py", APP)
    place.apply(code(app_py=APP), job("train", images["3.13"], ["python3", "app.py"]))
    return place


def test_the_entry_goes_with_the_session(train: Place) -> None:
    run = train.debug("job/train")
    assert (train.checkout / ".vscode" / "launch.json").exists()
    train.stop_at(train.checkout / "app.py").go()
    assert run.finish() == 0
    assert not (train.checkout / ".vscode").exists()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_entry_goes_when_the_session_is_stopped(train: Place, number: signal.Signals) -> None:
    mine = train.write(".vscode/launch.json", '{"configurations": [ // mine\n]}')
    run = train.debug("job/train")
    assert "job/train" in mine.read_text()
    run.process.send_signal(number)
    run.finish()
    assert mine.read_text() == '{"configurations": [ // mine\n]}'


def test_several_editors_and_a_kept_entry(train: Place) -> None:
    run = train.start("job/train", "--editor", "zed", "--editor=vim", "--keep-config")
    run.wait_for("debugger: start")
    run.process.send_signal(signal.SIGINT)
    run.finish()
    assert not (train.checkout / ".vscode").exists()
    assert "kubectl pydebug: job/train" in (train.checkout / ".zed" / "debug.json").read_text()
    assert "kubectl pydebug: job/train" in (train.checkout / ".vimspector.json").read_text()


def test_the_document_is_enough_for_any_client(train: Place) -> None:
    run = train.start("job/train", "-o", "json", "--no-config")
    run.wait_for("\n}\n")
    session = json.loads(run.out)
    assert session["configs"] == []
    (endpoint,) = session["endpoints"]
    stop = (
        Editor({train.checkout / "app.py": [3]})
        .attach(
            {
                "type": "debugpy",
                "request": "attach",
                "connect": {"host": endpoint["host"], "port": endpoint["port"]},
                "pathMappings": endpoint["pathMappings"],
                "justMyCode": False,
                "subProcess": True,
            }
        )
        .stopped()
    )
    assert stop.variables()["answer"] == "42"
    stop.go()
    assert run.finish() == 0

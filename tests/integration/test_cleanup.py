"""However a session ends, what it made is gone and what was there is as it was."""

from __future__ import annotations

import fcntl
import os
import pty
import signal
import subprocess
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from kubectl_pydebug.core.exits import Exit
from tests.dap import DEADLINE
from tests.integration.conftest import Place, Run, code, job, pod_spec

pytestmark = pytest.mark.integration

APP = """\
import time

number = 0
while True:
    number += 1
    print("still here", number, flush=True)  # here
    time.sleep(0.1)
"""


@pytest.fixture
def app(place: Place, images: dict[str, str]) -> Path:
    """The Job ``train``, whose program never ends, and ``slow``, whose pod gets no further than its init container."""
    train = job("train", images["3.11"], ["python3", "app.py"])
    slow = job("slow", images["3.11"], ["python3", "app.py"])
    spec = pod_spec(slow)
    spec["initContainers"] = [{**spec["containers"][0], "name": "slow", "command": ["sleep", "infinity"]}]
    place.apply(code(app_py=APP), train, slow)
    return place.write("src/app.py", APP)


def creating(place: Place, app: Path) -> Run:
    """The request that creates the copy is on its way."""
    run = place.start("job/train")
    run.wait_for("Creating job/train")
    return run


def starting(place: Place, app: Path) -> Run:
    run = place.start("job/slow")
    run.wait_for("Init container slow is running")
    return run


def waiting(place: Place, app: Path) -> Run:
    return place.debug("job/train")


def stopped(place: Place, app: Path) -> Run:
    run = place.debug("job/train")
    assert place.stop_at(app).variables()["number"] == "1"
    return run


def running(place: Place, app: Path) -> Run:
    run = place.debug("job/train", "--no-wait")
    run.wait_for("still here 3")
    return run


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("phase", [creating, starting, waiting, stopped, running])
def test_signal(place: Place, app: Path, phase: Callable[[Place, Path], Run], number: signal.Signals) -> None:
    before = place.objects()
    run = phase(place, app)
    run.process.send_signal(number)
    assert run.finish() == Exit.INTERRUPTED, run.transcript()
    place.assert_as_before(before)


def test_second_signal_does_not_end_the_clean_up(place: Place, app: Path) -> None:
    """A shell passes on the hang-up that its terminal sent already; people press Ctrl-C more than once."""
    before = place.objects()
    run = place.debug("job/train")
    for number in (signal.SIGHUP, signal.SIGINT):
        run.process.send_signal(number)
        run.wait_for("Cleaning up")
    run.process.send_signal(signal.SIGTERM)
    assert run.finish() == Exit.INTERRUPTED, run.transcript()
    place.assert_as_before(before)


@pytest.mark.parametrize(("words", "until"), [((), "Press F5"), (("--no-wait",), "still here 3")], ids=["quiet", "log"])
def test_closed_terminal(place: Place, app: Path, words: tuple[str, ...], until: str) -> None:
    before = place.objects()
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["kubectl", "pydebug", "-n", place.namespace, "job/train", *words],
        cwd=place.checkout,
        env={**place.cluster.env, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    shown = b""
    while until.encode() not in shown:
        shown += os.read(ours, 65536)
    os.close(ours)
    assert process.wait(DEADLINE) == Exit.INTERRUPTED
    place.assert_as_before(before)


def test_config_map_is_shared_and_goes_with_the_last_copy(place: Place, app: Path) -> None:
    """The second session dies without a chance to clean up; what is left is the work of the garbage collector."""
    before = place.objects()
    first, second = place.debug("job/train"), place.debug("job/train")
    assert len(owners(place)) == 2
    first.process.send_signal(signal.SIGINT)
    assert first.finish() == Exit.INTERRUPTED
    place.wait(lambda: len(owners(place)) == 1)
    (owner,) = owners(place)
    second.process.kill()
    second.process.wait()
    assert owners(place) == [owner]
    place.kubectl("delete", f"job/{owner}")
    place.assert_as_before(before)


def owners(place: Place) -> list[str]:
    """The names of the copies that own the one ConfigMap of ours."""
    maps = place.cluster.get("-n", place.namespace, "cm", "-l", "app.kubernetes.io/managed-by=kubectl-pydebug")["items"]
    assert len(maps) == 1
    return [owner["name"] for owner in maps[0]["metadata"]["ownerReferences"]]

"""However a session ends, what it made is gone and what was there is as it was."""

from __future__ import annotations

import contextlib
import fcntl
import os
import pty
import signal
import socket
import subprocess
import termios
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from kubectl_pydebug.core.exits import Exit
from tests.dap import DEADLINE
from tests.integration.conftest import Place, Run, code, default_signals, job, pod_spec

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
@pytest.mark.parametrize("phase", [starting, waiting, stopped, running])
def test_signal(place: Place, app: Path, phase: Callable[[Place, Path], Run], number: signal.Signals) -> None:
    before = place.objects()
    run = phase(place, app)
    run.process.send_signal(number)
    assert run.finish() == Exit.INTERRUPTED, run.transcript()
    place.assert_as_before(before)


class Relay:
    """The way to the API server. The answer to the first request that is as long as ``LONG`` is lost on it."""

    LONG = 30_000
    """Bytes. All that is asked before, on one connection, is shorter."""

    def __init__(self, server: int) -> None:
        self.asked = threading.Event()
        self._server = server
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._listener.accept()[0]
                server = socket.create_connection(("127.0.0.1", self._server))
                mute = threading.Event()
                threading.Thread(target=self._ask, args=(client, server, mute), daemon=True).start()
                threading.Thread(target=self._answer, args=(client, server, mute), daemon=True).start()

    def _ask(self, client: socket.socket, server: socket.socket, mute: threading.Event) -> None:
        sent = 0
        with contextlib.suppress(OSError), server:
            while data := client.recv(65536):
                sent += len(data)
                if sent >= self.LONG and not self.asked.is_set():
                    mute.set()
                    self.asked.set()
                server.sendall(data)

    def _answer(self, client: socket.socket, server: socket.socket, mute: threading.Event) -> None:
        with contextlib.suppress(OSError), client:
            while data := server.recv(65536):
                if not mute.is_set():
                    client.sendall(data)

    def close(self) -> None:
        self._listener.close()


def test_signal_while_nobody_knows_whether_the_copy_was_created(
    place: Place, images: dict[str, str], tmp_path: Path
) -> None:
    """It was, but its answer is lost on the way."""
    train = job("train", images["3.11"], ["sleep", "infinity"], env=[{"name": "LONG", "value": "x" * 2 * Relay.LONG}])
    place.apply(code(), train)
    before = place.objects()
    config = yaml.safe_load(place.cluster.kubeconfig.read_text())
    cluster = config["clusters"][0]["cluster"]
    with contextlib.closing(Relay(int(cluster["server"].rpartition(":")[2]))) as relay:
        cluster["server"] = f"https://127.0.0.1:{relay.port}"
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        run = place.start("job/train", env={"KUBECONFIG": str(tmp_path / "kubeconfig")})
        assert relay.asked.wait(DEADLINE), run.transcript()
        place.wait(lambda: len(place.objects()) > len(before))
        run.process.send_signal(signal.SIGINT)
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


def own_terminal() -> None:
    default_signals()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


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
        preexec_fn=own_terminal,
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

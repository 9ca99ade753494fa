"""Runs the guest code in a local process as it runs in a container: hook folder, shared folder, environment."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import random
import secrets
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from kubectl_pydebug import bundle
from tests.dap import DEADLINE, Editor, Session
from tests.payload.pythons import PYTHONS
from tests.seed import seed

SAMPLE = 2
"""Pythons that a test runs on, of those that this machine has."""


class Pod:
    """One container's worth of shared folders, and the laptop's end of the agent's protocol, written anew."""

    def __init__(self, python: str, tmp_path: Path) -> None:
        self.python = python
        self.hook = tmp_path / "hook"
        self.run_folder = tmp_path / "run"
        self.termination_log = tmp_path / "termination-log"
        self.hook.mkdir()
        self.run_folder.mkdir()
        self.termination_log.touch()
        loaded = bundle.load()
        for name, data in loaded.files.items():
            (self.hook / name).write_bytes(data)
        self.token = secrets.token_bytes(32)
        self.verifier = hashlib.sha256(self.token).hexdigest()
        self.config: dict[str, Any] = {
            "v": 1,
            "session": "test",
            "verifier": self.verifier,
            "ports": [self.free_port()],
            "sha256": loaded.sha256,
            "wait": True,
            "wait_timeout": 60,
            "stop_on_entry": False,
            "program": None,
            "container": "main",
        }
        self.processes: list[subprocess.Popen[str]] = []
        self.env: dict[str, str] = {}

    @staticmethod
    def free_port() -> int:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            return int(sock.getsockname()[1])

    def environ(self) -> dict[str, str]:
        env = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "PYTEST"))}
        env.update(
            PYTHONPATH=f"{self.hook}:$(PYTHONPATH)",
            PYTHONUNBUFFERED="1",
            KUBECTL_PYDEBUG=json.dumps(self.config),
            KUBECTL_PYDEBUG_RUN=str(self.run_folder),
            KUBECTL_PYDEBUG_TERMINATION_LOG=str(self.termination_log),
        )
        env.update(self.env)
        return env

    def start(self, *command: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            env=self.environ(),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.processes.append(process)
        return process

    def finish(self, process: subprocess.Popen[str]) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        out, err = process.communicate(timeout=DEADLINE)
        return process.returncode, out, err

    def connect(self, service: str, request: Mapping[str, Any] | None = None) -> socket.socket:
        """A connection to the agent, handshake done. Polls: from outside nothing tells that the agent is up."""
        port = self.config["ports"][0]
        gate = threading.Event()
        for _ in range(int(DEADLINE / 0.02)):
            with contextlib.suppress(ConnectionRefusedError):
                sock = socket.create_connection(("127.0.0.1", port), timeout=DEADLINE)
                break
            gate.wait(0.02)
        else:
            raise TimeoutError(f"the agent is not up; termination log: {self.termination_log.read_text()!r}")
        nonce = secrets.token_hex(16)
        self.send(sock, {"v": 1, "session": self.config["session"], "nonce": nonce})
        answer = self.read_line(sock)
        message = f"agent:{nonce}:{port}".encode()
        assert answer["proof"] == hmac.new(bytes.fromhex(self.verifier), message, hashlib.sha256).hexdigest()
        self.send(sock, {"token": self.token.hex(), "service": service, **(request or {})})
        assert self.read_line(sock) == {"ok": True}
        sock.settimeout(None)
        return sock

    @staticmethod
    def send(sock: socket.socket, message: Mapping[str, Any]) -> None:
        sock.sendall(json.dumps(message).encode() + b"\n")

    @staticmethod
    def read_line(sock: socket.socket) -> dict[str, Any]:
        line = bytearray()
        while not line.endswith(b"\n"):
            byte = sock.recv(1)
            assert byte, "closed"
            line += byte
        return dict(json.loads(line))

    def status(self, *states: str) -> dict[str, Any]:
        """The first status line that is in one of ``states``."""
        with self.connect("status") as sock:
            sock.settimeout(DEADLINE)
            while True:
                line = self.read_line(sock)
                if line["state"] in states:
                    return line

    def door(self) -> int:
        """A local port that leads to the agent's debug service, as the tunnel will."""
        listener = socket.create_server(("127.0.0.1", 0))

        def accept() -> None:
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                there = self.connect("dap")
                for source, target in ((client, there), (there, client)):
                    threading.Thread(target=splice, args=(source, target), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        self._listener = listener
        return int(listener.getsockname()[1])

    def attach(self, editor: Editor, **configuration: Any) -> Session:
        return editor.attach(
            {
                "connect": {"host": "127.0.0.1", "port": self.door()},
                "justMyCode": False,
                "pathMappings": [],
                **configuration,
            }
        )

    def close(self) -> None:
        for process in self.processes:
            if process.poll() is None:
                process.kill()
            process.communicate()
        for pid in self.agents():
            os.kill(pid, signal.SIGKILL)
        if hasattr(self, "_listener"):
            self._listener.close()

    def agents(self) -> Iterator[int]:
        """Process ids of this pod's agents: in a container they end with it."""
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                words = (folder / "cmdline").read_bytes().split(b"\0")
                if str(self.run_folder).encode() in words:
                    yield int(folder.name)


def splice(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for sock in (source, target):
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Each test on some of the Pythons, those marked ``every_python`` on all; SOAK=1: each on all.

    Which ones is drawn from SEED, which the report's header shows.
    """
    if "pod" not in metafunc.fixturenames:
        return
    chosen = list(PYTHONS)
    every = metafunc.definition.get_closest_marker("every_python") is not None
    if not every and not os.environ.get("SOAK") and len(chosen) > SAMPLE:
        draw = random.Random(f"{seed()} {metafunc.definition.nodeid}")  # noqa: S311 - a sample, no secret
        chosen = sorted(draw.sample(chosen, SAMPLE), key=PYTHONS.index)
    metafunc.parametrize("pod", chosen, ids=[minor for minor, _ in chosen], indirect=True)


@pytest.fixture
def pod(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Pod]:
    pod = Pod(request.param[1], tmp_path)
    yield pod
    pod.close()


@pytest.fixture
def write(tmp_path: Path) -> Any:
    """write(name, text) -> path of a new file of the app."""

    def write(name: str, text: str) -> Path:
        path = tmp_path / "app" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    return write


def lines_with(path: Path, mark: str) -> Sequence[int]:
    """Numbers of the lines that contain ``mark``: tests name lines by what stands there."""
    found = [number for number, line in enumerate(path.read_text().splitlines(), 1) if mark in line]
    assert found, f"no line of {path} contains {mark!r}"
    return found

"""What happens in the container, part by part, in a process of this machine: unpack, import, listen, handshake."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, Group, collect
from tests.dap import Editor
from tests.payload.conftest import Pod

APP = "total = 0\ntotal += 1  # here\nprint(total)\n"
BREAKPOINT = 2


class PromptPod(Pod):
    """Its door, which stands for our tunnel, delays nothing: as our tunnel."""

    def connect(self, service: str, request: Mapping[str, Any] | None = None) -> socket.socket:
        sock = super().connect(service, request)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    def door(self) -> int:
        port = super().door()
        self._listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # Linux: what it accepts inherits this
        return port


PARTS = """
import json, sys, time
hook, config = sys.argv[1], json.loads(sys.argv[2])
sys.path.insert(0, hook)
import sitecustomize as ours
start = time.perf_counter()
folder = ours.unpack(hook, config)
unpacked = time.perf_counter()
from debugpy_boot import join
join.import_debugpy(folder, "code", "")
print(json.dumps([unpacked - start, time.perf_counter() - unpacked]))
"""
"""The hook's own functions with a clock around them. The hook itself stays off: KUBECTL_PYDEBUG is not set."""


def split(pod: Pod) -> list[tuple[str, float]]:
    """Unpacking, the first import (it compiles) and a later one (it reads the bytecode that the first one left)."""
    digest = pod.config["sha256"]
    env = {"KUBECTL_PYDEBUG_RUN": str(pod.run_folder), "PATH": ""}
    script = PARTS.replace("from debugpy_boot", "sys.path.insert(0, folder)\nfrom debugpy_boot")

    def run() -> list[float]:
        words = [pod.python, "-S", "-c", script, str(pod.hook), json.dumps({"sha256": digest})]
        done = subprocess.run(words, env=env, capture_output=True, text=True, check=True)
        return list(json.loads(done.stdout))

    (unpack, first), (_, later) = run(), run()
    return [
        ("unpack the bundle", unpack),
        ("import debugpy, first Python", first),
        ("import debugpy, later ones", later),
    ]


def whole(pod: Pod, app: Path) -> Iterator[tuple[str, float]]:
    """From the interpreter's start to the stop, with an editor that is there as soon as the program waits."""
    start = time.perf_counter()
    process = pod.start(pod.python, str(app))
    pod.status("starting", "listening", "waiting")
    up = time.perf_counter()
    yield "interpreter start -> agent answers", up - start
    pod.status("waiting")
    waiting = time.perf_counter()
    yield "agent answers -> program waits", waiting - up
    pod.connect("dap").close()
    shaken = time.perf_counter()
    yield "one handshake (proof, token)", shaken - waiting
    session = pod.attach(Editor({app: [BREAKPOINT]}))
    attached = time.perf_counter()
    yield "F5 -> attached", attached - shaken
    stop = session.stopped()
    stopped = time.perf_counter()
    yield "attached -> stopped", stopped - attached
    yield "(all)", stopped - start
    stop.go()
    session.terminated()
    code, out, err = pod.finish(process)
    assert (code, out) == (0, "1\n"), err


def measure(runs: int) -> Group:
    figures: dict[str, Figure] = {}
    for _ in range(runs):
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder).resolve()
            app = root / "app.py"
            app.write_text(APP)
            (root / "pod").mkdir()
            (root / "parts").mkdir()
            parts, pod = Pod(sys.executable, root / "parts"), PromptPod(sys.executable, root / "pod")
            try:
                collect(figures, split(parts))
                collect(figures, whole(pod, app))
            finally:
                pod.close()
    remarks = (f"local processes, Python {sys.version.split()[0]}, a fresh folder each time, as in a new pod",)
    return Group("in-pod", "Inside the container", list(figures.values()), remarks)

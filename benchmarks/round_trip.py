"""One DAP request at a breakpoint: through us, and through kubectl port-forward to an untouched debugpy."""

from __future__ import annotations

import contextlib
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.figures import Figure, Group
from benchmarks.scene import images, place
from tests.dap import Editor, Session, Stop
from tests.integration.conftest import ROOT, Place, code, job, pod_spec
from tests.payload.conftest import Pod, lines_with

APP = "total = 0\ntotal += 1  # here\nprint(total)\n"
BLOCK = 20
"""Requests in a row before the other side has its turn."""


@contextlib.contextmanager
def ours(place: Place) -> Iterator[Stop]:
    path = place.write("app.py", APP)
    place.apply(code(app_py=APP), job("train", images()["3.11"], ["python3", "/app/app.py"]))
    run = place.debug("job/train")
    stop = place.stop_at(path)
    yield stop
    finish(stop.session, stop)
    assert run.finish() == 0, run.transcript()


@contextlib.contextmanager
def port_forward(place: Place) -> Iterator[Stop]:
    """The recipe of old: its own debugpy.listen, and `kubectl port-forward`."""
    path = ROOT / "examples" / "recipe" / "app.py"
    made = job("recipe", images()["recipe"], [])
    made["spec"]["suspend"] = False
    spec = pod_spec(made)
    del spec["volumes"]
    for name in ("command", "workingDir", "volumeMounts"):
        del spec["containers"][0][name]
    place.apply(made)
    place.kubectl("wait", "--for=condition=Ready", "--timeout=100s", "pod", "-l", "job-name=recipe")
    place.wait(lambda: "waiting" in place.kubectl("logs", "job/recipe"))
    port = Pod.free_port()
    process = subprocess.Popen(
        ["kubectl", "-n", place.namespace, "port-forward", "job/recipe", f"{port}:5678"],
        env=place.cluster.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout
        assert "Forwarding" in process.stdout.readline()
        yield stop_at(path, lines_with(path, "total += number")[0], port)
    finally:
        process.terminate()
        process.wait()


def stop_at(path: Path, line: int, port: int) -> Stop:
    configuration = {
        "connect": {"host": "127.0.0.1", "port": port},
        "justMyCode": False,
        "pathMappings": [{"localRoot": str(path.parent), "remoteRoot": "."}],
    }
    return Editor({path: [line]}).attach(configuration).stopped()


def finish(session: Session, stop: Stop) -> None:
    stop.go()
    session.terminated()


def block(stop: Stop) -> Iterator[float]:
    for _ in range(BLOCK):
        start = time.perf_counter()
        assert stop.evaluate("1") == "1"
        yield time.perf_counter() - start


def measure(requests: int) -> Group:
    forward = Figure("kubectl port-forward, untouched debugpy")
    through_us = Figure("kubectl pydebug", base=forward)
    with place() as here, ours(here) as one, port_forward(here) as other:
        for _ in range(max(1, requests // BLOCK)):
            for figure, stop in ((forward, other), (through_us, one)):
                figure.values.extend(block(stop))
    remarks = ("evaluate `1` at a breakpoint",)
    return Group("round-trip", "One request to the debugger and its answer", [forward, through_us], remarks)

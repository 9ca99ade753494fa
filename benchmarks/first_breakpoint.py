"""From the typed command to the first stopped breakpoint, against a plain Job's way to its first line.

The kind node runs on this machine, so the pod's clock is ours. The plain Job's first line carries the time at which the
program printed it: what `kubectl logs` would add on top is left out, in the plain Job's favour.
"""

from __future__ import annotations

import copy
import os
import re
import subprocess
import threading
import time
from typing import IO

import yaml

from benchmarks.figures import Figure, Group, collect
from benchmarks.scene import images, place
from tests.dap import Editor, Message, Session
from tests.integration.conftest import Place, Raw, code, job, pod_spec
from tests.payload.conftest import Pod

APP = """import time

print("first line", time.time(), open("/proc/self/stat").read().rpartition(")")[2].split()[19], flush=True)
"""
BREAKPOINT = 3
STARTED = "open('/proc/self/stat').read().rpartition(')')[2].split()[19]"
"""When the process was started, in clock ticks since the machine's boot: field 22 of `stat` in proc(5)."""
CREATED = "created -> interpreter starts"
PLAIN = "plain Job: kubectl create -> first log line"
WAYS = ("mount", "init")


def started_at(ticks: str) -> float:
    """Seconds since the epoch."""
    boot = time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)
    return boot + int(ticks) / os.sysconf("SC_CLK_TCK")


class Lines:
    """A process's standard error, with the time at which each line came."""

    def __init__(self, file: IO[str]) -> None:
        self.seen: list[tuple[float, str]] = []
        self._thread = threading.Thread(target=self._read, args=(file,), daemon=True)
        self._thread.start()

    def _read(self, file: IO[str]) -> None:
        for line in file:
            self.seen.append((time.time(), line))

    def at(self, word: str) -> float | None:
        """When a line with ``word`` came first."""
        return next((when for when, line in self.seen if word in line), None)

    def finish(self) -> str:
        self._thread.join()
        return "".join(line for _, line in self.seen)


def plain_job(place: Place, manifest: Raw) -> tuple[float, float, list[tuple[str, float]]]:
    """Seconds to the first line, from the command and from the moment when kubectl had created the Job; the parts."""
    made = copy.deepcopy(manifest)
    made["metadata"]["name"] = "plain"
    made["spec"]["suspend"] = False
    text = yaml.safe_dump(made)
    start = time.time()
    place.kubectl("create", "-f", "-", stdin=text)
    created = time.time()
    place.kubectl("wait", "--for=condition=complete", "--timeout=100s", "job/plain")
    said = re.search(r"first line (\S+) (\d+)", place.kubectl("logs", "job/plain"))
    assert said, "the plain Job printed no first line"
    place.kubectl("delete", "job/plain", "--cascade=foreground", "--wait=true")
    first_line, interpreter = float(said[1]), started_at(said[2])
    parts = [
        ("kubectl create", created - start),
        (CREATED, interpreter - created),
        ("interpreter starts -> first line", first_line - interpreter),
    ]
    return first_line - start, first_line - created, parts


def debug_copy(place: Place, way: str) -> tuple[float, float, list[tuple[str, float]]]:
    """Seconds to the first stop, from the command and from the Job's creation; and the parts by name.

    F5 is pressed at once, as with the configuration of an earlier run: the local port is open before the pod is up.
    """
    path = place.checkout / "app.py"
    port = Pod.free_port()
    configuration: Message = {
        "connect": {"host": "127.0.0.1", "port": port},
        "justMyCode": False,
        "pathMappings": [{"localRoot": str(place.checkout), "remoteRoot": "/app"}],
    }
    words = ["kubectl", "pydebug", "job/train", "-n", place.namespace, "--way", way, "--local-port", str(port)]
    start = time.time()
    process = subprocess.Popen(
        words,
        cwd=place.checkout,
        env=place.cluster.env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr
    lines = Lines(process.stderr)
    try:
        session = press_f5(Editor({path: [BREAKPOINT]}), configuration, process)
        attached = time.time()
        stop = session.stopped()
        stopped = time.time()
        assert (stop.path, stop.line) == (str(path), BREAKPOINT), (stop.path, stop.line)
        interpreter = started_at(stop.evaluate(STARTED).strip("'"))
        stop.go()
        session.terminated()
    finally:
        process.wait(120)
        said = lines.finish()
    ended = time.time()
    assert process.returncode == 0, said
    created = lines.at("Creating") or start
    loading = lines.at("Loading the debugger") or attached
    parts = [
        ("kubectl and Python start", (lines.at("Reading") or created) - start),
        ("original read, plan made", created - (lines.at("Reading") or created)),
        (CREATED, interpreter - created),
        ("interpreter starts -> agent reached", loading - interpreter),
        ("agent reached -> attached", attached - loading),
        ("attached -> stopped", stopped - attached),
        ("(after it: go on, end, clean-up)", ended - stopped),
    ]
    return stopped - start, stopped - created, parts


def press_f5(editor: Editor, configuration: Message, process: subprocess.Popen[str]) -> Session:
    """As soon as the local port is there."""
    gate = threading.Event()
    while process.poll() is None:
        try:
            return editor.attach(configuration)
        except ConnectionRefusedError:
            gate.wait(0.005)
    raise AssertionError(f"kubectl pydebug ended with {process.returncode} before its port was open")


def measure(runs: int) -> Group:
    plain = Figure(PLAIN)
    plain_created = Figure("plain Job: created -> first log line")
    typed = {way: Figure(f"--way {way}: typed -> first breakpoint", base=plain) for way in WAYS}
    created = {way: Figure(f"--way {way}: creation -> first breakpoint", base=plain_created) for way in WAYS}
    parts: dict[str, dict[str, Figure]] = {name: {} for name in ("plain", *WAYS)}
    with place() as here:
        here.write("app.py", APP)
        manifest = job("train", images()["3.11"], ["python3", "/app/app.py"])
        container = pod_spec(manifest)["containers"][0]
        container["resources"] = {"requests": {"cpu": "50m", "memory": "64Mi"}}
        here.apply(code(app_py=APP), manifest)
        plain_job(here, manifest)
        for way in WAYS:
            debug_copy(here, way)
        for _ in range(runs):
            whole, rest, split = plain_job(here, manifest)
            plain.values.append(whole)
            plain_created.values.append(rest)
            collect(parts["plain"], split)
            for way in WAYS:
                from_typed, from_created, split = debug_copy(here, way)
                typed[way].values.append(from_typed)
                created[way].values.append(from_created)
                collect(parts[way], split)
    figures = [plain, *parts["plain"].values(), plain_created]
    for way in WAYS:
        figures += [typed[way], *parts[way].values(), created[way]]
    remarks = (
        "image with Python 3.11, restricted; each way ran once before, so the image is warm and the node has the code",
        "F5 is pressed at once, with the configuration of an earlier run",
        "a debug copy counts as created just before its request is sent, the plain Job when kubectl has come back",
    )
    return Group("first-breakpoint", "From the command to the first breakpoint", figures, remarks)

"""Whole processes: the help and the completion against kubectl's own start, and Pythons that are not debugged."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from benchmarks.figures import Figure, Group, interleave
from benchmarks.scene import open_cluster
from tests.payload.conftest import Pod


def timed(env: Mapping[str, str], *words: str, prints: str = "") -> Callable[[], float]:
    """Measures a process from its start to its end, once it was seen to do what it should."""
    done = subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert prints in done.stdout, done.stdout

    def run() -> float:
        start = time.perf_counter()
        subprocess.run(words, env=env, stdin=subprocess.DEVNULL, capture_output=True, check=True)
        return time.perf_counter() - start

    return run


def measure_commands(runs: int) -> Group:
    base = Figure("kubectl version --client")
    helps = Figure("kubectl pydebug --help", base=base)
    alone = Figure("kubectl-pydebug --help, without kubectl", base=base)
    completion = Figure("kubectl_complete-pydebug job/x --w", base=base)
    with tempfile.TemporaryDirectory() as home:
        env = open_cluster(Path(home)).env
        interleave(
            runs,
            (base, timed(env, "kubectl", "version", "--client", prints="Client Version")),
            (helps, timed(env, "kubectl", "pydebug", "--help", prints="Usage: ")),
            (alone, timed(env, "kubectl-pydebug", "--help", prints="Usage: ")),
            (completion, timed(env, "kubectl_complete-pydebug", "job/x", "--w", prints="--wait")),
        )
    return Group("start-up", "Start-up on your machine", [base, helps, alone, completion], ("whole processes",))


def measure_dormant(runs: int) -> Group:
    """A Python of the container that is not the program, as the helpers in a wrapper and in probes."""
    without = Figure("python -c pass")
    dormant = Figure("the same with our hook, not debugged", base=without)
    with tempfile.TemporaryDirectory() as folder:
        pod = Pod(sys.executable, Path(folder).resolve())
        bare = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COV", "PYTEST"))}
        interleave(
            runs,
            (without, timed(bare, pod.python, "-c", "pass")),
            (dormant, timed(pod.environ(), pod.python, "-c", "pass")),
        )
        assert any(pod.run_folder.iterdir()), "the hook did not run"
        assert not (pod.run_folder / "agent.sock").exists(), "the helper was debugged"
    return Group("dormant", "A Python that is left alone", [without, dormant], ("whole processes, bundle unpacked",))

"""What a program pays while an editor is attached and nothing stops: a loop of small calls, the worst case."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.figures import Figure, Group, interleave
from tests.dap import Editor
from tests.payload.conftest import Pod
from tests.payload.pythons import PYTHONS

APP = """import time


def small(number):
    return number + 1


def never():
    return 0  # a breakpoint in the same file


def loop():
    total = 0
    for number in range(1_000_000):
        total = small(total)
    return total


loop()
start = time.perf_counter()
loop()
print(time.perf_counter() - start)
"""
BREAKPOINT = 9
MINORS = ("3.11", "3.13")


def bare(python: str) -> Callable[[], float]:
    def run() -> float:
        done = subprocess.run([python, "-c", APP], env={}, capture_output=True, text=True, check=True)
        return float(done.stdout)

    return run


def attached(python: str, lines: list[int]) -> Callable[[], float]:
    def run() -> float:
        with tempfile.TemporaryDirectory() as folder:
            app = Path(folder).resolve() / "app.py"
            app.write_text(APP)
            pod = Pod(python, app.parent)
            try:
                process = pod.start(python, str(app))
                pod.status("waiting")
                session = pod.attach(Editor({app: lines}))
                session.terminated()
                code, out, err = pod.finish(process)
                assert code == 0, err
                return float(out)
            finally:
                pod.close()

    return run


def measure(runs: int) -> Group:
    figures = []
    for minor, python in PYTHONS:
        if minor in MINORS:
            base = Figure(f"Python {minor}, no debugger")
            without = Figure(f"Python {minor}, attached, no breakpoint", base=base)
            beside = Figure(f"Python {minor}, attached, a breakpoint in the same file", base=base)
            measured = (base, bare(python)), (without, attached(python, [])), (beside, attached(python, [BREAKPOINT]))
            interleave(runs, *measured)
            figures += [base, without, beside]
    remarks = ("1,000,000 calls of a function of one line, the second time; local processes",)
    return Group("running", "A program that runs with an editor attached", figures, remarks)

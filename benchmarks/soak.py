"""`python -m benchmarks.soak [--runs N] [--seed S]`: many sessions in a row, each ended another way.

After each one the namespace has to be what it was before. Fails on what is left behind, never on time.
"""

from __future__ import annotations

import argparse
import random
import secrets
import signal
import sys
import time

from benchmarks.scene import images, place
from tests.integration.conftest import Place, code, job

APP = """import time

total = 0
for number in range(100):
    total += number  # here
    time.sleep(0.01)
print(total)
"""
SIGNALS = {"Ctrl-C": signal.SIGINT, "SIGTERM": signal.SIGTERM, "SIGHUP": signal.SIGHUP}
MOMENTS = ("Reading", "Creating", "Getting the image", "Loading the debugger", "Press F5", "a stop")
ENDS = ("continue", "disconnect", *SIGNALS)
INTERRUPTED = 126


def session(place: Place, choice: random.Random) -> str:
    """One session; says what it was. Raises AssertionError when something is left."""
    way, end, moment = choice.choice(("auto", "mount", "init")), choice.choice(ENDS), choice.choice(MOMENTS)
    if end not in SIGNALS:
        moment = "a stop"
    path = place.write("app.py", APP)
    before = place.objects()
    run = place.start("job/train", "--way", way)
    told = f"--way {way}, {end} at {moment!r}"
    if moment == "a stop":
        run.wait_for("Press F5")
        run.wait_for("It ends with")
        stop = place.stop_at(path)
        assert stop.evaluate("number") == "0", told
        if end == "continue":
            stop.session.connection.request("setBreakpoints", {"source": {"path": str(path)}, "breakpoints": []})
            stop.go()
            stop.session.terminated()
        elif end == "disconnect":
            stop.session.disconnect()
    else:
        run.wait_for(moment)
    if end in SIGNALS:
        run.process.send_signal(SIGNALS[end])
    ended = run.finish()
    assert ended == (INTERRUPTED if end in SIGNALS else 0), f"{told}: exit code {ended}\n{run.transcript()}"
    place.assert_as_before(before)
    return told


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.soak", description=__doc__)
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1_000_000))
    options = parser.parse_args()
    print(f"seed {options.seed}: repeat with python -m benchmarks.soak --seed {options.seed}", flush=True)
    choice = random.Random(options.seed)  # noqa: S311 - chooses what is tried, guards nothing
    with place() as here:
        here.apply(code(app_py=APP), job("train", images()["3.11"], ["python3", "/app/app.py"]))
        for number in range(1, options.runs + 1):
            start = time.monotonic()
            told = session(here, choice)
            print(f"{number:3}  {time.monotonic() - start:5.1f} s  {told}", flush=True)
    print(f"nothing left behind in {options.runs} sessions")
    return 0


if __name__ == "__main__":
    sys.exit(main())

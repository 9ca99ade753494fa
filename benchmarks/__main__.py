"""`python -m benchmarks`: measure everything, print tables or JSON."""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import sys
from collections.abc import Callable

from benchmarks import first_breakpoint, in_pod, round_trip, running, start_up
from benchmarks.figures import Group

MEASUREMENTS: dict[str, tuple[Callable[[int], Group], int, int]] = {
    "first-breakpoint": (first_breakpoint.measure, 9, 2),
    "in-pod": (in_pod.measure, 9, 2),
    "round-trip": (round_trip.measure, 200, 40),
    "start-up": (start_up.measure_commands, 21, 5),
    "running": (running.measure, 5, 1),
    "dormant": (start_up.measure_dormant, 41, 5),
}
"""Name -> what measures it, how often, how often with --quick."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few runs: shows that it works, the figures mean little")
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), help="may be repeated")
    parser.add_argument("-o", "--output", choices=["table", "json"], default="table")
    options = parser.parse_args()
    now = datetime.datetime.now(datetime.timezone.utc)
    machine = {
        "started": now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        "cpus": os.cpu_count(),
        "load": round(os.getloadavg()[0], 1),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if options.output == "table":
        print(", ".join(f"{name} {value}" for name, value in machine.items()) + "\n", flush=True)
    groups = []
    for name, (measure, runs, few) in MEASUREMENTS.items():
        if options.only and name not in options.only:
            continue
        print(f"measuring {name} ...", file=sys.stderr, flush=True)
        groups.append(measure(few if options.quick else runs))
        if options.output == "table":
            print("\n".join(groups[-1].lines()), flush=True)
    if options.output == "json":
        print(json.dumps({**machine, "groups": [group.as_json() for group in groups]}, indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())

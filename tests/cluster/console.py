"""What is said to the person at the terminal, and how commands are run on their behalf."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from settings import CACHE

LOGS = CACHE / "logs"


class Failure(Exception):
    """One sentence: what happened, and what to do."""


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextmanager
def step(text: str, about: str = "") -> Iterator[None]:
    """One line for one piece of work, with the time that it took."""
    print(f"{text}{f' (about {about})' if about else ''} ...", end=" ", file=sys.stderr, flush=True)
    start = time.monotonic()
    try:
        yield
    except BaseException:
        say("failed")
        raise
    say(f"{time.monotonic() - start:.0f} s")


def run(log: str, *command: str | Path, cwd: Path | None = None, stdin: Path | None = None, **env: str) -> None:
    """Runs a command whose output goes to a log file, named in the failure if it fails."""
    LOGS.mkdir(parents=True, exist_ok=True)
    path = LOGS / f"{log}.log"
    with path.open("ab") as output, open(stdin or os.devnull, "rb") as given:
        output.write(f"\n$ {' '.join(map(str, command))}\n".encode())
        output.flush()
        try:
            done = subprocess.run(
                command, cwd=cwd, stdin=given, stdout=output, stderr=output, env=os.environ | env, check=False
            )
        except FileNotFoundError:
            raise Failure(f"the command {command[0]} is not installed: install it and try again") from None
    if done.returncode:
        raise Failure(
            f"`{' '.join(map(str, command[:3]))} ...` ended with {done.returncode}: see the end of {path}, "
            "mend what it names and try again"
        )


def ask(*command: str | Path, timeout: float = 60, **env: str) -> str | None:
    """The output of a command, or None when it fails, hangs or is not there."""
    try:
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            env=os.environ | env,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None

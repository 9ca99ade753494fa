"""The command line. Importing this package is cheap: each command imports what it needs when it runs."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from kubectl_pydebug.core.exits import Exit

COMMANDS = ("attach", "version")
"""Every other first word is the main job's target."""
WITH_VALUE = frozenset(
    (
        *("-n", "--namespace", "--context", "--kubeconfig", "--as", "--as-group", "--as-uid", "--request-timeout"),
        *("-c", "--container", "-e", "--env", "-o", "--output", "--dry-run", "--way", "--ttl", "--wait-timeout"),
        *("--program", "--port", "-p", "--local-port", "--editor"),
    )
)
"""Options that take the next word, for finding the command behind them."""


SAME_WISH = 10.0
"""Seconds. People press Ctrl-C more than once, and a shell passes on the hang-up that its terminal has sent already."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, SIGTERM, SIGHUP or the like."""


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Entry point of ``kubectl-pydebug``. Ends the process with a code of core/exits.py or the container's own."""
    words = list(sys.argv[1:] if argv is None else argv)
    words, command = split_command(words)
    interrupt = Interrupt()
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        number = getattr(signal, name, None)
        if number is None or (name == "SIGINT" and signal.getsignal(number) == signal.SIG_IGN):
            continue  # not on this system, or `kubectl pydebug ... &` in a script
        signal.signal(number, interrupt)
    sys.exit(run(words, command))


class Interrupt:
    """The handler of these signals. Several within SAME_WISH ask for one thing, and the clean-up goes on."""

    def __init__(self) -> None:
        self._obeyed: float | None = None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        now = time.monotonic()
        if self._obeyed is None or now - self._obeyed > SAME_WISH:
            self._obeyed = now
            raise Interrupted(number)


def split_command(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words before and behind ``--``, the first ones with the command's name in front."""
    at = words.index("--") if "--" in words else len(words)
    before, command = list(words[:at]), list(words[at + 1 :])
    if not before:
        return ["debug", "--help"], command
    skip = False
    for position, word in enumerate(before):
        if skip:
            skip = False
        elif word in WITH_VALUE:
            skip = True
        elif not word.startswith("-"):
            if word in COMMANDS:
                return [word, *before[:position], *before[position + 1 :]], command
            break
    return ["debug", *before], command


def run(words: Sequence[str], command: Sequence[str]) -> int:
    """Run one command; every fault becomes a sentence and an exit code."""
    from kubectl_pydebug.cli.app import CommandLineError, invoke

    try:
        return invoke(words, command)
    except CommandLineError as error:
        return say(error.text, Exit.USAGE)
    except KeyboardInterrupt:
        return say("interrupted", Exit.INTERRUPTED, prefix="")
    except BrokenPipeError:
        return Exit.INTERRUPTED
    except Exception as error:
        return fault(error)


def say(text: str, code: int, prefix: str = "error: ") -> int:
    with suppress(OSError):  # the terminal was closed
        print(f"{prefix}{text}", file=sys.stderr)
    return int(code)


def fault(error: Exception) -> int:
    """The exceptions that carry a sentence for people; anything else is a fault of ours."""
    import traceback

    from kubectl_pydebug.core.target import TargetSyntaxError
    from kubectl_pydebug.core.untrusted import one_line
    from kubectl_pydebug.core.workload import WorkloadError

    if isinstance(error, TargetSyntaxError):
        return say(str(error), Exit.USAGE)
    if isinstance(error, WorkloadError):
        return say(str(error), Exit.REFUSED)
    from kubectl_pydebug.cluster import ClusterError

    if isinstance(error, ClusterError):
        return say(str(error), Exit.CLUSTER)
    where = traceback.extract_tb(error.__traceback__)[-1]
    text = (
        f"This is a fault of kubectl-pydebug ({type(error).__name__}: {one_line(str(error), 300)}, "
        f"{where.filename.rpartition('kubectl_pydebug')[2]}:{where.lineno}). "
        "Please report it: https://github.com/kubectl-pydebug/kubectl-pydebug/issues"
    )
    return say(text, Exit.FAULT)

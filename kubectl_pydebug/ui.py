"""What the user sees. The only importer of rich.

Everything of ours goes to standard error; standard output is the program's log, or JSON where that was asked for.
"""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from typing import Any

from rich.console import Console
from rich.panel import Panel
from rich.status import Status
from rich.text import Text

from kubectl_pydebug.core.exits import Exit
from kubectl_pydebug.core.model import Plan, Refusal
from kubectl_pydebug.core.report import Ready, plan_json, plan_lines, ready_json, ready_lines
from kubectl_pydebug.core.untrusted import one_line


class Terminal:
    """A ``runner.View``. With a ``form`` (json, yaml) standard output carries documents, standard error the log.

    A terminal that was closed ends nothing: what cannot be written is lost, and the clean-up goes on.
    """

    def __init__(self, form: str | None = None) -> None:
        self.console = Console(stderr=True, highlight=False)
        self.form = form
        self._status: Status | None = None
        self._last = ""

    def progress(self, text: str) -> None:
        text = one_line(text, 300)
        if text == self._last:
            return
        self._last = text
        with suppress(OSError):
            if not self.console.is_terminal:
                self.console.print(f"{text} ...", markup=False, soft_wrap=True)
            elif self._status is None:
                self._status = self.console.status(Text(text))
                self._status.start()
            else:
                self._status.update(Text(text))

    def quiet(self) -> None:
        with suppress(OSError):
            if self._status is not None:
                self._status.stop()
                self._status = None
            self._last = ""

    def note(self, text: str) -> None:
        self._print(text, "")

    def warn(self, text: str) -> None:
        self._print(text, "yellow")

    def error(self, text: str) -> None:
        self._print(f"error: {text}", "red")

    def _print(self, text: str, style: str) -> None:
        with suppress(OSError):
            self.console.print(Text(one_line(text), style=style), soft_wrap=True)

    def plan(self, plan: Plan, heading: str) -> None:
        """The plan on standard output: lines for people, or a document."""
        if self.form is not None:
            print_document(plan_json(plan), self.form)
            return
        print(heading)
        for line in plan_lines(plan):
            print(line[: len(line) - len(line.lstrip(" "))] + one_line(line))

    def refuse(self, refusal: Refusal) -> int:
        """Show why, and return the exit code."""
        self.quiet()
        if self.form is not None:
            print_document(plan_json(refusal), self.form)
        for reason in refusal.reasons:
            self.error(reason.text)
        return Exit.REFUSED

    def ready(self, ready: Ready) -> None:
        self.quiet()
        if self.form is not None:
            print_document(ready_json(ready), self.form)
            return
        with suppress(OSError):
            lines = [Text(one_line(line)) for line in ready_lines(ready)]
            if self.console.is_terminal:
                title = Text(ready.endpoint.name)
                self.console.print(Panel(Text("\n").join(lines), title=title, title_align="left", expand=False))
            else:
                self.console.print(*lines, sep="\n", soft_wrap=True)
            for config in ready.configs:
                if config.entry is not None:
                    self.console.print(Text(config.entry), soft_wrap=True)

    def log(self, data: bytes) -> None:
        if self._status is not None:
            self.quiet()
        with suppress(OSError, ValueError):
            stream = sys.stdout if self.form is None else sys.stderr
            stream.flush()
            stream.buffer.write(data)
            stream.buffer.flush()


def print_document(document: dict[str, Any], form: str) -> None:
    """One JSON or YAML document on standard output."""
    if form == "yaml":
        import yaml

        print("---")
        print(yaml.safe_dump(document, sort_keys=False), end="", flush=True)
    else:
        print(json.dumps(document, indent=2), flush=True)

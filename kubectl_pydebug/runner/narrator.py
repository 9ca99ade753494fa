"""Tells the user what changes in the container while a session runs, each thing once."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from kubectl_pydebug.runner.view import View

COMES_BACK = 4.0
"""Seconds in which an editor that was told to restart is back by itself."""


def newest_program(status: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The newest living program of those that the agent tells of (untrusted)."""
    processes = [process for process in status.get("processes") or () if isinstance(process, dict)]
    living = [p for p in processes if p.get("role") == "program" and p.get("state") not in ("ended", "undebugged")]
    return living[-1] if living else None


class Narrator:
    """Follows the agent's status. ``announced`` is the process that the user knows to wait for them."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._told: set[str] = set()
        self._state = ""
        self._program: Mapping[str, Any] = {}
        self._waiting_since: float | None = None
        self.announced: int | None = None

    def tell(self, code: str, text: str) -> None:
        """Warn, once for each ``code``."""
        if code not in self._told:
            self._told.add(code)
            self._view.warn(text)

    def status(self, status: Mapping[str, Any], ready: bool) -> None:
        """A new status. ``ready``: the user was told already that the debugger listens."""
        before, self._state = self._state, str(status.get("state"))
        self._program = newest_program(status) or {}
        if self._state == "undebugged" and status.get("reason"):
            self.tell("undebugged", f"The program runs undebugged: {status['reason']}")
        if not ready or self._state == before:
            return
        later = self._state == "waiting" and self._program.get("pid") != self.announced
        self._waiting_since = time.monotonic() if later else None
        if self._state == "attached":
            self._view.note("The debugger is attached.")
        elif before == "waiting" and self._state == "running":
            self._view.note(f"The program goes on undebugged: {status.get('reason')}. You can still attach: press F5.")

    def tick(self) -> None:
        """Say so when another program waits and no editor comes back for it."""
        if self._waiting_since is not None and time.monotonic() - self._waiting_since > COMES_BACK:
            self._waiting_since = None
            self.announced = self._program.get("pid")
            words = " ".join(map(str, self._program.get("argv") or ()))
            self._view.note(f"The next Python waits for you: {words}. Press F5.")

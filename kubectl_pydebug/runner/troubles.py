"""What keeps a pod from running: what may pass by itself gets time, the rest ends the run."""

from __future__ import annotations

import time

from kubectl_pydebug.core.exits import Exit
from kubectl_pydebug.core.model import Note, Plan
from kubectl_pydebug.runner.narrator import Narrator
from kubectl_pydebug.runner.view import Outcome

PATIENCE = {"unschedulable": 1.0, "scheduling-gated": 1.0, "volume": 5.0, "sandbox": 10.0, "image-pull": 10.0}
"""Troubles that may pass by themselves, and the seconds until they count. The ConfigMap comes after the Job, so a first
mount may fail; a first pull may, too."""
LASTING = frozenset(["unschedulable", "scheduling-gated", "volume"])
"""Those of them that are told and waited for; the others end the run."""
FROM_OUTSIDE = frozenset(["oom-killed", "evicted", "deadline", "disrupted"])
"""What ends a program from outside: told beside its exit code."""


class Troubles:
    """Judges what ``podstate.failure`` finds, over time."""

    def __init__(self, plan: Plan, narrator: Narrator) -> None:
        self._plan = plan
        self._narrator = narrator
        self._since: dict[str, float] = {}

    def judge(self, note: Note | None, started: bool) -> Outcome | None:
        """How the run ends because of ``note``; None while it goes on. ``started``: the container ran already."""
        if note is None:
            return None
        patience = PATIENCE.get(note.code)
        if patience is not None:
            since = self._since.setdefault(note.code, time.monotonic())
            if time.monotonic() - since < patience:
                return None
            if note.code in LASTING:
                self._narrator.tell(note.code, note.text)
                return None
        if note.code == "no-shell" and self._plan.way.source != "flag":
            return Outcome(Exit.NOT_STARTED, note.text, retry=note)
        return Outcome(Exit.LOST if started else Exit.NOT_STARTED, note.text)

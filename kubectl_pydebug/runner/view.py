"""What the runner is given and gives back: where the user sees it, what concerns the laptop, how it ended."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from kubectl_pydebug.core.model import Note
from kubectl_pydebug.core.report import Ready
from kubectl_pydebug.forward import door


class View(Protocol):
    """Where the user sees us. ``ui`` has the real one."""

    def progress(self, text: str) -> None: ...
    def note(self, text: str) -> None: ...
    def warn(self, text: str) -> None: ...
    def ready(self, ready: Ready) -> None: ...
    def log(self, data: bytes) -> None: ...
    def quiet(self) -> None:
        """No more progress: the log has the terminal."""


@dataclass(frozen=True)
class Outcome:
    """How it ended. ``code`` is the process's exit code; ``problem`` a sentence for people, or None."""

    code: int
    problem: str | None = None
    retry: Note | None = None
    """Why it should be tried again in another way (the image has no shell)."""


@dataclass(frozen=True)
class Settings:
    """What concerns the laptop only."""

    root: Path
    port: int = door.PORT
    logs: bool = True
    editors: tuple[str, ...] = ()
    """Names of those that get a configuration (``editors.EDITORS``)."""
    keep_config: bool = False

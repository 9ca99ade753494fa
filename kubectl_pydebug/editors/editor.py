"""What every editor's module offers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Protocol

from kubectl_pydebug.core.model import Endpoint

NAME_PREFIX = "kubectl pydebug: "
"""How the name of each of our entries begins, in every editor: by it we find them again."""


class ConfigError(ValueError):
    """The existing file is not what its editor reads; the text says where and why. The file has to be left alone."""


class Editor(Protocol):
    """One editor. All functions are pure: text in, text out.

    ``workspace`` is the absolute path of the folder that the editor has open ("" when it is not known).
    """

    @property
    def name(self) -> str:
        """The word for ``--editor``."""

    @property
    def title(self) -> str:
        """How people call it."""

    @property
    def traces(self) -> tuple[str, ...]:
        """Names in a checkout's root by which one sees that it is used there."""

    @property
    def how(self) -> str:
        """What the user does to start; goes on with "in TITLE"."""

    def path(self, endpoint: Endpoint) -> str:
        """Where the endpoint's entry lies: POSIX, relative to the workspace. Several may share a file."""

    def render(self, endpoints: Sequence[Endpoint], existing: str | None, workspace: str = "") -> str:
        """The file with one entry per endpoint; ``existing`` is None where there is no file. Raises ConfigError."""

    def remove(self, existing: str, names: Collection[str] | None = None) -> str | None:
        """The file without our entries (those of these names, else all); None when nothing but ours was in it,
        and the file has to go. Raises ConfigError."""

    def entry(self, endpoints: Sequence[Endpoint], workspace: str = "") -> str:
        """The entries alone, for pasting."""

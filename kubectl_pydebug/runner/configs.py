"""The editors' configurations of one run: written when it is ready, taken out at its end."""

from __future__ import annotations

from collections.abc import Sequence

from kubectl_pydebug.core.model import Endpoint
from kubectl_pydebug.core.report import Config
from kubectl_pydebug.editors import EDITORS
from kubectl_pydebug.runner.view import Settings, View
from kubectl_pydebug.workspace import remove_config, write_config


class Configs:
    """What was written, to take it out again."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._editors = [EDITORS[name] for name in settings.editors]
        self._written: Sequence[Endpoint] = ()

    def write(self, endpoints: Sequence[Endpoint]) -> tuple[Config, ...]:
        """For every editor, what became of each of its files."""
        self._written = endpoints
        return tuple(
            Config(editor.name, editor.title, editor.how, str(result.path), result.problem, result.text_for_pasting)
            for editor in self._editors
            for result in write_config(self._settings.root, editor, endpoints)
        )

    def remove(self, view: View) -> None:
        """At the end of the run; says so where an entry has to stay."""
        if self._settings.keep_config or not self._written:
            return
        for editor in self._editors:
            for result in remove_config(self._settings.root, editor, self._written):
                if result.problem is not None and result.path.exists():
                    view.note(f"The entry of this run is still in {editor.title}'s configuration. {result.problem}")

"""The user's checkout: finds it, indexes its sources, and is the only writer of the user's files."""

from __future__ import annotations

import os
from pathlib import Path

from kubectl_pydebug.editors import EDITORS
from kubectl_pydebug.workspace.config import ConfigResult, remove_config, write_config
from kubectl_pydebug.workspace.sources import local_sources

__all__ = ["ConfigResult", "find_root", "local_sources", "remove_config", "used_editors", "write_config"]

_EDITORS_FOLDERS = (".vscode", ".idea", ".zed")


def find_root(cwd: Path) -> Path:
    """The folder that the user's editor most probably has open, seen from the folder that they are in.

    In this order: the nearest folder upwards with an editor's own folder (``.vscode``, ...), the git top level,
    ``cwd``. Upwards ends at the first ``.git`` (a folder, or the file that worktrees and submodules have).
    ``pyproject.toml`` does not count: in a monorepo every package has one, while the editor is mostly open on the
    whole, or on the package with a ``.vscode``, which then decides. The home folder never counts: ``~/.vscode`` holds
    VS Code's extensions, ``~/.git`` dotfiles.
    """
    cwd = Path(os.path.abspath(cwd))  # not resolved: the editor knows a symlinked checkout by its link
    home = os.path.expanduser("~")
    for folder in (cwd, *cwd.parents):
        if str(folder) == home:
            break
        if any((folder / name).is_dir() for name in _EDITORS_FOLDERS) or (folder / ".git").exists():
            return folder
    return cwd


def used_editors(root: Path) -> tuple[str, ...]:
    """The names of the editors that have left something in the checkout's root."""
    return tuple(editor.name for editor in EDITORS.values() if any((root / trace).exists() for trace in editor.traces))

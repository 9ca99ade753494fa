"""One module per editor; pure: text in, text out."""

from __future__ import annotations

from kubectl_pydebug.editors import emacs, neovim, pycharm, vim, vscode, zed
from kubectl_pydebug.editors.editor import NAME_PREFIX, ConfigError, Editor

EDITORS: dict[str, Editor] = {
    module.EDITOR.name: module.EDITOR for module in (vscode, pycharm, neovim, emacs, zed, vim)
}
"""By the name that ``--editor`` takes."""

__all__ = ["EDITORS", "NAME_PREFIX", "ConfigError", "Editor"]

"""One module per editor; pure: text in, text out."""

from __future__ import annotations

from kubectl_pydebug.editors import vscode
from kubectl_pydebug.editors.editor import NAME_PREFIX, ConfigError, Editor

EDITORS: dict[str, Editor] = {"vscode": vscode}

__all__ = ["EDITORS", "NAME_PREFIX", "ConfigError", "Editor"]

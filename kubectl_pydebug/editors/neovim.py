"""Neovim with nvim-dap: it reads VS Code's ``.vscode/launch.json`` (``:help dap-launch.json``).

nvim-dap wants a ``dap.adapters.debugpy`` once; docs/how-to/choose-the-editor.md shows it.
"""

from __future__ import annotations

from dataclasses import replace

from kubectl_pydebug.editors import vscode

EDITOR = replace(
    vscode.EDITOR, name="neovim", title="Neovim (nvim-dap)", traces=(".nvim.lua",), how="call dap.continue()"
)

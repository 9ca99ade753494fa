"""Vim with Vimspector: ``.vimspector.json`` (https://puremourning.github.io/vimspector/configuration.html).

The adapter is given in place, so that no gadget has to be installed: with a port and no command Vimspector connects.
"""

from __future__ import annotations

from kubectl_pydebug.core.model import Endpoint, Raw
from kubectl_pydebug.editors import attach
from kubectl_pydebug.editors.entries import JsonEditor

_VARIABLES = attach.Variables("${workspaceRoot}", "$")


def _configuration(endpoint: Endpoint, workspace: str) -> Raw:
    return {
        "adapter": {"name": "debugpy", **attach.connect(endpoint)},
        "filetypes": ["python"],
        "configuration": {
            "request": "attach",
            "connect": attach.connect(endpoint),
            **attach.arguments(endpoint, workspace, _VARIABLES),
        },
    }


EDITOR = JsonEditor(
    name="vim",
    title="Vim (Vimspector)",
    traces=(".vimspector.json",),
    how="call vimspector#Launch()",
    file=".vimspector.json",
    key="configurations",
    shape="object",
    make=_configuration,
)

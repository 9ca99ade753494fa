"""VS Code and what is built on it: ``.vscode/launch.json``.

https://code.visualstudio.com/docs/debugtest/debugging-configuration. The keys of an entry are those of the Python
Debugger extension's attach request.
"""

from __future__ import annotations

from kubectl_pydebug.core.model import Endpoint, Raw
from kubectl_pydebug.editors import attach
from kubectl_pydebug.editors.entries import JsonEditor

_VARIABLES = attach.Variables("${workspaceFolder}", "${")


def _configuration(endpoint: Endpoint, workspace: str) -> Raw:
    return {
        "name": endpoint.name,
        "type": "debugpy",
        "request": "attach",
        "connect": attach.connect(endpoint),
        **attach.arguments(endpoint, workspace, _VARIABLES),
    }


EDITOR = JsonEditor(
    name="vscode",
    title="VS Code",
    traces=(".vscode",),
    how="press F5",
    file=".vscode/launch.json",
    key="configurations",
    shape="array",
    label="name",
    head=('    "version": "0.2.0",',),
    make=_configuration,
)

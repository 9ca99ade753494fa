"""Zed: ``.zed/debug.json``, a list of debug scenarios (https://zed.dev/docs/debugger).

With ``tcp_connection`` Zed starts no adapter of its own. What it does not know goes to the adapter as it is.
"""

from __future__ import annotations

from kubectl_pydebug.core.model import Endpoint, Raw
from kubectl_pydebug.editors import attach
from kubectl_pydebug.editors.entries import JsonEditor

_VARIABLES = attach.Variables("$ZED_WORKTREE_ROOT", "$")


def _scenario(endpoint: Endpoint, workspace: str) -> Raw:
    return {
        "label": endpoint.name,
        "adapter": "Debugpy",
        "request": "attach",
        "tcp_connection": attach.connect(endpoint),
        "connect": attach.connect(endpoint),
        **attach.arguments(endpoint, workspace, _VARIABLES),
    }


EDITOR = JsonEditor(
    name="zed",
    title="Zed",
    traces=(".zed",),
    how="run `debugger: start`",
    file=".zed/debug.json",
    key=None,
    shape="array",
    label="label",
    make=_scenario,
)

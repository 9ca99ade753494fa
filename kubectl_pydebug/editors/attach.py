"""What every debug client sends to debugpy in an attach request: the members are debugpy's own.

https://github.com/microsoft/debugpy/wiki/Debug-configuration-settings
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from kubectl_pydebug.core.model import Endpoint, PathMapping, Raw

HOST = "127.0.0.1"
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")


@dataclass(frozen=True)
class Variables:
    """How an editor writes its variables: the one of the workspace's folder, and what begins any of them.

    The container's names are not ours to trust: with ``${command:...}`` VS Code would run what they hold.
    """

    workspace: str
    begin: str


def arguments(endpoint: Endpoint, workspace: str, variables: Variables | None) -> Raw:
    """``pathMappings`` (if any), ``justMyCode``, ``subProcess`` and, on Windows, ``clientOS``."""
    made: Raw = {}
    mappings = path_mappings(endpoint, workspace, variables)
    if mappings:
        made["pathMappings"] = [{"localRoot": local, "remoteRoot": remote} for local, remote in mappings]
    made["justMyCode"] = False
    made["subProcess"] = True
    if any(_WINDOWS_PATH.match(root) for root in (workspace, *(m.local_root for m in endpoint.path_mappings))):
        # debugpy runs on Linux and would read C:\ as a relative path.
        made["clientOS"] = "windows"
    return made


def connect(endpoint: Endpoint) -> Raw:
    return {"host": HOST, "port": endpoint.local_port}


def path_mappings(endpoint: Endpoint, workspace: str, variables: Variables | None) -> list[tuple[str, str]]:
    """(local root, remote root). Without ``variables`` local roots stay absolute."""
    return [made for mapping in endpoint.path_mappings if (made := _mapping(mapping, workspace, variables))]


def _mapping(mapping: PathMapping, workspace: str, variables: Variables | None) -> tuple[str, str] | None:
    """Both roots of a folder end with a slash: without, debugpy takes ``/app`` for a start of ``/application`` too."""
    local, remote = mapping.local_root, mapping.remote_root
    if variables is not None:
        local = _in_workspace(local, workspace, variables.workspace)
        if variables.begin in remote or variables.begin in local.removeprefix(variables.workspace):
            return None
    if not remote.endswith(".py"):
        local, remote = local.rstrip("/\\") + "/", remote.rstrip("/") + "/"
    return local, remote


def _in_workspace(root: str, workspace: str, variable: str) -> str:
    windows = _WINDOWS_PATH.match(workspace) is not None

    def comparable(text: str) -> str:
        return (text.replace("\\", "/").lower() if windows else text).rstrip("/")

    whole, start = comparable(root), comparable(workspace)
    if workspace and (whole == start or whole.startswith(start + "/")):
        rest = root[len(start) :]
        return variable + (rest.replace("\\", "/") if windows else rest)
    return root

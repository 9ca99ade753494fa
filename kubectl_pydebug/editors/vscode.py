"""VS Code: ``.vscode/launch.json`` (https://code.visualstudio.com/docs/debugtest/debugging-configuration).

Our entries are found by their names. What we had to add for them (a file, a list) carries a comment of ours, and goes
with the last entry as long as nobody changed it.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from kubectl_pydebug.core.model import Endpoint, PathMapping, Raw
from kubectl_pydebug.editors import jsonc
from kubectl_pydebug.editors.editor import NAME_PREFIX, ConfigError

name = "vscode"
path = ".vscode/launch.json"

_MADE_FILE = "// Made by kubectl pydebug; deleted with its last entry."
_MADE_BELOW = "// Added by kubectl pydebug; removed with its last entry."
_MADE_LIST = "/* added by kubectl pydebug */"
_MADE_LIST_EMPTY = re.compile(r"\[ ?" + re.escape(_MADE_LIST) + r"[ \t\r\n]*\]")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:[\\/]|\\\\")
_THE_USERS = ("justMyCode", "subProcess")
"""Set when the entry is made, then left as they are: the user may have other wishes."""


def render(endpoints: Sequence[Endpoint], existing: str | None, workspace: str = "") -> str:
    """See ``Editor.render``. Local roots below ``workspace`` are written with ``${workspaceFolder}``."""
    if existing is None:
        text = _skeleton(_MADE_FILE, "\n")
    elif jsonc.is_blank(existing):
        end = jsonc.line_end(existing) or "\n"
        text = existing + end + _skeleton(_MADE_BELOW, end)
    else:
        text = existing
    text = _with_list(text)
    for endpoint in endpoints:
        text = _put(text, _configuration(endpoint, workspace))
    return text


def remove(existing: str, names: Collection[str] | None = None) -> str | None:
    """See ``Editor.remove``."""
    if jsonc.is_blank(existing):
        return existing
    text = existing
    while (index := _find(text, names)) is not None:
        text = jsonc.remove(text, _list(text), index)
    if text == existing:
        return text
    if text == _skeleton(_MADE_FILE, "\n"):
        return None
    end = jsonc.line_end(text) or "\n"
    below = end + _skeleton(_MADE_BELOW, end)
    if text.endswith(below):
        return text[: -len(below)]
    root = jsonc.parse(text)
    for index, item in enumerate(root.items):
        if item.key == "configurations" and _MADE_LIST_EMPTY.fullmatch(text, item.node.start, item.node.end):
            return jsonc.remove(text, root, index)
    return text


def entry(endpoints: Sequence[Endpoint], workspace: str = "") -> str:
    """See ``Editor.entry``: what belongs between the brackets of ``configurations``."""
    return ",\n".join(jsonc.dumps(_configuration(endpoint, workspace), "\n", " " * 4) for endpoint in endpoints)


def _configuration(endpoint: Endpoint, workspace: str) -> Raw:
    """The keys are those of the Python Debugger extension's attach request, and debugpy's own."""
    configuration: Raw = {
        "name": endpoint.name,
        "type": "debugpy",
        "request": "attach",
        "connect": {"host": "127.0.0.1", "port": endpoint.local_port},
    }
    mappings = [written for mapping in endpoint.path_mappings if (written := _mapping(mapping, workspace))]
    if mappings:
        configuration["pathMappings"] = mappings
    configuration["justMyCode"] = False
    configuration["subProcess"] = True
    if any(_WINDOWS_PATH.match(root) for root in (workspace, *(m.local_root for m in endpoint.path_mappings))):
        # debugpy runs on Linux and would read C:\ as a relative path.
        configuration["clientOS"] = "windows"
    return configuration


def _mapping(mapping: PathMapping, workspace: str) -> Raw | None:
    """Both roots of a folder end with a slash: without, debugpy takes ``/app`` for a start of ``/application`` too."""
    local, remote = _in_workspace(mapping.local_root, workspace), mapping.remote_root
    if "${" in remote or "${" in local.removeprefix("${workspaceFolder}"):
        # VS Code would run what stands there (${command:...}), and the container's names are not ours to trust.
        return None
    if not remote.endswith(".py"):
        local, remote = local.rstrip("/\\") + "/", remote.rstrip("/") + "/"
    return {"localRoot": local, "remoteRoot": remote}


def _in_workspace(root: str, workspace: str) -> str:
    windows = _WINDOWS_PATH.match(workspace) is not None

    def comparable(text: str) -> str:
        return (text.replace("\\", "/").lower() if windows else text).rstrip("/")

    whole, start = comparable(root), comparable(workspace)
    if workspace and (whole == start or whole.startswith(start + "/")):
        rest = root[len(start) :]
        return "${workspaceFolder}" + (rest.replace("\\", "/") if windows else rest)
    return root


def _skeleton(comment: str, end: str) -> str:
    lines = (comment, "{", '    "version": "0.2.0",', '    "configurations": [', "    ]", "}", "")
    return end.join(lines)


def _with_list(text: str) -> str:
    """The text with a list ``configurations`` in it; raises ConfigError when that cannot be."""
    root = jsonc.parse(text)
    if root.kind != "object":
        raise ConfigError("it is not an object")
    found = root.item("configurations")
    if found is not None:
        if found.node.kind != "array":
            raise ConfigError("configurations is not a list")
        return text
    end, indent = jsonc.line_end(text), jsonc.child_indent(text, root, root)
    close = end + indent + "]" if end else "]"
    return jsonc.append(text, root, f'"configurations": [ {_MADE_LIST}{close}', indent)


def _list(text: str) -> jsonc.Node:
    return jsonc.find(jsonc.parse(text), "configurations") or jsonc.Node("array", 0, 0)


def _find(text: str, names: Collection[str] | None) -> int | None:
    """The place in the list of the first entry that is ours and has one of these names."""
    for index, item in enumerate(_list(text).items):
        found = item.node.item("name")
        if found is None or found.node.kind != "string":
            continue
        called = jsonc.value(text, found.node)
        if called.startswith(NAME_PREFIX) and (names is None or called in names):
            return index
    return None


def _put(text: str, configuration: Raw) -> str:
    """Bring our entry up to date member by member, so that what the user added to it stays; or append it."""
    index = _find(text, (configuration["name"],))
    root = jsonc.parse(text)
    if index is None:
        items = _list(text)
        indent = jsonc.child_indent(text, root, items)
        if not items.items and not re.search(r"[\r\n]", text[items.start : items.end]):
            # "[]" becomes "[{ ... }]": our lines stand as deep as the line of the bracket.
            indent = indent.removesuffix(jsonc.unit(text, root))
        fragment = jsonc.dumps(configuration, jsonc.line_end(text), jsonc.unit(text, root), indent)
        return jsonc.append(text, items, fragment, indent)
    for key, wanted in configuration.items():
        text = _set(text, index, key, wanted)
    if "clientOS" not in configuration:
        text = _unset(text, index, "clientOS")
    return text


def _set(text: str, index: int, key: str, wanted: object) -> str:
    root = jsonc.parse(text)
    ours = _list(text).items[index].node
    found = ours.item(key)
    if found is not None and (key in _THE_USERS or jsonc.same(text, found.node, wanted)):
        return text
    end = jsonc.line_end(text[ours.start : ours.end])
    indent = jsonc.child_indent(text, root, ours)
    fragment = jsonc.dumps(wanted, end, jsonc.unit(text, root), indent)
    if found is not None:
        return jsonc.replace(text, found.node, fragment)
    return jsonc.append(text, ours, f"{jsonc.dumps(key)}: {fragment}", indent)


def _unset(text: str, index: int, key: str) -> str:
    ours = _list(text).items[index].node
    places = [place for place, item in enumerate(ours.items) if item.key == key]
    return jsonc.remove(text, ours, places[-1]) if places else text

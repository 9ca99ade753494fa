"""Our entries in an editor's JSON file, whatever its shape: put in, brought up to date, taken out.

An entry is found by its name, which begins with NAME_PREFIX. What we had to add for the entries (a file, a list)
carries a comment of ours, and goes with the last entry as long as nobody changed it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from kubectl_pydebug.core.model import Endpoint, Raw
from kubectl_pydebug.editors import jsonc
from kubectl_pydebug.editors.editor import NAME_PREFIX, ConfigError

_MADE_FILE = "// Made by kubectl pydebug; deleted with its last entry."
_MADE_BELOW = "// Added by kubectl pydebug; removed with its last entry."
_MADE_LIST = "/* added by kubectl pydebug */"
_THE_USERS = ("justMyCode", "subProcess")
"""Set when the entry is made, then left as they are: the user may have other wishes."""
_COME_AND_GO = ("clientOS",)
"""Members that an entry of ours has only sometimes."""


@dataclass(frozen=True)
class JsonEditor:
    """An ``Editor`` that reads one JSON file (with comments).

    ``key`` is the member of the root that holds the entries; None: the root itself does. In an ``array`` each entry
    tells its name in the member ``label``; in an ``object`` the name is the key. ``head`` are the lines of a new file
    above the list. ``make`` gives an entry's content, from the endpoint and the absolute path of the workspace.
    """

    name: str
    title: str
    traces: tuple[str, ...]
    how: str
    file: str
    key: str | None
    shape: Literal["array", "object"]
    make: Callable[[Endpoint, str], Raw]
    label: str = ""
    head: tuple[str, ...] = ()

    @property
    def brackets(self) -> tuple[str, str]:
        return ("[", "]") if self.shape == "array" else ("{", "}")

    def path(self, endpoint: Endpoint) -> str:
        """See ``Editor``."""
        return self.file

    def render(self, endpoints: Sequence[Endpoint], existing: str | None, workspace: str = "") -> str:
        """See ``Editor``."""
        if existing is None:
            text = _skeleton(self, _MADE_FILE, "\n")
        elif jsonc.is_blank(existing):
            end = jsonc.line_end(existing) or "\n"
            text = existing + end + _skeleton(self, _MADE_BELOW, end)
        else:
            text = existing
        text = _with_list(self, text)
        for endpoint in endpoints:
            text = _put(self, text, endpoint.name, self.make(endpoint, workspace))
        return text

    def remove(self, existing: str, names: Collection[str] | None = None) -> str | None:
        """See ``Editor``."""
        if jsonc.is_blank(existing):
            return existing
        text = existing
        while (index := _find(self, text, names)) is not None:
            text = jsonc.remove(text, _list(self, text), index)
        if text == existing:
            return text
        if text == _skeleton(self, _MADE_FILE, "\n"):
            return None
        end = jsonc.line_end(text) or "\n"
        below = end + _skeleton(self, _MADE_BELOW, end)
        return text[: -len(below)] if text.endswith(below) else _without_made_list(self, text)

    def entry(self, endpoints: Sequence[Endpoint], workspace: str = "") -> str:
        """See ``Editor``: what belongs between the brackets of the list."""
        return ",\n".join(
            _named(self, endpoint.name, jsonc.dumps(self.make(endpoint, workspace), "\n", " " * 4))
            for endpoint in endpoints
        )


def _without_made_list(form: JsonEditor, text: str) -> str:
    root = jsonc.parse(text)
    opening, closing = (re.escape(bracket) for bracket in form.brackets)
    made_list_empty = re.compile(rf"{opening} ?{re.escape(_MADE_LIST)}[ \t\r\n]*{closing}")
    for index, item in enumerate(root.items):
        if form.key and item.key == form.key and made_list_empty.fullmatch(text, item.node.start, item.node.end):
            return jsonc.remove(text, root, index)
    return text


def _named(form: JsonEditor, name: str, fragment: str) -> str:
    return fragment if form.shape == "array" else f"{jsonc.dumps(name)}: {fragment}"


def _skeleton(form: JsonEditor, comment: str, end: str) -> str:
    opening, closing = form.brackets
    if form.key is None:
        lines = [comment, opening, closing, ""]
    else:
        lines = [comment, "{", *form.head, f'    "{form.key}": {opening}', f"    {closing}", "}", ""]
    return end.join(lines)


def _with_list(form: JsonEditor, text: str) -> str:
    """The text with the list in it; raises ConfigError when that cannot be."""
    root = jsonc.parse(text)
    called = {"array": "a list", "object": "an object"}
    if form.key is None:
        if root.kind != form.shape:
            raise ConfigError(f"it is not {called[form.shape]}")
        return text
    if root.kind != "object":
        raise ConfigError("it is not an object")
    found = root.item(form.key)
    if found is not None:
        if found.node.kind != form.shape:
            raise ConfigError(f"{form.key} is not {called[form.shape]}")
        return text
    opening, closing = form.brackets
    end, indent = jsonc.line_end(text), jsonc.child_indent(text, root, root)
    close = end + indent + closing if end else closing
    return jsonc.append(text, root, f'"{form.key}": {opening} {_MADE_LIST}{close}', indent)


def _list(form: JsonEditor, text: str) -> jsonc.Node:
    root = jsonc.parse(text)
    held = root if form.key is None else jsonc.find(root, form.key)
    return held if held is not None and held.kind == form.shape else jsonc.Node(form.shape, 0, 0)


def _find(form: JsonEditor, text: str, names: Collection[str] | None) -> int | None:
    """The place in the list of the first entry that is ours and has one of these names."""
    for index, item in enumerate(_list(form, text).items):
        called = item.key
        if form.shape == "array":
            found = item.node.item(form.label)
            called = jsonc.value(text, found.node) if found is not None and found.node.kind == "string" else None
        if called and called.startswith(NAME_PREFIX) and (names is None or called in names):
            return index
    return None


def _put(form: JsonEditor, text: str, name: str, wanted: Raw) -> str:
    """Bring our entry up to date member by member, so that what the user added to it stays; or append it."""
    index = _find(form, text, (name,))
    if index is not None:
        return _update(form, text, index, (), wanted)
    root, items = jsonc.parse(text), _list(form, text)
    indent = jsonc.child_indent(text, root, items)
    if not items.items and not re.search(r"[\r\n]", text[items.start : items.end]):
        # "[]" becomes "[{ ... }]": our lines stand as deep as the line of the bracket.
        indent = indent.removesuffix(jsonc.unit(text, root))
    fragment = jsonc.dumps(wanted, jsonc.line_end(text), jsonc.unit(text, root), indent)
    return jsonc.append(text, items, _named(form, name, fragment), indent)


def _update(form: JsonEditor, text: str, index: int, path: tuple[str, ...], wanted: Raw) -> str:
    """``path`` leads from the entry to the object that shall have the members ``wanted``."""
    for key, content in wanted.items():
        text = _set(form, text, index, (*path, key), content)
    for key in _COME_AND_GO:
        if key not in wanted:
            text = _unset(text, _at(form, text, index, path), key)
    return text


def _at(form: JsonEditor, text: str, index: int, path: tuple[str, ...]) -> jsonc.Node:
    node = _list(form, text).items[index].node
    for key in path:
        node = jsonc.find(node, key) or node
    return node


def _set(form: JsonEditor, text: str, index: int, path: tuple[str, ...], wanted: object) -> str:
    key = path[-1]
    ours = _at(form, text, index, path[:-1])
    found = ours.item(key)
    if found is not None and (key in _THE_USERS or jsonc.same(text, found.node, wanted)):
        return text
    if found is not None and found.node.kind == "object" and isinstance(wanted, dict):
        return _update(form, text, index, path, wanted)
    root = jsonc.parse(text)
    end = jsonc.line_end(text[ours.start : ours.end])
    indent = jsonc.child_indent(text, root, ours)
    fragment = jsonc.dumps(wanted, end, jsonc.unit(text, root), indent)
    if found is not None:
        return jsonc.replace(text, found.node, fragment)
    return jsonc.append(text, ours, f"{jsonc.dumps(key)}: {fragment}", indent)


def _unset(text: str, ours: jsonc.Node, key: str) -> str:
    places = [place for place, item in enumerate(ours.items) if item.key == key]
    return jsonc.remove(text, ours, places[-1]) if places else text

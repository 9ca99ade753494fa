"""Edits of JSON with comments that leave every other byte alone.

Reads what VS Code reads: ``//`` and ``/* */`` comments, trailing commas, a byte order mark, any indentation and line
ends. The text is parsed to a tree of spans; an edit cuts and inserts at these.

``append`` and ``remove`` are exact inverses: what ``append`` puts before the new item is either a line break with its
indentation, or one space, or nothing, and it always follows a character that is none of these, so that ``remove``
sees which one it was.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn

from kubectl_pydebug.editors.editor import ConfigError

MAX_LENGTH = 8 * 1024 * 1024
"""Characters. Far above any file that people edit."""
MAX_DEPTH = 100

_COMMENT = re.compile(r"//[^\r\n]*|/\*.*?\*/", re.DOTALL)
_TRIVIA = re.compile(r"(?:[ \t\r\n]+|//[^\r\n]*|/\*.*?\*/)*", re.DOTALL)
_SAME_LINE = re.compile(r"(?:[ \t]*/\*(?:[^*\r\n]|\*(?!/))*\*/)*(?:[ \t]*//[^\r\n]*)?")
_STRING = re.compile(r'"[^"\\\r\n]*(?:\\.[^"\\\r\n]*)*"')
_SCALAR = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?|true|false|null")
_LINE_END = re.compile(r"\r\n|\n|\r")
_BOM = "\ufeff"


@dataclass(frozen=True)
class Item:
    """A member of an object, beginning at its key, or an element of an array; ``comma``: the place of the one after."""

    key: str | None
    start: int
    node: Node
    comma: int | None


@dataclass(frozen=True)
class Node:
    """A value and its span ``text[start:end]``."""

    kind: Literal["object", "array", "string", "scalar"]
    start: int
    end: int
    items: tuple[Item, ...] = ()

    def item(self, key: str) -> Item | None:
        """The member of this name; of several the last, as everybody's parser has it."""
        return next((item for item in reversed(self.items) if item.key == key), None)


def parse(text: str) -> Node:
    """The tree of the whole text. Raises ConfigError, also for text without any value."""
    if len(text) > MAX_LENGTH:
        raise ConfigError(f"it is too long ({len(text)} characters)")
    start = _skip(text, int(text.startswith(_BOM)))
    node = _value(text, start, 0)
    end = _skip(text, node.end)
    if end != len(text):
        _fail(text, end, "something follows the end of the value")
    return node


def is_blank(text: str) -> bool:
    """Nothing but white space and comments."""
    return _skip(text, int(text.startswith(_BOM))) == len(text)


def find(node: Node, *keys: str) -> Node | None:
    """The value at a path of keys; None when there is none, or when one on the way is not an object."""
    for key in keys:
        item = node.item(key)
        if item is None:
            return None
        node = item.node
    return node


def value(text: str, node: Node) -> Any:
    """The Python value; numbers are kept as they are written, so that none is too large."""
    if node.kind == "object":
        return {item.key: value(text, item.node) for item in node.items}
    if node.kind == "array":
        return [value(text, item.node) for item in node.items]
    written = text[node.start : node.end]
    if node.kind == "string":
        return json.loads(written, strict=False)
    return {"true": True, "false": False, "null": None}.get(written, Number(written))


class Number(str):
    """A number as it is written: ``Number("5678") == 5678`` is False; compare with ``same``."""

    __slots__ = ()


def same(text: str, node: Node, wanted: Any) -> bool:
    """Is the value in the text this one?"""

    def spelled(part: Any) -> Any:
        if isinstance(part, dict):
            return {key: spelled(member) for key, member in part.items()}
        if isinstance(part, list):
            return [spelled(member) for member in part]
        if isinstance(part, (int, float)) and not isinstance(part, bool):
            return ("number", str(part))
        return ("number", str(part)) if isinstance(part, Number) else part

    return bool(spelled(value(text, node)) == spelled(wanted))


def line_end(text: str) -> str | None:
    """The file's own line end (its first); None for a file of one line."""
    found = _LINE_END.search(text)
    return found[0] if found else None


def unit(text: str, root: Node) -> str:
    """One step of indentation: that of the first member which begins a line, else VS Code's four spaces."""
    return next((lead for item in root.items if (lead := _indent(text, item.start))), " " * 4)


def child_indent(text: str, root: Node, container: Node) -> str:
    """The indentation of the container's items: as the last one has it, else one step deeper than its own line."""
    if container.items and (lead := _indent(text, container.items[-1].start)) is not None:
        return lead
    begin = max(text.rfind("\n", 0, container.start), text.rfind("\r", 0, container.start)) + 1
    line = text[begin : container.start].lstrip(_BOM)
    return line[: len(line) - len(line.lstrip(" \t"))] + unit(text, root)


def dumps(content: Any, end: str | None = None, step: str = "", indent: str = "") -> str:
    """JSON on one line, or, with a line end, indented; ``indent`` is that of the line on which it begins."""
    try:
        written = json.dumps(content, ensure_ascii=False, indent=step if end else None)
        written.encode()
    except UnicodeEncodeError:
        written = json.dumps(content, indent=step if end else None)
    return written.replace("\n", end + indent) if end else written


def append(text: str, container: Node, fragment: str, indent: str) -> str:
    """Add ``fragment`` (an element, or ``"key": value``) as the last item; ``indent`` is for where it begins a line."""
    new_line = (line_end(text) or "\n") + indent
    if not container.items:
        at, comment = container.start + 1, ""
        for written in _comments(text, at, container.end - 1):
            at, comment = written.end(), written[0]
        own_line = comment.startswith("//") or _LINE_END.search(text, at, container.end) is not None
        lead = new_line if own_line else " " if comment else ""
        return text[:at] + lead + fragment + text[at:]
    last = container.items[-1]
    base = last.node.end if last.comma is None else last.comma + 1
    found = _SAME_LINE.match(text, base)
    at = found.end() if found else base
    own_line = _indent(text, last.start) is not None or _LINE_END.match(text, at) is not None
    lead = new_line if own_line else " "
    if last.comma is None:
        return text[:base] + "," + text[base:at] + lead + fragment + text[at:]
    # A trailing comma shows that there was one before.
    return text[:at] + lead + fragment + "," + text[at:]


def replace(text: str, node: Node, fragment: str) -> str:
    return text[: node.start] + fragment + text[node.end :]


def remove(text: str, container: Node, index: int) -> str:
    """Take the item out, with its comma and the white space that leads to it; comments around it stay."""
    item = container.items[index]
    before = container.items[index - 1] if index else None
    cuts = [(_lead(text, container, index), item.node.end)]
    if item.comma is not None:
        cuts.append((item.comma, item.comma + 1))
    elif before is not None and before.comma is not None:
        cuts.append((before.comma, before.comma + 1))
    for start, end in sorted(cuts, reverse=True):
        text = text[:start] + text[end:]
    return text


def _lead(text: str, container: Node, index: int) -> int:
    """Where the white space begins that ``append`` put before the item."""
    item = container.items[index]
    lead = _indent(text, item.start)
    if lead is None:
        return item.start - (text[item.start - 1] == " ")
    at = item.start - len(lead)
    at -= 2 if text[at - 2 : at] == "\r\n" else 1
    before = container.items[index - 1] if index else None
    start = container.start + 1 if before is None else before.node.end if before.comma is None else before.comma + 1
    comments = _comments(text, start, item.start)
    end = item.node.end
    rest = text[end:] if item.comma is None else text[end : item.comma] + text[item.comma + 1 :]
    if comments and comments[-1][0].startswith("//") and rest.lstrip(" \t")[:1] not in ("\r", "\n"):
        return item.start  # the line comment above must not swallow what follows
    return at


def _indent(text: str, at: int) -> str | None:
    """The blanks before this place when nothing else is before it on a line that is not the first; else None."""
    start = at
    while start and text[start - 1] in " \t":
        start -= 1
    return text[start:at] if start and text[start - 1] in "\r\n" else None


def _comments(text: str, start: int, end: int) -> list[re.Match[str]]:
    """The comments of a span that holds only white space and comments."""
    return list(_COMMENT.finditer(text, start, end))


def _skip(text: str, at: int) -> int:
    found = _TRIVIA.match(text, at)
    return found.end() if found else at


def _value(text: str, at: int, depth: int) -> Node:
    opening = text[at : at + 1]
    if opening == "{":
        return _container(text, at, "object", "}", depth)
    if opening == "[":
        return _container(text, at, "array", "]", depth)
    if found := _STRING.match(text, at):
        _string(text, at, found.end())
        return Node("string", at, found.end())
    found = _SCALAR.match(text, at)
    if found is None:
        _fail(text, at, "a value is missing" if at < len(text) else "it ends too early")
    return Node("scalar", at, found.end())


def _container(text: str, start: int, kind: Literal["object", "array"], closing: str, depth: int) -> Node:
    if depth >= MAX_DEPTH:
        _fail(text, start, f"it is nested deeper than {MAX_DEPTH}")
    items: list[Item] = []
    at = _skip(text, start + 1)
    while text[at : at + 1] != closing:
        begin, key = at, None
        if kind == "object":
            found = _STRING.match(text, at)
            if not found:
                _fail(text, at, "a name in quotes is missing" if at < len(text) else "it ends too early")
            key = _string(text, at, found.end())
            at = _skip(text, found.end())
            if text[at : at + 1] != ":":
                _fail(text, at, "a colon is missing")
            at = _skip(text, at + 1)
        node = _value(text, at, depth + 1)
        at = _skip(text, node.end)
        comma = at if text[at : at + 1] == "," else None
        items.append(Item(key, begin, node, comma))
        if comma is not None:
            at = _skip(text, comma + 1)
        elif text[at : at + 1] != closing:
            _fail(text, at, f"a comma or {closing} is missing")
    return Node(kind, start, at + 1, tuple(items))


def _string(text: str, start: int, end: int) -> str:
    try:
        return str(json.loads(text[start:end], strict=False))
    except ValueError:
        _fail(text, start, "a string has an escape that JSON does not know")


def _fail(text: str, at: int, what: str) -> NoReturn:
    line = len(_LINE_END.findall(text, 0, at)) + 1
    raise ConfigError(f"line {line}: {what}")

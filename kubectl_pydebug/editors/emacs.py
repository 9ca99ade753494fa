"""Emacs with dape: ``dape-command`` in ``.dir-locals-2.el``, which ``M-x dape`` offers first.

https://github.com/svaante/dape: the variable is safe as a local one, so Emacs asks nothing. The file is the one for
personal settings; ``.dir-locals.el`` is mostly the project's. Of several entries the last one wins.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from kubectl_pydebug.core.model import Endpoint
from kubectl_pydebug.editors import attach
from kubectl_pydebug.editors.editor import NAME_PREFIX, ConfigError

_MADE_FILE = ";;; Made by kubectl pydebug; deleted with its last entry.\n(\n )\n"
_TOKEN = re.compile(
    r"""[ \t\r\n\f]+ | ;[^\r\n]* | "(?:[^"\\]|\\.)*" | \?\\?. | [()\[\]] | [^ \t\r\n\f;"()\[\]]+ """,
    re.VERBOSE | re.DOTALL,
)
_OPENING = {")": "(", "]": "["}


class _Emacs:
    """See ``Editor``. An entry is two lines, a comment with its name and an element of the outer list."""

    name = "emacs"
    title = "Emacs (dape)"
    traces = (".dir-locals-2.el",)
    how = "type M-x dape"

    def path(self, endpoint: Endpoint) -> str:
        """See ``Editor``."""
        return ".dir-locals-2.el"

    def render(self, endpoints: Sequence[Endpoint], existing: str | None, workspace: str = "") -> str:
        """See ``Editor``."""
        text = _MADE_FILE if existing is None or not existing.strip() else existing
        end = "\r\n" if "\r\n" in text else "\n"
        for endpoint in endpoints:
            block = f"{end} ;; {endpoint.name}{end} {self.entry([endpoint], workspace)}{end} "
            before = _block(endpoint.name).search(text)
            at, until = before.span() if before else (_end_of_list(text),) * 2
            text = text[:at] + block + text[until:]
        return text

    def remove(self, existing: str, names: Collection[str] | None = None) -> str | None:
        """See ``Editor``."""
        left = existing
        for name in names if names is not None else _names(existing):
            left = _block(name).sub("", left)
        return None if left == _MADE_FILE and left != existing else left

    def entry(self, endpoints: Sequence[Endpoint], workspace: str = "") -> str:
        """See ``Editor``."""
        return " ".join(f"(nil . ((dape-command . {_command(endpoint, workspace)})))" for endpoint in endpoints)


def _command(endpoint: Endpoint, workspace: str) -> str:
    given = {"type": "debugpy", "request": "attach", "connect": attach.connect(endpoint)}
    given.update(attach.arguments(endpoint, workspace, None))
    return f"(kubectl-pydebug host {_lisp(attach.HOST)} port {endpoint.local_port} {_lisp(given)[1:-1]})"


def _lisp(value: object) -> str:
    """JSON as dape wants it: objects are property lists, arrays vectors."""
    if isinstance(value, dict):
        return "(" + " ".join(f":{key} {_lisp(held)}" for key, held in value.items()) + ")"
    if isinstance(value, list):
        return "[" + " ".join(map(_lisp, value)) + "]"
    if isinstance(value, bool):
        return "t" if value else ":json-false"
    if isinstance(value, str):
        return '"' + "".join(_character(each) for each in value) + '"'
    return str(value)


def _character(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    return character if character.isprintable() else f"\\U{ord(character):08x}"


def _block(name: str) -> re.Pattern[str]:
    return re.compile(rf"\r?\n ;; {re.escape(name)}\r?\n \(nil \. \(\(dape-command \. [^\r\n]*\r?\n ")


def _names(text: str) -> list[str]:
    return re.findall(rf"\n ;; ({re.escape(NAME_PREFIX)}[^\r\n]*)", text)


def _end_of_list(text: str) -> int:
    """Where the closing bracket of the outer list stands. Raises ConfigError when there is no such list."""
    open_brackets: list[str] = []
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        if found is None:
            break
        word = found[0]
        if word in ("(", "["):
            open_brackets.append(word)
        elif word in _OPENING:
            if not open_brackets or open_brackets.pop() != _OPENING[word]:
                break
            if not open_brackets:
                if word == ")":
                    return at
                break
        elif not open_brackets and not word.isspace() and not word.startswith(";"):
            break
        at = found.end()
    line = text.count("\n", 0, at) + 1
    raise ConfigError(f"line {line}: it is not a list of directory-local variables")


EDITOR = _Emacs()

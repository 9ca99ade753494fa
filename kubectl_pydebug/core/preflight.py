"""What can be told from the command line before anything is made: a Python that will not hear of us.

The hook comes in through PYTHONPATH and ``sitecustomize``. ``-I`` and ``-E`` make Python pass over PYTHONPATH, ``-S``
over ``sitecustomize`` (https://docs.python.org/3/using/cmdline.html), ``env -i`` clears the environment before it.

A command line is read, never trusted: it refuses only where every Python in it that may be the program is out of
reach. A wrapper that names none tells nothing, and is let through.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from kubectl_pydebug.core.inject import edit
from kubectl_pydebug.core.model import Note, Options, Raw

_PYTHON = re.compile(r"(.*/)?(python|pypy)(\d+(\.\d+)?t?)?(\.exe)?")
_ENV = re.compile(r"(.*/)?env")
_TOKEN = re.compile(r"""[^\s;&|()<>"'`]+|[;&|()\n]+""")
_END = re.compile(r"[;&|()\n]+")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=.*")
_CUTS_OFF = "IES"
_TAKES_VALUE = "WXQ"
_HELPERS = ("pip", "venv", "ensurepip", "py_compile", "compileall", "virtualenv")
"""``-m`` names of Pythons that prepare something: not the program."""
_SHOWN_MAX = 200


@dataclass(frozen=True)
class _Token:
    """A word of a command line. ``word`` is the index in argv, ``start`` and ``end`` lie within that word."""

    word: int
    start: int
    end: int
    text: str


@dataclass(frozen=True)
class _Edit:
    """Replace this token's text; an empty text takes the token out."""

    token: _Token
    text: str


@dataclass(frozen=True)
class _Python:
    """A Python found in the command line. ``cause`` says what puts it out of reach; ``edits`` would put it back."""

    name: str
    helper: bool
    cause: str
    edits: tuple[_Edit, ...]


def check_command(template: Raw, container: str, options: Options, target: str = "TYPE/NAME") -> tuple[Note, ...]:
    """The reasons to refuse, empty if there are none. ``target`` is only named in what the user should type.

    Raises KeyError if there is no such container.
    """
    edited = edit(template, container, options)
    spec = edited["spec"]
    notes: list[Note] = []
    if _is_windows(spec):
        text = f"{target} runs on Windows, and the way in is for Linux. Choose another: kubectl get pods -o wide"
        notes.append(Note("windows", text))
    chosen = next(item for item in spec["containers"] if item["name"] == container)
    command, args = tuple(chosen.get("command") or ()), tuple(chosen.get("args") or ())
    words = (*command, *args)
    found = _pythons(words)
    programs = [python for python in found if not python.helper] or found
    if programs and all(python.cause for python in programs):
        first = programs[0]
        edits = tuple(edit for python in programs for edit in python.edits)
        advice = _advice(target, options, command, _rewritten(words, edits))
        text = f"Container {container} runs {first.name} with {first.cause}, so the debugger cannot get in. {advice}"
        notes.append(Note("python-isolated", text))
    return tuple(notes)


def _is_windows(spec: Raw) -> bool:
    selected = (spec.get("nodeSelector") or {}).get("kubernetes.io/os")
    return "windows" in ((spec.get("os") or {}).get("name"), selected)


def _advice(target: str, options: Options, command: tuple[str, ...], words: Sequence[str]) -> str:
    typed = ["kubectl", "pydebug", target, *(("-c", options.container) if options.container else ())]
    line = shlex.join((*typed, "--", *words))
    if not command:
        # `-- COMMAND` replaces the image's entry point too, which the pod template does not show.
        return (
            f"Give the whole command without that, the image's entry point first: {shlex.join(typed)} -- ENTRYPOINT ..."
        )
    if len(line) > _SHOWN_MAX or not line.isprintable():
        return f"Give the command without that: {shlex.join(typed)} -- COMMAND ..."
    return f"Run it without: {line}"


def _tokens(words: Sequence[str]) -> list[_Token]:
    """Words without a space as they are; the text of a shell script in its own words, quotes taken as spaces."""
    tokens: list[_Token] = []
    for index, word in enumerate(words):
        if not re.search(r"\s", word):
            tokens.append(_Token(index, 0, len(word), word))
            continue
        tokens += [_Token(index, match.start(), match.end(), match[0]) for match in _TOKEN.finditer(word)]
        tokens.append(_Token(index, len(word), len(word), ";"))
    return tokens


def _pythons(words: Sequence[str]) -> list[_Python]:
    tokens = _tokens(words)
    found: list[_Python] = []
    cleared: _Edit | None = None
    at = 0
    while at < len(tokens):
        text = tokens[at].text
        if _END.fullmatch(text):
            cleared = None
        elif _ENV.fullmatch(text):
            at, cleared = _env(tokens, at)
        elif _PYTHON.fullmatch(text):
            end, python = _python(tokens, at, cleared)
            found.append(python)
            cleared, at = None, end - 1
        at += 1
    return found


def _env(tokens: list[_Token], at: int) -> tuple[int, _Edit | None]:
    """Past the options of ``env``: where its command begins, less one, and the edit that keeps the environment."""
    cleared: _Edit | None = None
    at += 1
    while at < len(tokens):
        token = tokens[at]
        if token.text in ("-", "-i", "--ignore-environment"):
            cleared = _Edit(token, "")
        elif token.text in ("-u", "-C", "--unset", "--chdir"):
            at += 1
        elif not token.text.startswith("-") and not _ASSIGNMENT.fullmatch(token.text):
            break
        at += 1
    return at - 1, cleared


def _python(tokens: list[_Token], at: int, cleared: _Edit | None) -> tuple[int, _Python]:
    """Read one Python's options; the index of the first token that is none of them, and what was found."""
    name = tokens[at].text
    causes, edits = (["env -i"], [cleared]) if cleared else ([], [])
    helper = False
    at += 1
    while at < len(tokens) and tokens[at].text.startswith("-") and len(tokens[at].text) > 1:
        token = tokens[at]
        at += 1
        if token.text.startswith("--"):
            helper = helper or token.text in ("--version", "--help")
            at += token.text == "--check-hash-based-pycs"
            continue
        flags, ending = _split(token.text[1:])
        cut = [flag for flag in flags if flag in _CUTS_OFF]
        if cut:
            causes += [f"-{flag}" for flag in cut]
            kept = "".join(flag for flag in flags if flag not in _CUTS_OFF) + ending
            edits.append(_Edit(token, f"-{kept}" if kept else ""))
        helper = helper or "V" in flags or "h" in flags
        if ending[:1] in ("c", "m"):
            following = tokens[at].text if at < len(tokens) else ""
            helper = helper or ending[0] == "c" or (ending[1:] or following) in _HELPERS
            break
        at += ending in tuple(_TAKES_VALUE)
    return at, _Python(name, helper, " and ".join(causes), tuple(edits))


def _split(letters: str) -> tuple[str, str]:
    """Flags in one word, and from the first that takes a value on the rest: ``ISm`` is ("IS", "m")."""
    for at, letter in enumerate(letters):
        if letter in _TAKES_VALUE or letter in "cm":
            return letters[:at], letters[at:]
    return letters, ""


def _rewritten(words: Sequence[str], edits: Sequence[_Edit]) -> tuple[str, ...]:
    rewritten: list[str | None] = list(words)
    for edit_ in sorted(edits, key=lambda edit_: (edit_.token.word, edit_.token.start), reverse=True):
        token, word = edit_.token, rewritten[edit_.token.word] or ""
        before, after = word[: token.start], word[token.end :]
        if not edit_.text:
            after = after.removeprefix(" ")
        rewritten[token.word] = before + edit_.text + after or None
    return tuple(word for word in rewritten if word is not None)

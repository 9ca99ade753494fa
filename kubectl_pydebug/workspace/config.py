"""Writes the editors' files: changes them at once or not at all, and leaves alone what is not ours to write."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from kubectl_pydebug.core.model import Endpoint
from kubectl_pydebug.editors import ConfigError, Editor

if sys.platform != "win32":
    import fcntl

MAX_FILE_BYTES = 4 * 1024 * 1024
"""Larger configurations are not ours to edit."""
_REDO = 10
_BINARY = getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class ConfigResult:
    """What became of one editor's file.

    Where it could not be written ``problem`` is a sentence that says why, and ``text_for_pasting`` holds the entries.
    """

    path: Path
    changed: bool
    text_for_pasting: str | None = None
    problem: str | None = None


def write_config(root: Path, editor: Editor, endpoints: Sequence[Endpoint]) -> list[ConfigResult]:
    """Put the endpoints into the editor's files. Never raises for a file's sake: see ``ConfigResult.problem``."""
    workspace = str(root)

    def write(file: str, held: Sequence[Endpoint]) -> ConfigResult:
        return _edit(
            root,
            editor,
            file,
            lambda existing: editor.render(held, existing, workspace),
            lambda: editor.entry(held, workspace),
        )

    return [write(file, held) for file, held in _by_file(editor, endpoints)]


def remove_config(root: Path, editor: Editor, endpoints: Sequence[Endpoint]) -> list[ConfigResult]:
    """Take the entries of these endpoints out again, and the file and its folder if we made them.

    An entry that is not as we would write it now is left alone: it is another session's, or the user's own.
    """
    workspace = str(root)

    def without(existing: str | None, held: Sequence[Endpoint]) -> str | None:
        left = existing
        for endpoint in held:
            if left is not None and editor.render([endpoint], left, workspace) == left:
                left = editor.remove(left, [endpoint.name])
        return left

    def remove(file: str, held: Sequence[Endpoint]) -> ConfigResult:
        return _edit(root, editor, file, lambda existing: without(existing, held), lambda: None)

    return [remove(file, held) for file, held in _by_file(editor, endpoints)]


def _by_file(editor: Editor, endpoints: Sequence[Endpoint]) -> list[tuple[str, list[Endpoint]]]:
    files: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        files.setdefault(editor.path(endpoint), []).append(endpoint)
    return list(files.items())


def _edit(
    root: Path,
    editor: Editor,
    file: str,
    change: Callable[[str | None], str | None],
    paste: Callable[[], str | None],
) -> ConfigResult:
    shown = root.joinpath(*file.split("/"))

    def left_alone(why: str) -> ConfigResult:
        return ConfigResult(shown, False, paste(), f"{shown} was left alone: {why}.")

    try:
        # Through a symlink we change the file itself: a rename over the link would put a copy in its place.
        target = Path(os.path.realpath(shown))
        if not target.parent.exists():
            if Path(os.path.realpath(root)) not in target.parents:
                return left_alone(f"it is a link to {target}, whose folder does not exist")
            if change(None) is None:
                return ConfigResult(shown, False)
        with _alone(target.parent, stays=target.parent == Path(os.path.realpath(root))):
            for _ in range(_REDO):
                before = _content(target)
                old = None if before is None else before.decode()
                new = change(old)
                if new == old:
                    return ConfigResult(shown, False)
                if _put(target, before, None if new is None else new.encode()):
                    return ConfigResult(shown, True)
    except UnicodeDecodeError:
        return left_alone("it is not UTF-8 text")
    except ConfigError as error:
        return left_alone(f"it cannot be read as {editor.name}'s configuration, {error}")
    except _LeaveAloneError as error:
        return left_alone(str(error))
    except OSError as error:
        return left_alone(error.strerror or type(error).__name__)
    return left_alone("another program keeps writing it")


class _LeaveAloneError(Exception):
    """The file is not ours to write; the text says why."""


@contextlib.contextmanager
def _alone(folder: Path, stays: bool) -> Iterator[None]:
    """Only one kubectl-pydebug edits in this folder at a time. Other programs do not take part: see ``_put``.

    The folder is made when missing, and goes when it is empty at the end, unless it ``stays``.
    """
    handle = _locked(folder)
    try:
        yield
    finally:
        if not stays:
            with contextlib.suppress(OSError):
                folder.rmdir()
        if handle is not None:
            os.close(handle)


def _locked(folder: Path) -> int | None:
    """A descriptor of the folder that holds its lock; no file of ours lies about. None where there is no flock."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        if sys.platform == "win32":
            return None
        handle = os.open(folder, os.O_RDONLY)
        fcntl.flock(handle, fcntl.LOCK_EX)
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(os.fstat(handle), folder.stat()):
                return handle
        os.close(handle)  # who held the lock before us has removed the folder


def _content(target: Path) -> bytes | None:
    """The file's bytes; None when there is no file."""
    try:
        status = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(status.st_mode):
        raise _LeaveAloneError("it is not a regular file")
    if not status.st_mode & 0o222 or not os.access(target, os.W_OK):
        raise _LeaveAloneError("it is read-only")
    if status.st_size > MAX_FILE_BYTES:
        raise _LeaveAloneError(f"it is too large ({status.st_size} bytes)")
    return target.read_bytes()


def _put(target: Path, before: bytes | None, after: bytes | None) -> bool:
    """Replace the file at once, if it still is what we read; else False, and nothing was done.

    A new file is linked into place, which fails when somebody else made one. Between the last look at an existing file
    and the rename a few microseconds remain; no system call that every platform has closes them.
    """
    if after is None:
        if _content(target) != before:
            return False
        target.unlink()
        return True
    fresh = target.with_name(f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY, 0o666)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        if before is None:
            return _link(fresh, target)
        status = target.stat()
        with contextlib.suppress(OSError, AttributeError):
            os.chown(fresh, status.st_uid, status.st_gid)
        fresh.chmod(stat.S_IMODE(status.st_mode))
        if _content(target) != before:
            return False
        fresh.replace(target)
        return True
    except FileNotFoundError:
        return False
    finally:
        fresh.unlink(missing_ok=True)


def _link(fresh: Path, target: Path) -> bool:
    try:
        os.link(fresh, target)
    except FileExistsError:
        return False
    except OSError:
        # A file system without hard links.
        if target.exists():
            return False
        fresh.replace(target)
    return True

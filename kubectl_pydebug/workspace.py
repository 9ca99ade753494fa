"""The user's checkout: finds it, indexes its sources, and is the only writer of the user's files."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import stat
import subprocess
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from kubectl_pydebug.core.model import Endpoint
from kubectl_pydebug.core.pathmap import LocalFile
from kubectl_pydebug.editors import ConfigError, Editor

if sys.platform != "win32":
    import fcntl

MAX_FILES = 50_000
"""Sources that are indexed at most."""
MAX_FILE_BYTES = 4 * 1024 * 1024
"""Larger sources are data, and larger configurations are not ours to edit."""
GIT_TIMEOUT = 20
"""Seconds for git to list the files; then the folders are walked."""

_SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", ".venv", ".eggs", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    | {"__pycache__", "__pypackages__", "node_modules", "site-packages", "dist-packages"}
)
_HASH_BATCH = 256
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


def find_root(cwd: Path) -> Path:
    """The folder that the user's editor most probably has open, seen from the folder that they are in.

    In this order: the nearest folder upwards with a ``.vscode``, the git top level, ``cwd``. Upwards ends at the first
    ``.git`` (a folder, or the file that worktrees and submodules have). ``pyproject.toml`` does not count: in a
    monorepo every package has one, while the editor is mostly open on the whole, or on the package with a ``.vscode``,
    which then decides. The home folder never counts: ``~/.vscode`` holds VS Code's extensions, ``~/.git`` dotfiles.
    """
    cwd = Path(os.path.abspath(cwd))  # not resolved: the editor knows a symlinked checkout by its link
    home = os.path.expanduser("~")
    for folder in (cwd, *cwd.parents):
        if str(folder) == home:
            break
        if (folder / ".vscode").is_dir() or (folder / ".git").exists():
            return folder
    return cwd


def local_sources(root: Path) -> tuple[LocalFile, ...]:
    """Index of the checkout's ``*.py`` files: those that git has or would add, else all but in venvs and caches.

    Sorted by path, at most ``MAX_FILES``. Names that are not UTF-8, files that vanish, that cannot be read or are no
    regular files are left out. Symlinks to files are read, those to folders are not entered.
    """
    paths = sorted(dict.fromkeys(_listed(root)))[:MAX_FILES]
    batches = [paths[at : at + _HASH_BATCH] for at in range(0, len(paths), _HASH_BATCH)]
    with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
        return tuple(file for batch in pool.map(lambda batch: _read(root, batch), batches) for file in batch)


def _listed(root: Path) -> Iterator[str]:
    names = _git_files(root)
    for path in _walked(root) if names is None else names:
        try:
            path.encode()
        except UnicodeEncodeError:
            continue
        if path.endswith(".py") and _SKIPPED.isdisjoint(path.split("/")):
            yield path


def _git_files(root: Path) -> list[str] | None:
    """What git lists below ``root``, submodules included; None without git or outside a repository."""
    found: list[str] = []
    # -o has no --recurse-submodules, hence two calls. No fsmonitor: it is a command of the repository's own choice.
    for which in (("-c", "--recurse-submodules"), ("-o", "--exclude-standard")):
        try:
            done = subprocess.run(
                ["git", "-c", "core.fsmonitor=false", "ls-files", "-z", *which, "--", "*.py"],
                cwd=root,
                env={name: held for name, held in os.environ.items() if name not in ("GIT_DIR", "GIT_WORK_TREE")}
                | {"GIT_OPTIONAL_LOCKS": "0"},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=GIT_TIMEOUT,
                check=True,
            )
        except (OSError, subprocess.SubprocessError):
            return None
        found += (name.decode(errors="surrogateescape") for name in done.stdout.split(b"\0") if name)
    return found


def _walked(root: Path) -> Iterator[str]:
    seen = 0
    for folder, folders, files in os.walk(root):
        folders[:] = sorted(
            name
            for name in folders
            if name not in _SKIPPED and not os.path.exists(os.path.join(folder, name, "pyvenv.cfg"))
        )
        inside = PurePosixPath(Path(folder).relative_to(root).as_posix())
        for name in sorted(files):
            if name.endswith(".py"):
                seen += 1
                yield str(inside / name)
        if seen > MAX_FILES:
            return


def _read(root: Path, paths: Iterable[str]) -> list[LocalFile]:
    found = []
    for path in paths:
        # O_NONBLOCK: a FIFO named x.py must not hold us up.
        with contextlib.suppress(OSError, ValueError):
            handle = os.open(os.path.join(root, path), os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
            try:
                status = os.fstat(handle)
                if not stat.S_ISREG(status.st_mode) or status.st_size > MAX_FILE_BYTES:
                    continue
                content = _read_all(handle, status.st_size)
            finally:
                os.close(handle)
            found.append(LocalFile(path, len(content), hashlib.sha256(content).hexdigest()))
    return found


def _read_all(handle: int, size: int) -> bytes:
    """One read is enough for nearly every source; at most ``MAX_FILE_BYTES`` even if the file grows."""
    content = os.read(handle, size + 1)
    while content and len(content) <= MAX_FILE_BYTES and (more := os.read(handle, MAX_FILE_BYTES)):
        content += more
    return content


def write_config(root: Path, editor: Editor, endpoints: Sequence[Endpoint]) -> ConfigResult:
    """Put the endpoints into the editor's file. Never raises for the file's sake: see ``ConfigResult.problem``."""
    workspace = str(root)
    return _edit(
        root,
        editor,
        lambda existing: editor.render(endpoints, existing, workspace),
        lambda: editor.entry(endpoints, workspace),
    )


def remove_config(root: Path, editor: Editor, names: Collection[str] | None = None) -> ConfigResult:
    """Take our entries (those of these names, else all) out again, and the file and its folder if we made them."""
    return _edit(
        root, editor, lambda existing: None if existing is None else editor.remove(existing, names), lambda: None
    )


def _edit(
    root: Path, editor: Editor, change: Callable[[str | None], str | None], paste: Callable[[], str | None]
) -> ConfigResult:
    shown = root.joinpath(*editor.path.split("/"))

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
        with _alone(target.parent):
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
def _alone(folder: Path) -> Iterator[None]:
    """Only one kubectl-pydebug edits in this folder at a time. Other programs do not take part: see ``_put``.

    The folder is made when missing, and goes when it is empty at the end.
    """
    handle = _locked(folder)
    try:
        yield
    finally:
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

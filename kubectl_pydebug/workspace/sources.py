"""The index of the checkout's sources."""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
import subprocess
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from kubectl_pydebug.core.pathmap import LocalFile

MAX_FILES = 50_000
"""Sources that are indexed at most."""
MAX_FILE_BYTES = 4 * 1024 * 1024
"""Larger sources are data."""
GIT_TIMEOUT = 20
"""Seconds for git to list the files; then the folders are walked."""

_SKIPPED = frozenset(
    {".git", ".hg", ".svn", ".tox", ".nox", ".venv", ".eggs", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
    | {"__pycache__", "__pypackages__", "node_modules", "site-packages", "dist-packages"}
)
_HASH_BATCH = 256
_BINARY = getattr(os, "O_BINARY", 0)


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

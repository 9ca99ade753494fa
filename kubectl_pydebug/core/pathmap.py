"""Path mappings found by content: which local folder is which folder in the container.

Pure: the index of the checkout and that of the container come in, the smallest set of root pairs goes out.
``pathpairs`` chooses among what is proposed here.
"""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from kubectl_pydebug.core.model import PathMapping
from kubectl_pydebug.core.pathpairs import Choice, Pair, Proposal, inside, move

BY_NAME = "by name only, 0 equal"

_MAX_COPIES = 8
"""Content that more local files have than this (a bare licence header) says nothing about places."""
_SMALL_INIT = 64
"""Bytes. An ``__init__.py`` below this may be equal by chance."""


@dataclass(frozen=True)
class LocalFile:
    """A source file of the checkout: ``path`` is POSIX and relative to the root, ``size`` in bytes, ``sha256`` hex."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class RemoteFile:
    """A source file in the container: ``path`` as Python would run it, ``realpath`` with all symlinks resolved."""

    path: str
    realpath: str
    size: int
    sha256: str


_Held = tuple[str, int, str]
"""What is known of a remote path: sha256, size in bytes, real path; paths without their first slash."""


def map_paths(
    root: str,
    local: Sequence[LocalFile],
    remote: Sequence[RemoteFile],
    windows: bool = False,
    sys_path: Sequence[str] = (),
) -> tuple[PathMapping, ...]:
    """The smallest set of (localRoot, remoteRoot) pairs that puts every equal file in its place.

    ``root`` is the checkout's absolute path as the editor knows it; local roots are below it, with backslashes where
    ``windows`` is set. Roots have no trailing slash; both name one file where a module lies alone in ``site-packages``.
    Deeper roots come first on both sides, then the longest remoteRoot. Of two equal copies in the container (``COPY .``
    and ``pip install .``) the one that ``sys_path``, absolute paths, makes Python import receives the breakpoints;
    where that does not tell, the one that comes first in ``remote``.
    Without any equal file the names decide (``why`` is then ``BY_NAME``); without these the result is empty.
    """
    mine = {file.path: file.sha256 for file in local if _is_text(file.path)}
    theirs = _spellings(remote)
    real, order = {there: held[2] for there, held in theirs.items()}, _import_order(mine, theirs, sys_path)
    pairs = Choice(real, mine, lambda here, there: mine.get(here) == theirs[there][0], order).take(
        _by_content(local, mine, theirs)
    )
    by_name = not pairs
    if by_name:
        pairs = Choice(real, mine, lambda here, there: here in mine, order).take(_by_name(mine, theirs))
    return tuple(
        PathMapping(
            _join(root, pair.local, windows), "/" + pair.remote, BY_NAME if by_name else _why(pair, mine, theirs)
        )
        for pair in pairs
    )


def _spellings(remote: Iterable[RemoteFile]) -> dict[str, _Held]:
    """Every name of every remote file. Frames carry the name as run, so a symlink and what it leads to are wanted."""
    found: dict[str, _Held] = {}
    for file in remote:
        for path in dict.fromkeys((file.path, file.realpath)):
            if path.startswith("/") and _is_text(path):
                found.setdefault(_without_slash(path), (file.sha256, file.size, _without_slash(file.realpath)))
    return found


def _without_slash(path: str) -> str:
    return posixpath.normpath(path).lstrip("/")


def _import_order(
    mine: Collection[str], theirs: Iterable[str], sys_path: Sequence[str]
) -> Callable[[str, str], tuple[int, int]]:
    """Sorts the remote copies of one local file: by the entry of sys.path under which its module's name finds them."""
    entries = {_without_slash(entry): place for place, entry in reversed(list(enumerate(sys_path)))}
    listed = {there: place for place, there in enumerate(theirs)}

    def order(here: str, there: str) -> tuple[int, int]:
        folder, name = posixpath.split(here)
        while folder and f"{folder}/__init__.py" in mine:
            folder, package = posixpath.split(folder)
            name = f"{package}/{name}"
        entry = there[: -len(name)].rstrip("/") if there == name or there.endswith("/" + name) else None
        return entries.get(entry, len(entries)) if entry is not None else len(entries), listed[there]

    return order


def _is_text(path: str) -> bool:
    """Names that are not UTF-8 arrive with surrogates and cannot be written in any editor's file."""
    return path.isascii() or not any("\ud800" <= character <= "\udfff" for character in path)


def _by_content(local: Sequence[LocalFile], mine: Mapping[str, str], theirs: Mapping[str, _Held]) -> list[Proposal]:
    copies: defaultdict[str, list[str]] = defaultdict(list)
    for file in local:
        if file.size and file.path in mine:
            copies[file.sha256].append(file.path)
    proposals: dict[Pair, Proposal] = {}
    for there, (sha256, size, _) in theirs.items():
        same = copies.get(sha256, ())
        if len(same) > _MAX_COPIES:
            continue
        name = posixpath.basename(there)
        for here in same:
            if posixpath.basename(here) == name:
                strong = len(same) == 1 and not (name == "__init__.py" and size < _SMALL_INIT)
                _vote(proposals, here, there, strong)
    return list(proposals.values())


def _by_name(mine: Iterable[str], theirs: Iterable[str]) -> list[Proposal]:
    """The longest common end of the path decides; ``__init__.py`` lies everywhere and decides nothing."""
    names = {posixpath.basename(there) for there in theirs} - {"__init__.py", "__main__.py"}
    ends: defaultdict[str, list[str]] = defaultdict(list)
    for here in mine:
        if posixpath.basename(here) in names:
            for end in _ends(here):
                ends[end].append(here)
    proposals: dict[Pair, Proposal] = {}
    for there in theirs:
        if posixpath.basename(there) in names:
            same = next((ends[end] for end in _ends(there) if end in ends), [])
            if len(same) <= _MAX_COPIES:
                for here in same:
                    _vote(proposals, here, there, strong=False)
    return list(proposals.values())


def _ends(path: str) -> Iterator[str]:
    """The path, then the path without its first component, and so on."""
    yield path
    while (slash := path.find("/")) >= 0:
        path = path[slash + 1 :]
        yield path


def _vote(proposals: dict[Pair, Proposal], here: str, there: str, strong: bool) -> None:
    """Count for the widest pair that both paths allow: all files of one true mapping name the same one."""
    left, right = here.split("/"), there.split("/")
    same = 1
    while same < min(len(left), len(right)) and left[-1 - same] == right[-1 - same]:
        same += 1
    pair = Pair("/".join(left[:-same]), "/".join(right[:-same]))
    proposal = proposals.setdefault(pair, Proposal(pair))
    proposal.files.append((here, there))
    proposal.strong += strong


def _why(pair: Pair, mine: Mapping[str, str], theirs: Mapping[str, _Held]) -> str:
    both = [
        mine[here] == sha256
        for there, (sha256, _, _) in theirs.items()
        if (there == pair.remote or inside(there, pair.remote))
        and (here := move(there, pair.remote, pair.local)) in mine
    ]
    return f"{sum(both)} of {len(both)} files equal"


def _join(root: str, path: str, windows: bool) -> str:
    separator = "\\" if windows else "/"
    return root.rstrip("/\\" if windows else "/") + separator + path.replace("/", separator) if path else root

"""Chooses and orders pairs of a local and a remote root, for the way in which debugpy reads them.

As debugpy has it (``pydevd_file_utils.setup_client_server_paths``, 1.8.22): in both directions the first
pair whose root is a prefix of the path wins, pairs of folders before pairs of files. So of two nested roots the deeper
has to come first, on both sides. A frame under a mapped remote root is never fetched from the pod, hence no pair
may claim more of the container than it has to: not ``/``, not a ``site-packages``.
"""

from __future__ import annotations

import bisect
import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

_MAX_PROPOSALS = 256
_MAX_PAIRS = 64
_MAX_FILES_ALONE = 8
"""So many modules that lie directly in a shared folder get a pair each; with more, the folder itself is the root."""
_SHARED = re.compile(
    r"|opt|home|var|var/lib|mnt|media|tmp|usr|usr/local|(?:usr/|usr/local/)?lib(?:64)?"
    r"|(?:.*/)?(?:site-packages|dist-packages|lib(?:64)?/python[0-9.]*)"
)
"""Remote folders that hold other people's files too."""


@dataclass(frozen=True)
class Pair:
    """Two roots, both without slashes at the ends: "" is the checkout, and ``/``. A file may be a root, too."""

    local: str
    remote: str


@dataclass
class Proposal:
    """A pair with the files (local path, remote path) that speak for it; ``strong`` counts those found only once."""

    pair: Pair
    files: list[tuple[str, str]] = field(default_factory=list)
    strong: int = 0


class Choice:
    """Takes proposals, best first, as long as each one puts a file in its place and none out of it.

    ``real``: remote path -> its real path; ``mine``: local paths; ``same``: are this local and this remote file equal?;
    ``order``: of several remote files that equal this local one, the least is the one that Python imports.
    """

    def __init__(
        self,
        real: Mapping[str, str],
        mine: Collection[str],
        same: Callable[[str, str], bool],
        order: Callable[[str, str], tuple[int, int]],
    ) -> None:
        self._real, self._mine, self._same, self._order = real, mine, same, order
        self._imported: dict[str, str] = {}
        """Local path -> real path of its copy that is imported, where there are several."""
        self._remote = sorted(real)
        self._to_local: dict[str, Pair] = {}
        self._to_remote: dict[str, list[Pair]] = {}
        """Of the pairs with one local root the first receives the breakpoints."""

    def take(self, proposals: Sequence[Proposal]) -> list[Pair]:
        copies: defaultdict[str, list[str]] = defaultdict(list)
        for here, there in sorted({file for proposal in proposals for file in proposal.files}):
            copies[here].append(there)
        for here, those in copies.items():
            if len(those) > 1:
                self._imported[here] = self._real[min(those, key=lambda there: self._order(here, there))]
        matched = list(copies)
        claimed: set[str] = set()
        waiting = [part for proposal in sorted(proposals, key=_rank)[:_MAX_PROPOSALS] for part in _narrow(proposal)]
        waiting.reverse()
        while waiting and len(self._to_local) < _MAX_PAIRS:
            proposal = waiting.pop()
            missing = [(here, there) for here, there in proposal.files if not self._in_place(there)]
            if not proposal.strong:
                missing = [(here, there) for here, there in missing if here not in claimed]
            if missing and self._add(proposal.pair, missing, matched):
                claimed.update(here for here, _ in proposal.files)
            elif missing:
                waiting.extend(reversed(_split(Proposal(proposal.pair, missing, proposal.strong))))
        return self._ordered()

    def _add(self, pair: Pair, missing: Sequence[tuple[str, str]], matched: Sequence[str]) -> bool:
        """Add the pair if it puts all its files in place and takes none away; was it added?"""
        if pair.remote in self._to_local or any(_crossed(pair, other) for other in self._to_local.values()):
            return False
        rivals = self._to_remote.get(pair.local, [])
        at = next((place for place, rival in enumerate(rivals) if inside(pair.remote, rival.remote)), len(rivals))
        if any(self._imported.get(here) == self._real[there] for here, there in missing):
            at = next((place for place, rival in enumerate(rivals) if not inside(rival.remote, pair.remote)), at)
        before = [(there, self._local(there)) for there in _under(self._remote, pair.remote)]
        reached = [] if at else [(here, self._reaches(here)) for here in _under(matched, pair.local)]
        self._to_local[pair.remote] = pair
        self._to_remote[pair.local] = [*rivals[:at], pair, *rivals[at:]]
        if (
            all(self._local(there) == here and self._reaches(here) for here, there in missing)
            and all(
                here not in self._mine or self._local(there) == here or self._in_place(there) for there, here in before
            )
            and all(self._reaches(here) >= reach for here, reach in reached)
        ):
            return True
        del self._to_local[pair.remote]
        self._to_remote[pair.local] = rivals
        return False

    def _in_place(self, there: str) -> bool:
        """Does a frame in this remote file lead to its equal in the checkout?"""
        here = self._local(there)
        return here is not None and self._same(here, there)

    def _local(self, there: str) -> str | None:
        for root in _roots(there):
            if pair := self._to_local.get(root):
                return move(there, root, pair.local)
        return None

    def _reaches(self, here: str) -> int:
        """Does a breakpoint in this local file arrive in an equal in the container (1), in the one imported (2)?"""
        for root in _roots(here):
            if pairs := self._to_remote.get(root):
                there = move(here, root, pairs[0].remote)
                if there not in self._real or not self._same(here, there):
                    return 0
                return 2 if self._imported.get(here, self._real[there]) == self._real[there] else 1
        return 0

    def _ordered(self) -> list[Pair]:
        """Deeper before shallower on both sides, then the longest remote root first."""
        left = sorted(self._to_local.values(), key=lambda pair: (-len(pair.remote), pair.remote))
        follows = {pair: rivals[place] for rivals in self._to_remote.values() for place, pair in enumerate(rivals[1:])}
        done: list[Pair] = []
        while left:
            free = (
                pair
                for pair in left
                if follows.get(pair) not in left
                and not any(inside(other.remote, pair.remote) or inside(other.local, pair.local) for other in left)
            )
            done.append(next(free, left[0]))
            left.remove(done[-1])
        return done


def _rank(proposal: Proposal) -> tuple[int, int, int, str]:
    """Most evidence first; among equals the place nearest to the root (``src`` before ``build/lib``), then by name."""
    local = proposal.pair.local
    return (-proposal.strong, -len(proposal.files), local.count("/") + bool(local), local)


def _narrow(proposal: Proposal) -> list[Proposal]:
    """A root in which other people's files lie as well is given up for those parts of it that are the user's."""
    if not _SHARED.fullmatch(proposal.pair.remote):
        return [proposal]
    parts = _split(proposal)
    if sum(part.pair.remote == part.files[0][1] for part in parts) > _MAX_FILES_ALONE:
        return [proposal]
    return [narrow for part in parts for narrow in _narrow(part)]


def _split(proposal: Proposal) -> list[Proposal]:
    """One proposal for each file or folder directly in the root; none when the root is a file already."""
    parts: dict[Pair, Proposal] = {}
    for here, there in proposal.files:
        if there == proposal.pair.remote:
            return []
        name = move(there, proposal.pair.remote, "").partition("/")[0]
        pair = Pair(_below(proposal.pair.local, name), _below(proposal.pair.remote, name))
        part = parts.setdefault(pair, Proposal(pair, strong=proposal.strong))
        part.files.append((here, there))
    return sorted(parts.values(), key=_rank)


def _crossed(one: Pair, two: Pair) -> bool:
    """One is the deeper on the local side and the other on the remote side: no order suits both directions."""
    return (inside(one.local, two.local) and inside(two.remote, one.remote)) or (
        inside(two.local, one.local) and inside(one.remote, two.remote)
    )


def inside(inner: str, outer: str) -> bool:
    return inner != outer and (not outer or inner.startswith(outer + "/"))


def _roots(path: str) -> Iterator[str]:
    """The roots that a path may have, in debugpy's order: its folders, deepest first, then the file itself."""
    at = path.rfind("/")
    while at > 0:
        yield path[:at]
        at = path.rfind("/", 0, at)
    yield ""
    yield path


def move(path: str, old: str, new: str) -> str:
    """A path at or below ``old``, moved to ``new``."""
    if path == old:
        return new
    return _below(new, path[len(old) + 1 :] if old else path)


def _below(root: str, path: str) -> str:
    return f"{root}/{path}" if root else path


def _under(paths: Sequence[str], root: str) -> Sequence[str]:
    """Those of the sorted ``paths`` that are ``root`` or lie below it. ("0" follows "/" in the order of characters.)"""
    if not root:
        return paths
    at = bisect.bisect_left(paths, root)
    itself = [root] if at < len(paths) and paths[at] == root else []
    return [*itself, *paths[bisect.bisect_left(paths, root + "/") : bisect.bisect_left(paths, root + "0")]]

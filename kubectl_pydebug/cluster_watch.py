"""A watch as an endless stream of events that survives cut connections. Pure but for its callables."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

from .cluster_errors import ClusterError
from .core.model import Raw

MAX_LINE = 16 * 1024 * 1024
"""Bytes of one event; etcd takes objects of 1.5 MiB."""

PATIENCE = 90.0
"""Seconds for which an API server that does not answer, or fails, is tried again."""


def follow(
    list_all: Callable[[], Raw],
    open_lines: Callable[[str], Iterator[bytes]],
    stop: threading.Event,
    deadline: float | None,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[tuple[str, Raw]]:
    """Events ("ADDED" | "MODIFIED" | "DELETED", object): first ADDED for all that is there, then each change.

    ``list_all`` returns a List object, all pages; ``open_lines`` the pieces of a watch's body from a resourceVersion
    on. Ends when ``stop`` is set or ``clock()`` reaches ``deadline``. After a gap in which the server forgot our place,
    what vanished meanwhile comes as DELETED (in its last known form), what changed as MODIFIED, what is new as ADDED.
    Raises ClusterError: at once from the first list and for what will not pass by itself (rights, absence), else only
    after PATIENCE seconds without success.
    """
    known: dict[str, Raw] = {}
    version: str | None = None
    listed = False
    failing_since: float | None = None

    def over() -> bool:
        return stop.is_set() or (deadline is not None and clock() >= deadline)

    while not over():
        try:
            if version is None:
                listing = list_all()
                yield from _difference(known, listing.get("items") or [])
                version = str(listing.get("metadata", {}).get("resourceVersion", ""))
                listed = True
                failing_since = None
            for kind, thing in _events(open_lines(version)):
                failing_since = None
                version = str(thing.get("metadata", {}).get("resourceVersion") or version)
                if kind == "BOOKMARK":
                    continue
                _remember(known, kind, thing)
                yield kind, thing
                if over():
                    return
            pause = 0.1  # an orderly end of the body: the server's own limit
        except ClusterError as error:
            if error.status == 410 and version is not None:  # the server forgot our place: list anew
                version = None
                continue
            if (
                not listed
                or not (error.status >= 500 or error.status in (0, 429))
                or error.reason in ("TLS", "Config", "Invalid")
            ):
                raise
            failing_since = failing_since if failing_since is not None else clock()
            if clock() - failing_since > PATIENCE:
                raise
            pause = 0.5
        if deadline is not None:
            pause = min(pause, max(0.0, deadline - clock()))
        stop.wait(pause)


def _difference(known: dict[str, Raw], items: list[Raw]) -> Iterator[tuple[str, Raw]]:
    present = {_uid(item) for item in items}
    for uid in [uid for uid in known if uid not in present]:
        yield "DELETED", known.pop(uid)
    for item in items:
        uid = _uid(item)
        before = known.get(uid)
        known[uid] = item
        if before is None:
            yield "ADDED", item
        elif _version(before) != _version(item):
            yield "MODIFIED", item


def _remember(known: dict[str, Raw], kind: str, thing: Raw) -> None:
    if kind == "DELETED":
        known.pop(_uid(thing), None)
    else:
        known[_uid(thing)] = thing


def _uid(thing: Raw) -> str:
    return str(thing.get("metadata", {}).get("uid", ""))


def _version(thing: Raw) -> Any:
    return thing.get("metadata", {}).get("resourceVersion")


def _events(pieces: Iterator[bytes]) -> Iterator[tuple[str, Raw]]:
    """Events of one watch's body. An incomplete last line is what a cut connection leaves, and is dropped."""
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            if line.strip():
                yield _event(line)
        if len(rest) > MAX_LINE:
            raise ClusterError(f"The API server sent a watch event of more than {MAX_LINE} bytes.", reason="Invalid")


def _event(line: bytes) -> tuple[str, Raw]:
    try:
        event = json.loads(line)
        kind, thing = event["type"], event["object"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        text = "The API server sent a watch event that is not one."
        raise ClusterError(text, reason="Invalid") from error
    if kind != "ERROR":
        return str(kind), thing
    code = thing.get("code", 500)
    message = str(thing.get("message", ""))
    raise ClusterError(f"The API server ended the watch: {message}", status=code, message=message, verb="watch")

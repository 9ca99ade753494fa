"""Which kind does the cluster know by a name that a user typed. Pure but for the callable that asks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from .core.model import Raw


@dataclass(frozen=True)
class Resource:
    """A kind as the API server lists it."""

    group: str
    version: str
    plural: str
    kind: str
    singular: str = ""
    short_names: tuple[str, ...] = ()
    namespaced: bool = True


def search(ask: Callable[[str], Raw], name: str) -> Resource | None:
    """The resource called ``name``: plural, singular, short name, Kind; with ``.group``, ``.version.group`` or none.

    ``ask`` gets a path of the API. Groups come in the server's own order of preference, the core group first.
    Only groups that can match are asked.
    """
    word, _, suffix = name.lower().partition(".")
    if suffix in ("", "v1"):
        found = _match(_resources(ask("/api/v1"), "", "v1"), word)
        if found is not None or suffix:
            return found
    for group in ask("/apis").get("groups") or []:
        group_name = str(group.get("name", ""))
        wanted = [str(entry.get("version")) for entry in group.get("versions") or []]
        if suffix in ("", group_name):
            wanted = [str((group.get("preferredVersion") or {}).get("version"))]
        else:
            wanted = [version for version in wanted if suffix == f"{version}.{group_name}"]
        for version in wanted:
            found = _match(_resources(ask(f"/apis/{group_name}/{version}"), group_name, version), word)
            if found is not None:
                return found
    return None


def _resources(listing: Raw, group: str, version: str) -> Iterator[Resource]:
    for entry in listing.get("resources") or []:
        plural = str(entry.get("name", ""))
        if "/" not in plural:  # a subresource
            yield Resource(
                group,
                version,
                plural,
                str(entry.get("kind", "")),
                str(entry.get("singularName", "")),
                _strings(entry.get("shortNames")),
                bool(entry.get("namespaced", True)),
            )


def _strings(value: Any) -> tuple[str, ...]:
    return tuple(str(item) for item in value or ())


def _match(resources: Iterator[Resource], word: str) -> Resource | None:
    for resource in resources:
        if word in (resource.plural, resource.singular, resource.kind.lower(), *resource.short_names):
            return resource
    return None

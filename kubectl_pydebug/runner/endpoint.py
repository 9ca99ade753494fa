"""From the sources on both sides to one endpoint."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kubectl_pydebug.core import pathmap
from kubectl_pydebug.core.model import Endpoint, PathMapping
from kubectl_pydebug.core.pathmap import LocalFile, RemoteFile
from kubectl_pydebug.editors import NAME_PREFIX


def names_and_sizes(local: Sequence[LocalFile]) -> dict[str, list[int]]:
    """Base name -> sizes in bytes: what the container needs to know of the checkout to find what may be equal."""
    names: dict[str, list[int]] = {}
    for file in local:
        names.setdefault(file.path.rpartition("/")[2], []).append(file.size)
    return names


def read_sources(root: Path, local: Sequence[LocalFile], sources: Mapping[str, Any] | None) -> tuple[PathMapping, ...]:
    """The path mappings from what the container told (untrusted); none when it told nothing, or no sense."""
    told = sources or {}
    try:
        remote = [
            RemoteFile(str(path), str(real), int(size), str(sha256))
            for path, real, size, sha256 in told.get("files") or ()
        ]
        imported = [posixpath.join(str(told.get("cwd")), str(entry)) for entry in told.get("sys_path") or ()]
    except (TypeError, ValueError):
        return ()
    return pathmap.map_paths(str(root), local, remote, sys_path=imported)


def make_endpoint(
    source: str,
    container: str,
    local_port: int,
    pod: str,
    remote_port: int | None,
    mappings: tuple[PathMapping, ...],
) -> Endpoint:
    """``source``: the target as the user knows it (``job/train``)."""
    name = f"{NAME_PREFIX}{source}"
    return Endpoint(name, container, local_port, pod, remote_port=remote_port, path_mappings=mappings)

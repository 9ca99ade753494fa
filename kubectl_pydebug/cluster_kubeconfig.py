"""What a kubeconfig says, as plain data. Pure.

Makes up for where the kubernetes package's loader differs from kubectl: the first file's current-context wins,
impersonation in the user entry counts, loopback goes past a proxy of the environment.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from .cluster_errors import from_config
from .core.untrusted import one_line


@dataclass(frozen=True)
class Impersonation:
    """Whom to act as; empty for oneself."""

    user: str = ""
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: tuple[tuple[str, str], ...] = ()

    def headers(self) -> list[tuple[str, str]]:
        """The API server's impersonation headers. Raises ClusterError for groups or a uid without a user."""
        if not self.user:
            if self.groups or self.uid or self.extra:
                raise from_config("--as-group and --as-uid need --as USER as well.")
            return []
        headers = [("Impersonate-User", self.user)]
        headers += [("Impersonate-Group", group) for group in self.groups]
        headers += [("Impersonate-Uid", self.uid)] if self.uid else []
        headers += [(f"Impersonate-Extra-{key}", value) for key, value in self.extra]
        # HTTP headers are bytes: the server wants UTF-8, Python's HTTP clients take what looks like Latin-1.
        return [(key, value.encode().decode("latin-1")) for key, value in headers]

    def flags(self) -> tuple[str, ...]:
        """As typed for kubectl."""
        user = (f"--as={self.user}",) if self.user else ()
        groups = tuple(f"--as-group={group}" for group in self.groups)
        return (*user, *groups, *((f"--as-uid={self.uid}",) if self.uid else ()))


@dataclass(frozen=True)
class KubeContext:
    """The part of a merged kubeconfig that is in use."""

    name: str
    namespace: str
    user: Mapping[str, Any]
    cluster: Mapping[str, Any]


def choose_context(merged: Mapping[str, Any], files: Sequence[Mapping[str, Any]], wanted: str | None) -> KubeContext:
    """The context to use: ``wanted``, else the first file's current-context. Raises ClusterError if it is not there."""
    name = wanted or next((str(current) for f in files if (current := f.get("current-context"))), "")
    names = sorted(str(entry.get("name")) for entry in merged.get("contexts", []))
    known = one_line(", ".join(names), 300) or "none"
    if not name:
        raise from_config(f"The kubeconfig has no current context. Choose one of: {known}; with --context NAME")
    entry = _named(merged, "contexts", name)
    if entry is None:
        raise from_config(
            f'The kubeconfig has no context "{one_line(name, 100)}". It has: {known}; see kubectl config get-contexts'
        )
    context = entry.get("context") or {}
    user = (_named(merged, "users", context.get("user")) or {}).get("user") or {}
    cluster = (_named(merged, "clusters", context.get("cluster")) or {}).get("cluster") or {}
    return KubeContext(name, str(context.get("namespace") or ""), user, cluster)


def _named(merged: Mapping[str, Any], section: str, name: object) -> Mapping[str, Any] | None:
    for entry in merged.get(section, []):
        if entry.get("name") == name:
            found: Mapping[str, Any] = entry
            return found
    return None


def impersonation_of(user: Mapping[str, Any]) -> Impersonation:
    """Whom the kubeconfig's user entry acts as: as, as-groups, as-uid, as-user-extra."""
    extra = user.get("as-user-extra") or {}
    return Impersonation(
        str(user.get("as") or ""),
        tuple(str(group) for group in user.get("as-groups") or ()),
        str(user.get("as-uid") or ""),
        tuple((str(key), str(value)) for key, values in sorted(extra.items()) for value in values),
    )


def is_loopback(url: str) -> bool:
    """Whether the host of ``url`` is this machine: Go, and so kubectl, never asks the environment's proxy for it."""
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

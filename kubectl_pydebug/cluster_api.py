"""What one asks of the API server: objects, lists, watches, logs. Raw objects in, raw objects out."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Sequence

from .cluster_discovery import Resource, search
from .cluster_errors import Request
from .cluster_http import Access, Http, collection_path, object_path
from .cluster_watch import follow
from .core.model import Raw, Ref

FIELD_MANAGER = "kubectl-pydebug"

WATCH_SECONDS = 240
"""How long one watch request lasts before it is asked anew; load balancers cut longer ones."""


class Api:
    """One API server, as one user, with a default namespace. Usable from any thread. Failures are ClusterErrors."""

    def __init__(self, access: Access, namespace: str, request_timeout: float = 30.0) -> None:
        self._http = Http(access, request_timeout)
        self._version: tuple[int, int] | None = None
        self.namespace = namespace
        self.server = access.server

    def get(self, ref: Ref) -> Raw:
        return self._http.json("GET", Request("get", ref), object_path(ref))

    def create(self, ref: Ref, manifest: Raw, dry_run: bool = False) -> Raw:
        """Create the object; ``dry_run``: the server checks, admits and defaults it, and stores nothing."""
        query = [("fieldManager", FIELD_MANAGER), *([("dryRun", "All")] if dry_run else [])]
        return self._http.json("POST", Request("create", ref), collection_path(ref), query, manifest)

    def delete(self, ref: Ref, uid: str | None = None, propagation: str = "Background") -> Raw:
        """Delete the object; with ``uid`` only this very one (409 if another has its name by now)."""
        body: Raw = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": propagation}
        if uid:
            body["preconditions"] = {"uid": uid}
        return self._http.json("DELETE", Request("delete", ref), object_path(ref), (), body)

    def patch(
        self,
        ref: Ref,
        patch: Raw | Sequence[Raw],
        content_type: str = "application/merge-patch+json",
        dry_run: bool = False,
    ) -> Raw:
        """Change the object: a merge patch, or a list of operations with application/json-patch+json."""
        query = [("fieldManager", FIELD_MANAGER), *([("dryRun", "All")] if dry_run else [])]
        return self._http.json("PATCH", Request("patch", ref), object_path(ref), query, patch, content_type)

    def list(
        self,
        group: str,
        version: str,
        plural: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
    ) -> Raw:
        """A List object, all pages in one; each item has its kind and apiVersion. ``namespace`` ``""``: all of them."""
        ref = self._many(group, version, plural, namespace)
        selectors = (("labelSelector", label_selector), ("fieldSelector", field_selector))
        query = [("limit", "500"), *((key, value) for key, value in selectors if value)]
        whole = self._http.json("GET", Request("list", ref), collection_path(ref), query)
        page = whole
        while token := page.get("metadata", {}).get("continue"):
            page = self._http.json("GET", Request("list", ref), collection_path(ref), [*query, ("continue", token)])
            whole.setdefault("items", []).extend(page.get("items") or [])
        whole.get("metadata", {}).pop("continue", None)
        kind = str(whole.get("kind", "")).removesuffix("List")
        for item in whole.get("items") or []:
            item.setdefault("apiVersion", whole.get("apiVersion"))
            item.setdefault("kind", kind)
        return whole

    def _many(self, group: str, version: str, plural: str, namespace: str | None) -> Ref:
        return Ref(group, version, plural, plural, self.namespace if namespace is None else namespace, "")

    def events(self, namespace: str, uid: str) -> Sequence[Raw]:
        """Events about the object with this uid, oldest first."""
        found = self.list("", "v1", "events", namespace, field_selector=f"involvedObject.uid={uid}")

        def when(event: Raw) -> str:
            created = event.get("metadata", {}).get("creationTimestamp")
            return str(event.get("lastTimestamp") or event.get("eventTime") or created)

        return sorted(found.get("items") or [], key=when)

    # Streams

    def watch(
        self,
        group: str,
        version: str,
        plural: str,
        namespace: str | None = None,
        label_selector: str = "",
        field_selector: str = "",
        *,
        stop: threading.Event,
        deadline: float | None = None,
    ) -> Iterator[tuple[str, Raw]]:
        """("ADDED" | "MODIFIED" | "DELETED", object): what is there, then each change. See ``cluster_watch.follow``.

        ``deadline`` is a moment of ``time.monotonic()``. Ends within 0.2 s of it, or of ``stop`` being set.
        """
        ref = self._many(group, version, plural, namespace)
        selectors = [(k, v) for k, v in (("labelSelector", label_selector), ("fieldSelector", field_selector)) if v]
        request, path = Request("watch", ref), collection_path(ref)

        def list_all() -> Raw:
            return self.list(group, version, plural, namespace, label_selector, field_selector)

        def open_lines(version_seen: str) -> Iterator[bytes]:
            query = (
                *selectors,
                ("watch", "1"),
                ("allowWatchBookmarks", "true"),
                ("resourceVersion", version_seen),
                ("timeoutSeconds", str(WATCH_SECONDS)),
            )
            return self._http.stream(request, path, query, stop, deadline, WATCH_SECONDS + 30.0)

        return follow(list_all, open_lines, stop, deadline)

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        follow: bool = True,
        *,
        tail: int | None = None,
        previous: bool = False,
        stop: threading.Event | None = None,
    ) -> Iterator[bytes]:
        """The container's output in pieces as they come, from its start or its last ``tail`` lines.

        Ends with the container, or within 0.2 s of ``stop`` being set. The bytes are untrusted.
        """
        ref = Ref("", "v1", "Pod", "pods", namespace, pod)
        query = [("container", container), *([("follow", "true")] if follow else [])]
        query += [("tailLines", str(tail))] if tail is not None else []
        query += [("previous", "true")] if previous else []
        # A quiet container is no reason to give up: dead connections are found by TCP keepalive.
        path = object_path(ref) + "/log"
        return self._http.stream(Request("get", ref, "log"), path, query, stop or threading.Event(), None, 24 * 3600.0)

    # The server

    def version(self) -> tuple[int, int]:
        """The API server's (major, minor)."""
        if self._version is None:
            request = Request("get", Ref("", "", "", "version", "", ""))
            answer = self._http.json("GET", request, "/version")
            digits = [re.match(r"\d+", str(answer.get(part, ""))) for part in ("major", "minor")]
            self._version = (int(digits[0].group()) if digits[0] else 0, int(digits[1].group()) if digits[1] else 0)
        return self._version

    def discover(self, resource: str) -> Resource | None:
        """The kind that the cluster knows by this name; see ``cluster_discovery.search``."""
        return search(
            lambda path: self._http.json("GET", Request("get", Ref("", "", "", path, "", "")), path), resource
        )

    def close(self) -> None:
        """Close idle connections."""
        self._http.close()

"""HTTP to the API server: requests, bodies that stream, and their failures as ClusterErrors."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any, Protocol
from urllib.parse import quote, urlencode

from .cluster_errors import ClusterError, Place, Request, from_answer, from_network
from .core.model import Raw, Ref

CONNECT_TIMEOUT = 10.0

ERROR_BYTES = 64 * 1024

Query = Sequence[tuple[str, str]]


class Access(Protocol):
    """Whom to talk to, with which credentials: ``cluster.KubeAccess``."""

    pool: Any
    """urllib3's pool of connections."""
    server: str
    place: Place

    def headers(self) -> list[tuple[str, str]]:
        """User agent and credentials, fresh."""

    def renew(self) -> None:
        """Get new credentials: the server does not accept these."""


class Http:
    """Requests with an access's credentials. Usable from any thread."""

    def __init__(self, access: Access, request_timeout: float) -> None:
        self._access = access
        self._request_timeout = request_timeout

    @property
    def server(self) -> str:
        """The API server's URL."""
        return self._access.server

    def send(
        self,
        method: str,
        request: Request,
        path: str,
        query: Query,
        body: object,
        content_type: str,
        read_timeout: float,
    ) -> Any:
        """One HTTP request; returns urllib3's response, unread, with a 2xx status. Raises ClusterError."""
        import urllib3

        url = self.server + path + (f"?{urlencode(query)}" if query else "")
        for last in (False, True):
            headers = urllib3.HTTPHeaderDict([("Accept", "application/json")])
            for key, value in self._access.headers():
                headers.add(key, value)
            if body is not None:
                headers["Content-Type"] = content_type
            try:
                response = self._access.pool.request(
                    method,
                    url,
                    body=None if body is None else json.dumps(body),
                    headers=headers,
                    timeout=urllib3.Timeout(connect=CONNECT_TIMEOUT, read=read_timeout),
                    preload_content=False,
                )
                if 200 <= response.status < 300:
                    return response
                data = response.data[:ERROR_BYTES]
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise self._network_error(error, request) from error
            if response.status != 401 or last:
                break
            self._access.renew()
        raise from_answer(response.status, data, request, self._access.place)

    def _network_error(self, error: Exception, request: Request) -> ClusterError:
        from urllib3 import exceptions

        cause: BaseException = getattr(error, "reason", None) or error
        kinds = (
            (exceptions.SSLError, "TLS"),
            (exceptions.ProxyError, "Proxy"),
            (exceptions.NewConnectionError, "Unreachable"),  # before Timeout: it is one, by inheritance
            (exceptions.TimeoutError, "Timeout"),
        )
        kind = next((kind for family, kind in kinds if isinstance(cause, family)), "Unreachable")
        detail = str(cause).split(": ", 1)[-1] if isinstance(cause, exceptions.HTTPError) else str(cause)
        return from_network(kind, detail or type(cause).__name__, request, self._access.place)

    def json(
        self,
        method: str,
        request: Request,
        path: str,
        query: Query = (),
        body: object = None,
        content_type: str = "application/json",
    ) -> Raw:
        import urllib3

        response = self.send(method, request, path, query, body, content_type, self._request_timeout)
        try:
            value = json.loads(response.data)
        except (ValueError, RecursionError) as error:
            raise ClusterError(
                f"{self.server} answered with something that is not JSON. Is it a Kubernetes API server? "
                f"Check with: {self._access.place.kubectl('version')}",
                status=response.status,
                reason="Invalid",
                verb=request.verb,
                ref=request.ref,
            ) from error
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._network_error(error, request) from error
        return value if isinstance(value, dict) else {}

    def stream(
        self,
        request: Request,
        path: str,
        query: Query,
        stop: threading.Event,
        deadline: float | None,
        read_timeout: float,
    ) -> Iterator[bytes]:
        """The body's pieces as they come; ends quietly when told to. Raises ClusterError."""
        import urllib3

        response = self.send("GET", request, path, query, None, "", read_timeout)
        try:
            with _cut_at_end(response, stop, deadline) as was_cut:
                try:
                    yield from response.stream(64 * 1024) if response.chunked else iter(response.read1, b"")
                except (urllib3.exceptions.HTTPError, OSError) as error:
                    if not was_cut():
                        raise self._network_error(error, request) from error
        finally:
            response.close()

    def close(self) -> None:
        """Close idle connections."""
        self._access.pool.clear()


def collection_path(ref: Ref) -> str:
    """The URL path of the objects of this kind, in the ref's namespace if it has one."""
    root = f"/apis/{quote(ref.group, safe='')}" if ref.group else "/api"
    scope = f"/namespaces/{quote(ref.namespace, safe='')}" if ref.namespace else ""
    return f"{root}/{quote(ref.version, safe='')}{scope}/{quote(ref.plural, safe='')}"


def object_path(ref: Ref) -> str:
    """The URL path of one object. Raises ValueError without a name: the path would be the whole collection's."""
    if ref.name in ("", ".", ".."):
        raise ValueError(f"no name in {ref}")
    return f"{collection_path(ref)}/{quote(ref.name, safe='')}"


@contextmanager
def _cut_at_end(response: Any, stop: threading.Event, deadline: float | None) -> Iterator[Any]:
    """Cut the response's connection when ``stop`` is set or the deadline comes, so that a blocked read returns.

    Yields a function that tells whether that was so.
    """
    finished, cut = threading.Event(), threading.Event()

    def guard() -> None:
        while not finished.wait(0.1):
            if stop.is_set() or (deadline is not None and time.monotonic() >= deadline):
                cut.set()
                with suppress(ValueError, RuntimeError, OSError):  # it ended by itself just now
                    response.shutdown()
                return

    thread = threading.Thread(target=guard, name="kubectl-pydebug-stream", daemon=True)
    thread.start()
    try:
        yield cut.is_set
    finally:
        finished.set()
        thread.join(1.0)

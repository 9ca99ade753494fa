"""One connection to a port of a pod, over the API server's WebSocket (``pods/portforward``).

A WebSocket for each connection, with the subprotocol ``v4.channel.k8s.io`` (see frames).
"""

from __future__ import annotations

import asyncio
import json
import re
import socket
import ssl
from collections.abc import Callable, Sequence
from typing import Any, Protocol
from urllib.parse import quote

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK, InvalidHandshake, InvalidStatus
from websockets.typing import Subprotocol

from ..core.untrusted import one_line
from . import OpenStream, Stream
from .frames import SUBPROTOCOL, Decoder, FrameError, encode

OPEN_TIMEOUT = 20.0
"""Seconds for a whole dial: credentials, connection, TLS, handshake."""

CLOSE_TIMEOUT = 0.5
"""Seconds that we wait for the API server to answer our goodbye before the connection is just cut."""

PING_INTERVAL = 20.0
"""Seconds; load balancers cut connections that are silent for 60 s and more."""

MAX_MESSAGE = 8 * 1024 * 1024
"""Bytes in one message; the kubelet's are 32 KiB."""

READ_QUEUE = 64
"""Messages that wait for our reader before the API server is made to wait."""

WRITE_BUFFER = 256 * 1024
"""Bytes that wait for the network before our writer is made to wait."""


class Params(Protocol):
    """What it takes to reach the API server with a WebSocket; ``cluster.WebSocketParams`` is one."""

    @property
    def url(self) -> str: ...
    @property
    def ssl(self) -> ssl.SSLContext | None: ...
    @property
    def headers(self) -> Sequence[tuple[str, str]]: ...
    @property
    def server_hostname(self) -> str | None: ...
    @property
    def proxy(self) -> str | None: ...


ParamsFactory = Callable[[str, Sequence[tuple[str, str]]], Params]
"""(path, query) -> Params. Asked anew for every dial, in a worker thread: it may run a credential plugin."""


class TunnelError(Exception):
    """No stream, or its end before the first byte. ``str()`` is a sentence for people.

    ``status``: the API server's HTTP status, when it answered with one. ``refused``: the way into the pod works,
    but nothing listens on that port.
    """

    def __init__(self, text: str, *, status: int | None = None, refused: bool = False) -> None:
        super().__init__(text)
        self.status = status
        self.refused = refused


class PodStream:
    """A Stream over one WebSocket (see ``forward.Stream``)."""

    def __init__(self, websocket: ClientConnection, pod: str, port: int) -> None:
        self._websocket = websocket
        self._decoder = Decoder([port])
        self._pod = pod
        self._port = port
        self._pushed_back = b""
        self._any = False
        self._ended = False
        self.error = ""

    @property
    def refused(self) -> bool:
        """Whether the pod's side said that nothing listens there."""
        return "connection refused" in self.error

    async def read(self) -> bytes:
        """See ``Stream.read``; raises TunnelError when the stream fails before its first byte."""
        if self._pushed_back:
            data, self._pushed_back = self._pushed_back, b""
            return data
        while not self._ended:
            try:
                frame = self._decoder.decode(await self._websocket.recv())
            except ConnectionClosedOK:
                self._ended = True
            except ConnectionClosed as error:
                self._fail(f"the connection to the API server broke ({one_line(str(error))})")
            except FrameError as error:
                self._fail(f"the API server sent what no port-forward sends: {error}")
            else:
                if frame is None:
                    continue
                if not frame.is_error:
                    self._any = True
                    return frame.payload
                self._fail(one_line(frame.payload.decode("utf-8", "replace")))
        if self.error and not self._any:
            self._any = True  # said once; from now on it is an end like any other
            raise self._failure()
        return b""

    def _fail(self, text: str) -> None:
        self._ended = True
        self.error = text

    def _failure(self) -> TunnelError:
        if self.refused:
            return TunnelError(f"Nothing listens on port {self._port} in pod {self._pod}.", refused=True)
        return TunnelError(f"Port {self._port} of pod {self._pod} cannot be reached: {self.error}")

    async def write(self, data: bytes) -> None:
        """See ``Stream.write``; raises TunnelError when the stream is over."""
        try:
            for message in encode(data):
                await self._websocket.send(message)
        except ConnectionClosed as error:
            if not self.error and not isinstance(error, ConnectionClosedOK):
                self.error = f"the connection to the API server broke ({one_line(str(error))})"
            raise TunnelError(f"Port {self._port} of pod {self._pod} is closed. {self.error}".rstrip()) from error

    def unread(self, data: bytes) -> None:
        self._pushed_back = data + self._pushed_back

    async def aclose(self) -> None:
        self._ended = True
        await self._websocket.close()


async def open_stream(params_factory: ParamsFactory, namespace: str, pod: str, port: int) -> PodStream:
    """A stream to this port of the pod, whose loopback is where the connection arrives.

    That nothing listens there shows only at the first ``read``: the protocol has no earlier word for it.
    Raises TunnelError; what ``params_factory`` raises (bad credentials) is passed on.
    """
    path = f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{quote(pod, safe='')}/portforward"
    try:
        return await asyncio.wait_for(_dial(params_factory, path, namespace, pod, port), OPEN_TIMEOUT)
    except (asyncio.TimeoutError, TimeoutError) as error:
        raise TunnelError(f"The API server did not answer within {OPEN_TIMEOUT:.0f} s for pod {pod}.") from error


async def _dial(params_factory: ParamsFactory, path: str, namespace: str, pod: str, port: int) -> PodStream:
    params = await asyncio.to_thread(params_factory, path, (("ports", str(port)),))
    tls: dict[str, Any] = {}
    if params.ssl is not None:
        tls["ssl"] = params.ssl
        if params.server_hostname is not None:
            tls["server_hostname"] = params.server_hostname
    try:
        websocket = await connect(
            params.url,
            subprotocols=[Subprotocol(SUBPROTOCOL)],
            compression=None,  # the server has none, and a debugger's messages are small
            additional_headers=list(params.headers),
            user_agent_header=None,
            proxy=params.proxy,
            open_timeout=None,
            close_timeout=CLOSE_TIMEOUT,
            ping_interval=PING_INTERVAL,
            # The far end answers a ping only when it has passed on all data before it, so an application
            # that does not read would look like a dead connection.
            ping_timeout=None,
            max_size=MAX_MESSAGE,
            max_queue=READ_QUEUE,
            write_limit=WRITE_BUFFER,
            **tls,
        )
    except InvalidStatus as error:
        raise _rejected(error.response.status_code, error.response.body, namespace, pod) from error
    except InvalidHandshake as error:
        raise TunnelError(f"No port-forward to pod {pod}: {one_line(str(error))}") from error
    except ssl.SSLError as error:
        raise TunnelError(f"No port-forward to pod {pod}: TLS failed, {one_line(str(error))}") from error
    except OSError as error:
        raise TunnelError(f"No port-forward to pod {pod}: the API server cannot be reached, {error}") from error
    if websocket.subprotocol != SUBPROTOCOL:
        await websocket.close()
        raise TunnelError(f"No port-forward to pod {pod}: the API server does not speak {SUBPROTOCOL}.")
    _tune(websocket)
    return PodStream(websocket, pod, port)


def opener(params_factory: ParamsFactory, namespace: str, pod: str) -> OpenStream:
    """``open_stream`` for one pod, as the agent's functions want it."""

    async def open_port(port: int) -> Stream:
        return await open_stream(params_factory, namespace, pod, port)

    return open_port


def _tune(websocket: ClientConnection) -> None:
    tcp = websocket.transport.get_extra_info("socket")
    if tcp is not None:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)


def _rejected(status: int, body: bytes | bytearray | None, namespace: str, pod: str) -> TunnelError:
    """The sentence for an answer other than 101. ``body`` is a Status object or the text of some proxy."""
    message = _message(bytes(body or b""))
    if status == 403:
        # 1.34 and older ask for "get" on the subresource, 1.35 and newer for "create"; the message has the one missing.
        found = re.search(r"cannot (\w+) resource", message)
        verb = found.group(1) if found else "get (Kubernetes up to 1.34) or create (from 1.35)"
        test = found.group(1) if found else "create"
        text = (
            f"You may not {verb} pods/portforward in namespace {namespace}. "
            f"Check with: kubectl auth can-i {test} pods --subresource=portforward -n {namespace}"
        )
    elif status == 404:
        text = f"Pod {pod} is not in namespace {namespace}. See what is there: kubectl get pods -n {namespace}"
    elif status == 401:
        text = "The API server does not accept your credentials (401). Log in again, then check: kubectl auth whoami"
    else:
        text = f"The API server refuses the port-forward to pod {pod} ({status}). {message}".rstrip()
    return TunnelError(text, status=status)


def _message(body: bytes) -> str:
    try:
        status = json.loads(body)
    except (ValueError, RecursionError):
        status = body.decode("utf-8", "replace")
    if isinstance(status, dict):
        status = status.get("message", "")
    return one_line(str(status))

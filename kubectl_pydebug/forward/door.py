"""The door: a local port that is open for the whole session, whatever becomes of the pod.

A client that comes before there is a way to the debugger is held, its first bytes kept, and served when there is one.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Literal, cast

from ..core.untrusted import one_line
from . import Route, Stream
from .dap import Farewell

PORT = 5678
"""debugpy's customary port."""

NEIGHBOURS = 100
"""How many ports after the preferred one are tried before any free one is taken."""

MAX_CLIENTS = 256
"""Connections at once; an editor has one for each process that it debugs. More are closed at once."""

READ_BUFFER = 1024 * 1024
"""Bytes of one client that are kept for the pod before the client is made to wait."""

WRITE_BUFFER = 256 * 1024
"""Bytes that wait for a client to read them before the pod is made to wait."""

GOODBYE = 3.0
"""Seconds for a client to leave once it was told ``terminated``."""
LINGER = 0.5
"""Seconds of silence from the pod after which a client that said its last is taken for gone.

The tunnel cannot carry "I send no more" (there is no half-close in its protocol), and a client that merely stopped
sending looks like one that closed. Until then what the pod still sends is delivered."""


DIAL_LINGER = 2.0
"""Seconds for which the way is still made for a client that sent something and said that this was all."""


def bind(preferred: int = PORT) -> socket.socket:
    """A listening socket on 127.0.0.1: on ``preferred``, else the next free port, else any. Never a shared one.

    Raises OSError when there is no port at all.
    """
    for port in (*range(preferred, min(preferred + NEIGHBOURS, 65535) + 1), 0):
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            if sys.platform == "win32":
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
            elif sys.platform == "linux":
                # Here it only forgives the closed connections of our last run (TIME_WAIT). Elsewhere it would let us
                # take 127.0.0.1 from a program that listens on all addresses.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(("127.0.0.1", port))
            sock.listen(128)
        except OSError as error:
            sock.close()
            if port == 0 or error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
        else:
            return sock
    raise AssertionError("the loop ends with port 0: it returns or raises")


@dataclass(frozen=True)
class DoorEvent:
    """A client came and is held, got its way to the debugger, left, or its way failed; ``text`` says why."""

    kind: Literal["held", "joined", "left", "failed"]
    client: int
    """Number of the client, from 1 in order of arrival."""
    text: str = ""


class _Client(asyncio.Protocol):
    """A local connection: bytes in with a bounded buffer, bytes out with back pressure."""

    def __init__(self, arrived: Callable[[_Client], None]) -> None:
        self._arrived = arrived
        self._transport: asyncio.Transport
        self._pieces: list[bytes] = []
        self._size = 0
        self._paused = False
        self._wakeup: asyncio.Future[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self.ended = asyncio.Event()
        """Set when the client sends no more: it said so, or it is gone."""
        self.lost = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._arrived(self)

    def data_received(self, data: bytes) -> None:
        self._pieces.append(data)
        self._size += len(data)
        if self._size >= READ_BUFFER and not self._paused:
            self._paused = True
            self._transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        self.ended.set()
        self._wake()
        return True  # we still write: see LINGER

    def connection_lost(self, exc: Exception | None) -> None:
        self.lost = True
        self.ended.set()
        self._writable.set()
        self._wake()

    def pause_writing(self) -> None:
        self._writable.clear()

    def resume_writing(self) -> None:
        self._writable.set()

    def _wake(self) -> None:
        if self._wakeup is not None and not self._wakeup.done():
            self._wakeup.set_result(None)

    @property
    def pending(self) -> bool:
        """Whether there are bytes that nobody has read yet."""
        return bool(self._pieces)

    async def read(self) -> bytes:
        """What has come since the last time, at least one byte; ``b""`` at the end."""
        while not self._pieces and not self.ended.is_set():
            self._wakeup = asyncio.get_running_loop().create_future()
            await self._wakeup
        data = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        self._pieces.clear()
        self._size = 0
        if self._paused and not self.lost:
            self._paused = False
            self._transport.resume_reading()
        return data

    async def write(self, data: bytes) -> None:
        self._transport.write(data)
        await self._writable.wait()

    def close(self) -> None:
        """Close once everything written is sent."""
        self._transport.close()

    def abort(self) -> None:
        self._transport.abort()


class Door:
    """Serves the clients of one listening socket. Lives in the event loop in which ``start`` was awaited.

    ``set_route`` may be called from any thread, any number of times: each client takes the route of the moment when it
    comes, or the first one that is set after it came. ``on_event`` is called in the loop's thread and must not block.
    """

    def __init__(self, sock: socket.socket, on_event: Callable[[DoorEvent], None] | None = None) -> None:
        self._sock = sock
        self._on_event = on_event or (lambda event: None)
        self._route: Route | None = None
        self._routed = asyncio.Event()
        self._clients: set[asyncio.Task[None]] = set()
        self._count = 0
        self._server: asyncio.Server | None = None
        self._loop: asyncio.AbstractEventLoop
        self.port: int = sock.getsockname()[1]

    async def start(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = await self._loop.create_server(lambda: _Client(self._arrived), sock=self._sock)

    def set_route(self, route: Route | None) -> None:
        """From now on clients go this way; None: hold them. Connections that exist are left alone."""
        self._loop.call_soon_threadsafe(self._set_route, route)

    def _set_route(self, route: Route | None) -> None:
        self._route = route
        if route is None:
            self._routed.clear()
        else:
            self._routed.set()

    async def aclose(self) -> None:
        """Close the port and every connection."""
        if self._server is None:
            self._sock.close()
            return
        self._server.close()
        for task in self._clients:
            task.cancel()
        await asyncio.gather(*self._clients, return_exceptions=True)
        await self._server.wait_closed()

    def _arrived(self, client: _Client) -> None:
        if len(self._clients) >= MAX_CLIENTS:
            client.abort()
            return
        self._count += 1
        task = self._loop.create_task(self._serve(client, self._count))
        self._clients.add(task)
        task.add_done_callback(self._clients.discard)

    async def _serve(self, client: _Client, number: int) -> None:
        stream: Stream | None = None
        try:
            stream = await self._join(client, number)
            if stream is not None:
                self._on_event(DoorEvent("joined", number))
                await splice(client, stream)
            self._on_event(DoorEvent("left", number, one_line(stream.error) if stream else ""))
        except Exception as error:  # whatever a route raises ends this client only, and is told
            self._on_event(DoorEvent("failed", number, one_line(str(error) or type(error).__name__)))
        finally:
            client.close()
            if stream is not None:
                await stream.aclose()

    async def _join(self, client: _Client, number: int) -> Stream | None:
        """The client's stream, or None when it went away while it was held."""
        if not self._routed.is_set():
            self._on_event(DoorEvent("held", number))
        gone = asyncio.ensure_future(client.ended.wait())
        way = asyncio.ensure_future(self._open())
        try:
            await asyncio.wait((gone, way), return_when=asyncio.FIRST_COMPLETED)
            if not way.done() and client.pending and not client.lost and self._routed.is_set():
                await asyncio.wait((way,), timeout=DIAL_LINGER)
            if way.done():
                return way.result()
            return None
        finally:
            await cancel(gone)
            if not way.done():
                await cancel(way)

    async def _open(self) -> Stream:
        while True:
            await self._routed.wait()
            if self._route is not None:
                return await self._route()


async def splice(client: _Client, stream: Stream, linger: float = LINGER) -> None:
    """Carry bytes both ways until either side ends. What the pod sent before its end reaches the client.

    A debug adapter that dies with its container has no time to say so: its client is told ``terminated`` from here,
    since an editor takes a connection that just closes for a fault. Raises what ``stream`` raises.
    """
    loop = asyncio.get_running_loop()
    last_from_pod = loop.time()
    farewell = Farewell()

    async def upward() -> None:
        while data := await client.read():
            await stream.write(data)

    async def downward() -> None:
        nonlocal last_from_pod
        while data := await stream.read():
            last_from_pod = loop.time()
            farewell.feed(data)
            await client.write(data)

    up, down = asyncio.ensure_future(upward()), asyncio.ensure_future(downward())
    try:
        await asyncio.wait((up, down), return_when=asyncio.FIRST_COMPLETED)
        while not down.done() and not client.lost and (silence := loop.time() - last_from_pod) < linger:
            await asyncio.wait((down,), timeout=linger - silence)
        if down.done() and not client.lost and (words := farewell.last_words()):
            await client.write(words)
            with suppress(TimeoutError, asyncio.TimeoutError):
                await asyncio.wait_for(client.ended.wait(), GOODBYE)
        for task in (down, up):
            if task.done():
                task.result()
    finally:
        await cancel(up, down)


async def cancel(*tasks: asyncio.Future[Any]) -> None:
    """Cancel and see them end; what they may raise on the way is of no interest any more."""
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)

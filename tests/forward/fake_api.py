"""An API server's port-forward endpoint over a real socket: WebSocket, subprotocol, port numbers, kubelet's errors.

A "pod's port" is a port of this machine's loopback.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from kubectl_pydebug.cluster import WebSocketParams

SUBPROTOCOL = "v4.channel.k8s.io"
Talk = Callable[[ServerConnection, int], Awaitable[None]]


@dataclass
class FakeApi:
    """``talk`` is what happens on an accepted WebSocket; ``status`` not 101: the answer instead of one."""

    talk: Talk | None = None
    status: int = 101
    message: str = ""
    subprotocols: Sequence[str] = (SUBPROTOCOL,)
    requests: list[Request] = field(default_factory=list)
    live: set[ServerConnection] = field(default_factory=set)
    url: str = ""
    client_tls: ssl.SSLContext | None = None
    dials: int = 0

    def params(self, path: str, query: Sequence[tuple[str, str]]) -> WebSocketParams:
        self.dials += 1
        text = "&".join(f"{key}={value}" for key, value in query)
        headers = (
            ("Authorization", f"Bearer token-{self.dials}"),
            ("Impersonate-Group", "a"),
            ("Impersonate-Group", "b"),
        )
        return WebSocketParams(f"{self.url}{path}?{text}", self.client_tls, headers, None, None)

    def answer(self, connection: ServerConnection, request: Request) -> Response | None:
        self.requests.append(request)
        if self.status == 101:
            return None
        response = connection.respond(HTTPStatus(self.status), json.dumps({"kind": "Status", "message": self.message}))
        del response.headers["Content-Type"]
        response.headers["Content-Type"] = "application/json"
        return response

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        port = int(parse_qs(urlsplit(connection.request.path).query)["ports"][0])
        self.live.add(connection)
        try:
            await (self.talk or forward)(connection, port)
        finally:
            self.live.discard(connection)


@asynccontextmanager
async def serving(api: FakeApi, server_tls: ssl.SSLContext | None = None) -> AsyncIterator[FakeApi]:
    server: Server = await serve(
        api.handle,
        "127.0.0.1",
        0,
        ssl=server_tls,
        subprotocols=list(api.subprotocols) or None,  # type: ignore[arg-type]
        process_request=api.answer,
        compression=None,
        close_timeout=0.2,
    )
    scheme, host = ("wss", "localhost") if server_tls else ("ws", "127.0.0.1")
    api.url = f"{scheme}://{host}:{server.sockets[0].getsockname()[1]}"
    try:
        yield api
    finally:
        server.close()
        await server.wait_closed()


async def announce(connection: ServerConnection, port: int) -> None:
    for channel in (0, 1):
        await connection.send(bytes((channel,)) + port.to_bytes(2, "little"))


async def forward(connection: ServerConnection, port: int) -> None:
    """As kubelet and containerd do it."""
    await announce(connection, port)
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        text = f"error forwarding port {port} to pod x, uid : dial tcp4 127.0.0.1:{port}: connect: connection refused"
        await connection.send(b"\x01" + text.encode())
        return

    async def down() -> None:
        while data := await reader.read(32768):
            await connection.send(b"\x00" + data)

    async def up() -> None:
        async for message in connection:
            assert isinstance(message, bytes)
            assert message[0] == 0
            writer.write(message[1:])
            await writer.drain()

    tasks = [asyncio.ensure_future(down()), asyncio.ensure_future(up())]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            if not isinstance(task.exception(), (ConnectionClosed, ConnectionError, type(None))):
                task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        writer.close()


@asynccontextmanager
async def listening(
    serve_client: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]],
) -> AsyncIterator[int]:
    """A program in the "pod"; yields its port. Waits at the end until no client is served any more."""
    served: set[asyncio.Task[None]] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        served.add(task)
        try:
            await serve_client(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()
            served.discard(task)

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        if served:
            await asyncio.wait(served, timeout=5)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()


def free_port() -> int:
    """A port on which nothing listens at the moment."""
    import socket

    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port

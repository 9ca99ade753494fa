"""Streams over real sockets to a fake API server."""

from __future__ import annotations

import asyncio
import ssl

import pytest
import trustme

from kubectl_pydebug.forward import tunnel
from kubectl_pydebug.forward.tunnel import TunnelError, open_stream
from tests.forward.fake_api import FakeApi, ServerConnection, announce, echo, free_port, listening, serving


async def read_all(stream: tunnel.PodStream) -> bytes:
    whole = b""
    while data := await stream.read():
        whole += data
    return whole


def test_bytes_go_both_ways_and_in_order() -> None:
    async def main() -> None:
        async with listening(echo) as port, serving(FakeApi()) as api:
            stream = await open_stream(api.params, "ns", "pod", port)
            sent = bytes(range(256)) * 4096
            writing = asyncio.ensure_future(stream.write(sent))
            got = b""
            while len(got) < len(sent):
                got += await stream.read()
            await writing
            assert got == sent
            stream.unread(b"first")
            assert await stream.read() == b"first"
            await stream.aclose()
            assert await stream.read() == b""
            assert stream.error == ""

    asyncio.run(main())


def test_the_request_is_kubernetes() -> None:
    async def main() -> None:
        async with listening(echo) as port, serving(FakeApi()) as api:
            for _ in range(2):
                await (await open_stream(api.params, "a b", "x/y", port)).aclose()
            first, second = api.requests
            assert first.path == f"/api/v1/namespaces/a%20b/pods/x%2Fy/portforward?ports={port}"
            assert first.headers["Sec-WebSocket-Protocol"] == "v4.channel.k8s.io"
            assert "Sec-WebSocket-Extensions" not in first.headers
            assert first.headers.get_all("Impersonate-Group") == ["a", "b"]
            tokens = [request.headers["Authorization"] for request in (first, second)]
            assert tokens == ["Bearer token-1", "Bearer token-2"]

    asyncio.run(main())


def test_tls_is_verified() -> None:
    authority = trustme.CA()
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_tls)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async def main() -> None:
        async with listening(echo) as port, serving(FakeApi(client_tls=trusting), server_tls) as api:
            stream = await open_stream(api.params, "ns", "pod", port)
            await stream.write(b"hello")
            assert await stream.read() == b"hello"
            await stream.aclose()
            api.client_tls = ssl.create_default_context()
            with pytest.raises(TunnelError, match="TLS failed"):
                await open_stream(api.params, "ns", "pod", port)

    asyncio.run(main())


def test_a_port_where_nothing_listens() -> None:
    async def main() -> None:
        port = free_port()
        async with serving(FakeApi()) as api:
            stream = await open_stream(api.params, "ns", "pod", port)
            with pytest.raises(TunnelError, match=f"Nothing listens on port {port} in pod pod") as caught:
                await stream.read()
            assert caught.value.refused
            assert await stream.read() == b""
            await stream.aclose()

    asyncio.run(main())


def test_an_error_after_data_is_an_end() -> None:
    async def talk(connection: ServerConnection, port: int) -> None:
        await announce(connection, port)
        await connection.send(b"\x00data")
        await connection.send(b"\x01reset \x1b[31mby\x1b[0m peer\n")

    async def main() -> None:
        async with serving(FakeApi(talk)) as api:
            stream = await open_stream(api.params, "ns", "pod", 80)
            assert await read_all(stream) == b"data"
            assert stream.error == "reset by peer"
            await stream.aclose()

    asyncio.run(main())


def test_a_cut_connection_is_told() -> None:
    async def talk(connection: ServerConnection, port: int) -> None:
        await announce(connection, port)
        await connection.send(b"\x00data")
        connection.transport.abort()

    async def main() -> None:
        async with serving(FakeApi(talk)) as api:
            stream = await open_stream(api.params, "ns", "pod", 80)
            assert await read_all(stream) == b"data"
            assert "broke" in stream.error
            with pytest.raises(TunnelError, match="is closed"):
                await stream.write(b"x")
            await stream.aclose()

    asyncio.run(main())


def test_a_server_that_talks_nonsense() -> None:
    async def talk(connection: ServerConnection, port: int) -> None:
        await connection.send("hello")

    async def main() -> None:
        async with serving(FakeApi(talk)) as api:
            stream = await open_stream(api.params, "ns", "pod", 80)
            with pytest.raises(TunnelError, match="no port-forward sends: a text message"):
                await stream.read()
            await stream.aclose()

    asyncio.run(main())


def test_a_server_without_the_subprotocol() -> None:
    async def main() -> None:
        async with serving(FakeApi(subprotocols=())) as api:
            with pytest.raises(TunnelError, match=r"does not speak v4\.channel"):
                await open_stream(api.params, "ns", "pod", 80)

    asyncio.run(main())


FORBIDDEN = 'pods "x" is forbidden: User "joe" cannot {} resource "pods/portforward" in API group ""'


@pytest.mark.parametrize(
    ("status", "message", "words"),
    [
        (
            403,
            FORBIDDEN.format("get"),
            "may not get pods/portforward .* can-i get pods --subresource=portforward -n ns",
        ),
        (403, FORBIDDEN.format("create"), "may not create pods/portforward .* can-i create pods"),
        (403, "no", r"may not get \(Kubernetes up to 1\.34\) or create \(from 1\.35\)"),
        (404, "", "Pod pod is not in namespace ns"),
        (401, "", "credentials .* kubectl auth whoami"),
        (500, "pod is \x1b[1mnot running", r"\(500\)\. pod is not running"),
    ],
)
def test_a_refused_handshake_says_what_to_do(status: int, message: str, words: str) -> None:
    async def main() -> None:
        async with serving(FakeApi(status=status, message=message)) as api:
            with pytest.raises(TunnelError, match=words) as caught:
                await open_stream(api.params, "ns", "pod", 80)
            assert caught.value.status == status
            assert not caught.value.refused

    asyncio.run(main())


def test_no_server_at_all() -> None:
    api = FakeApi(url=f"ws://127.0.0.1:{free_port()}")
    with pytest.raises(TunnelError, match="the API server cannot be reached"):
        asyncio.run(open_stream(api.params, "ns", "pod", 80))


def test_a_silent_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tunnel, "OPEN_TIMEOUT", 0.2)

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # until the client gives up

    async def main() -> None:
        async with listening(silent) as port:
            api = FakeApi(url=f"ws://127.0.0.1:{port}")
            began = asyncio.get_running_loop().time()
            with pytest.raises(TunnelError, match="did not answer within"):
                await open_stream(api.params, "ns", "pod", 80)
            assert asyncio.get_running_loop().time() - began < 2

    asyncio.run(main())


def test_the_proxy_of_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the kubeconfig's rules say whether there is one, and they come with the parameters."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async def main() -> None:
        async with listening(echo) as port, serving(FakeApi()) as api:
            await (await open_stream(api.params, "ns", "pod", port)).aclose()

    asyncio.run(main())


def test_a_reader_that_rests_makes_the_pod_wait() -> None:
    """Not all of what the pod sends may pile up here."""
    sent = 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        while sent < 400 * 1024 * 1024:
            writer.write(bytes(65536))
            await writer.drain()
            sent += 65536

    async def main() -> None:
        async with listening(flood) as port, serving(FakeApi()) as api:
            stream = await open_stream(api.params, "ns", "pod", port)
            assert await stream.read()
            before = -1
            while sent != before:
                before = sent
                await asyncio.sleep(0.3)
            assert sent < 100 * 1024 * 1024
            await stream.aclose()

    asyncio.run(main())

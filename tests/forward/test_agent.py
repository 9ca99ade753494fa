"""The host's side of the agent protocol, against an agent that is written from the contract, and against impostors."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import pytest

from kubectl_pydebug.forward import Stream, agent
from kubectl_pydebug.forward.agent import AgentError, Credentials
from kubectl_pydebug.forward.tunnel import TunnelError

MINE = Credentials.new("abc123")


class PipeStream:
    """A Stream to a reader/writer pair."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._back = b""
        self.error = ""
        self.closed = False

    async def read(self) -> bytes:
        if self._back:
            data, self._back = self._back, b""
            return data
        return await self._reader.read(65536)

    async def write(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    def unread(self, data: bytes) -> None:
        self._back = data + self._back

    async def aclose(self) -> None:
        self.closed = True
        self._writer.close()


@dataclass
class Pod:
    """Ports of a pod, by number: what answers on them. Others refuse."""

    stack: AsyncExitStack
    real: dict[int, int] = field(default_factory=dict)
    dialled: list[int] = field(default_factory=list)
    streams: list[PipeStream] = field(default_factory=list)

    async def listen(self, port: int, talk: Callable[..., Coroutine[Any, Any, None]]) -> None:
        async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                await talk(reader, writer)
            except ConnectionError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(one, "127.0.0.1", 0)
        self.stack.callback(server.close)
        self.real[port] = server.sockets[0].getsockname()[1]

    async def open_stream(self, port: int) -> Stream:
        self.dialled.append(port)
        if port not in self.real:
            raise TunnelError("refused", refused=True)
        stream = PipeStream(*await asyncio.open_connection("127.0.0.1", self.real[port]))
        self.streams.append(stream)
        return stream


def in_pod(test: Callable[[Pod], Coroutine[Any, Any, None]]) -> None:
    async def main() -> None:
        async with AsyncExitStack() as stack:
            pod = Pod(stack)
            await asyncio.wait_for(test(pod), 20)
            assert all(stream.closed for stream in pod.streams)

    asyncio.run(main())


def an_agent(
    port: int, after: bytes = b"", credentials: Credentials = MINE, seen: list[dict[str, Any]] | None = None
) -> Callable[..., Coroutine[Any, Any, None]]:
    """The contract's agent: ``after`` is sent in one piece with the "ok" of step 4."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = json.loads(await reader.readline())
        assert hello["v"] == 1
        message = f"agent:{hello['nonce']}:{port}".encode()
        proof = hmac.new(bytes.fromhex(credentials.verifier), message, hashlib.sha256).hexdigest()
        writer.write(json.dumps({"v": 1, "port": port, "proof": proof}).encode() + b"\n")
        line = await reader.readline()
        if not line:
            return
        request = json.loads(line)
        if seen is not None:
            seen.append({**request, "session": hello["session"]})
        if hashlib.sha256(bytes.fromhex(request["token"])).hexdigest() != credentials.verifier:
            return
        writer.write(b'{"ok":true}\n' + after)
        await writer.drain()
        if request["service"] == "dap":
            while data := await reader.read(65536):
                writer.write(data)

    return talk


def says(data: bytes) -> Callable[..., Coroutine[Any, Any, None]]:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(data)
        await writer.drain()
        await reader.read()

    return talk


async def is_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.read()  # never more than the request comes, so this ends with the connection


def test_the_token_is_not_in_the_repr() -> None:
    assert MINE.token not in repr(MINE)
    assert hashlib.sha256(bytes.fromhex(MINE.token)).hexdigest() == MINE.verifier


def test_the_debugger_gets_every_byte_and_only_the_debuggers() -> None:
    seen: list[dict[str, Any]] = []

    async def test(pod: Pod) -> None:
        await pod.listen(7001, an_agent(7001, after=b"Content-Length: 2\r\n\r\n{}", seen=seen))
        stream = await agent.dial(pod.open_stream, 7001, MINE, "dap", {"extra": 1})
        assert await stream.read() == b"Content-Length: 2\r\n\r\n{}"
        await stream.write(b"echo")
        assert await stream.read() == b"echo"
        await stream.aclose()

    in_pod(test)
    assert seen == [{"token": MINE.token, "service": "dap", "extra": 1, "session": "abc123"}]


def test_the_port_is_found_among_refusals_and_strangers() -> None:
    async def test(pod: Pod) -> None:
        await pod.listen(7001, says(b"SSH-2.0-OpenSSH\r\n"))
        await pod.listen(7002, says(b'{"v":1,"port":7002,"proof":"00"}\n'))
        await pod.listen(7003, an_agent(7003))
        assert await agent.find_port(pod.open_stream, [7000, 7001, 7002, 7003, 7004], MINE) == 7003
        assert pod.dialled == [7000, 7001, 7002, 7003]
        assert await agent.find_port(pod.open_stream, [7000, 7004], MINE) is None

    in_pod(test)


def test_a_silent_candidate_does_not_hold_up_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "STAGGER", 0.05)

    async def test(pod: Pod) -> None:
        await pod.listen(7001, is_silent)
        await pod.listen(7002, an_agent(7002))
        finding = agent.find_port(pod.open_stream, [7001, 7002], MINE)
        assert await asyncio.wait_for(finding, agent.HANDSHAKE_TIMEOUT / 2) == 7002

    in_pod(test)


def test_no_way_into_the_pod_is_not_an_absent_agent() -> None:
    async def forbidden(port: int) -> Stream:
        raise TunnelError("no rights", status=403)

    with pytest.raises(TunnelError, match="no rights"):
        asyncio.run(agent.find_port(forbidden, [7001, 7002], MINE))


def test_waiting_for_the_agent() -> None:
    async def test(pod: Pod) -> None:
        with pytest.raises(TimeoutError, match="nothing of ours"):
            await agent.wait_for_port(pod.open_stream, [7001, 7002], MINE, timeout=0.1)
        waiting = asyncio.ensure_future(agent.wait_for_port(pod.open_stream, [7001, 7002], MINE, timeout=10))
        await asyncio.sleep(0)
        await pod.listen(7002, an_agent(7002))
        assert await waiting == 7002

    in_pod(test)


@pytest.mark.parametrize(
    ("talk", "reason"),
    [
        pytest.param(says(b"\xff\xfe\n"), "stranger", id="not-text"),
        pytest.param(says(b"[1]\n"), "stranger", id="not-an-object"),
        pytest.param(says(b"[" * 60000 + b"\n"), "stranger", id="deep"),
        pytest.param(says(b'{"v":2,"port":7001,"proof":"00"}\n'), "stranger", id="other-version"),
        pytest.param(says(b'{"v":1,"port":true,"proof":"00"}\n'), "stranger", id="odd-port"),
        pytest.param(says(b'{"v":1,"port":7001,"proof":null}\n'), "stranger", id="no-proof"),
        pytest.param(says(b'{"v":1,"port":7001,"proof":"\xc3\xa9"}\n'), "stranger", id="odd-proof"),
        pytest.param(says(b"x" * 70000), "junk", id="endless-line"),
        pytest.param(an_agent(7002), "relayed", id="relay"),
        pytest.param(an_agent(7001, credentials=Credentials.new("abc123")), "stranger", id="other-session"),
    ],
)
def test_impostors(talk: Callable[..., Coroutine[Any, Any, None]], reason: str) -> None:
    async def test(pod: Pod) -> None:
        await pod.listen(7001, talk)
        with pytest.raises(AgentError) as caught:
            await agent.dial(pod.open_stream, 7001, MINE, "dap")
        assert caught.value.reason == reason
        assert MINE.token not in str(caught.value)

    in_pod(test)


def test_an_impostor_never_sees_the_token() -> None:
    got: list[bytes] = []

    async def greedy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(b'{"v":1,"port":7001,"proof":"00"}\n')
        got.append(await reader.read())

    async def test(pod: Pod) -> None:
        await pod.listen(7001, greedy)
        with pytest.raises(AgentError):
            await agent.dial(pod.open_stream, 7001, MINE, "dap")
        while not got:
            await asyncio.sleep(0)

    in_pod(test)
    assert got == [b""]


def test_a_wrong_token_is_told_as_denied() -> None:
    wrong = Credentials("abc123", "00" * 32, MINE.verifier)

    async def test(pod: Pod) -> None:
        await pod.listen(7001, an_agent(7001))
        with pytest.raises(AgentError, match="does not accept this session") as caught:
            await agent.dial(pod.open_stream, 7001, wrong, "dap")
        assert caught.value.reason == "denied"

    in_pod(test)


def test_the_agents_own_refusal_is_cleaned() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        hello = json.loads(await reader.readline())
        key, message = bytes.fromhex(MINE.verifier), f"agent:{hello['nonce']}:7001".encode()
        proof = hmac.new(key, message, hashlib.sha256).hexdigest()
        writer.write(json.dumps({"v": 1, "port": 7001, "proof": proof}).encode() + b"\n")
        await reader.readline()
        writer.write(json.dumps({"ok": False, "error": "\x1b[31mbusy\x1b[0m\n"}).encode() + b"\n")

    async def test(pod: Pod) -> None:
        await pod.listen(7001, refuse)
        with pytest.raises(AgentError, match=r"refuses: busy$"):
            await agent.dial(pod.open_stream, 7001, MINE, "dap")

    in_pod(test)


def test_a_silent_port_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "HANDSHAKE_TIMEOUT", 0.1)

    async def test(pod: Pod) -> None:
        await pod.listen(7001, is_silent)
        with pytest.raises(AgentError, match="does not answer") as caught:
            await agent.dial(pod.open_stream, 7001, MINE, "dap")
        assert caught.value.reason == "silent"

    in_pod(test)


def test_status_tells_each_change_once() -> None:
    lines = b'{"state":"starting"}\n{"state":"starting"}\n{"state":"waiting"}\n{"state":"starting"}\n'

    async def test(pod: Pod) -> None:
        await pod.listen(7001, an_agent(7001, after=lines))
        told = [state["state"] async for state in agent.status(pod.open_stream, 7001, MINE)]
        assert told == ["starting", "waiting", "starting"]

    in_pod(test)


@pytest.mark.parametrize("after", [b"nonsense\n", b'{"state":', b"x" * 1100000, b"[]\n"])
def test_junk_in_the_status(after: bytes) -> None:
    async def test(pod: Pod) -> None:
        await pod.listen(7001, an_agent(7001, after=after))
        with pytest.raises(AgentError) as caught:
            async for _ in agent.status(pod.open_stream, 7001, MINE):
                pass
        assert caught.value.reason == "junk"

    in_pod(test)


def test_sources() -> None:
    answer = {
        "cwd": "/app",
        "script": None,
        "sys_path": [],
        "files": [["/app/a.py"] * 2 + [1, "00"]],
        "truncated": False,
    }
    seen: list[dict[str, Any]] = []

    async def test(pod: Pod) -> None:
        await pod.listen(7001, an_agent(7001, after=json.dumps(answer).encode() + b"\n", seen=seen))
        assert await agent.sources(pod.open_stream, 7001, MINE, {"a.py": [2, 1, 2]}, limit=7) == answer
        await pod.listen(7002, an_agent(7002))
        with pytest.raises(AgentError, match="instead of listing"):
            await agent.sources(pod.open_stream, 7002, MINE, {})

    in_pod(test)
    assert (seen[0]["service"], seen[0]["names"], seen[0]["limit"]) == ("sources", {"a.py": [1, 2]}, 7)


def test_more_names_than_a_request_holds() -> None:
    seen: list[dict[str, Any]] = []

    async def tolerant(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        reader._limit = 1 << 22  # type: ignore[attr-defined]  # asyncio's readline stops at 64 KiB
        await an_agent(7001, after=b"{}\n", seen=seen)(reader, writer)

    async def test(pod: Pod) -> None:
        await pod.listen(7001, tolerant)
        names = {f"module_{number:06}.py": [number] for number in range(60000)}
        await agent.sources(pod.open_stream, 7001, MINE, names)

    in_pod(test)
    sent = seen[0]["names"]
    assert 20000 < len(sent) < 60000
    assert list(sent)[:2] == ["module_000000.py", "module_000001.py"]

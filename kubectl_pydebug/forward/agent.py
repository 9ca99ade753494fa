"""The host's side of the agent protocol: prove who is who, then use one of the agent's services.

The agent is our end in the container. Every container of the pod shares its loopback, so each side proves itself
before a debugger's byte goes through: the agent knows the verifier and says which port it listens on (one that
relays from another port is found out), the host knows the token of which the verifier is the hash. What comes from
there is untrusted: lines and answers are bounded, everything is checked.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import secrets
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from ..core.untrusted import one_line
from . import OpenStream, Stream
from .tunnel import TunnelError

VERSION = 1
MAX_HANDSHAKE_LINE = 64 * 1024
MAX_REQUEST_LINE = 1024 * 1024
"""Bytes of the request, which may carry the names of a whole checkout's files; the agent takes 4 MiB."""

MAX_STATUS_LINE = 1024 * 1024
MAX_SOURCES_LINE = 32 * 1024 * 1024

HANDSHAKE_TIMEOUT = 10.0
"""Seconds for the agent's two answers; it is on the loopback of a container that may be busy."""

STAGGER = 0.3
"""Seconds after which the next candidate port is asked while the one before is still silent."""

SOURCES_TIMEOUT = 60.0
"""Seconds for the agent to find and hash the sources."""

Service = Literal["dap", "status", "sources"]
Reason = Literal["ended", "silent", "stranger", "relayed", "denied", "junk"]


@dataclass(frozen=True)
class Credentials:
    """A session's identity. ``verifier`` is the SHA-256 (hex) of the bytes of ``token`` (hex)."""

    session: str
    token: str = field(repr=False)
    verifier: str

    @classmethod
    def new(cls, session: str) -> Credentials:
        """With a fresh token of 32 random bytes."""
        token = secrets.token_bytes(32)
        return cls(session, token.hex(), hashlib.sha256(token).hexdigest())


class AgentError(Exception):
    """The other end is not our agent, or did not serve us. ``reason`` tells which:

    ended (closed without an answer), silent (no answer in time), stranger (no proof, or no sense), relayed
    (the proof is for another port), denied (the agent refused; its text is in the message), junk (after the handshake).
    """

    def __init__(self, reason: Reason, text: str) -> None:
        super().__init__(text)
        self.reason: Reason = reason


async def find_port(open_stream: OpenStream, candidates: Sequence[int], credentials: Credentials) -> int | None:
    """The candidate on which our agent listens, or None when it (still) does not.

    Candidates are asked in order, the next as soon as one is not it, or is silent for STAGGER seconds.
    Raises TunnelError when there is no way into the pod at all.
    """
    waiting = list(candidates)
    tasks: list[asyncio.Task[int | None]] = []
    asked: set[asyncio.Task[int | None]] = set()
    try:
        while waiting or asked:
            if waiting:
                tasks.append(asyncio.ensure_future(_ask(open_stream, waiting.pop(0), credentials)))
                asked.add(tasks[-1])
            done, asked = await asyncio.wait(
                asked, timeout=STAGGER if waiting else None, return_when=asyncio.FIRST_COMPLETED
            )
            found = [port for port in (task.result() for task in done) if port is not None]
            if found:
                return found[0]
        return None
    finally:
        for task in tasks:
            task.cancel()
        # All of them, so that asyncio does not print the errors of those that nobody asked for a result.
        await asyncio.gather(*tasks, return_exceptions=True)


async def wait_for_port(
    open_stream: OpenStream, candidates: Sequence[int], credentials: Credentials, timeout: float, pause: float = 0.03
) -> int:
    """``find_port`` until the agent is there; ``timeout`` in seconds, ``pause`` between two tries at first.

    Nothing tells us when a port opens, so we ask again; all candidates only at every fourth try, since an agent
    that is not up yet will take the first one in nearly every pod. Raises TimeoutError, and TunnelError like find_port.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    tries = 0
    while True:
        port = await find_port(open_stream, candidates if tries % 4 == 0 else candidates[:1], credentials)
        if port is not None:
            return port
        tries += 1
        if loop.time() >= deadline:
            raise TimeoutError(f"nothing of ours listens in the container after {timeout:.0f} s")
        await asyncio.sleep(min(pause * 1.2 ** min(tries, 20), 0.2))


async def dial(
    open_stream: OpenStream,
    port: int,
    credentials: Credentials,
    service: Service,
    request: Mapping[str, object] | None = None,
) -> Stream:
    """A stream to this service of the agent on ``port``, the handshake done; ``request`` adds to the service's request.

    Raises AgentError, TunnelError.
    """
    stream = await open_stream(port)
    try:
        await asyncio.wait_for(_handshake(stream, port, credentials, service, request or {}), HANDSHAKE_TIMEOUT)
    except (asyncio.TimeoutError, TimeoutError) as error:
        await stream.aclose()
        raise AgentError("silent", f"Port {port} in the pod accepts connections but does not answer.") from error
    except BaseException:
        await stream.aclose()
        raise
    return stream


async def status(open_stream: OpenStream, port: int, credentials: Credentials) -> AsyncIterator[dict[str, Any]]:
    """What the agent tells of itself and its processes: the present state, then one for each change, until it ends.

    Raises AgentError, TunnelError.
    """
    stream = await dial(open_stream, port, credentials, "status")
    try:
        last = b""
        while (line := await _read_line(stream, MAX_STATUS_LINE)) is not None:
            if line != last:  # the agent repeats itself, to show that it lives
                yield _object(line, "junk")
            last = line
    finally:
        await stream.aclose()


async def sources(
    open_stream: OpenStream,
    port: int,
    credentials: Credentials,
    names: Mapping[str, Sequence[int]],
    limit: int = 20000,
) -> dict[str, Any]:
    """The container's Python sources that may equal a local one: {cwd, script, sys_path, files, truncated}.

    ``names``: base name -> sizes in bytes of the local files of that name. ``limit`` bounds the number of files. Names
    beyond what one request holds (1 MiB) are left out from the end. Raises AgentError, TunnelError.
    """
    request = {"names": _fitting(names), "limit": limit}
    stream = await dial(open_stream, port, credentials, "sources", request)
    try:
        line = await asyncio.wait_for(_read_line(stream, MAX_SOURCES_LINE), SOURCES_TIMEOUT)
    except (asyncio.TimeoutError, TimeoutError) as error:
        raise AgentError("silent", f"The container did not list its sources within {SOURCES_TIMEOUT:.0f} s.") from error
    finally:
        await stream.aclose()
    if line is None:
        raise AgentError("ended", "The container closed the connection instead of listing its sources.")
    return _object(line, "junk")


def _fitting(names: Mapping[str, Sequence[int]]) -> dict[str, list[int]]:
    """As many of the names as the request's line may carry beside the rest of it."""
    room = MAX_REQUEST_LINE - 1024
    chosen: dict[str, list[int]] = {}
    for name, sizes in names.items():
        distinct = sorted(set(sizes))
        room -= len(json.dumps({name: distinct}))
        if room < 0:
            break
        chosen[name] = distinct
    return chosen


async def _ask(open_stream: OpenStream, port: int, credentials: Credentials) -> int | None:
    """``port`` when our agent answers there, None when nobody or somebody else does."""
    stream: Stream | None = None
    try:
        stream = await open_stream(port)
        await asyncio.wait_for(_prove(stream, port, credentials), HANDSHAKE_TIMEOUT)
    except TunnelError as error:
        if not error.refused:
            raise
        return None
    except (AgentError, asyncio.TimeoutError, TimeoutError):
        return None
    finally:
        if stream is not None:
            await stream.aclose()
    return port


async def _prove(stream: Stream, port: int, credentials: Credentials) -> None:
    """Steps 1 and 2: let the other end prove that it is our session's agent, and on this very port."""
    nonce = secrets.token_hex(16)
    await _send(stream, {"v": VERSION, "session": credentials.session, "nonce": nonce})
    line = await _read_line(stream, MAX_HANDSHAKE_LINE)
    if line is None:
        raise AgentError("ended", f"Port {port} in the pod closed the connection. {stream.error}".rstrip())
    answer = _object(line, "stranger")
    claimed, proof = answer.get("port"), answer.get("proof")
    if answer.get("v") != VERSION or type(claimed) is not int or not isinstance(proof, str):
        raise AgentError("stranger", f"What listens on port {port} in the pod is not ours.")
    key = bytes.fromhex(credentials.verifier)
    expected = hmac.new(key, f"agent:{nonce}:{claimed}".encode(), hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), proof.encode("utf-8", "replace")):
        raise AgentError("stranger", f"What listens on port {port} in the pod is not ours: its proof is wrong.")
    if claimed != port:
        raise AgentError("relayed", f"Port {port} in the pod passes our connection on to port {claimed}: not used.")


async def _handshake(
    stream: Stream, port: int, credentials: Credentials, service: Service, request: Mapping[str, object]
) -> None:
    await _prove(stream, port, credentials)
    await _send(stream, {**request, "token": credentials.token, "service": service})
    line = await _read_line(stream, MAX_HANDSHAKE_LINE)
    if line is None:
        raise AgentError("denied", "Our end in the container closed the connection: it does not accept this session.")
    answer = _object(line, "stranger")
    if answer.get("ok") is not True:
        raise AgentError("denied", f"Our end in the container refuses: {one_line(str(answer.get('error')), 500)}")


async def _send(stream: Stream, message: Mapping[str, object]) -> None:
    line = json.dumps(message, separators=(",", ":")).encode() + b"\n"
    if len(line) > MAX_REQUEST_LINE:
        raise ValueError(f"a request of {len(line)} bytes; at most {MAX_REQUEST_LINE}")
    with suppress(TunnelError):  # whatever ended it, the next read says it better
        await stream.write(line)


async def _read_line(stream: Stream, limit: int) -> bytes | None:
    """One line without its end; what came behind it goes back to the stream. None at the end of the stream.

    Raises AgentError when there is no line end within ``limit`` bytes, or the stream ends inside a line.
    """
    pieces: list[bytes] = []
    size = 0
    while True:
        data = await stream.read()
        end = data.find(b"\n")
        if end >= 0:
            if end + 1 < len(data):
                stream.unread(data[end + 1 :])
            data = data[:end]
        pieces.append(data)
        size += len(data)
        if size > limit:
            raise AgentError("junk", f"The container sent a line of more than {limit} bytes.")
        if end >= 0:
            return b"".join(pieces)
        if not data:
            if size:
                raise AgentError("junk", "The container closed the connection in the middle of a line.")
            return None


def _object(line: bytes, reason: Reason) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AgentError(reason, "The container sent a line that is not JSON.") from error
    if not isinstance(value, dict):
        raise AgentError(reason, "The container sent JSON that is not an object.")
    return value

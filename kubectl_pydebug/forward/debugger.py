"""A short visit to a debugpy that listens already: is it one, and which sources does its program have?

Measured with debugpy 1.8.21 and 1.8.22 on Python 3.9 and 3.11: between ``attach`` and ``configurationDone`` debugpy
evaluates without a frame, also while the program is inside ``wait_for_client``, and a ``disconnect`` there leaves the
program as it was.
"""

from __future__ import annotations

import ast
import asyncio
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any

from ..core.untrusted import one_line
from . import Stream
from .dap import DapError, Decoder, Message, encode, parse

GREETING_TIMEOUT = 10.0
"""Seconds for debugpy's first message. Its adapter speaks first, which tells it from any other listener."""
ANSWER_TIMEOUT = 60.0

QUERY = """\
__import__("json").dumps((lambda space: (exec({source!r}, space), space["find"](
{{"cwd": __import__("os").getcwd(), "program": ("script", __import__("sys").argv[0]),
"sys_path": [p for p in __import__("sys").path if isinstance(p, str)]}},
{names!r}, {limit}))[1])({{"__name__": "kubectl_pydebug_sources"}}))
"""


class DebuggerError(Exception):
    """No debugpy, or not one that serves us; the text is for people."""


class Debugger:
    """A DAP client over a Stream. Untrusted input: messages are bounded."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._decoder = Decoder()
        self._messages: list[Message] = []
        self._seq = 0

    async def greeting(self) -> None:
        """Wait until debugpy has shown that it is one. Raises DebuggerError."""
        try:
            message = await asyncio.wait_for(self._receive(), GREETING_TIMEOUT)
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise DebuggerError("what listens there is no debugpy: it does not speak first") from error
        if message.get("type") != "event":
            raise DebuggerError("what listens there is no debugpy")

    async def request(self, command: str, arguments: Mapping[str, object]) -> Message:
        """The body of the answer. Raises DebuggerError."""
        seq = await self._send(command, arguments)
        while True:
            message = await self._answer()
            if message.get("type") == "response" and message.get("request_seq") == seq:
                return self._body(message)

    async def begin(self, command: str, arguments: Mapping[str, object], event: str) -> None:
        """Send a request whose answer comes later; returns at ``event``. Raises DebuggerError if it is refused."""
        seq = await self._send(command, arguments)
        while True:
            message = await self._answer()
            if message.get("type") == "response" and message.get("request_seq") == seq:
                self._body(message)
            elif message.get("event") == event:
                return

    def _body(self, message: Message) -> Message:
        if not message.get("success"):
            raise DebuggerError(one_line(str(message.get("message")), 300))
        body = message.get("body")
        return body if isinstance(body, dict) else {}

    async def _send(self, command: str, arguments: Mapping[str, object]) -> int:
        self._seq += 1
        message = {"seq": self._seq, "type": "request", "command": command, "arguments": arguments}
        await self._stream.write(encode(message))
        return self._seq

    async def _answer(self) -> Message:
        try:
            return await asyncio.wait_for(self._receive(), ANSWER_TIMEOUT)
        except (TimeoutError, asyncio.TimeoutError) as error:
            raise DebuggerError("debugpy does not answer; does somebody else debug this program?") from error

    async def _receive(self) -> Message:
        while not self._messages:
            data = await self._stream.read()
            if not data:
                raise DebuggerError(f"the connection was closed {self._stream.error}".rstrip())
            try:
                self._messages += self._decoder.feed(data)
            except DapError as error:
                raise DebuggerError("what listens there is no debugpy") from error
        return self._messages.pop(0)


async def visit(
    stream: Stream, names: Mapping[str, Sequence[int]], port: int, limit: int = 20000
) -> tuple[str, Mapping[str, Any]]:
    """Python's version and sources (as ``agent.sources`` gives them) of the program there; closes the stream.

    Raises DebuggerError and TunnelError.
    """
    debugger = Debugger(stream)
    try:
        await debugger.greeting()
        await debugger.request(
            "initialize", {"adapterID": "debugpy", "clientID": "kubectl-pydebug", "pathFormat": "path"}
        )
        attach = {"connect": {"host": "127.0.0.1", "port": port}, "justMyCode": False, "subProcess": False}
        await debugger.begin("attach", attach, "initialized")
        source = (resources.files("kubectl_pydebug") / "payload" / "debugpy_boot" / "sources.py").read_text("utf-8")
        query = QUERY.format(
            source=source, names={name: sorted(set(sizes)) for name, sizes in names.items()}, limit=limit
        )
        # "clipboard": the one context in which the result is not cut.
        found = await debugger.request("evaluate", {"expression": query.replace("\n", " "), "context": "clipboard"})
        python = await debugger.request(
            "evaluate", {"expression": "'%d.%d.%d' % __import__('sys').version_info[:3]", "context": "clipboard"}
        )
        await debugger.request("disconnect", {"terminateDebuggee": False})
        return unquote(python.get("result")), parse(unquote(found.get("result")).encode())
    except DapError as error:
        raise DebuggerError("debugpy's answer is not what was asked for") from error
    finally:
        await stream.aclose()


def unquote(result: object) -> str:
    """The text, which begins with no quote itself: up to 1.8.21 debugpy sends its repr(), from 1.8.22 on as it is."""
    text = str(result)
    if not text.startswith(("'", '"')):
        return text
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError, RecursionError, MemoryError) as error:
        raise DebuggerError("debugpy's answer is not the text that was asked for") from error

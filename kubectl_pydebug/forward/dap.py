"""The frames of the Debug Adapter Protocol, sans I/O. https://microsoft.github.io/debug-adapter-protocol/overview"""

from __future__ import annotations

import json
from typing import Any

MAX_HEAD = 64 * 1024
MAX_BODY = 64 * 1024 * 1024
"""Bytes of one message."""

Message = dict[str, Any]


class DapError(ValueError):
    """These bytes are no DAP."""


class Decoder:
    """Bytes in, messages out, in whatever pieces the bytes come. Untrusted input: everything is bounded."""

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def inside(self) -> bool:
        """Whether a message has begun and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete with ``data``. Raises DapError."""
        self._buffer += data
        found: list[Message] = []
        while (end := self._buffer.find(b"\r\n\r\n")) >= 0:
            length = content_length(bytes(self._buffer[:end]))
            if len(self._buffer) < end + 4 + length:
                return found
            found.append(parse(bytes(self._buffer[end + 4 : end + 4 + length])))
            del self._buffer[: end + 4 + length]
        if len(self._buffer) > MAX_HEAD:
            raise DapError("no end of the header")
        return found


def content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length" and value.strip().isdigit() and len(value) < 12:
            length = int(value)
            if length <= MAX_BODY:
                return length
    raise DapError("a message without Content-Length")


def parse(body: bytes) -> Message:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DapError("a message that is not JSON") from error
    if not isinstance(value, dict):
        raise DapError("a message that is not an object")
    return value


def encode(message: Message) -> bytes:
    body = json.dumps(message, separators=(",", ":")).encode()
    return b"Content-Length: %d\r\n\r\n" % len(body) + body


class Farewell:
    """Watches what a debug adapter sends, so that its client can be told of an end that the adapter could not tell."""

    def __init__(self) -> None:
        self._decoder: Decoder | None = Decoder()
        self._seq = 0
        self._begun = False
        self._ended = False

    def feed(self, data: bytes) -> None:
        if self._decoder is None:
            return
        try:
            messages = self._decoder.feed(data)
        except DapError:
            self._decoder = None  # not ours to speak in
            return
        for message in messages:
            seq = message.get("seq")
            self._seq = max(self._seq, seq if isinstance(seq, int) else 0)
            self._begun = True
            self._ended = self._ended or message.get("event") == "terminated"

    def last_words(self) -> bytes:
        """The ``terminated`` event, if the adapter spoke DAP and went without it; else nothing.

        An adapter that was cut off inside a message is left as it is: its client cannot make sense of more.
        """
        if self._decoder is None or self._decoder.inside or not self._begun or self._ended:
            return b""
        self._ended = True
        return encode({"seq": self._seq + 1, "type": "event", "event": "terminated"})

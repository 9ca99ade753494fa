"""The port-forward subprotocol ``v4.channel.k8s.io``, without I/O.

Each WebSocket message is one byte for the channel, then payload. The port with index i (in the order of the
request's ``ports`` parameters) has channel 2i for its data, both ways, and 2i+1 for error text, server to client
only. The server's first payload on each channel is the port's number, 2 bytes, little endian. There is no half-close.
Source: k8s.io/kubelet/pkg/cri/streaming/portforward/websocket.go.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

SUBPROTOCOL = "v4.channel.k8s.io"

MAX_PORTS = 128
"""Channels are numbered by one byte, two for each port."""

MAX_PAYLOAD = 128 * 1024
"""Bytes of data that we put into one message."""


class FrameError(ValueError):
    """The other end does not speak this protocol."""


class Frame(NamedTuple):
    """What one message carried: data of the port with this index, or error text about it."""

    port_index: int
    is_error: bool
    payload: bytes


class Decoder:
    """Turns messages of the server into frames. Feed it every message, in order."""

    def __init__(self, ports: Sequence[int]) -> None:
        if not 0 < len(ports) <= MAX_PORTS:
            raise ValueError(f"between 1 and {MAX_PORTS} ports, not {len(ports)}")
        self._expected = [port.to_bytes(2, "little") for port in ports]
        self._heads: dict[int, bytes] = dict.fromkeys(range(2 * len(ports)), b"")
        """Channels whose port number has not wholly come, with what came of it."""

    def decode(self, message: bytes | str) -> Frame | None:
        """The frame in this message, or None when it carries no payload (the opening port number, an empty message).

        Raises FrameError on a text message, an empty one, an unknown channel, or another port's number.
        """
        if isinstance(message, str):
            raise FrameError("a text message where only binary ones belong")
        if not message:
            raise FrameError("a message without a channel")
        channel = message[0]
        index = channel >> 1
        if index >= len(self._expected):
            raise FrameError(f"channel {channel} was never asked for")
        payload = message[1:]
        if channel in self._heads:
            payload = self._head(channel, index, payload)
        return Frame(index, bool(channel & 1), payload) if payload else None

    def _head(self, channel: int, index: int, payload: bytes) -> bytes:
        """Take the port number off the channel's start; returns what follows it in this message."""
        missing = 2 - len(self._heads[channel])
        head = self._heads[channel] + payload[:missing]
        expected = self._expected[index]
        if not expected.startswith(head):
            wrong, right = int.from_bytes(head, "little"), int.from_bytes(expected, "little")
            raise FrameError(f"channel {channel} is for port {wrong}, not for port {right}")
        if len(head) < 2:
            self._heads[channel] = head
            return b""
        del self._heads[channel]
        return payload[missing:]


def encode(data: bytes, index: int = 0) -> Iterator[bytes]:
    """The messages that carry ``data`` to the port with this index; none for no data."""
    if not 0 <= index < MAX_PORTS:
        raise ValueError(f"no channel for port index {index}")
    channel = bytes((2 * index,))
    if len(data) <= MAX_PAYLOAD:  # the usual case: a debugger's message, one copy
        if data:
            yield channel + data
        return
    view = memoryview(data)
    for start in range(0, len(data), MAX_PAYLOAD):
        yield b"".join((channel, view[start : start + MAX_PAYLOAD]))

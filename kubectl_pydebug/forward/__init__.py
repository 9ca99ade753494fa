"""From a local port to a port in a pod: frames, tunnel, agent, door.

The words that the modules of this package share. A :class:`Stream` is one connection to a port in the pod,
a :data:`Route` makes a fresh one: with the agent's handshake in a debug copy, or straight to the port where a
debugger listens already (``attach``). Everything else is built from these two, so a stream that survives
a cut tunnel can take the place of a plain one without a change to the door.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol


class Stream(Protocol):
    """One byte stream to a port in the pod. It belongs to one event loop; one reader and one writer at a time."""

    @property
    def error(self) -> str:
        """Why the stream ended, for people; empty while it lives and after an orderly end."""

    async def read(self) -> bytes:
        """The next bytes, in whatever pieces they come; ``b""`` at the end, and from then on."""

    async def write(self, data: bytes) -> None:
        """Send all of ``data``; waits while the way to the pod is congested."""

    def unread(self, data: bytes) -> None:
        """Put bytes back in front: the next ``read`` returns them first."""

    async def aclose(self) -> None:
        """End it in both directions. May be called again, never raises for a peer that is gone."""


OpenStream = Callable[[int], Awaitable[Stream]]
"""Opens a stream to this port of one pod (``tunnel.opener``)."""

Route = Callable[[], Awaitable[Stream]]
"""Makes the way from the door to the debugger, anew for every client."""

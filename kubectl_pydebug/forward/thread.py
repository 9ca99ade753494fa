"""The forward's event loop in a thread of its own, for a runner that is not asynchronous."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from contextlib import suppress
from typing import Any, TypeVar

from .door import Door, DoorEvent, cancel

T = TypeVar("T")


class ForwardThread:
    """One event loop in a daemon thread, with a face for code that is not asynchronous. Start it once, stop it once."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="kubectl-pydebug-forward", daemon=True)
        self._doors: list[Door] = []

    def start(self) -> None:
        self._thread.start()

    def __enter__(self) -> ForwardThread:
        self.start()
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    def spawn(self, coro: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin ``coro`` in the loop; cancel the future to cancel it."""
        return asyncio.run_coroutine_threadsafe(coro, self._loop)

    def submit(self, coro: Coroutine[Any, Any, T], timeout: float | None = None) -> T:
        """Run ``coro`` in the loop and wait for its result; on TimeoutError (seconds) or Ctrl-C it is cancelled."""
        future = self.spawn(coro)
        try:
            return future.result(timeout)
        except FutureTimeoutError as error:
            if future.done():  # the coroutine's own
                raise
            raise TimeoutError(f"not done after {timeout} s") from error
        finally:
            future.cancel()

    def open_door(self, sock: socket.socket, on_event: Callable[[DoorEvent], None] | None = None) -> Door:
        """A door on this socket (see ``bind``), accepting from now on; ``stop`` closes it."""

        async def opened() -> Door:
            door = Door(sock, on_event)
            await door.start()
            return door

        door = self.submit(opened())
        self._doors.append(door)
        return door

    def stop(self, timeout: float = 5.0) -> None:
        """Close doors and streams, cancel what runs, end the thread; waits ``timeout`` seconds at most."""
        if self._loop.is_closed():
            return
        if self._thread.is_alive():
            with suppress(TimeoutError, FutureTimeoutError):
                self.submit(self._wind_up(), timeout)
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(timeout)
            if self._thread.is_alive():  # something blocks the loop; it is a daemon thread and dies with us
                return
        self._loop.close()

    async def _wind_up(self) -> None:
        for door in self._doors:
            await door.aclose()
        rest = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await cancel(*rest)
        await self._loop.shutdown_asyncgens()
        await self._loop.shutdown_default_executor()

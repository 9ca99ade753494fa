"""The door and its thread, over real sockets."""

from __future__ import annotations

import asyncio
import gc
import os
import queue
import socket
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from kubectl_pydebug.forward import Route, Stream, door
from kubectl_pydebug.forward.door import Door, DoorEvent, bind
from kubectl_pydebug.forward.thread import ForwardThread
from kubectl_pydebug.forward.tunnel import TunnelError, open_stream
from tests.forward.fake_api import FakeApi, echo, free_port, listening, serving


class World:
    """A fake API server and an echo program behind it, in a thread's loop; and a door to them."""

    def __init__(self, thread: ForwardThread) -> None:
        self.thread = thread
        self.api = FakeApi()
        self.events: queue.Queue[DoorEvent] = queue.Queue()
        self._over: asyncio.Event
        self._ready: queue.Queue[int] = queue.Queue()
        self._serving = thread.spawn(self._serve())
        self.pod_port = self._ready.get(timeout=10)
        self.door = thread.open_door(bind(free_port()), self.events.put)

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        async with listening(echo) as port, serving(self.api):
            self._ready.put(port)
            await self._over.wait()

    async def route(self) -> Stream:
        return await open_stream(self.api.params, "ns", "pod", self.pod_port)

    def client(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.door.port), timeout=10)

    def expect(self, *kinds: str) -> list[DoorEvent]:
        events = [self.events.get(timeout=10) for _ in kinds]
        assert [event.kind for event in events] == list(kinds)
        return events

    def close(self) -> None:
        self.thread.submit(self.door.aclose())
        self.thread.spawn(self._end())
        self._serving.result(10)

    async def _end(self) -> None:
        self._over.set()


@pytest.fixture
def thread() -> Iterator[ForwardThread]:
    with ForwardThread() as started:
        yield started


@pytest.fixture
def world(thread: ForwardThread) -> Iterator[World]:
    made = World(thread)
    yield made
    made.close()


def receive(sock: socket.socket, size: int) -> bytes:
    whole = b""
    while len(whole) < size and (data := sock.recv(1 << 16)):
        whole += data
    return whole


def test_a_client_is_held_and_its_first_bytes_are_kept(world: World) -> None:
    with world.client() as client:
        client.sendall(b"initialize")
        world.expect("held")
        world.door.set_route(world.route)
        assert receive(client, 10) == b"initialize"
        world.expect("joined")
        client.sendall(b"more")
        assert receive(client, 4) == b"more"
    world.expect("left")
    deadline = time.monotonic() + 5
    while world.api.live:  # the stream into the pod is closed as well
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_client_that_goes_while_it_is_held_is_dropped(world: World) -> None:
    with world.client() as client:
        client.sendall(b"x")
        world.expect("held")
    world.expect("left")
    world.door.set_route(world.route)
    with world.client() as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"
    assert world.api.dials == 1


def test_a_client_that_goes_while_its_way_is_made_is_dropped(world: World) -> None:
    began, cancelled = threading.Event(), threading.Event()

    async def never() -> Stream:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()
        raise AssertionError

    world.door.set_route(never)
    with world.client():
        assert began.wait(10)
    assert cancelled.wait(10)
    world.expect("left")


def test_every_client_gets_a_stream_of_its_own(world: World) -> None:
    world.door.set_route(world.route)
    clients = [world.client() for _ in range(20)]
    for number, client in enumerate(clients):
        client.sendall(str(number).encode())
    for number, client in enumerate(clients):
        assert client.recv(10) == str(number).encode()
        client.close()
    assert world.api.dials == 20


def test_a_route_that_fails_ends_its_client_only(world: World) -> None:
    async def broken() -> Stream:
        raise TunnelError("no \x1b[31mway")

    world.door.set_route(broken)
    with world.client() as client:
        assert client.recv(1) == b""
    assert world.expect("failed")[0].text == "no way"
    world.door.set_route(world.route)
    with world.client() as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"


def test_a_port_without_listener_is_told(world: World) -> None:
    port = free_port()

    async def route() -> Stream:
        return await open_stream(world.api.params, "ns", "pod", port)

    world.door.set_route(route)
    with world.client() as client:
        assert client.recv(1) == b""
    assert "Nothing listens on port" in world.expect("joined", "failed")[1].text


def test_without_a_route_again_clients_are_held_again(world: World) -> None:
    world.door.set_route(world.route)
    with world.client() as first:
        world.expect("joined")
        world.door.set_route(None)
        with world.client() as second:
            world.expect("held")
            first.sendall(b"still")
            assert receive(first, 5) == b"still"
            second.settimeout(0.2)
            second.sendall(b"x")
            with pytest.raises(TimeoutError):
                second.recv(1)


def test_a_client_that_sent_its_last_still_gets_the_answer(world: World) -> None:
    world.door.set_route(world.route)
    with world.client() as client:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert receive(client, 100) == b"question"


def test_the_pods_last_words_arrive(thread: ForwardThread, world: World) -> None:
    size = 8 * 1024 * 1024

    async def talk(connection: object, port: int) -> None:
        for _ in range(size // 32768):
            await connection.send(b"\x00" + (payload := bytes(32768)))  # type: ignore[attr-defined]  # noqa: F841

    async def talk_port(connection: object, port: int) -> None:
        await connection.send(b"\x00" + port.to_bytes(2, "little"))  # type: ignore[attr-defined]
        await talk(connection, port)

    world.api.talk = talk_port
    world.door.set_route(world.route)
    with world.client() as client:
        assert len(receive(client, size + 1)) == size


def test_bulk_both_ways(world: World) -> None:
    data = os.urandom(1 << 20) * 8
    world.door.set_route(world.route)
    with world.client() as client:
        sender = threading.Thread(target=client.sendall, args=(data,))
        sender.start()
        assert receive(client, len(data)) == data
        sender.join(10)


def test_a_client_that_does_not_read_makes_the_pod_wait(world: World) -> None:
    sent = 0

    async def talk(connection: object, port: int) -> None:
        nonlocal sent
        await connection.send(b"\x00" + port.to_bytes(2, "little"))  # type: ignore[attr-defined]
        while sent < 400 << 20:
            await connection.send(bytes(32769))  # type: ignore[attr-defined]
            sent += 32768

    world.api.talk = talk
    world.door.set_route(world.route)
    with world.client():
        world.expect("joined")
        before = -1
        while sent != before:
            before = sent
            time.sleep(0.3)  # two equal readings are what is waited for
        assert 0 < sent < 64 << 20


def test_a_client_that_sends_too_early_and_too_much_is_made_to_wait(world: World) -> None:
    with world.client() as client:
        client.settimeout(0.5)
        with pytest.raises(TimeoutError):
            client.sendall(bytes(64 << 20))
        world.door.set_route(world.route)
        client.settimeout(10)
        assert receive(client, 1 << 20)


def test_too_many_clients(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    monkeypatch.setattr(door, "MAX_CLIENTS", 2)
    with world.client(), world.client():
        world.expect("held", "held")
        with world.client() as third, suppress(ConnectionResetError):  # as good an end as an orderly one
            assert third.recv(1) == b""


def test_small_writes_are_not_delayed(monkeypatch: pytest.MonkeyPatch, world: World) -> None:
    """Nagle's algorithm and delayed acknowledgements together cost 40 ms a message."""
    splice = door.splice
    options: list[int] = []

    async def seen(client: Any, stream: Stream) -> None:
        sock = client._transport.get_extra_info("socket")
        options.append(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        await splice(client, stream)

    monkeypatch.setattr(door, "splice", seen)
    world.door.set_route(world.route)
    with world.client() as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(b"x")
        client.recv(1)
        began = time.perf_counter()
        for _ in range(50):
            client.sendall(b"a")
            client.sendall(b"b")
            assert len(receive(client, 2)) == 2
        assert time.perf_counter() - began < 1.0
    assert options == [1]


def test_closing_cuts_everybody(thread: ForwardThread, world: World) -> None:
    world.door.set_route(world.route)
    with world.client() as client:
        client.sendall(b"hello")
        assert receive(client, 5) == b"hello"
        thread.submit(world.door.aclose())
        assert client.recv(1) == b""
        with pytest.raises(ConnectionRefusedError):
            world.client()


def test_nothing_is_left_behind() -> None:
    gc.collect()  # earlier tests may have left cycles that hold sockets
    before = threads_and_files()
    for _ in range(3):
        with ForwardThread() as thread:
            world = World(thread)
            world.door.set_route(world.route)
            clients = [world.client() for _ in range(5)]
            for client in clients:
                client.sendall(b"x")
                assert client.recv(1) == b"x"
            held = world.client()
            for client in (*clients[:3], held):
                client.close()
            world.close()
        assert threading.active_count() == before[0]
        assert thread._loop.is_closed()
        for client in clients[3:]:
            client.close()
    del clients, held, client, world, thread
    gc.collect()
    assert threads_and_files() == before


def threads_and_files() -> tuple[int, int]:
    files = Path("/proc/self/fd")
    return threading.active_count(), len(list(files.iterdir())) if files.exists() else 0


# The port


def test_the_preferred_port_or_the_next_free_one() -> None:
    first = bind(free_port())
    preferred = first.getsockname()[1]
    second = bind(preferred)
    with first, second:
        assert first.getsockname()[0] == second.getsockname()[0] == "127.0.0.1"
        assert preferred < second.getsockname()[1] <= preferred + 100


def test_any_port_when_all_neighbours_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "NEIGHBOURS", 0)
    with bind(free_port()) as first, bind(first.getsockname()[1]) as second:
        assert second.getsockname()[1] not in (0, first.getsockname()[1])


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0", "::"])
@pytest.mark.parametrize("option", ["", "SO_REUSEADDR", "SO_REUSEPORT"])
def test_a_port_is_never_shared(host: str, option: str) -> None:
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as other:
        if option and hasattr(socket, option):
            other.setsockopt(socket.SOL_SOCKET, getattr(socket, option), 1)
        if ":" in host:
            other.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        other.bind((host, 0))
        other.listen()
        with bind(other.getsockname()[1]) as ours:
            assert ours.getsockname()[1] != other.getsockname()[1]


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a port rests for a while after its last connection")
def test_the_same_port_again_right_after_a_connection() -> None:
    sock = bind(free_port())
    port = sock.getsockname()[1]
    client = socket.create_connection(("127.0.0.1", port))
    accepted, _ = sock.accept()
    accepted.close()  # the side that closes first keeps the port in TIME_WAIT
    assert client.recv(1) == b""
    client.close()
    sock.close()
    with bind(port) as again:
        assert again.getsockname()[1] == port


def test_the_port_takes_clients_before_the_door_is_served() -> None:
    with bind(free_port()) as sock, socket.create_connection(sock.getsockname(), timeout=5):
        pass


# The thread


def test_submit_returns_results_and_raises_errors(thread: ForwardThread) -> None:
    async def fine() -> int:
        return 7

    async def broken() -> None:
        raise TunnelError("no", status=403)

    async def timed_out() -> None:
        raise TimeoutError("mine")

    assert thread.submit(fine()) == 7
    with pytest.raises(TunnelError, match="no"):
        thread.submit(broken())
    with pytest.raises(TimeoutError, match="mine"):
        thread.submit(timed_out(), timeout=5)


def test_submit_cancels_what_takes_too_long(thread: ForwardThread) -> None:
    cancelled = threading.Event()

    async def slow() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    with pytest.raises(TimeoutError, match=r"not done after 0\.05 s"):
        thread.submit(slow(), timeout=0.05)
    assert cancelled.wait(5)


def test_stopping_cancels_what_runs_and_may_be_repeated() -> None:
    thread = ForwardThread()
    thread.start()

    async def forever() -> None:
        await asyncio.Event().wait()

    future = thread.spawn(forever())
    thread.stop()
    with pytest.raises(CancelledError):
        future.result(5)
    thread.stop()


def test_a_door_that_was_never_started_closes_its_port() -> None:
    async def main() -> int:
        made = Door(bind(free_port()))
        await made.aclose()
        return made.port

    port = asyncio.run(main())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_route_is_any_callable_that_gives_a_stream(world: World) -> None:
    route: Route = world.route
    world.door.set_route(route)
    with world.client() as client:
        client.sendall(b"ok")
        assert receive(client, 2) == b"ok"

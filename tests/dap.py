"""A debug client that does with a configuration what VS Code does: connect, initialize, attach, breakpoints by *local*
path, configurationDone; a session of its own for every child that debugpy tells of.

Waits are for messages, with a deadline; nothing sleeps.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Message = dict[str, Any]
DEADLINE = 60.0
"""Seconds: a stuck test ends here. Never a verdict on speed."""


class Closed(Exception):
    """The other side closed the connection."""


class Connection:
    """DAP frames over a socket; a reader thread keeps every message, waiters pick theirs."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.messages: list[Message] = []
        self.closed = False
        self.news = threading.Condition()
        self._seq = 0
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        file = self.sock.makefile("rb")
        try:
            while True:
                length = 0
                while (line := file.readline()) != b"\r\n":
                    if not line:
                        raise Closed
                    name, _, value = line.partition(b":")
                    if name.lower() == b"content-length":
                        length = int(value)
                message = json.loads(file.read(length))
                with self.news:
                    self.messages.append(message)
                    self.news.notify_all()
        except (Closed, OSError, ValueError):
            with self.news:
                self.closed = True
                self.news.notify_all()

    def send(self, command: str, arguments: Mapping[str, Any] | None = None) -> int:
        with self.news:
            self._seq += 1
            seq = self._seq
        body = json.dumps(
            {"seq": seq, "type": "request", "command": command, "arguments": dict(arguments or {})}
        ).encode()
        self.sock.sendall(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return seq

    def wait(self, wanted: Callable[[Message], bool], start: int = 0, timeout: float = DEADLINE) -> Message:
        """The first message from position ``start`` on that is ``wanted``. Raises Closed or TimeoutError."""
        at = start

        def found() -> Message | None:
            nonlocal at
            while at < len(self.messages):
                at += 1
                if wanted(self.messages[at - 1]):
                    return self.messages[at - 1]
            return None

        message: Message | None = None

        def ready() -> bool:
            nonlocal message
            message = found()
            return message is not None or self.closed

        with self.news:
            if not self.news.wait_for(ready, timeout):
                seen = [m.get("event") or m.get("command") for m in self.messages[start:]]
                raise TimeoutError(f"no such message within {timeout} s; seen: {seen}")
        if message is None:
            raise Closed(f"closed; seen: {[m.get('event') or m.get('command') for m in self.messages[start:]]}")
        return message

    def request(self, command: str, arguments: Mapping[str, Any] | None = None, timeout: float = DEADLINE) -> Message:
        """Send and wait for the answer's body. A refusal raises AssertionError with debugpy's words."""
        start = len(self.messages)
        seq = self.send(command, arguments)
        answer = self.wait(lambda m: m["type"] == "response" and m["request_seq"] == seq, start, timeout)
        assert answer["success"], f"{command}: {answer.get('message')}"
        body: Message = answer.get("body") or {}
        return body


@dataclass
class Stop:
    """A stopped thread: the frame on top, as the editor would show it."""

    session: Session
    thread: int
    reason: str
    text: str
    frames: list[Message]

    @property
    def path(self) -> str:
        return str(self.frames[0]["source"]["path"])

    @property
    def line(self) -> int:
        return int(self.frames[0]["line"])

    def evaluate(self, expression: str) -> str:
        arguments = {"expression": expression, "frameId": self.frames[0]["id"], "context": "repl"}
        return str(self.session.connection.request("evaluate", arguments)["result"])

    def variables(self) -> dict[str, str]:
        """The locals of the top frame: name -> value."""
        scopes = self.session.connection.request("scopes", {"frameId": self.frames[0]["id"]})["scopes"]
        reference = next(scope for scope in scopes if scope["name"] == "Locals")["variablesReference"]
        listed = self.session.connection.request("variables", {"variablesReference": reference})["variables"]
        return {variable["name"]: variable["value"] for variable in listed}

    def go(self) -> None:
        self.session.connection.request("continue", {"threadId": self.thread})

    def step(self) -> Stop:
        position = len(self.session.connection.messages)
        self.session.connection.request("next", {"threadId": self.thread})
        return self.session.stopped(start=position)


@dataclass
class Session:
    connection: Connection
    configuration: Message
    breakpoints: Message = field(default_factory=dict)
    _stops: int = 0

    def stopped(self, start: int | None = None, timeout: float = DEADLINE) -> Stop:
        """The next stop that was not asked for yet."""
        event = self.connection.wait(
            lambda m: m.get("event") == "stopped", self._stops if start is None else start, timeout
        )
        with self.connection.news:
            self._stops = self.connection.messages.index(event) + 1
        body = event["body"]
        trace = self.connection.request("stackTrace", {"threadId": body["threadId"]})
        return Stop(self, body["threadId"], body["reason"], body.get("text") or "", trace["stackFrames"])

    def terminated(self, timeout: float = DEADLINE) -> None:
        """Wait for the end of the session; answer it with a disconnect, as an editor does."""
        try:
            self.connection.wait(lambda m: m.get("event") == "terminated", timeout=timeout)
            self.connection.send("disconnect", {})
        except (Closed, OSError):
            pass

    def restarting(self, timeout: float = DEADLINE) -> None:
        """Wait until debugpy says that the client shall come back, and leave as an editor does before that."""
        event = self.connection.wait(lambda m: m.get("event") == "terminated", timeout=timeout)
        assert (event.get("body") or {}).get("restart") is True, event
        self.connection.send("disconnect", {"restart": True})

    def disconnect(self) -> None:
        self.connection.request("disconnect", {"terminateDebuggee": False})
        self.connection.sock.close()

    def output(self) -> str:
        return "".join(
            m["body"]["output"]
            for m in list(self.connection.messages)
            if m.get("event") == "output" and m["body"].get("category") != "telemetry"
        )


class Editor:
    """Breakpoints and sessions, as one editor window has them."""

    FILTERS: Sequence[str] = ("uncaught",)
    """VS Code's default exception filters for debugpy."""

    def __init__(self, breakpoints: Mapping[str | Path, Sequence[int]] | None = None, follow: bool = True) -> None:
        self.wanted = {str(path): list(lines) for path, lines in (breakpoints or {}).items()}
        self.follow = follow
        self.children: list[Session] = []
        self._news = threading.Condition()

    def attach(self, configuration: Message) -> Session:
        """F5. configuration: an entry of launch.json, variables resolved. Returns when the program may run."""
        address = configuration["connect"]
        sock = socket.create_connection((address["host"], address["port"]), timeout=DEADLINE)
        sock.settimeout(None)
        session = Session(Connection(sock), configuration)
        connection = session.connection
        connection.request(
            "initialize",
            {
                "clientID": "vscode",
                "adapterID": "debugpy",
                "pathFormat": "path",
                "linesStartAt1": True,
                "columnsStartAt1": True,
                "supportsVariableType": True,
                "supportsRunInTerminalRequest": True,
            },
        )
        attached = connection.send("attach", configuration)
        first = connection.wait(lambda m: m.get("event") == "initialized" or m.get("request_seq") == attached)
        assert first.get("success", True), first.get("message")
        for path, lines in self.wanted.items():
            session.breakpoints[path] = connection.request(
                "setBreakpoints", {"source": {"path": path}, "breakpoints": [{"line": line} for line in lines]}
            )["breakpoints"]
        connection.request("setExceptionBreakpoints", {"filters": list(self.FILTERS)})
        if self.follow:
            threading.Thread(target=self._follow_children, args=(connection,), daemon=True).start()
        connection.request("configurationDone")
        answer = connection.wait(lambda m: m.get("request_seq") == attached)
        assert answer["success"], answer.get("message")
        return session

    def _follow_children(self, connection: Connection) -> None:
        at = 0
        while True:
            try:
                event = connection.wait(lambda m: m.get("event") == "debugpyAttach", at, timeout=3600)
                at = connection.messages.index(event) + 1
                child = self.attach(event["body"])
            except (Closed, OSError, TimeoutError, AssertionError):
                return
            with self._news:
                self.children.append(child)
                self._news.notify_all()

    def child(self, number: int = 0, timeout: float = DEADLINE) -> Session:
        with self._news:
            if not self._news.wait_for(lambda: len(self.children) > number, timeout):
                raise TimeoutError(f"child session {number} did not come; there are {len(self.children)}")
            return self.children[number]


def load_configuration(launch_json: Path, name: str, workspace: Path) -> Message:
    """The entry ``name`` of a launch.json, with ${workspaceFolder} resolved as VS Code does.

    The file must be JSON whose comments are whole lines.
    """
    lines = launch_json.read_text(encoding="utf-8").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("//"))
    text = text.replace("${workspaceFolder}", json.dumps(str(workspace))[1:-1])
    entries = [entry for entry in json.loads(text)["configurations"] if entry["name"] == name]
    assert len(entries) == 1, f"{len(entries)} entries are named {name!r}"
    configuration: Message = entries[0]
    return configuration

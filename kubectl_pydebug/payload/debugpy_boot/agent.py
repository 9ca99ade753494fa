"""GUEST CODE: our end in the pod, one process for all Pythons of the container.

Run as ``python agent.py RUN`` with a listening unix socket as descriptor 3; forks at once, to be nobody's child.

Contract
- Listens on 127.0.0.1 only, on the first free port of config["ports"]; a client must know the token (auth.py).
- Holds debugpy's debug adapter in this process: a client's socket is handed to it only after the handshake, so that the
  adapter itself opens no port for clients. Debugged Pythons connect to it with a token of their own.
- Outlives the Pythons that it serves, ends with the container, and keeps none of the container's pipes open.
"""

import json
import os
import socket
import sys
import threading
import time

INTERNAL = ("line", "sys_path", "program")
"""What a process told us that is not for the status."""

NEXT_PROGRAM = 2.0
"""Seconds after a debugged program has exited in which a wrapper may start the next one: the client is told to come
back by itself then."""
EXIT = 30.0
"""Seconds that a program may need to exit once its debugger has let go of it."""

HEARTBEAT = 10
"""Seconds between two lines to somebody who follows the status: shows that we live, and keeps the connection open."""


class State:
    """What the laptop may know; ``changed`` guards all of it.

    A process is joining, waiting, attached, running, undebugged or ended; all of them together are what the first of
    these in the order of ``snapshot`` says, or starting or listening while there is none.
    """

    def __init__(self):
        self.changed = threading.Condition()
        self.processes = {}
        self.version = 0
        self.ready = False

    def update(self, pid, **values):
        with self.changed:
            self.processes.setdefault(pid, {}).update(values)
            self.touch()

    def touch(self):
        with self.changed:
            self.version += 1
            self.changed.notify_all()

    def alive(self, role=None):
        """Processes that are connected, oldest first."""
        return [
            process
            for process in self.processes.values()
            if process["state"] not in ("ended", "undebugged") and role in (None, process["role"])
        ]

    def has_successor(self, pid):
        """Whether a program waits for a client, or will do so soon after process ``pid`` has exited."""

        def waits():
            return any(process["state"] in ("joining", "waiting") for process in self.alive("program"))

        if pid == 1:
            return False  # the container ends with it
        deadline = time.monotonic() + EXIT
        while exists(pid) and time.monotonic() < deadline:
            time.sleep(0.05)  # nothing tells of the exit of a process that is not our child
        with self.changed:
            return self.changed.wait_for(waits, NEXT_PROGRAM)

    def snapshot(self):
        attached = attached_pids()
        with self.changed:
            processes = [
                {key: value for key, value in process.items() if key not in INTERNAL}
                for process in self.processes.values()
            ]
        for process in processes:
            if process["state"] in ("running", "attached"):
                process["state"] = "attached" if process["pid"] in attached else "running"
        states = [process["state"] for process in processes]
        reasons = [process["reason"] for process in processes if process.get("reason")]
        found = [state for state in ("attached", "waiting", "running", "joining", "undebugged") if state in states]
        state = found[0] if found else "listening" if self.ready else "starting"
        return {"v": 1, "state": state, "reason": reasons[-1] if reasons else None, "processes": processes}


STATE = State()


def attached_pids():
    """Processes that a client debugs now."""
    sessions = sys.modules.get("debugpy.adapter.sessions")
    if sessions is None:
        return set()
    return {
        session.pid
        for session in list(sessions._sessions)
        if session.server and session.client and session.client.has_started
    }


def exists(pid):
    try:
        with open("/proc/{}/stat".format(pid)) as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def detach_from_caller():
    """Fork, so that the process which started us has no child to reap, and leave its session, so that no signal
    to its group reaches us."""
    if os.fork():
        os._exit(0)
    os.setsid()


def bind(ports):
    """Take the first candidate that is free; the app or another container of the pod may have any of them."""
    for port in ports:
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            listener.bind(("127.0.0.1", port))
            listener.listen(128)
        except OSError:
            listener.close()
            continue
        return listener, port
    raise OSError("none of the ports {} is free".format(ports))


def start_adapter():
    """Load debugpy's adapter; returns where Pythons connect to, and with which token."""
    os.environ["DEBUGPY_PROCESS_SPAWN_TIMEOUT"] = "86400"  # a client may come long before the first Python
    import debugpy.adapter.clients  # noqa: F401 - first, since it and servers import each other
    from debugpy.adapter import servers
    from debugpy.common import sockets

    new_socket = sockets._new_sock

    def new_socket_nodelay(ipv6=False):  # accepted sockets inherit it from the listener
        sock = new_socket(ipv6)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return sock

    sockets._new_sock = new_socket_nodelay
    servers.access_token = os.urandom(32).hex()
    host, port = servers.serve("127.0.0.1")
    return {"host": host, "port": port, "token": servers.access_token}


def debug_client(sock):
    """Hand an admitted client's socket to the adapter."""
    from debugpy.adapter import clients, components

    class Client(clients.Client):
        """Tells us when debugging begins and ends, and its client whether to come back."""

        left = False

        @property
        def restart_requested(self):  # asked once, when the program has ended
            return not self.left and STATE.has_successor(self.session.pid)

        @restart_requested.setter
        def restart_requested(self, value):
            self.left = self.has_started and not value  # the user has pressed disconnect or terminate

        @components.Component.message_handler
        def configurationDone_request(self, request):
            result = super().configurationDone_request(request)
            STATE.touch()
            return result

        def disconnect(self):
            super().disconnect()
            STATE.touch()

    Client(sock)


def send_line(sock, message):
    sock.sendall(json.dumps(message).encode() + b"\n")


def follow_status(sock):
    while True:
        version = STATE.version
        send_line(sock, STATE.snapshot())  # the same again is the heartbeat
        with STATE.changed:
            STATE.changed.wait_for(lambda seen=version: STATE.version != seen, HEARTBEAT)


def send_sources(sock, request):
    from debugpy_boot import sources

    with STATE.changed:
        programs = STATE.alive("program") or STATE.alive() or list(STATE.processes.values())
        program = dict(programs[0]) if programs else {"cwd": "/", "sys_path": [], "program": (None, "")}
    send_line(sock, sources.find(program, request.get("names", {}), int(request.get("limit", 20000))))


def serve_laptop(sock, config, port):
    """One connection that came through the port-forward."""
    from debugpy_boot import auth

    keep = False
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(30)
        request = auth.admit(sock, config, port)
        sock.settimeout(None)
        service = request.get("service")
        if service not in ("dap", "status", "sources"):
            send_line(sock, {"ok": False, "error": "no such service"})
            return
        send_line(sock, {"ok": True})
        if service == "dap":
            with STATE.changed:
                STATE.changed.wait_for(lambda: STATE.ready, 60)
            keep = True
            debug_client(sock)
        elif service == "status":
            follow_status(sock)
        else:
            send_sources(sock, request)
    except (auth.Denied, OSError, ValueError, KeyError, TypeError):
        pass  # a port scan, a browser, somebody else's client, or ours went away: nobody to answer
    finally:
        if not keep:
            sock.close()


def serve_process(sock, config, adapter):
    """One Python of the container, for as long as it lives."""
    pid = None
    with sock, sock.makefile("rb") as lines:
        try:
            for line in lines:
                message = json.loads(line.decode())
                op = message.pop("op")
                if op == "hello":
                    pid = message["pid"]
                    send_line(sock, welcome(message, id(sock), config, adapter))
                elif op == "state":
                    STATE.update(pid, state=message["state"], reason=message.get("reason"))
                elif op == "wait":
                    threading.Thread(target=tell_when_attached, args=(sock, pid), daemon=True).start()
        except (OSError, ValueError, KeyError):
            pass  # it died, or is no Python of ours
    if pid is not None:
        with STATE.changed:
            process = STATE.processes[pid]
            if process["line"] == id(sock) and process["state"] != "undebugged":  # else exec put another in its place
                STATE.update(pid, state="ended")


def welcome(process, line, config, adapter):
    """Register a process, and decide whether it waits: one program at a time does, and nobody else."""
    with STATE.changed:
        programs = STATE.alive("program")
        first = process["role"] == "program" and not programs
        if process["role"] == "program" and programs:
            process["ppid"] = programs[0]["pid"]  # a sibling: the client is told of it as of a child
            process["role"] = "child"
        STATE.processes[process["pid"]] = dict(process, line=line, state="joining", reason=None)
        STATE.touch()
    wait = first and config["wait"]
    return dict(adapter, ppid=process["ppid"], wait=wait, hold=bool(not first and attached_pids()))


def tell_when_attached(sock, pid):
    with STATE.changed:
        STATE.changed.wait_for(lambda: pid in attached_pids() or STATE.processes[pid]["state"] == "ended")
    try:
        send_line(sock, {"attached": True})
    except OSError:
        pass  # it stopped waiting


def accept(listener, target, *args):
    while True:
        sock, _ = listener.accept()
        threading.Thread(target=target, args=(sock, *args), daemon=True).start()


def main(run):
    config = json.loads(os.environ["KUBECTL_PYDEBUG"])
    detach_from_caller()
    processes = socket.socket(fileno=3)
    try:
        listener, port = bind(config["ports"])
        threading.Thread(target=accept, args=(listener, serve_laptop, config, port), daemon=True).start()
        adapter = start_adapter()
    except Exception as fault:
        adapter = {"error": "{}: {}".format(type(fault).__name__, fault)}
    with STATE.changed:
        STATE.ready = True
        STATE.touch()
    accept(processes, serve_process, config, adapter)


if __name__ == "__main__":
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    main(sys.argv[1])

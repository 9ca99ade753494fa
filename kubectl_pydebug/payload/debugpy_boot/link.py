"""GUEST CODE: this process's line to the agent: a unix socket in the shared folder, JSON lines both ways.

process -> agent: {"op":"hello",...}, {"op":"state",...}, {"op":"wait"}
agent -> process: the answer to hello (where the debug adapter listens, whether to wait), {"attached":true}
"""

import json
import os
import socket
import sys

AGENT = "agent.sock"


class Link:
    """An open line. ``welcome`` is the agent's answer to hello."""

    def __init__(self, sock):
        self.sock = sock
        self.file = sock.makefile("rb")
        self.pid = os.getpid()
        self.welcome = {}
        self.program = (None, "")

    def send(self, message):
        try:
            self.sock.sendall(json.dumps(message).encode() + b"\n")
        except OSError:  # the agent is gone: nobody to tell
            pass

    def receive(self, timeout):
        """The agent's next message; {} when it is gone or silent for ``timeout`` seconds (None: no limit)."""
        self.sock.settimeout(timeout)
        try:
            line = self.file.readline()
        except OSError:
            return {}
        finally:
            self.sock.settimeout(None)
        return json.loads(line.decode()) if line else {}

    def hello(self, role, argv):
        from debugpy_boot import decide

        self.program = decide.parse(argv)
        parent = os.environ.get(decide.PARENT, "")
        self.send(
            {
                "op": "hello",
                "pid": os.getpid(),
                "ppid": int(parent) if parent.isdigit() else os.getppid(),
                "role": role,
                "argv": argv,
                "program": self.program,
                "cwd": working_directory(),
                "executable": sys.executable,
                "version": "%d.%d.%d" % sys.version_info[:3],
                "sys_path": [entry for entry in sys.path if isinstance(entry, str)],
            }
        )
        return self

    def read_welcome(self):
        self.welcome = self.receive(30)
        if "port" not in self.welcome:
            raise RuntimeError(self.welcome.get("error") or "our agent in the container does not answer")
        return self.welcome

    def state(self, state, reason=None):
        self.send({"op": "state", "state": state, "reason": reason})

    def wait(self, timeout):
        """Block until a client is attached to this process; False after ``timeout`` seconds, or without an agent."""
        self.send({"op": "wait"})
        return bool(self.receive(timeout).get("attached"))

    def close(self):
        self.file.close()
        self.sock.close()


def working_directory():
    try:
        return os.getcwd()
    except OSError:
        return "/"


def connect(run):
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.connect(os.path.join(run, AGENT))
    except OSError:
        sock.close()
        raise
    return Link(sock)


def open_agent(config, folder, run):
    """A line to the agent, which is started when there is none."""
    try:
        return connect(run)
    except OSError:
        pass
    import fcntl

    with open(os.path.join(run, "agent.lock"), "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            return connect(run)
        except OSError:
            start_agent(folder, run)
            return connect(run)


def start_agent(folder, run):
    """Start the agent with a socket that listens already, so that nobody has to wait for it to come up."""
    name = os.path.basename(sys.executable or "").lower()
    if "python" not in name and "pypy" not in name:
        raise RuntimeError("the interpreter is embedded in {!r}: it cannot start our agent".format(name))
    path = os.path.join(run, AGENT)
    if os.path.exists(path):
        os.unlink(path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        listener.bind(path)
        os.chmod(path, 0o666)  # a program that changes its user still reaches it; only this container mounts the folder
        listener.listen(128)
        # Inherited settings of the app's Python (-W error, tracing, our own hook) are not for the agent.
        env = {
            key: value
            for key, value in os.environ.items()
            if not key.startswith("PYTHON") or key in ("PYTHONHOME", "PYTHONHASHSEED")
        }
        script = os.path.join(folder, "debugpy_boot", "agent.py")
        argv = [sys.executable, "-S", "-s", script, run]
        actions = [
            (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
            (os.POSIX_SPAWN_DUP2, listener.fileno(), 3),
        ]
        if listener.fileno() == 3:
            listener.set_inheritable(True)
            actions.pop()
        pid = os.posix_spawn(sys.executable, argv, env, file_actions=actions)
        _, status = os.waitpid(pid, 0)  # it forks at once: no child of ours stays in the app's process table
        if status:
            raise RuntimeError("our agent did not start (status {})".format(status))

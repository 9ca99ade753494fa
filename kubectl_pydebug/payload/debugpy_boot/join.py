"""GUEST CODE: connect this Python, and every child that it forks, to the debug adapter in our agent.

debugpy.listen is not used: it would start an adapter per process, on a port of its own. Every Python joins the one
adapter instead, the first one too. Uses debugpy's internals, of exactly the two releases that the bundle carries.
"""

import os
import sys

HOLD = 5
"""Seconds that a child waits for a client which is attached to its parent, so that its first breakpoints are hit.
A client that ignores child sessions costs this long and no longer."""


def join(link, config, folder, hook):
    """Debug this process. link: an open Link that has said hello. Raises when that is not possible."""
    for name in ("debugpy", "pydevd"):
        if name in sys.modules:
            raise RuntimeError("{} was imported before us".format(name))
    import_debugpy(folder, *link.program)
    welcome = link.read_welcome()
    settrace(welcome, folder, hook)
    tcp_nodelay()
    follow_children(config, folder, link)
    answer_own_listen(link)
    stop_at_uncaught()
    from debugpy_boot import decide

    os.environ[decide.PARENT] = str(os.getpid())
    if welcome["wait"]:
        link.state("waiting")
        attached = link.wait(config.get("wait_timeout"))
        link.state("attached" if attached else "running", None if attached else "nobody attached in time")
        if attached and config.get("stop_on_entry"):
            from _pydevd_bundle.pydevd_api import PyDevdAPI

            PyDevdAPI().stop_on_entry()
    else:
        hold(link)


def hold(link):
    if link.welcome.get("hold"):
        link.wait(HOLD)
    link.state("running")


def import_debugpy(folder, kind, program):
    """Import debugpy, compiled once for all Pythons of the container; the environment is left as it was.

    ``python -m program`` would warn if its module (http.server, say) was there already, since debugpy uses it.
    """
    there = set(sys.modules)
    keep = sys.dont_write_bytecode, sys.pycache_prefix, dict(os.environ)
    sys.dont_write_bytecode, sys.pycache_prefix = False, None
    sys.path.insert(0, folder)
    os.environ.update(PYDEVD_DISABLE_FILE_VALIDATION="1", PYDEVD_LOAD_NATIVE_LIB="0", PYDEVD_USE_CYTHON="NO")
    try:
        import debugpy.server.api  # noqa: F401 - the import is the effect
        import _pydevd_bundle.pydevd_process_net_command_json  # noqa: F401 - else it is compiled at every attach
    finally:
        sys.dont_write_bytecode, sys.pycache_prefix = keep[:2]
        if folder in sys.path:
            sys.path.remove(folder)
        if kind == "module" and program not in there:
            sys.modules.pop(program, None)
        for name in [name for name in os.environ if name.startswith("PYDEVD_") and name not in keep[2]]:
            del os.environ[name]


def settrace(welcome, folder, hook):
    from debugpy.server import api

    api._settrace(
        host=welcome["host"],
        port=welcome["port"],
        access_token=welcome["token"],
        ppid=welcome["ppid"],
        suspend=False,
        wait_for_ready_to_run=False,
        block_until_connected=True,
        patch_multiprocessing=True,
        dont_trace_start_patterns=(os.path.join(folder, "debugpy"), hook),
        dont_trace_end_patterns=("debugpy_launcher.py",),
    )


def tcp_nodelay():
    """Nagle's algorithm costs 45 ms for each request between the adapter and here."""
    import socket

    from _pydevd_bundle.pydevd_constants import get_global_debugger

    get_global_debugger().reader.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def follow_children(config, folder, parent):
    """Children that this process starts anew come through the hook; only those that it forks are ours to connect.

    pydevd would put the debugger into their command lines, which kills them when the adapter is gone.
    """
    import pydevd
    from _pydev_bundle import pydev_monkey

    connect_forked = pydev_monkey._on_forked_process

    def patch_args(args, is_exec=False):
        return args

    def on_forked_process(setup_tracing=True):
        if not setup_tracing:  # subprocess, between fork and exec
            connect_forked(setup_tracing=False)
            return
        try:
            join_forked(connect_forked, config, folder)
        except Exception as fault:
            stop_debugging(pydevd)
            fault.__traceback__ = None

    pydev_monkey.patch_args = patch_args
    pydev_monkey._on_forked_process = on_forked_process
    os.register_at_fork(after_in_child=parent.close)


def join_forked(connect_forked, config, folder):
    import pydevd
    from _pydevd_bundle.pydevd_constants import get_global_debugger

    from debugpy_boot import decide, link as lines

    run = os.path.dirname(folder)
    link = lines.connect(run)
    os.environ[decide.PARENT] = os.environ.get(decide.PARENT, str(os.getppid()))
    link.hello("child", decide.command_line())
    link.read_welcome()
    settrace_original = pydevd.settrace

    def settrace_free(*args, **kwargs):  # else the child waits for a client for ever
        kwargs.update(wait_for_ready_to_run=False, notify_stdin=False)
        return settrace_original(*args, **kwargs)

    pydevd.settrace = settrace_free
    try:
        connect_forked(setup_tracing=True)
    finally:
        pydevd.settrace = settrace_original
    if get_global_debugger() is None:
        raise RuntimeError("pydevd did not connect")
    tcp_nodelay()
    os.environ[decide.PARENT] = str(os.getpid())
    os.register_at_fork(after_in_child=link.close)
    hold(link)


def stop_debugging(pydevd):
    """This forked child runs undebugged."""
    import threading

    from _pydevd_bundle.pydevd_constants import set_global_debugger

    try:
        pydevd.stoptrace()
    except Exception:
        pydevd.connected = False
    set_global_debugger(None)
    sys.settrace(None)
    threading.settrace(None)


def answer_own_listen(link):
    """A script that calls debugpy.listen itself is debugged already: it gets our answer, and opens no port."""
    from debugpy.server import api

    wait_for_client = api.wait_for_client

    def listen(address, **_):
        port = address if isinstance(address, int) else address[1]
        return "127.0.0.1", port

    def connect(address, **_):
        return None

    def wait():
        if link.welcome["wait"] and not api.is_client_connected():
            return None  # the wait at the start ran out: once is enough
        return wait_for_client()

    listen.called = True
    wait.cancel = wait_for_client.cancel
    api.listen, api.connect, api.wait_for_client = listen, connect, wait


def stop_at_uncaught():
    """Stop at exceptions that end the program, on every Python alike.

    sys.exit is none of them. Until Python 3.11 pydevd sees an uncaught exception only in programs that it runs
    itself. A script may set an excepthook of its own later: then its hook wins, as it does without us.
    """
    import pydevd

    asked_for = pydevd.PyDB.ignore_system_exit_code

    def ignore_system_exit_code(debugger, fault):
        return getattr(debugger, "_break_on_system_exit", None) is None or asked_for(debugger, fault)

    pydevd.PyDB.ignore_system_exit_code = ignore_system_exit_code
    if sys.version_info >= (3, 12):
        return
    previous = sys.excepthook

    def excepthook(kind, value, traceback):
        try:
            stop(kind, value, traceback)
        except Exception as fault:
            fault.__traceback__ = None
        previous(kind, value, traceback)

    def stop(kind, value, traceback):
        import threading

        from _pydevd_bundle import pydevd_breakpoints
        from _pydevd_bundle.pydevd_constants import get_global_debugger

        if not pydevd._is_attached() or traceback is None:
            return
        debugger = get_global_debugger()
        thread = threading.current_thread()
        info = debugger.set_additional_thread_info(thread)
        info.is_tracing += 1
        try:
            pydevd_breakpoints.stop_on_unhandled_exception(debugger, thread, info, (kind, value, traceback))
        finally:
            info.is_tracing -= 1

    sys.excepthook = excepthook

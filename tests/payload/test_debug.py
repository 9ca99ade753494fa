"""The guest code with a real debug client, on every Python of this machine."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.dap import Closed, Editor
from tests.payload.conftest import Pod, lines_with

APP = """\
import os, sys

def double(n):
    result = n * 2
    return result  # here

if __name__ == "__main__":
    print("double", double(21))
    sys.exit(int(os.environ.get("EXIT", "0")))
"""


@pytest.mark.every_python
def test_breakpoint_local_variable_evaluate_continue_exit_code(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    pod.env["EXIT"] = "7"
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    stop = session.stopped()
    assert (stop.path, stop.line) == (str(app), lines_with(app, "# here")[0])
    assert stop.variables()["result"] == "42"
    assert stop.evaluate("n + 1") == "22"
    stop.go()
    session.terminated()
    assert pod.finish(process) == (7, "double 42\n", "")
    assert pod.termination_log.read_text() == ""


def test_path_mappings_of_the_configuration_are_used(pod: Pod, write: Any, tmp_path: Path) -> None:
    app = write("app.py", APP)
    local = tmp_path / "checkout" / "app.py"
    pod.start(pod.python, str(app))
    mapping = {"localRoot": str(local.parent), "remoteRoot": str(app.parent)}
    session = pod.attach(Editor({local: lines_with(app, "# here")}), pathMappings=[mapping])
    assert session.stopped().path == str(local)


@pytest.mark.parametrize(
    "way", ["relative", "module", "bash -c", "bash -c exec", "env", "-O", "-s", "shebang", "package"]
)
def test_ways_to_start(pod: Pod, write: Any, way: str) -> None:
    app = write("app.py", APP)
    if way == "shebang":
        app = write("tool", f"#!{pod.python}\n{APP}")
        app.chmod(0o755)
    if way == "package":
        write("package/__init__.py", "")
        app = write("package/__main__.py", APP)
    commands = {
        "relative": [pod.python, "app.py"],
        "module": [pod.python, "-m", "app"],
        "package": [pod.python, "-mpackage"],
        "bash -c": ["bash", "-c", f"true; {pod.python} app.py; exit $?"],
        "bash -c exec": ["bash", "-c", f"exec {pod.python} app.py"],
        "env": ["env", "A=b", pod.python, "app.py"],
        "-O": [pod.python, "-O", "-X", "utf8", "app.py"],
        "-s": [pod.python, "-su", "app.py"],
        "shebang": [str(app)],
    }
    process = pod.start(*commands[way], cwd=app.parent.parent if way == "package" else app.parent)
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    stop = session.stopped()
    assert stop.evaluate("result") == "42"
    stop.go()
    session.terminated()
    assert pod.finish(process) == (0, "double 42\n", "")


def test_venv_and_its_console_script(pod: Pod, write: Any, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([pod.python, "-m", "venv", "--without-pip", str(venv)], check=True)
    app = write("tool", f"#!{venv}/bin/python\n{APP}")
    app.chmod(0o755)
    process = pod.start(str(app))
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    stop = session.stopped()
    assert stop.evaluate("sys.prefix") == repr(str(venv))
    stop.go()
    session.terminated()
    assert pod.finish(process)[0] == 0


@pytest.mark.every_python
def test_uncaught_exception_stops_once_at_the_raising_line(pod: Pod, write: Any) -> None:
    app = write("app.py", "def fail(step):\n    raise ValueError(f'step {step}')  # here\n\nfail(300)\n")
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor())
    stop = session.stopped()
    assert stop.reason == "exception"
    assert (stop.line, stop.variables()["step"]) == (2, "300")
    stop.go()
    session.terminated()
    code, _, err = pod.finish(process)
    assert code == 1
    assert err.endswith("ValueError: step 300\n")
    assert err.count("Traceback") == 1
    stops = [m for m in session.connection.messages if m.get("event") == "stopped"]
    assert len(stops) == 1


@pytest.mark.every_python
def test_caught_exception_and_system_exit_do_not_stop(pod: Pod, write: Any) -> None:
    app = write("app.py", "import sys\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    print('caught')\nsys.exit(3)\n")
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor())
    session.terminated()
    assert pod.finish(process) == (3, "caught\n", "")
    assert not [m for m in session.connection.messages if m.get("event") == "stopped"]


@pytest.mark.every_python
def test_stop_on_entry(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    pod.config["stop_on_entry"] = True
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor())
    stop = session.stopped()
    assert (stop.path, stop.line) == (str(app), 1)
    stop.go()
    session.terminated()
    assert pod.finish(process)[0] == 0


FORK = """\
import os
def work():
    value = 41 + 1
    return value  # here
pid = os.fork()
if pid == 0:
    os._exit(work() - 42)
print("child", os.waitpid(pid, 0)[1])
"""
POOL = """\
import multiprocessing, sys
def work(n):
    return n * 2  # here
if __name__ == "__main__":
    with multiprocessing.get_context(sys.argv[1]).Pool(1) as pool:
        print(pool.map(work, [21]))
"""
POPEN = """\
import subprocess, sys
if len(sys.argv) > 1:
    print("child", sys.argv[1])  # here
else:
    sys.exit(subprocess.call([sys.executable, __file__, "x"]))
"""


@pytest.mark.parametrize(
    ("text", "arguments", "out"),
    [
        (FORK, [], "child 0\n"),
        (POOL, ["fork"], "[42]\n"),
        (POOL, ["spawn"], "[42]\n"),
        (POOL, ["forkserver"], "[42]\n"),
        (POPEN, [], "child x\n"),
    ],
    ids=["os.fork", "fork", "spawn", "forkserver", "subprocess"],
)
def test_children_are_sessions_on_the_same_port(
    pod: Pod, write: Any, text: str, arguments: list[str], out: str
) -> None:
    app = write("app.py", text)
    process = pod.start(pod.python, str(app), *arguments)
    editor = Editor({app: lines_with(app, "# here")})
    session = pod.attach(editor)
    number = 0
    while True:  # a forkserver is a child of its own, in which nothing stops
        child = editor.child(number)
        try:
            stop = child.stopped(timeout=5 if arguments == ["forkserver"] and number == 0 else 60)
            break
        except (TimeoutError, Closed):
            number += 1
    assert stop.line == lines_with(app, "# here")[0]
    stop.go()
    session.terminated()
    assert pod.finish(process) == (0, out, "")


@pytest.mark.parametrize(
    ("text", "arguments", "out"),
    [
        (FORK, [], "child 0\n"),
        (POOL, ["fork"], "[42]\n"),
        (POOL, ["spawn"], "[42]\n"),
        (POOL, ["forkserver"], "[42]\n"),
        (POPEN, [], "child x\n"),
        (
            "import os, sys\nif len(sys.argv) == 1:\n"
            "    os.execv(sys.executable, [sys.executable, __file__, 'x'])\nprint('new')\n",
            [],
            "new\n",
        ),
    ],
    ids=["os.fork", "fork", "spawn", "forkserver", "subprocess", "execv"],
)
def test_without_a_client_children_run_as_ever(pod: Pod, write: Any, text: str, arguments: list[str], out: str) -> None:
    pod.config["wait"] = False
    app = write("app.py", text)
    assert pod.finish(pod.start(pod.python, str(app), *arguments)) == (0, out, "")


def test_children_of_a_program_whose_agent_died_run_on(pod: Pod, write: Any) -> None:
    pod.config["wait"] = False
    gate = write("gate.py", "import os, sys\nprint('up', flush=True)\nos.read(int(sys.argv[1]), 1)\n" + FORK)
    read, send = os.pipe()
    os.set_inheritable(read, True)
    process = subprocess.Popen(
        [pod.python, str(gate), str(read)],
        env=pod.environ(),
        pass_fds=[read],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    pod.processes.append(process)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    for pid in pod.agents():
        os.kill(pid, 9)
    os.write(send, b"x")
    code, out, err = pod.finish(process)
    assert (code, out) == (0, "child 0\n"), err


def test_a_second_python_after_the_first_is_debugged_without_a_second_f5(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    process = pod.start("bash", "-c", f"{pod.python} {app} && {pod.python} {app}")
    editor = Editor({app: lines_with(app, "# here")})
    session = pod.attach(editor)
    session.stopped().go()
    session.restarting()
    session = editor.attach(session.configuration)
    session.stopped().go()
    session.terminated()
    assert [m for m in session.connection.messages if m.get("event") == "terminated"][-1].get("body") in (None, {})
    assert pod.finish(process) == (0, "double 42\ndouble 42\n", "")


def test_who_leaves_is_not_called_back(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    process = pod.start("bash", "-c", f"{pod.python} {app} && {pod.python} {app}")
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    session.stopped()
    session.disconnect()
    with pytest.raises(Closed):
        session.connection.wait(lambda m: (m.get("body") or {}).get("restart") is True)
    pod.status("waiting")
    pod.attach(Editor())
    assert pod.finish(process) == (0, "double 42\ndouble 42\n", "")


def test_wait_runs_out_and_the_app_goes_on(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    pod.config["wait_timeout"] = 0.5
    process = pod.start(pod.python, str(app))
    assert pod.finish(process) == (0, "double 42\n", "")


def test_helpers_are_not_held_up(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    script = f"""
    {pod.python} -c 'print("code")'
    {pod.python} -m py_compile {app}
    echo 'print("stdin")' | {pod.python} -
    {pod.python} -m json.tool <<< '{{}}'
    """
    process = pod.start("bash", "-c", script)
    assert pod.finish(process) == (0, "code\nstdin\n{}\n", "")
    assert list(pod.agents()) == []


def test_program_names_the_one_that_waits(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    other = write("other.py", "print('other')\n")
    pod.config["program"] = "app.py"
    process = pod.start("bash", "-c", f"{pod.python} {other}; {pod.python} {app}")
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    session.stopped().go()
    session.terminated()
    assert pod.finish(process) == (0, "other\ndouble 42\n", "")


def test_own_listen_is_answered_on_loopback(pod: Pod, write: Any) -> None:
    app = write(
        "recipe.py",
        "import debugpy\nprint(debugpy.listen(('0.0.0.0', 5678)))\n"
        "debugpy.wait_for_client()\nx = 42\nprint('go')  # here\n",
    )
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    stop = session.stopped()
    assert stop.evaluate("x") == "42"
    stop.go()
    session.terminated()
    assert pod.finish(process) == (0, "('127.0.0.1', 5678)\ngo\n", "")


BREAKPOINT_CALLS = ["breakpoint()", "__import__('debugpy').breakpoint()"]


@pytest.mark.parametrize("call", BREAKPOINT_CALLS)
def test_breakpoint_call_harms_nothing_without_a_client(pod: Pod, write: Any, call: str) -> None:
    app = write("app.py", f"x = 1\n{call}\nx = 2\nprint(x)\n")
    pod.config["wait"] = False
    assert pod.finish(pod.start(pod.python, str(app))) == (0, "2\n", "")


@pytest.mark.parametrize("call", BREAKPOINT_CALLS)
def test_breakpoint_call_stops_with_a_client(pod: Pod, write: Any, call: str) -> None:
    app = write("app.py", f"x = 1\n{call}\nx = 2\nprint(x)\n")
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor())
    assert session.stopped().line in (2, 3)
    session.disconnect()
    assert pod.finish(process) == (0, "2\n", "")


def test_disconnect_while_stopped_lets_the_app_run(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    session.stopped()
    session.disconnect()
    assert pod.finish(process) == (0, "double 42\n", "")


def test_a_client_that_ignores_children_hangs_none(pod: Pod, write: Any) -> None:
    app = write("app.py", FORK)
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor(follow=False))
    session.terminated()
    assert pod.finish(process) == (0, "child 0\n", "")

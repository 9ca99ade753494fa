"""Our end in the pod: who may talk to it, and what it says."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.dap import DEADLINE, Editor
from tests.payload.conftest import Pod, lines_with

APP = "import os, sys\nx = 42\nprint('end')  # here\n"


@pytest.fixture
def waiting(pod: Pod, write: Any) -> Pod:
    """A pod whose program waits for its client."""
    pod.start(pod.python, str(write("app.py", APP)))
    pod.status("waiting")
    return pod


def talk(pod: Pod, *lines: bytes) -> bytes:
    """All that the agent answers until it closes."""
    with socket.create_connection(("127.0.0.1", pod.config["ports"][0]), timeout=DEADLINE) as sock:
        answer = b""
        for line in lines:
            sock.sendall(line)
        with contextlib.suppress(OSError):  # reset: it closed with bytes of ours unread
            sock.shutdown(socket.SHUT_WR)
            while data := sock.recv(65536):
                answer += data
        return answer


HELLO = json.dumps({"v": 1, "session": "test", "nonce": "00"}).encode() + b"\n"


@pytest.mark.parametrize(
    "lines",
    [
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",),
        (b"\x16\x03\x01\x00\xa5",),
        (b'{"v":1,"session":"another","nonce":"00"}\n',),
        (b'{"v":2,"session":"test","nonce":"00"}\n',),
        (b"[]\n",),
        (b"x" * 100_000,),
        (b"Content-Length: 2\r\n\r\n{}",),
    ],
    ids=["http", "tls", "session", "version", "list", "long", "dap"],
)
def test_strangers_get_no_answer(waiting: Pod, lines: tuple[bytes, ...]) -> None:
    assert talk(waiting, *lines) == b""
    assert waiting.status("waiting"), "the agent lives on"


@pytest.mark.parametrize(
    "request_line",
    [b'{"token":"00","service":"dap"}\n', b'{"token":"zz","service":"dap"}\n', b'{"service":"dap"}\n', b"[]\n"],
)
def test_who_has_not_the_token_gets_no_service(waiting: Pod, request_line: bytes) -> None:
    answer = talk(waiting, HELLO, request_line)
    assert answer.count(b"\n") == 1, "the proof, and nothing after it"
    assert waiting.status("waiting")


def test_an_unknown_service_is_refused(waiting: Pod) -> None:
    request = json.dumps({"token": waiting.token.hex(), "service": "shell"}).encode() + b"\n"
    answer = talk(waiting, HELLO, request).splitlines()
    assert json.loads(answer[1]) == {"ok": False, "error": "no such service"}


def test_it_listens_on_loopback_only_and_on_one_client_port(waiting: Pod) -> None:
    (agent,) = waiting.agents()
    inodes = {os.readlink(link) for link in Path(f"/proc/{agent}/fd").iterdir()}
    listening = [
        fields[1]
        for fields in (line.split() for line in Path(f"/proc/{agent}/net/tcp").read_text().splitlines()[1:])
        if fields[3] == "0A" and f"socket:[{fields[9]}]" in inodes
    ]
    assert {address.partition(":")[0] for address in listening} == {"0100007F"}
    assert len(listening) == 2, "one for clients with a token, one for the Pythons of the container"


def test_a_taken_port_is_passed_over(pod: Pod, write: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free = pod.config["ports"][0]
        pod.config["ports"] = [taken.getsockname()[1], free]
        pod.start(pod.python, str(write("app.py", APP)))
        pod.config["ports"] = [free]
        assert pod.status("waiting")["processes"][0]["role"] == "program"


def test_status_tells_of_the_program(waiting: Pod) -> None:
    (process,) = waiting.status("waiting")["processes"]
    assert process["argv"][-1].endswith("app.py")
    assert process["state"] == "waiting"
    assert set(process) == {"pid", "ppid", "role", "argv", "cwd", "executable", "version", "state", "reason"}


def test_sources_are_found_by_name_and_size(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    write("package/other.py", "x = 1\n")
    write("package/longer.py", "x = 1000\n")
    (app.parent / "loop").symlink_to(app.parent)
    pod.start(pod.python, str(app), cwd=app.parent)
    pod.status("waiting")
    names = {"app.py": [len(APP)], "other.py": [6], "longer.py": [1], "absent.py": [1]}
    with pod.connect("sources", {"names": names}) as sock:
        sock.settimeout(DEADLINE)
        answer = pod.read_line(sock)
    found = {Path(path).name: digest for path, _, _, digest in answer["files"]}
    assert set(found) == {"app.py", "other.py", "longer.py"}
    assert found["longer.py"] == "", "its size differs: it cannot be equal, and is not hashed"
    assert len(found["app.py"]) == 64
    assert len(answer["files"]) == 3, "a link into itself is entered once at most"
    assert (answer["cwd"], answer["script"]) == (str(app.parent), str(app))


def test_a_second_client_is_refused_in_words(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    stop = session.stopped()
    with pytest.raises(AssertionError, match="already being debugged"):
        pod.attach(Editor())
    stop.go()
    assert pod.finish(process)[0] == 0


def test_the_app_survives_the_agents_death(pod: Pod, write: Any) -> None:
    app = write("app.py", APP)
    process = pod.start(pod.python, str(app))
    session = pod.attach(Editor({app: lines_with(app, "# here")}))
    session.stopped()
    for agent in pod.agents():
        os.kill(agent, signal.SIGKILL)
    assert pod.finish(process) == (0, "end\n", "")


def test_a_bundle_that_was_changed_is_not_run(pod: Pod, write: Any) -> None:
    pod.config["sha256"] = "0" * 64
    process = pod.start(pod.python, str(write("app.py", APP)))
    assert pod.finish(process) == (0, "end\n", "")
    said = json.loads(pod.termination_log.read_text())
    assert "SHA-256 differs" in said["undebugged"]


@pytest.mark.parametrize(
    ("pythonpath", "image", "expected"),
    [
        ("HOOK:$(PYTHONPATH)", None, []),
        ("HOOK:$(PYTHONPATH)", "/image/lib", ["/image/lib"]),
        ("HOOK:$(KUBECTL_PYDEBUG_PYTHONPATH)", "/image/lib", ["/image/lib"]),
        ("HOOK:/from/spec", "/image/lib", ["/from/spec"]),
        ("HOOK", None, []),
        ("/mine:HOOK:$(PYTHONPATH)", "/image/a:/image/b", ["/mine", "/image/a", "/image/b"]),
    ],
)
def test_pythonpath_is_what_it_was_without_us(
    pod: Pod, write: Any, pythonpath: str, image: str | None, expected: list[str]
) -> None:
    pod.config["wait"] = False
    pod.env["PYTHONPATH"] = pythonpath.replace("HOOK", str(pod.hook))
    if image is not None:
        (pod.run_folder / "image-pythonpath").write_text(image)
    app = write("app.py", "import json, os, sys\nprint(json.dumps([sys.path, os.environ['PYTHONPATH']]))\n")
    code, out, err = pod.finish(pod.start(pod.python, str(app)))
    assert (code, err) == (0, "")
    path, environ = json.loads(out)
    assert path[1 : len(expected) + 1] == expected
    assert not [entry for entry in path if "kubectl" in entry or "$(" in entry or str(pod.run_folder) in entry]
    assert environ.split(":") == [str(pod.hook), *expected], "children come through the hook"


def test_the_apps_own_sitecustomize_runs_once_and_its_fault_is_its_own(pod: Pod, write: Any) -> None:
    write("lib/sitecustomize.py", "print('own')\nraise ValueError('its fault')\n")
    app = write("app.py", APP)
    pod.config["wait"] = False
    pod.env["PYTHONPATH"] = f"{pod.hook}:{app.parent / 'lib'}"
    code, out, err = pod.finish(pod.start(pod.python, str(app)))
    assert (code, out) == (0, "own\nend\n")
    assert "its fault" in err


def test_bytecode_is_kept_though_the_image_forbids_it(pod: Pod, write: Any) -> None:
    pod.config["wait"] = False
    pod.env["PYTHONDONTWRITEBYTECODE"] = "1"
    app = write("app.py", "import sys\nprint(sys.dont_write_bytecode)\n")
    assert pod.finish(pod.start(pod.python, str(app))) == (0, "True\n", "")
    assert list(pod.run_folder.rglob("pydevd.cpython-*.pyc"))


def test_environment_and_modules_are_left_as_they_were(pod: Pod, write: Any) -> None:
    pod.config["wait"] = False
    app = write("app.py", "import os, sys\nprint(sorted(k for k in os.environ if 'PYDEV' in k), sys.argv, __name__)\n")
    _, out, err = pod.finish(pod.start(pod.python, "-W", "error", str(app), "x"))
    assert err == ""
    assert "PYDEVD" not in out.replace("KUBECTL_PYDEBUG", "")
    assert f"['{app}', 'x'] __main__" in out


def test_http_server_as_a_module_warns_of_nothing(pod: Pod, write: Any) -> None:
    pod.config["wait"] = False
    code, _, err = pod.finish(pod.start(pod.python, "-W", "error", "-m", "http.server", "--help"))
    assert (code, err) == (0, "")


def test_usercustomize_runs_as_ever(pod: Pod, write: Any) -> None:
    write("lib/usercustomize.py", "print('user')\n")
    app = write("app.py", APP)
    pod.config["wait"] = False
    pod.env["PYTHONPATH"] = f"{pod.hook}:{app.parent / 'lib'}"
    assert pod.finish(pod.start(pod.python, str(app))) == (0, "user\nend\n", "")

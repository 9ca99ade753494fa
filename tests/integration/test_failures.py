"""What goes wrong: an exit code of ours, one sentence with the next step, and nothing left behind."""

from __future__ import annotations

import signal
import socket
from pathlib import Path
from typing import Any

import pytest
import yaml

from kubectl_pydebug.core.exits import Exit
from tests.integration.conftest import Place, code, job, pod_spec

pytestmark = pytest.mark.integration

APP = "print('hello')\n"
NOWHERE = "localhost:1/no-such-image:1"


def fails(place: Place, exit_code: Exit, *says: str, words: tuple[str, ...] = ("job/train",), **start: Any) -> None:
    """`kubectl pydebug WORDS` ends so, and everything is as it was."""
    before = place.objects()
    place.start(*words, **start).ends(exit_code, *says)
    place.assert_as_before(before)


def test_image_that_cannot_be_pulled(place: Place) -> None:
    place.apply(code(), job("train", NOWHERE, ["python3", "app.py"]))
    fails(place, Exit.NOT_STARTED, "cannot get the image", NOWHERE, "kubectl describe pod")


def test_unschedulable_is_waited_for_with_the_scheduler_s_reason(place: Place, images: dict[str, str]) -> None:
    train = job("train", images["3.11"], ["python3", "app.py"])
    pod_spec(train)["nodeSelector"] = {"gpu": "none-has-it"}
    place.apply(code(app_py=APP), train)
    before = place.objects()
    run = place.start("job/train")
    run.wait_for("No node takes pod")
    assert "didn't match Pod's node affinity/selector" in run.err.decode()
    assert "kubectl describe nodes" in run.err.decode()
    assert run.process.poll() is None
    run.process.send_signal(signal.SIGINT)
    assert run.finish() == Exit.INTERRUPTED, run.transcript()
    place.assert_as_before(before)


def test_pod_that_pod_security_refuses(place: Place, images: dict[str, str]) -> None:
    place.apply(code(), job("train", images["3.11"], ["python3", "app.py"], securityContext={}))
    fails(place, Exit.NOT_STARTED, "forbids the copy's pod", 'PodSecurity "restricted', "kubectl describe namespace")


@pytest.mark.parametrize(
    ("counted", "limit", "exit_code"), [("pods", 0, Exit.NOT_STARTED), ("count/jobs.batch", 1, Exit.CLUSTER)]
)
def test_quota_exceeded(place: Place, images: dict[str, str], counted: str, limit: int, exit_code: Exit) -> None:
    place.apply(code(), job("train", images["3.11"], ["python3", "app.py"]))
    place.set_quota({counted: limit})
    fails(place, exit_code, "exceeded quota: small", "kubectl describe")


@pytest.mark.parametrize("logs", [(), ("--no-logs",)], ids=["logs", "no-logs"])
def test_container_without_python_ends_with_its_last_lines(
    place: Place, images: dict[str, str], logs: tuple[str, ...]
) -> None:
    place.apply(code(), job("train", images["3.11"], ["bash", "-c", "echo first; echo last; exit 3"]))
    fails(place, Exit.NOT_DEBUGGED, "ended with exit code 3 before any Python", words=("job/train", *logs))
    assert place.runs[-1].out == b"first\nlast\n"


def test_out_of_memory_is_told_beside_the_container_s_own_exit_code(place: Place, images: dict[str, str]) -> None:
    text = "print('greedy')  # here\ngreedy = bytearray(1 << 30)\n"
    app = place.write("src/app.py", text)
    resources = {"limits": {"memory": "256Mi"}}
    place.apply(code(app_py=text), job("train", images["3.11"], ["python3", "app.py"], resources=resources))
    before = place.objects()
    run = place.debug("job/train")
    stop = place.stop_at(app)
    stop.session.connection.send("continue", {"threadId": stop.thread})
    run.ends(128 + signal.SIGKILL, "Container main was killed", "memory", "kubectl describe pod")
    place.assert_as_before(before)


def test_isolated_python_is_refused_before_anything_is_made(place: Place, images: dict[str, str]) -> None:
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "-I", "app.py"]))
    fails(place, Exit.REFUSED, "runs python3 with -I", "kubectl pydebug job/train -- python3 app.py")
    assert "Creating" not in place.runs[-1].err.decode()


def test_isolated_python_in_a_script_is_told_at_the_end(place: Place, images: dict[str, str]) -> None:
    place.apply(code(app_py=APP, run="python3 -I app.py\n"), job("train", images["3.11"], ["bash", "run"]))
    fails(place, Exit.NOT_DEBUGGED, "before any Python in it was debugged", "python -I, -E or -S")
    assert place.runs[-1].out == b"hello\n"


def test_container_has_to_be_named(place: Place, images: dict[str, str]) -> None:
    train = job("train", images["3.11"], ["python3", "app.py"])
    pod_spec(train)["containers"].append({**pod_spec(train)["containers"][0], "name": "other"})
    place.apply(code(), train)
    fails(place, Exit.REFUSED, "There are 2 containers: main, other", "-c main")
    fails(place, Exit.REFUSED, "no container third", "main, other", "-c main", words=("job/train", "-c", "third"))


@pytest.mark.parametrize(
    ("words", "exit_code", "says"),
    [
        (("job/nothing",), Exit.CLUSTER, ("job/nothing was not found", "kubectl get jobs")),
        (("nothing",), Exit.CLUSTER, ("pod/nothing was not found", "kubectl get pods")),
        (("-n", "no-such-namespace", "job/train"), Exit.CLUSTER, ("no-such-namespace",)),
        (("secret/x",), Exit.REFUSED, ("secret is no kind", "job/NAME")),
        (("job/a/b",), Exit.USAGE, ("job/a/b",)),
        (("job/x", "--nonsense"), Exit.USAGE, ("--nonsense", "kubectl pydebug --help")),
        (("job/x", "--wait-timeout", "0"), Exit.USAGE, ("--wait-timeout", "kubectl pydebug --help")),
        (("job/x", "--env", "NAME"), Exit.USAGE, ("'NAME' has no value", "NAME=VALUE")),
        (("job/x", "--dry-run=maybe"), Exit.USAGE, ("maybe", "client", "server")),
        (("job/x", "--context", "nobody-has-it"), Exit.CLUSTER, ('no context "nobody-has-it"', "get-contexts")),
        (("job/x", "--kubeconfig", "/no/such/file"), Exit.CLUSTER, ("No kubeconfig found", "/no/such/file")),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) and value and value[0] else None,
)
def test_command_lines_that_lead_nowhere(
    place: Place, words: tuple[str, ...], exit_code: Exit, says: tuple[str, ...]
) -> None:
    fails(place, exit_code, *says, words=words)


def test_no_kubeconfig(place: Place, tmp_path: Path) -> None:
    env = {"KUBECONFIG": "", "HOME": str(tmp_path)}
    fails(place, Exit.CLUSTER, "No kubeconfig found", f"{tmp_path}/.kube/config", "--kubeconfig FILE", env=env)


def test_api_server_that_cannot_be_reached(place: Place, tmp_path: Path) -> None:
    config = yaml.safe_load(place.cluster.kubeconfig.read_text())
    with socket.socket() as closed:  # bound, and nobody listens: nothing else can take the port meanwhile
        closed.bind(("127.0.0.1", 0))
        server = f"https://127.0.0.1:{closed.getsockname()[1]}"
        config["clusters"][0]["cluster"]["server"] = server
        (tmp_path / "kubeconfig").write_text(yaml.safe_dump(config))
        env = {"KUBECONFIG": str(tmp_path / "kubeconfig")}
        fails(place, Exit.CLUSTER, server, "cannot be reached", "kubectl cluster-info", env=env)

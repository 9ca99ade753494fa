"""How the debugger gets in, and that the program does not notice: PYTHONPATH, images without a shell, taken ports."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.integration.conftest import Place, Raw, code, copy_example, job, pod_spec
from tests.integration.test_pythons import APP
from tests.payload.conftest import lines_with

pytestmark = pytest.mark.integration

LOOK = """\
import json, os, sys

found = {"sitecustomize": os.environ.get("APP_SITECUSTOMIZE"), "path": sys.path[1:]}
for name in ("imagelib", "given"):
    try:
        found[name] = __import__(name).__file__
    except ImportError:
        found[name] = None
print(json.dumps(found))  # here
"""


def from_map(name: str, **more: Any) -> Raw:
    return {"valueFrom": {"configMapKeyRef": {"name": name, "key": "PYTHONPATH", **more}}}


PYTHONPATHS: dict[str, Raw] = {
    "image": {},
    "env": {"env": [{"name": "PYTHONPATH", "value": "/given"}]},
    "env-beside-the-image-s": {"env": [{"name": "PYTHONPATH", "value": "/given:/opt/lib"}]},
    "envFrom": {"envFrom": [{"configMapRef": {"name": "paths"}}]},
    "valueFrom": {"env": [{"name": "PYTHONPATH", **from_map("paths")}]},
    "valueFrom-missing": {"env": [{"name": "PYTHONPATH", **from_map("nowhere", optional=True)}]},
}


@pytest.mark.parametrize("given", PYTHONPATHS.values(), ids=PYTHONPATHS)
def test_the_program_finds_what_it_finds_without_us(place: Place, images: dict[str, str], given: Raw) -> None:
    """The original runs beside its copy, and both tell what they see."""
    app = place.write("src/look.py", LOOK)
    train = job("train", images["3.11-env"], ["python3", "look.py"], **given)
    train["spec"]["suspend"] = False
    spec = pod_spec(train)
    spec["containers"][0]["volumeMounts"].append({"name": "given", "mountPath": "/given"})
    spec["volumes"].append({"name": "given", "configMap": {"name": "given"}})
    library = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "given"}, "data": {"given.py": ""}}
    paths = {**library, "metadata": {"name": "paths"}, "data": {"PYTHONPATH": "/given"}}
    place.apply(code(look_py=LOOK), library, paths, train)
    run = place.debug("job/train")
    stop = place.stop_at(app)
    assert [stop.line] == lines_with(app, "# here")
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()
    place.kubectl("wait", "--for=condition=Complete", "job/train", "--timeout=60s")
    assert json.loads(run.out) == json.loads(place.kubectl("logs", "job/train"))


def test_image_without_a_shell(place: Place, images: dict[str, str]) -> None:
    app = place.write("src/app.py", APP)
    place.apply(code(app_py=APP), job("train", images["3.13-nosh"], ["python3", "app.py"]))
    before = place.objects()
    run = place.debug("job/train")
    assert "no /bin/sh" in run.err.decode()
    assert "--way mount" in run.err.decode()
    stop = place.stop_at(app)
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()
    place.assert_as_before(before)


LISTENING = (
    "[line.split()[1] for kind in ('tcp', 'tcp6') if __import__('os').path.exists(f'/proc/net/{kind}')"
    " for line in open(f'/proc/net/{kind}') if line.split()[3] == '0A']"
)
"""The addresses in the pod that something listens on, as the kernel writes them: 0100007F is 127.0.0.1."""

SIDECAR = """\
import json, pathlib, socket, threading

gate = pathlib.Path("/gate")
while not (gate / "settings").exists():
    threading.Event().wait(0.05)
ports = json.loads((gate / "settings").read_text())["ports"]


def silent(sock):
    sock.recv(1)


def closes(sock):
    sock.close()


def greets(sock):
    sock.sendall(b"220 ready\\r\\n")


def relays(sock):
    there = socket.create_connection(("127.0.0.1", ports[-1]))
    threading.Thread(target=copy, args=(there, sock), daemon=True).start()
    copy(sock, there)


def copy(source, target):
    while data := source.recv(65536):
        target.sendall(data)
    target.shutdown(socket.SHUT_WR)


def serve(listener, answer):
    while True:
        threading.Thread(target=answer, args=(listener.accept()[0],), daemon=True).start()


for port, answer in zip(ports, (silent, closes, greets, relays)):
    listener = socket.create_server(("127.0.0.1", port))
    threading.Thread(target=serve, args=(listener, answer)).start()
(gate / "taken").touch()
"""
WAITS = """\
printf %s "$KUBECTL_PYDEBUG" > /gate/new
mv /gate/new /gate/settings
until [ -e /gate/taken ]; do sleep 0.05; done
python3 app.py
"""


def test_another_container_has_all_ports_but_one_and_never_ends(place: Place, images: dict[str, str]) -> None:
    """Each taken port answers in another way: not at all, by closing, by a greeting, by a relay to the right one."""
    app = place.write("src/app.py", APP)
    train = job("train", images["3.11"], ["bash", "waits"], env=[{"name": "EXIT", "value": "7"}])
    spec = pod_spec(train)
    spec["volumes"].append({"name": "gate", "emptyDir": {}})
    spec["containers"][0]["volumeMounts"].append({"name": "gate", "mountPath": "/gate"})
    spec["containers"].append({**spec["containers"][0], "name": "proxy", "command": ["python3", "sidecar.py"]})
    place.apply(code(app_py=APP, sidecar_py=SIDECAR, waits=WAITS), train)
    before = place.objects()
    run = place.start("job/train", "-c", "main", "-o", "json")
    run.wait_for('"kind": "Session"')
    port = json.loads(run.out)["endpoints"][0]["remotePort"]
    stop = place.stop_at(app)
    ports = "__import__('json').loads(os.environ['KUBECTL_PYDEBUG'])['ports']"
    assert stop.evaluate(f"{ports}.index({port})") == "4"
    assert stop.evaluate(f"set({ports}) <= {{int(address[-4:], 16) for address in {LISTENING}}}") == "True"
    stop.go()
    stop.session.terminated()
    assert run.finish() == 7, run.transcript()
    place.assert_as_before(before)


def test_bytecode_is_kept_although_the_program_asks_for_none(place: Place, images: dict[str, str]) -> None:
    """Else each Python of the container compiles the debugger anew."""
    app = place.write("src/app.py", APP)
    env = [{"name": "PYTHONDONTWRITEBYTECODE", "value": "1"}]
    place.apply(code(app_py=APP), job("train", images["3.11"], ["python3", "app.py"], env=env))
    place.debug("job/train")
    stop = place.stop_at(app)
    files = "[path.name for path in __import__('pathlib').Path('/kubectl-pydebug/run').rglob('*.pyc')]"
    assert stop.evaluate("sys.dont_write_bytecode") == "True"
    assert stop.evaluate(f"{files}.count('pydevd.cpython-311.pyc')") == "1"
    assert stop.evaluate(f"len({files}) > 50") == "True"


def test_own_listen_on_all_addresses_is_answered_on_loopback(place: Place) -> None:
    """The recipe as it stands, in a copy: its breakpoints work, and the cluster's network sees no port."""
    copy_example("recipe", place.checkout)
    place.apply_file("recipe.yaml")
    run = place.debug("job/recipe")
    stop = place.stop_at(place.checkout / "app.py", "the total is", "job/recipe")
    assert stop.evaluate("total") == "55"
    assert stop.evaluate(f"{{address[:8] for address in {LISTENING}}}") == "{'0100007F'}"
    stop.go()
    stop.session.terminated()
    assert run.finish() == 0, run.transcript()
    assert run.out == b"waiting for the debugger on port 5678\nthe total is 55\n"

"""The real thing: `kubectl pydebug` as a user types it, on the kind cluster that `make cluster` raises.

Nothing here reads or writes a kubeconfig of the developer's own.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import pytest
import yaml

from tests.dap import DEADLINE, Editor, Session, Stop, load_configuration
from tests.payload.conftest import lines_with

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "tests" / "cluster" / "cluster"
COMPARED = "jobs.batch,pods,configmaps,secrets,services,deployments.apps,replicasets.apps"

Raw = dict[str, Any]


class Cluster:
    """The cluster, through kubectl, with a kubeconfig of its own."""

    def __init__(self, kubeconfig: Path, home: Path) -> None:
        self.kubeconfig = kubeconfig
        self.env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("KUBE", "PYTEST", "COV"))},
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        }

    def kubectl(self, *words: str, stdin: str | None = None, check: bool = True) -> str:
        done = subprocess.run(
            ["kubectl", *words], input=stdin, env=self.env, capture_output=True, text=True, timeout=DEADLINE * 2
        )
        assert not check or done.returncode == 0, f"kubectl {' '.join(words)}: {done.stderr}"
        return done.stdout

    def get(self, *words: str) -> Raw:
        return dict(json.loads(self.kubectl("get", *words, "-o", "json")))


def default_signals() -> None:
    """What a shell starts in its background, as CI may be, ignores some of these; what a terminal starts does not."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


class Run:
    """A running `kubectl pydebug`."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process
        self.out = b""
        self.err = b""
        self._news = threading.Condition()
        self._readers = [
            threading.Thread(target=self._read, args=(process.stdout, "out"), daemon=True),
            threading.Thread(target=self._read, args=(process.stderr, "err"), daemon=True),
        ]
        for reader in self._readers:
            reader.start()

    def _read(self, file: IO[bytes], name: str) -> None:
        while data := os.read(file.fileno(), 65536):
            with self._news:
                setattr(self, name, getattr(self, name) + data)
                self._news.notify_all()
        with self._news:
            self._news.notify_all()

    def wait_for(self, text: str, timeout: float = 2 * DEADLINE) -> None:
        """Until ``text`` was printed, on either stream."""

        def there() -> bool:
            return text.encode() in self.out + self.err or not any(reader.is_alive() for reader in self._readers)

        with self._news:
            self._news.wait_for(there, timeout)
        assert text.encode() in self.out + self.err, f"{text!r} was not printed:\n{self.transcript()}"

    def finish(self, timeout: float = 3 * DEADLINE) -> int:
        code = self.process.wait(timeout)
        for reader in self._readers:
            reader.join(DEADLINE)
        assert b"Traceback" not in self.err, self.transcript()
        return code

    def ends(self, code: int, *words: str) -> None:
        """It ends with this exit code of ours, and with one sentence that has all these words."""
        assert self.finish() == code, self.transcript()
        errors = [line for line in self.err.decode().splitlines() if line.startswith("error: ")]
        assert len(errors) == 1, self.transcript()
        assert [word for word in words if word not in errors[0]] == [], errors[0]

    def transcript(self) -> str:
        return f"--- out\n{self.out.decode(errors='replace')}\n--- err\n{self.err.decode(errors='replace')}"


class Place:
    """One test's namespace and checkout."""

    def __init__(self, cluster: Cluster, namespace: str, checkout: Path) -> None:
        self.cluster = cluster
        self.namespace = namespace
        self.checkout = checkout
        self.runs: list[Run] = []

    def kubectl(self, *words: str, stdin: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.namespace, *words, stdin=stdin)

    def apply(self, *objects: Raw) -> None:
        self.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(objects))

    def set_quota(self, hard: Raw) -> None:
        """The ResourceQuota ``small``, in force."""
        about = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}}
        self.apply({**about, "spec": {"hard": hard}})
        self.wait(lambda: "used" in self.cluster.get("-n", self.namespace, "resourcequota/small").get("status", {}))

    def as_user_with(self, *rights: tuple[str, str, str]) -> str:
        """The option by which the test becomes somebody with these rights here: (API group, resource, verbs)."""
        rules = [{"apiGroups": [group], "resources": [name], "verbs": verbs.split()} for group, name, verbs in rights]
        group = "rbac.authorization.k8s.io"
        about = {"apiVersion": f"{group}/v1", "metadata": {"name": "developer"}}
        subject = {"kind": "ServiceAccount", "name": "developer", "namespace": self.namespace}
        reference = {"apiGroup": group, "kind": "Role", "name": "developer"}
        self.apply(
            {**about, "kind": "Role", "rules": [rule for rule in rules if rule["verbs"]]},
            {**about, "kind": "RoleBinding", "roleRef": reference, "subjects": [subject]},
        )
        return f"--as=system:serviceaccount:{self.namespace}:developer"

    def apply_file(self, name: str, **replaced: str) -> None:
        """A manifest of manifests/, in this namespace; ``EPOCHS="2"`` replaces the value of that key."""
        text = (ROOT / "manifests" / name).read_text()
        for key, value in replaced.items():
            text, count = re.subn(rf"^( *{key}: ).*$", rf'\g<1>"{value}"', text, flags=re.MULTILINE)
            assert count, f"{name} has no {key}"
        self.kubectl("apply", "-f", "-", stdin=text)

    def write(self, name: str, text: str) -> Path:
        path = self.checkout / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path

    def start(self, *words: str, env: Mapping[str, str] | None = None) -> Run:
        """Type `kubectl pydebug WORDS` in the checkout."""
        process = subprocess.Popen(
            ["kubectl", "pydebug", "-n", self.namespace, *words],
            cwd=self.checkout,
            env={**self.cluster.env, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            preexec_fn=default_signals,
        )
        run = Run(process)
        self.runs.append(run)
        return run

    def debug(self, *words: str) -> Run:
        """The main job, until it says that F5 may be pressed."""
        run = self.start(*words)
        run.wait_for("Press F5")
        return run

    def attach(self, editor: Editor, target: str) -> Session:
        """F5, through the launch.json that was generated."""
        name = f"kubectl pydebug: {target}"
        return editor.attach(load_configuration(self.checkout / ".vscode" / "launch.json", name, self.checkout))

    def stop_at(self, path: Path, mark: str = "# here", target: str = "job/train") -> Stop:
        """F5 with a breakpoint at the lines with this mark, until the first stop."""
        return self.attach(Editor({path: lines_with(path, mark)}), target).stopped()

    def objects(self) -> dict[str, Raw]:
        """What is in the namespace, without what changes by itself."""
        listed = self.cluster.get("-n", self.namespace, COMPARED)["items"]
        return {
            f"{item['kind']}/{item['metadata']['name']}": {
                "uid": item["metadata"]["uid"],
                "spec": item.get("spec"),
                "data": item.get("data"),
                "labels": item["metadata"].get("labels"),
                "annotations": item["metadata"].get("annotations"),
            }
            for item in listed
        }

    def wait(self, condition: Callable[[], bool]) -> None:
        """Until this is so in the cluster."""
        gate = threading.Event()
        for _ in range(int(2 * DEADLINE)):
            if condition():
                return
            gate.wait(1)
        raise TimeoutError

    def assert_as_before(self, before: Mapping[str, Raw]) -> None:
        """What is there is what was there. Waits for pods to finish terminating and for the garbage collector."""
        try:
            self.wait(lambda: self.objects() == before)
        except TimeoutError:
            now = self.objects()
        else:
            return
        left = sorted(set(now) - set(before))
        gone = sorted(set(before) - set(now))
        changed = sorted(key for key in set(before) & set(now) if before[key] != now[key])
        raise AssertionError(f"left behind: {left}, gone: {gone}, changed: {changed}")

    def close(self) -> None:
        for run in self.runs:
            if run.process.poll() is None:
                run.process.send_signal(signal.SIGTERM)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    run.process.wait(30)
            if run.process.poll() is None:
                run.process.kill()


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    said = subprocess.run([str(CLUSTER), "env"], capture_output=True, text=True, check=True).stdout
    kubeconfig = said.partition("KUBECONFIG=")[2].split()[0].strip("'\"")
    cluster = Cluster(Path(kubeconfig), tmp_path_factory.mktemp("home"))
    cluster.kubectl("get", "--raw=/readyz")
    return cluster


@pytest.fixture(scope="session")
def images(cluster: Cluster) -> dict[str, str]:
    """Python minor version (or a variant of it) -> image that the cluster has."""
    said = subprocess.run([str(CLUSTER), "images", "--json"], capture_output=True, text=True, check=True).stdout
    return dict(json.loads(said))


@pytest.fixture
def place(cluster: Cluster, tmp_path: Path) -> Iterator[Place]:
    """A namespace under Pod Security "restricted", and an empty checkout."""
    namespace = f"test-{uuid.uuid4().hex[:8]}"
    metadata = {"name": namespace, "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}
    made = {"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}
    cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(made))
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    subprocess.run(["git", "init", "--quiet", str(checkout)], check=True)
    place = Place(cluster, namespace, checkout)
    wait_for_default_objects(place)
    yield place
    place.close()
    cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def wait_for_default_objects(place: Place) -> None:
    """A new namespace gets its service account and CA from controllers; a pod before that would be refused."""
    gate = threading.Event()
    for _ in range(100):
        found = place.cluster.kubectl("-n", place.namespace, "get", "sa/default", "cm/kube-root-ca.crt", check=False)
        if found.count("\n") > 2:
            return
        gate.wait(0.1)
    raise TimeoutError("the namespace did not get its default objects")


def restricted() -> Raw:
    """The strictest security context that a container can have."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "runAsNonRoot": True,
        "runAsUser": 12345,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def job(name: str, image: str, command: Sequence[str], **container: Any) -> Raw:
    """A Job whose code lies in the ConfigMap ``code``, mounted on /app."""
    spec = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 1,
        "containers": [
            {
                "name": "main",
                "image": image,
                "imagePullPolicy": "IfNotPresent",
                "command": list(command),
                "workingDir": "/app",
                "securityContext": restricted(),
                "volumeMounts": [{"name": "code", "mountPath": "/app"}],
                **container,
            }
        ],
        "volumes": [{"name": "code", "configMap": {"name": "code"}}],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name},
        "spec": {"backoffLimit": 0, "suspend": True, "template": {"spec": spec}},
    }


def pod_spec(job: Raw) -> Raw:
    spec: Raw = job["spec"]["template"]["spec"]
    return spec


def code(**files: str) -> Raw:
    """The ConfigMap ``code``; ``app_py`` becomes app.py."""
    data = {name.replace("_py", ".py"): text for name, text in files.items()}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "code"}, "data": data}


def copy_example(name: str, checkout: Path) -> None:
    shutil.copytree(ROOT / "examples" / name, checkout, dirs_exist_ok=True)

"""Made-up sessions, bundles and templates that the tests of the core share."""

from __future__ import annotations

from typing import Any

from kubectl_pydebug.core.model import Bundle, Raw, Ref, Session, Workload
from kubectl_pydebug.core.workload import find_kind, read, ref

SESSION = Session(
    id="k3x9p",
    verifier="ab" * 32,
    ports=(57001, 57002, 57003),
    user="ana",
    host="laptop",
    started="2026-03-01T09:00:00Z",
    expires="2026-03-01T17:00:00Z",
)
BUNDLE = Bundle(
    digest="0123456789abcdef" * 4,
    sha256="cd" * 32,
    files={"sitecustomize.py": b"hook", "bundle.tar.gz": b"archive", "LICENSES.txt": b"licences"},
)


def reference(kind: str = "job", name: str = "train", namespace: str = "default") -> Ref:
    row = find_kind(kind)
    assert row is not None
    return ref(row, namespace, name)


def template(env: list[Raw] | None = None, **container: Any) -> Raw:
    """A pod template of one container, ``trainer``."""
    item: Raw = {"name": "trainer", "image": "example/train:1", **container}
    if env is not None:
        item["env"] = env
    return {"spec": {"restartPolicy": "Never", "containers": [item]}}


def job(pod_template: Raw | None = None, metadata: Raw | None = None, **spec: Any) -> Workload:
    raw = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "train", "namespace": "default", **(metadata or {})},
        "spec": {**spec, "template": pod_template or template()},
    }
    return read(reference(), raw)


def of(raw: Raw) -> Workload:
    """The workload of a manifest."""
    metadata = raw["metadata"]
    return read(reference(raw["kind"], metadata["name"], metadata["namespace"]), raw)

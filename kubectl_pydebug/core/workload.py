"""The kinds of workload that we know, and where each keeps its pod template: one table."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from kubectl_pydebug.core.livepod import injected_containers
from kubectl_pydebug.core.model import Note, Raw, Ref, Refusal, Workload

DEFAULT_CONTAINER = "kubectl.kubernetes.io/default-container"
"""Annotation of the pod by which kubectl picks a container."""


@dataclass(frozen=True)
class Kind:
    """A row of the table. ``template_path`` is empty for the pod itself."""

    kind: str
    group: str
    version: str
    plural: str
    singular: str
    short_names: tuple[str, ...]
    template_path: tuple[str, ...]


_TEMPLATE = ("spec", "template")
POD = Kind("Pod", "", "v1", "pods", "pod", ("po",), ())
JOB = Kind("Job", "batch", "v1", "jobs", "job", (), _TEMPLATE)
CONFIG_MAP = Kind("ConfigMap", "", "v1", "configmaps", "configmap", ("cm",), ())
"""No workload (so not in KINDS), but an object that we create."""

KINDS: tuple[Kind, ...] = (
    POD,
    JOB,
    Kind("CronJob", "batch", "v1", "cronjobs", "cronjob", ("cj",), ("spec", "jobTemplate", "spec", "template")),
    Kind("Deployment", "apps", "v1", "deployments", "deployment", ("deploy",), _TEMPLATE),
    Kind("ReplicaSet", "apps", "v1", "replicasets", "replicaset", ("rs",), _TEMPLATE),
    Kind("StatefulSet", "apps", "v1", "statefulsets", "statefulset", ("sts",), _TEMPLATE),
    Kind("DaemonSet", "apps", "v1", "daemonsets", "daemonset", ("ds",), _TEMPLATE),
    Kind("ReplicationController", "", "v1", "replicationcontrollers", "replicationcontroller", ("rc",), _TEMPLATE),
)


class WorkloadError(ValueError):
    """The object has no pod template where its kind keeps it. The text names the object."""


def find_kind(resource: str) -> Kind | None:
    """The row for ``jobs``, ``job``, ``Job``, ``jobs.batch``, ``jobs.v1.batch``, ``deploy.apps``; None if unknown."""
    name, _, suffix = resource.lower().partition(".")
    for kind in KINDS:
        if name in (kind.plural, kind.singular, *kind.short_names) and suffix in _suffixes(kind):
            return kind
    return None


def _suffixes(kind: Kind) -> tuple[str, ...]:
    if not kind.group:
        return ("", kind.version, f"{kind.version}.")
    return ("", kind.group, f"{kind.version}.{kind.group}")


def ref(kind: Kind, namespace: str, name: str) -> Ref:
    return Ref(kind.group, kind.version, kind.kind, kind.plural, namespace, name)


def read(ref: Ref, raw: Raw) -> Workload:
    """The workload of an object as the API server sent it. Raises WorkloadError."""
    kind = next((kind for kind in KINDS if (kind.group, kind.kind) == (ref.group, ref.kind)), None)
    if kind is None:
        raise WorkloadError(f"{ref.short} has no pod template: its kind is none of {_kinds()}. Type one of those.")
    workload = Workload(ref, raw, kind.template_path)
    template = _walk(raw, kind.template_path)
    spec = template.get("spec") if isinstance(template, dict) else None
    if not isinstance(spec, dict) or not spec.get("containers"):
        raise WorkloadError(f"{ref.short} has no containers. Look at it: kubectl get {ref.short} -o yaml")
    return workload


def _kinds() -> str:
    return ", ".join(kind.kind for kind in KINDS)


def _walk(raw: Raw, path: tuple[str, ...]) -> Any:
    part: Any = raw
    for key in path:
        part = part.get(key) if isinstance(part, dict) else None
    return part


def pod_template(workload: Workload) -> Raw:
    """A deep copy of the pod template; of a pod, its metadata and spec."""
    part: Raw = _walk(workload.raw, workload.template_path)
    if workload.template_path:
        return copy.deepcopy(part)
    return {key: copy.deepcopy(part[key]) for key in ("metadata", "spec") if key in part}


def containers(template: Raw) -> tuple[str, ...]:
    """The names of the containers, init containers not included, in the template's order."""
    return tuple(container["name"] for container in template["spec"]["containers"])


def pick_container(template: Raw, wanted: str | None) -> str | Refusal:
    """``wanted``, else the annotated default, else the only one; a Refusal names which there are."""
    names = containers(template)
    listed = ", ".join(names)
    if wanted is not None:
        if wanted in names:
            return wanted
        return Refusal(
            (Note("no-such-container", f"There is no container {wanted}. There are: {listed}. {_type(names)}"),)
        )
    default = (template.get("metadata", {}).get("annotations") or {}).get(DEFAULT_CONTAINER)
    if default in names:
        return str(default)
    sidecars = injected_containers(template)
    own = tuple(name for name in names if name not in sidecars)
    if len(own) == 1:
        return own[0]
    return Refusal((Note("which-container", f"There are {len(names)} containers: {listed}. {_type(own)}"),))


def _type(names: tuple[str, ...]) -> str:
    return f"Add one of them to the command line: -c {names[0]}"

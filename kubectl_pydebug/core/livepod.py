"""From a pod as it runs back to a template: take out what the cluster put in when it created or scheduled the pod.

A copy that kept these would be pinned to one node, mount a token volume that exists only by name, run each injected
sidecar twice, or be taken for one of its own by the original's controller.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kubectl_pydebug.core.model import Raw

TOKEN_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105  # a path, not a token
"""Where the ServiceAccount admission plugin mounts the token; it does so again for the copy."""
TOKEN_VOLUME = "kube-api-access-"  # noqa: S105  # a volume's name
"""Prefix of the volume's name; before Kubernetes 1.22 it was ``<service account>-token-``."""

_SET_BY_SERVER = ("nodeName", "priority", "preemptionPolicy", "ephemeralContainers")
"""priority and preemptionPolicy are computed from priorityClassName, and a copy that gives them may be refused."""

_NODE_ANNOTATIONS = (
    "cni.projectcalico.org/",
    "k8s.ovn.org/",
    "k8s.v1.cni.cncf.io/network-status",
    "k8s.v1.cni.cncf.io/networks-status",
    "kubernetes.io/config.",
    "kubernetes.io/limit-ranger",
    "kubernetes.io/psp",
    "openshift.io/scc",
    "vpc.amazonaws.com/pod-",
)
"""Prefixes. ``kubernetes.io/config.mirror`` would make the copy a mirror pod."""
_NODE_LABELS = ("topology.kubernetes.io/",)


@dataclass(frozen=True)
class Sidecar:
    """What an injector leaves in a pod. ``status`` is the annotation by which it knows its own work.

    Names that end with ``*`` are prefixes. The annotations and labels are only what the injector sets, never what
    the user sets to ask for it: the copy is injected anew.
    """

    status: str
    containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    annotations: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


SIDECARS: tuple[Sidecar, ...] = (
    # The status of Istio is a JSON object which lists the rest.
    Sidecar("sidecar.istio.io/status", annotations=("istio.io/rev",), labels=("security.istio.io/tlsMode",)),
    Sidecar(
        "linkerd.io/proxy-version",
        containers=("linkerd-proxy", "linkerd-init", "linkerd-network-validator"),
        volumes=("linkerd-identity-end-entity", "linkerd-identity-token", "linkerd-proxy-init-xtables-lock"),
        annotations=("linkerd.io/created-by", "linkerd.io/trust-root-sha256", "viz.linkerd.io/tap-enabled"),
        labels=("linkerd.io/control-plane-ns", "linkerd.io/proxy-*", "linkerd.io/workload-ns"),
    ),
    Sidecar(
        "vault.hashicorp.com/agent-inject-status",
        containers=("vault-agent", "vault-agent-init"),
        volumes=("home-init", "home-sidecar", "vault-secrets*", "vault-config", "vault-tls-secrets"),
    ),
)


def injected_containers(template: Raw) -> tuple[str, ...]:
    """The names of the injected containers, native sidecars and init containers included, in the pod's order."""
    patterns = [pattern for sidecar in SIDECARS for pattern in _listed(sidecar, _annotations(template), "containers")]
    spec = template["spec"]
    if all(_matches(item["name"], patterns) for item in spec["containers"]):
        # The annotation is untrusted, and no injector replaces every container.
        return ()
    return tuple(item["name"] for item in _all_containers(spec) if _matches(item["name"], patterns))


def as_template(pod: Raw) -> Raw:
    """A copy of a live pod's metadata and spec as a pod template. Labels of controllers are left to the caller."""
    template = copy.deepcopy(pod)
    spec = template["spec"]
    controlled = controller(template.get("metadata") or {}) is not None
    _drop_sidecars(template)
    _drop_token(spec)
    for key in _SET_BY_SERVER:
        spec.pop(key, None)
    if controlled:
        # Given by the controller (web-0 of a StatefulSet, train-0 of an Indexed Job): the original answers to it.
        spec.pop("hostname", None)
    for labels, prefixes in ((_annotations(template), _NODE_ANNOTATIONS), (_labels(template), _NODE_LABELS)):
        for key in [key for key in labels if key.startswith(prefixes)]:
            del labels[key]
    _unmerge_label_keys(spec)
    return template


def controller(metadata: Raw) -> Raw | None:
    """The ownerReference of the controller, if there is one."""
    return next((owner for owner in metadata.get("ownerReferences") or () if owner.get("controller")), None)


def _drop_sidecars(template: Raw) -> None:
    annotations, labels, spec = _annotations(template), _labels(template), template["spec"]
    containers = injected_containers(template)
    volumes: list[str] = []
    secrets: list[str] = []
    for sidecar in SIDECARS:
        if sidecar.status not in annotations:
            continue
        volumes += _listed(sidecar, annotations, "volumes")
        secrets += _listed(sidecar, annotations, "imagePullSecrets")
        for key in (sidecar.status, *sidecar.annotations):
            annotations.pop(key, None)
        for key in [key for key in labels if _matches(key, sidecar.labels)]:
            del labels[key]
    for key in ("initContainers", "containers"):
        _keep(spec, key, lambda item: item["name"] not in containers)
    _keep(spec, "volumes", lambda item: not _matches(item["name"], volumes))
    _keep(spec, "imagePullSecrets", lambda item: not _matches(item.get("name", ""), secrets))
    for item in _all_containers(spec):
        _keep(item, "volumeMounts", lambda mount: not _matches(mount["name"], volumes))
    for key in ("kubectl.kubernetes.io/default-container", "kubectl.kubernetes.io/default-logs-container"):
        if annotations.get(key) in containers:
            del annotations[key]


def _listed(sidecar: Sidecar, annotations: Raw, key: str) -> list[str]:
    """What an injector says, or is known, to have added. Untrusted: what is no list of names counts as nothing."""
    if sidecar.status not in annotations:
        return []
    names = list(getattr(sidecar, key, ()))
    try:
        status = json.loads(annotations[sidecar.status])
    except (TypeError, ValueError, RecursionError):
        return names
    if isinstance(status, dict):
        keys = ("initContainers", "containers") if key == "containers" else (key,)
        # No "*" from outside: a status must not be able to empty the pod.
        names += [name for part in keys for name in _names(status.get(part)) if "*" not in name]
    return names


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _drop_token(spec: Raw) -> None:
    legacy = f"{spec.get('serviceAccountName') or 'default'}-token-"

    def given(name: str) -> bool:
        return name.startswith((TOKEN_VOLUME, legacy))

    for item in _all_containers(spec):
        _keep(item, "volumeMounts", lambda mount: not (mount.get("mountPath") == TOKEN_PATH and given(mount["name"])))
    mounted = {mount["name"] for item in _all_containers(spec) for mount in item.get("volumeMounts") or ()}
    _keep(spec, "volumes", lambda volume: volume["name"] in mounted or not given(volume["name"]))


def _unmerge_label_keys(spec: Raw) -> None:
    """The API server adds an expression per matchLabelKeys entry at creation, and refuses a pod that has it already."""
    affinity = spec.get("affinity") or {}
    terms: list[Raw] = list(spec.get("topologySpreadConstraints") or ())
    for key in ("podAffinity", "podAntiAffinity"):
        part = affinity.get(key) or {}
        terms += part.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
        terms += [item["podAffinityTerm"] for item in part.get("preferredDuringSchedulingIgnoredDuringExecution") or ()]
    for term in terms:
        keys = {*(term.get("matchLabelKeys") or ()), *(term.get("mismatchLabelKeys") or ())}
        if keys and isinstance(term.get("labelSelector"), dict):
            _keep(term["labelSelector"], "matchExpressions", lambda item, keys=keys: item.get("key") not in keys)


def _all_containers(spec: Raw) -> list[Raw]:
    return [*(spec.get("initContainers") or ()), *spec["containers"]]


def _annotations(template: Raw) -> Raw:
    found: Raw = (template.get("metadata") or {}).get("annotations") or {}
    return found


def _labels(template: Raw) -> Raw:
    found: Raw = (template.get("metadata") or {}).get("labels") or {}
    return found


def _matches(name: str, patterns: Iterable[str]) -> bool:
    return any(name.startswith(item[:-1]) if item.endswith("*") else name == item for item in patterns)


def _keep(part: Raw, key: str, wanted: Any) -> None:
    """Keep the wanted items; a list that this empties goes, one that was not there stays away."""
    items = part.get(key)
    if not items:
        return
    kept = [item for item in items if wanted(item)]
    if kept:
        part[key] = kept
    else:
        del part[key]

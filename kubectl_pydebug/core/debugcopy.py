"""The debug copy: a Job of one pod that runs the injected template, ends by itself and then disappears.

The Job's own spec is written anew rather than edited: what is in the original's says how often, how many, when again
and by whom (parallelism, completions, selector, manualSelector, suspend, backoffLimit, backoffLimitPerIndex,
maxFailedIndexes, podFailurePolicy, successPolicy, podReplacementPolicy, managedBy, and whatever is added later), and
none of that may hold for a copy. Only completionMode is kept: an Indexed program goes on finding JOB_COMPLETION_INDEX
(0, as completions is 1).
"""

from __future__ import annotations

import copy
import re
from typing import Any

from kubectl_pydebug.core import livepod, record
from kubectl_pydebug.core.model import Options, Raw, Ref, Session, Workload
from kubectl_pydebug.core.record import Record
from kubectl_pydebug.core.workload import JOB, ref

NAME_MAX = 52
"""The pod's name adds up to eleven characters, and has to stay within the 63 of a DNS label."""
TTL_AFTER_FINISHED = 60
"""Seconds. Long enough to read the exit code and the last lines, short enough to leave nothing behind."""

_CONTROLLER_LABELS = (
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/controller-uid",
    "batch.kubernetes.io/job-name",
    "pod-template-hash",
    "pod-template-generation",
    "controller-revision-hash",
    "statefulset.kubernetes.io/pod-name",
)
"""By these a controller or a Service tells its own pods; the copy's Job sets its own."""
_GROUP_LABELS = ("leaderworkerset.sigs.k8s.io/",)
"""Prefixes by which an operator finds pods that others control (here StatefulSets); it may restart the whole group."""

_OWNER_PREFIXES = (
    "app.kubernetes.io/instance",
    "app.kubernetes.io/managed-by",
    "applyset.kubernetes.io/",
    "argocd.argoproj.io/",
    "config.k8s.io/",
    "configmanagement.gke.io/",
    "configsync.gke.io/",
    "fleet.cattle.io/",
    "helm.sh/",
    "helm.toolkit.fluxcd.io/",
    "kapp.k14s.io/",
    "kustomize.toolkit.fluxcd.io/",
    "meta.helm.sh/",
    "objectset.rio.cattle.io/",
    "olm.owner",
    "skaffold.dev/",
    "tanka.dev/",
)
"""Labels and annotations by which a deployment tool knows what is its own, and prunes what it does not find in its
source. ``app.kubernetes.io/instance`` is the label that Argo CD tracks by unless told otherwise. On the Job only: the
tools look at objects that nobody owns, and in the pod template NetworkPolicies may select by these labels."""
_SERVER_ANNOTATIONS = (
    "batch.kubernetes.io/",
    "cronjob.kubernetes.io/",
    "kubectl.kubernetes.io/last-applied-configuration",
)

_FIELD = re.compile(r"metadata\.(labels|annotations)\['(.+)'\]")


def copy_name(name: str, session_id: str) -> str:
    """``<name>-pydebug-<id>``, the name cut so that the whole is at most 52 characters and a DNS label."""
    suffix = f"-pydebug-{session_id}"
    stem = name.replace(".", "-")[: NAME_MAX - len(suffix)].rstrip("-")
    return f"{stem}{suffix}"


def copy_ref(workload: Workload, session: Session) -> Ref:
    return ref(JOB, workload.ref.namespace, copy_name(workload.ref.name, session.id))


def copy_record(workload: Workload, session: Session, options: Options) -> Record:
    """The record of making the copy. The values of ``--env`` are left out: they may be secrets."""
    why = ["kubectl", "pydebug", workload.ref.short]
    if options.container is not None:
        why += ["-c", options.container]
    for name, _ in options.env:
        why += ["--env", name]
    if options.command:
        why += ["--", *options.command]
    return Record(
        v=record.VERSION,
        session=session.id,
        who=session.user,
        where=session.host,
        when=session.started,
        why=tuple(why),
        source=workload.ref.short,
        created=(copy_ref(workload, session),),
        changes=(),
        expires=session.expires,
    )


def debug_copy(workload: Workload, template: Raw, session: Session, options: Options) -> Raw:
    """The Job's manifest. ``template`` is the workload's pod template, relaxed and injected already."""
    job_ref = copy_ref(workload, session)
    metadata, job_spec = _source(workload)
    own = {record.MANAGED_BY_LABEL: record.MANAGED_BY, record.SESSION_LABEL: session.id}
    annotations = _cleaned(metadata.get("annotations"), metadata, (*_OWNER_PREFIXES, *_SERVER_ANNOTATIONS))
    spec: Raw = {
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": 0,
        "activeDeadlineSeconds": options.ttl,
        "ttlSecondsAfterFinished": TTL_AFTER_FINISHED,
        "suspend": False,
    }
    if "completionMode" in job_spec:
        spec["completionMode"] = job_spec["completionMode"]
    spec["template"] = _template(workload, template, options)
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_ref.name,
            "namespace": job_ref.namespace,
            "labels": {**_cleaned(metadata.get("labels"), metadata, (*_OWNER_PREFIXES, *_GROUP_LABELS)), **own},
            "annotations": {
                **annotations,
                record.RECORD_ANNOTATION: record.dumps(copy_record(workload, session, options)),
            },
        },
        "spec": spec,
    }


def _source(workload: Workload) -> tuple[Raw, Raw]:
    """Metadata for the Job, and the original's Job spec (empty if it is none).

    Annotations are commands to the controller of a kind, so only a Job's go to a Job; labels say what a thing is (a
    cost centre, a queue) and are kept from every kind.
    """
    raw = workload.raw
    if workload.ref.kind == "CronJob":
        part = raw["spec"]["jobTemplate"]
        return part.get("metadata") or {}, part["spec"]
    metadata: Raw = raw.get("metadata") or {}
    if workload.ref.kind == "Job":
        return metadata, raw["spec"]
    if workload.ref.kind == "Pod":
        metadata = livepod.as_template(raw)["metadata"]
    return {key: metadata[key] for key in ("labels", "ownerReferences") if key in metadata}, {}


def _template(workload: Workload, template: Raw, options: Options) -> Raw:
    is_pod = not workload.template_path
    made = livepod.as_template(template) if is_pod else copy.deepcopy(template)
    spec, metadata = made["spec"], made.get("metadata") or {}
    given: dict[str, Raw] = {key: metadata.get(key) or {} for key in ("labels", "annotations")}
    kept = {
        "labels": _cleaned(given["labels"], metadata, _GROUP_LABELS),
        "annotations": {
            key: value for key, value in given["annotations"].items() if not key.startswith(_SERVER_ANNOTATIONS[-1])
        },
    }
    if is_pod:
        _freeze(spec, workload.raw.get("metadata") or {}, kept)
    spec["restartPolicy"] = "Never"
    if "activeDeadlineSeconds" in spec:
        # The Job has the deadline. One in the pod is not dropped but set: quota scopes tell pods apart by it.
        spec["activeDeadlineSeconds"] = options.ttl
    for item in spec["containers"]:
        _run_once(item, bool(spec.get("hostNetwork")))
    _add_claims(workload, spec)
    return {"metadata": {key: value for key, value in kept.items() if value}, "spec": spec}


def _run_once(container: Raw, host_network: bool) -> None:
    """A main container neither restarts in place nor takes a host port. (Native sidecars are init containers.)"""
    container.pop("restartPolicy", None)
    container.pop("restartPolicyRules", None)
    if not host_network:
        for port in container.get("ports") or ():
            port.pop("hostPort", None)
            port.pop("hostIP", None)


def _add_claims(workload: Workload, spec: Raw) -> None:
    """A StatefulSet's claims are no volumes of its template: take those of its first pod."""
    if workload.ref.kind != "StatefulSet":
        return
    raw_spec = workload.raw["spec"]
    first = (raw_spec.get("ordinals") or {}).get("start", 0)
    claims = [claim["metadata"]["name"] for claim in raw_spec.get("volumeClaimTemplates") or ()]
    # A claim's volume wins over one of that name in the template, as in the StatefulSet controller.
    others = [volume for volume in spec.get("volumes") or () if volume["name"] not in claims]
    volumes = [
        {"name": claim, "persistentVolumeClaim": {"claimName": f"{claim}-{workload.ref.name}-{first}"}}
        for claim in claims
    ]
    if claims:
        spec["volumes"] = [*others, *volumes]


def _freeze(spec: Raw, before: Raw, kept: dict[str, Raw]) -> None:
    """An env entry that reads a label or annotation which was dropped keeps the value that it had in the pod."""
    for key in ("initContainers", "containers"):
        for container in spec.get(key) or ():
            for entry in container.get("env") or ():
                field = ((entry.get("valueFrom") or {}).get("fieldRef") or {}).get("fieldPath", "")
                match = _FIELD.fullmatch(field)
                value = (before.get(match[1]) or {}).get(match[2]) if match else None
                if match and value is not None and match[2] not in kept[match[1]]:
                    del entry["valueFrom"]
                    entry["value"] = value.replace("$", "$$")


def _cleaned(given: Any, metadata: Raw, prefixes: tuple[str, ...]) -> Raw:
    """Labels or annotations without those of the original's controller and those that begin with a prefix."""
    owner = livepod.controller(metadata)
    group = (owner or {}).get("apiVersion", "").rpartition("/")[0]
    return {
        key: value
        for key, value in (given or {}).items()
        if key not in _CONTROLLER_LABELS and not key.startswith(prefixes) and not _belongs_to(key, group)
    }


def _belongs_to(key: str, group: str) -> bool:
    """Whether an operator's API group is in the key (``ray.io/cluster`` of ``ray.io``): it finds its pods so."""
    domain = key.rpartition("/")[0]
    return bool(group) and (domain == group or domain.endswith(f".{group}"))

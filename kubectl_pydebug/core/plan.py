"""From what was observed to what will be done: pure, so that refusing and showing are tested without a cluster."""

from __future__ import annotations

from kubectl_pydebug.core import bundlemap, debugcopy, livepod, record
from kubectl_pydebug.core.inject import choose_way, edit, inject
from kubectl_pydebug.core.model import (
    AwaitReady,
    Bundle,
    Create,
    Facts,
    Forward,
    Note,
    Options,
    Plan,
    Raw,
    Refusal,
    Session,
    Share,
    Workload,
    WriteConfig,
)
from kubectl_pydebug.core.preflight import check_command
from kubectl_pydebug.core.relax import relax
from kubectl_pydebug.core.workload import CONFIG_MAP, pick_container, pod_template, ref

_COMMON_RESOURCES = ("cpu", "memory", "ephemeral-storage")


def plan(workload: Workload, facts: Facts, options: Options, session: Session, bundle: Bundle) -> Plan | Refusal:
    """The steps that make a debug copy, or why not.

    The Job comes before the ConfigMap, so that the ConfigMap is born with its owner: dying between the two leaves
    only a Job, which ends and goes by itself.
    """
    already = _already_copy(workload)
    if already is not None:
        return Refusal((already,))
    template = pod_template(workload)
    if workload.ref.kind == "Pod":
        template = livepod.as_template(template)
    container = pick_container(template, options.container)
    if isinstance(container, Refusal):
        return container
    reasons = check_command(template, container, options, workload.ref.short)
    if reasons:
        return Refusal(reasons)
    way = choose_way(edit(template, container, options), container, options.way)
    relaxed, relax_notes = relax(template)
    injected = inject(relaxed, container, options, session, bundle.name, bundle.sha256, way.value)
    job = debugcopy.debug_copy(workload, injected, session, options)
    job_ref = debugcopy.copy_ref(workload, session)
    record_json = record.dumps(debugcopy.copy_record(workload, session, options))
    namespace = workload.ref.namespace
    map_ref = ref(CONFIG_MAP, namespace, bundle.name)
    return Plan(
        strategy="copy",
        workload=workload,
        container=container,
        way=way,
        session=session,
        steps=(
            Create(job_ref, job),
            Share(map_ref, bundlemap.config_map(bundle, namespace, record_json), owner=job_ref),
            AwaitReady(job_ref, container),
            Forward(container),
            *(WriteConfig(editor) for editor in options.editors),
        ),
        notes=(*relax_notes, *_notes(workload, job["spec"], facts)),
    )


def _already_copy(workload: Workload) -> Note | None:
    labels = (workload.raw.get("metadata") or {}).get("labels") or {}
    if record.SESSION_LABEL not in labels:
        return None
    text = (
        f"{workload.ref.short} is a debug copy itself. Attach to it: kubectl pydebug attach {workload.ref.short}, "
        "or type the original's name"
    )
    return Note("already-copy", text)


def _notes(workload: Workload, job_spec: Raw, facts: Facts) -> tuple[Note, ...]:
    """What the original and the copy share while both exist. Each ends with what can be typed against it."""
    spec = job_spec["template"]["spec"]
    again = f"kubectl pydebug {workload.ref.short}"
    notes: list[Note] = []
    if job_spec.get("completionMode") == "Indexed":
        text = f"The copy runs index 0 of {workload.ref.short}. For another: {again} --env JOB_COMPLETION_INDEX=1"
        notes.append(Note("indexed", text))
    claims = sorted(
        volume["persistentVolumeClaim"]["claimName"]
        for volume in spec.get("volumes") or ()
        if "persistentVolumeClaim" in volume and not volume["persistentVolumeClaim"].get("readOnly")
    )
    if claims:
        text = (
            f"The copy writes to the same claims as {workload.ref.short}: {', '.join(claims)}. "
            f"To write elsewhere, change what runs: {again} --env NAME=VALUE, or -- COMMAND"
        )
        notes.append(Note("shared-claims", text))
    devices = sorted({name for item in spec["containers"] for name in _devices(item)})
    if devices and any(_holds(pod) for pod in facts.pods):
        text = (
            f"The copy asks for its own {', '.join(devices)}, beside what {workload.ref.short} holds. "
            f"If it stays Pending, look for a free one: kubectl describe nodes"
        )
        notes.append(Note("devices", text))
    if spec.get("hostNetwork"):
        text = (
            f"{workload.ref.short} uses the node's network, so the debugger listens on the node's 127.0.0.1; it lets "
            f"nobody in without this session's token. To see who else is on that node: kubectl get pods -A -o wide"
        )
        notes.append(Note("host-network", text))
    return tuple(notes)


def _devices(container: Raw) -> list[str]:
    """Extended resources, as GPUs are. Kubernetes asks that limits equal requests for them."""
    limits = (container.get("resources") or {}).get("limits") or {}
    return [name for name in limits if name not in _COMMON_RESOURCES and not name.startswith("hugepages-")]


def _holds(pod: Raw) -> bool:
    return (pod.get("status") or {}).get("phase") in ("Pending", "Running")

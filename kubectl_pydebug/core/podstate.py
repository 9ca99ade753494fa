"""What a pod's status says: how far it is, how it ended, and what went wrong, in a sentence with the next step.

Field meanings: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/ . Texts from the cluster are
untrusted: each is made one short line.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from kubectl_pydebug.core.inject import INIT_CONTAINER
from kubectl_pydebug.core.model import Note, Raw
from kubectl_pydebug.core.untrusted import one_line

Phase = Literal["scheduling", "image", "init", "starting", "running", "ended"]

_TEXT_MAX = 300
_PULL_ERRORS = (
    "ErrImagePull",
    "ImagePullBackOff",
    "ImageInspectError",
    "ErrImageNeverPull",
    "InvalidImageName",
    "RegistryUnavailable",
    "SignatureValidationFailed",
)
_CONFIG_ERRORS = ("CreateContainerConfigError", "CreateContainerError")
_START_ERRORS = ("RunContainerError", "StartError", "ContainerCannotRun")
_VOLUME_EVENTS = ("FailedMount", "FailedAttachVolume", "FailedMapVolume")
_SANDBOX_EVENTS = ("FailedCreatePodSandBox",)


@dataclass(frozen=True)
class Progress:
    """``phase`` is stable, ``text`` is for people."""

    phase: Phase
    text: str


def progress(pod: Raw, container: str) -> Progress:
    """How far the target container is."""
    status = pod.get("status") or {}
    if status.get("phase") in ("Succeeded", "Failed"):
        return Progress("ended", f"Pod {_name(pod)} has ended")
    scheduled = _condition(pod, "PodScheduled")
    if scheduled.get("status") != "True" and not (pod.get("spec") or {}).get("nodeName"):
        reason = scheduled.get("message")
        return Progress("scheduling", f"Waiting for a node: {_cut(reason)}" if reason else "Waiting for a node")
    for item in status.get("initContainerStatuses") or ():
        state = _state(item)
        if item["name"] in _sidecars(pod) and (item.get("started") or "running" in state):
            continue
        if "terminated" in state and state["terminated"].get("exitCode") == 0:
            continue
        if "running" in state:
            return Progress("init", f"Init container {item['name']} is running")
        return _waiting(item, "init")
    target = _status(pod, container)
    state = _state(target)
    if "running" in state:
        return Progress("running", f"Container {container} is running")
    if "terminated" in state:
        return Progress("ended", f"Container {container} has ended")
    return _waiting({**target, "name": container}, "starting")


def failure(pod: Raw, container: str, events: Sequence[Raw]) -> Note | None:
    """Why the target container does not start or ended before its time; None while nothing is wrong.

    ``events`` are the pod's, in any order. An exit of the program itself is no failure here: see ``exit_code``.
    """
    checks = (
        _ended_pod(pod),
        *(_init_failure(pod, item) for item in (pod.get("status") or {}).get("initContainerStatuses") or ()),
        _container_failure(pod, _status(pod, container)),
        *(_waiting_failure(pod, item) for item in (pod.get("status") or {}).get("containerStatuses") or ()),
        _unschedulable(pod),
        _event_failure(pod, events),
    )
    return next((note for note in checks if note is not None), None)


def job_failure(events: Sequence[Raw]) -> Note | None:
    """Why the Job's controller may not make its pod (quota, admission), from the Job's own events."""
    for event in reversed(events):
        if event.get("reason") != "FailedCreate":
            continue
        message = _cut(event.get("message"))
        if "exceeded quota" in message:
            code, step = "quota", "See what is used: kubectl describe resourcequota"
        elif "PodSecurity" in message:
            code, step = "pod-security", "The original would be refused today as well; see: kubectl describe namespace"
        else:
            code, step = (
                "admission",
                "Show it to whoever runs the cluster, with: kubectl pydebug ... --dry-run=server -o yaml",
            )
        return Note(code, f"The cluster forbids the copy's pod: {message} {step}")
    return None


def exit_code(pod: Raw, container: str) -> int | None:
    """The target container's own exit code (128 + n for signal n), None while it runs or has not begun."""
    code = (_state(_status(pod, container)).get("terminated") or {}).get("exitCode")
    return code if isinstance(code, int) else None


def undebugged(pod: Raw, container: str) -> str | None:
    """Why the program ran undebugged: what our hook left as the termination message (untrusted), or None."""
    message = (_state(_status(pod, container)).get("terminated") or {}).get("message") or ""
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        return None
    if not isinstance(value, dict) or value.get("kubectl-pydebug") != 1:
        return None
    return _cut(str(value.get("undebugged")))


def _waiting(item: Raw, phase: Phase) -> Progress:
    name = item["name"]
    waiting = _state(item).get("waiting") or {}
    reason = waiting.get("reason", "")
    if reason in _PULL_ERRORS:
        return Progress("image", f"Image of container {name}: {reason}")
    if reason in ("", "PodInitializing", "ContainerCreating"):
        # The kubelet does not say which: it mounts volumes, sets up the network and pulls the image meanwhile.
        return Progress("image", f"Getting the image and the volumes of container {name}")
    return Progress(phase, f"Container {name}: {reason}")


def _ended_pod(pod: Raw) -> Note | None:
    status = pod.get("status") or {}
    reason = status.get("reason", "")
    name = _name(pod)
    if reason == "Evicted":
        text = f"Pod {name} was evicted from its node: {_cut(status.get('message'))} See: kubectl describe nodes"
        return Note("evicted", text)
    if reason == "DeadlineExceeded":
        text = f"Pod {name} ran as long as a debug copy may. For a longer one, type it again with --ttl"
        return Note("deadline", text)
    if reason in ("Preempting", "Preempted") or _condition(pod, "DisruptionTarget").get("status") == "True":
        target = _condition(pod, "DisruptionTarget")
        why = target.get("message") or target.get("reason") or reason
        text = f"The cluster took pod {name} away: {_cut(why)} Type the same command again"
        return Note("disrupted", text)
    if status.get("phase") == "Failed" and reason and not status.get("containerStatuses"):
        # Refused by the kubelet (NodeAffinity, OutOfcpu, UnexpectedAdmissionError...): nothing ran.
        text = f"The node refused pod {name} ({reason}): {_cut(status.get('message'))} Type the same command again"
        return Note("node-refused", text)
    return None


def _init_failure(pod: Raw, item: Raw) -> Note | None:
    state = _state(item)
    name = item["name"]
    ended = state.get("terminated") or {}
    start = _start_message(item)
    if name == INIT_CONTAINER and (start or ended.get("exitCode")):
        text = (
            f"Init container {name} could not read the image's PYTHONPATH; most likely the image has no /bin/sh. "
            "Type the same command again with --way mount"
        )
        return Note("no-shell", text)
    if name in _sidecars(pod):
        # It may end and restart as it likes, and is killed at the pod's end: only what keeps it from starting counts.
        return _waiting_failure(pod, item)
    failed = _container_failure(pod, item) or _waiting_failure(pod, item)
    if failed is not None:
        return failed
    if ended.get("exitCode"):
        text = (
            f"Init container {name} ended with exit code {ended['exitCode']}, so the program was never started. "
            f"Read why: kubectl logs {_in(pod)} -c {name}"
        )
        return Note("init-failed", text)
    return None


def _container_failure(pod: Raw, item: Raw) -> Note | None:
    state = _state(item)
    ended = state.get("terminated") or (item.get("lastState") or {}).get("terminated") or {}
    name = item.get("name", "")
    if ended.get("reason") == "OOMKilled":
        text = (
            f"Container {name} was killed, as it needs more memory than its limit. The debugger adds about 40 MB; "
            f"see the limit: kubectl describe {_in(pod, 'pod ')}"
        )
        return Note("oom-killed", text)
    message = _start_message(item)
    if message is not None:
        text = f"Container {name} could not be started: {_cut(message)} Give another command behind --"
        return Note("start-error", text)
    return None


def _start_message(item: Raw) -> str | None:
    for state in (_state(item), item.get("lastState") or {}):
        for part in (state.get("waiting") or {}, state.get("terminated") or {}):
            if part.get("reason") in _START_ERRORS:
                return str(part.get("message") or part["reason"])
    return None


def _waiting_failure(pod: Raw, item: Raw) -> Note | None:
    waiting = _state(item).get("waiting") or {}
    reason, name = waiting.get("reason"), item["name"]
    message = _cut(waiting.get("message") or reason)
    if reason in _PULL_ERRORS:
        image = item.get("image") or "its image"
        text = (
            f"The node cannot get the image {image} of container {name}: {message} "
            f"See the original's: kubectl describe {_in(pod, 'pod ')}"
        )
        return Note("image-pull", text)
    if reason in _CONFIG_ERRORS:
        text = f"Container {name} cannot be made: {message} See: kubectl describe {_in(pod, 'pod ')}"
        return Note("container-config", text)
    if reason == "CrashLoopBackOff":
        text = f"Container {name} ends again and again. Read why: kubectl logs {_in(pod)} -c {name} --previous"
        return Note("crash-loop", text)
    return None


def _unschedulable(pod: Raw) -> Note | None:
    condition = _condition(pod, "PodScheduled")
    if condition.get("status") != "False":
        return None
    message = _cut(condition.get("message") or condition.get("reason"))
    if condition.get("reason") == "SchedulingGated":
        text = f"Pod {_name(pod)} is held back by a scheduling gate: {message} See: kubectl describe {_in(pod, 'pod ')}"
        return Note("scheduling-gated", text)
    if condition.get("reason") == "Unschedulable":
        text = f"No node takes pod {_name(pod)} now: {message} See what is free: kubectl describe nodes"
        return Note("unschedulable", text)
    return None


def _event_failure(pod: Raw, events: Sequence[Raw]) -> Note | None:
    """Mounts and networks that fail show nowhere in the status: only while the containers are being made."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    if any("waiting" not in _state(item) for item in statuses):
        return None
    for event in sorted(events, key=_when, reverse=True):
        reason, message = event.get("reason"), _cut(event.get("message"))
        describe = f"See: kubectl describe {_in(pod, 'pod ')}"
        if reason in _VOLUME_EVENTS:
            return Note("volume", f"A volume of pod {_name(pod)} cannot be mounted yet: {message} {describe}")
        if reason in _SANDBOX_EVENTS:
            return Note("sandbox", f"The node cannot set up pod {_name(pod)}: {message} {describe}")
    return None


def _when(event: Raw) -> str:
    return str(
        (event.get("series") or {}).get("lastObservedTime")
        or event.get("lastTimestamp")
        or event.get("eventTime")
        or ""
    )


def _sidecars(pod: Raw) -> tuple[str, ...]:
    """Native sidecars: init containers that are meant to go on running."""
    items = (pod.get("spec") or {}).get("initContainers") or ()
    return tuple(item["name"] for item in items if item.get("restartPolicy") == "Always")


def _status(pod: Raw, container: str) -> Raw:
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return next((item for item in statuses if item["name"] == container), {})


def _state(item: Raw) -> Raw:
    found: Raw = item.get("state") or {}
    return found


def _condition(pod: Raw, kind: str) -> Raw:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((item for item in conditions if item.get("type") == kind), {})


def _name(pod: Raw) -> str:
    return str((pod.get("metadata") or {}).get("name", ""))


def _in(pod: Raw, kind: str = "") -> str:
    """``POD -n NAMESPACE``, to be typed behind a verb of kubectl."""
    namespace = (pod.get("metadata") or {}).get("namespace")
    return f"{kind}{_name(pod)}" + (f" -n {namespace}" if namespace else "")


def _cut(text: object) -> str:
    """One line, of a length to read, that ends as a sentence does."""
    line = one_line(str(text or ""), _TEXT_MAX)
    return line if not line or line[-1] in ".!?" else f"{line}."

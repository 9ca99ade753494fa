from __future__ import annotations

from typing import Any

import pytest

from kubectl_pydebug.core.inject import INIT_CONTAINER
from kubectl_pydebug.core.model import Raw
from kubectl_pydebug.core.podstate import Progress, exit_code, failure, job_failure, progress, undebugged


def pod(
    target: Raw | None = None,
    init: dict[str, Raw] | None = None,
    others: dict[str, Raw] | None = None,
    **status: Any,
) -> Raw:
    """A scheduled pod; each container is given by its state."""

    def statuses(states: dict[str, Raw]) -> list[Raw]:
        return [{"name": name, "image": "example/x:1", "state": state} for name, state in states.items()]

    names = {**({"trainer": target} if target is not None else {}), **(others or {})}
    return {
        "metadata": {"name": "train-x", "namespace": "team-a"},
        "spec": {"nodeName": "n", "initContainers": [{"name": "proxy", "restartPolicy": "Always"}]},
        "status": {
            "phase": "Pending",
            "conditions": [{"type": "PodScheduled", "status": "True"}],
            "initContainerStatuses": statuses(init or {}),
            "containerStatuses": statuses(names),
            **status,
        },
    }


def waiting(reason: str, message: str = "") -> Raw:
    return {"waiting": {"reason": reason, "message": message}}


def ended(code: int, reason: str = "", message: str = "") -> Raw:
    return {"terminated": {"exitCode": code, "reason": reason, "message": message}}


RUNNING: Raw = {"running": {"startedAt": "2026-03-01T09:00:00Z"}}
MAKING = waiting("ContainerCreating")


def unscheduled(reason: str = "Unschedulable", message: str = "0/3 nodes are available: 3 Insufficient cpu.") -> Raw:
    made = pod(conditions=[{"type": "PodScheduled", "status": "False", "reason": reason, "message": message}])
    del made["spec"]["nodeName"]
    return made


@pytest.mark.parametrize(
    ("raw", "phase", "part"),
    [
        ({}, "scheduling", "Waiting for a node"),
        (unscheduled(), "scheduling", "Insufficient cpu"),
        (pod(MAKING), "image", "image and the volumes of container trainer"),
        (pod(waiting("ImagePullBackOff")), "image", "ImagePullBackOff"),
        (pod(), "image", "trainer"),
        (pod(MAKING, init={"prepare": RUNNING}), "init", "prepare is running"),
        (pod(MAKING, init={"prepare": waiting("PodInitializing")}), "image", "prepare"),
        (pod(MAKING, init={"prepare": ended(0), "fetch": RUNNING}), "init", "fetch"),
        (pod(MAKING, init={"proxy": RUNNING}), "image", "container trainer"),
        (pod(waiting("RunContainerError")), "starting", "RunContainerError"),
        (pod(RUNNING, init={"proxy": RUNNING}), "running", "trainer is running"),
        (pod(ended(1), others={"sidecar": RUNNING}), "ended", "trainer has ended"),
        (pod(phase="Failed"), "ended", "train-x has ended"),
    ],
)
def test_progress(raw: Raw, phase: str, part: str) -> None:
    made = progress(raw, "trainer")
    assert isinstance(made, Progress)
    assert made.phase == phase
    assert part in made.text


@pytest.mark.parametrize(
    ("raw", "code", "parts"),
    [
        (
            pod(waiting("ErrImagePull", "not found")),
            "image-pull",
            ["example/x:1", "not found.", "describe pod train-x"],
        ),
        (pod(MAKING, init={"i": waiting("InvalidImageName")}), "image-pull", ["container i"]),
        (pod(MAKING, init={"proxy": waiting("ErrImagePull")}), "image-pull", ["container proxy"]),
        (pod(RUNNING, others={"side": waiting("ImagePullBackOff")}), "image-pull", ["container side"]),
        (pod(waiting("CreateContainerConfigError", 'secret "x" not found')), "container-config", ['secret "x"']),
        (pod(waiting("RunContainerError", "exec: no such file")), "start-error", ["exec: no such file", "behind --"]),
        (pod(ended(128, "StartError", "exec: no such file")), "start-error", ["exec: no such file"]),
        (pod(ended(137, "OOMKilled")), "oom-killed", ["more memory than its limit", "describe pod train-x"]),
        (pod(MAKING, init={"i": ended(3)}), "init-failed", ["code 3", "logs train-x -n team-a -c i"]),
        (pod(MAKING, init={"i": waiting("CrashLoopBackOff")}), "crash-loop", ["-c i --previous"]),
        (pod(MAKING, init={INIT_CONTAINER: ended(128, "StartError")}), "no-shell", ["/bin/sh", "--way mount"]),
        (pod(MAKING, init={INIT_CONTAINER: waiting("RunContainerError")}), "no-shell", ["--way mount"]),
        (pod(MAKING, init={INIT_CONTAINER: waiting("ErrImagePull")}), "image-pull", [INIT_CONTAINER]),
        (unscheduled(), "unschedulable", ["Insufficient cpu.", "describe nodes"]),
        (unscheduled("SchedulingGated", "gated"), "scheduling-gated", ["gate"]),
        (pod(phase="Failed", reason="Evicted", message="low on memory"), "evicted", ["low on memory."]),
        (pod(phase="Failed", reason="DeadlineExceeded"), "deadline", ["--ttl"]),
        (pod(phase="Failed", reason="UnexpectedAdmissionError", message="gpu"), "node-refused", ["gpu."]),
        (
            pod(conditions=[{"type": "DisruptionTarget", "status": "True", "message": "preempted by x"}]),
            "disrupted",
            ["preempted by x."],
        ),
    ],
)
def test_failures(raw: Raw, code: str, parts: list[str]) -> None:
    note = failure(raw, "trainer", ())
    assert note is not None
    assert note.code == code
    for part in parts:
        assert part in note.text


@pytest.mark.parametrize(
    "raw",
    [
        {},
        pod(),
        pod(MAKING),
        pod(RUNNING),
        pod(ended(0)),
        pod(ended(1, "Error")),
        pod(ended(137, "Error"), phase="Failed"),
        pod(MAKING, init={"prepare": RUNNING}),
        pod(RUNNING, init={"prepare": ended(0), "proxy": RUNNING}),
        # A native sidecar is killed at the end, and may have been restarted before.
        pod(ended(0), init={"proxy": ended(137)}),
        pod(ended(0), init={"proxy": ended(137, "OOMKilled")}),
        pod(RUNNING, others={"side": ended(1)}),
    ],
)
def test_no_failure(raw: Raw) -> None:
    assert failure(raw, "trainer", ()) is None


def event(reason: str, message: str, at: str = "2026-03-01T09:00:00Z") -> Raw:
    return {"reason": reason, "message": message, "lastTimestamp": at}


MOUNT = event("FailedMount", 'configmap "paths" not found')


@pytest.mark.parametrize(
    ("raw", "events", "code"),
    [
        (pod(MAKING), [MOUNT], "volume"),
        (pod(MAKING), [event("FailedCreatePodSandBox", "no network")], "sandbox"),
        (pod(MAKING), [event("Pulling", "x"), MOUNT], "volume"),
        (pod(MAKING), [event("Pulling", "x")], None),
        (pod(RUNNING), [MOUNT], None),
    ],
)
def test_failures_that_only_events_tell(raw: Raw, events: list[Raw], code: str | None) -> None:
    note = failure(raw, "trainer", events)
    assert (note.code if note else None) == code


def test_the_latest_event_is_told_whatever_the_order() -> None:
    late = event("FailedMount", "the later one", "2026-03-01T09:05:00Z")
    modern = {"reason": "FailedMount", "message": "older", "eventTime": "2026-03-01T08:00:00.000000Z"}
    for events in ([late, MOUNT, modern], [modern, MOUNT, late]):
        note = failure(pod(MAKING), "trainer", events)
        assert note is not None
        assert "the later one" in note.text


def test_text_from_the_cluster_is_one_short_line() -> None:
    note = failure(pod(waiting("ErrImagePull", "\x1b[31mred\n" + "x" * 5000)), "trainer", ())
    assert note is not None
    assert note.text.isprintable()
    assert len(note.text) < 600


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("pods is forbidden: exceeded quota: q, requested: cpu=1", "quota"),
        ('violates PodSecurity "restricted:latest"', "pod-security"),
        ("admission webhook denied the request", "admission"),
    ],
)
def test_job_failures(message: str, code: str) -> None:
    note = job_failure([event("SuccessfulCreate", "x"), event("FailedCreate", message)])
    assert note is not None
    assert note.code == code
    assert message in note.text
    assert job_failure([event("SuccessfulCreate", "x")]) is None


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        ({}, None),
        (pod(MAKING), None),
        (pod(RUNNING), None),
        (pod(ended(0), others={"sidecar": RUNNING}), 0),
        (pod(ended(3), phase="Failed"), 3),
        (pod(others={"sidecar": ended(9)}), None),
    ],
)
def test_exit_code(raw: Raw, code: int | None) -> None:
    assert exit_code(raw, "trainer") == code


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('{"kubectl-pydebug":1,"undebugged":"Python 3.7"}', "Python 3.7."),
        ('{"undebugged":"Python 3.7"}', None),
        ("the program's own words", None),
        ("[1]", None),
        ("", None),
    ],
)
def test_why_the_program_ran_undebugged(message: str, reason: str | None) -> None:
    assert undebugged(pod(ended(0, message=message)), "trainer") == reason


def test_a_running_program_has_no_such_reason() -> None:
    assert undebugged(pod(RUNNING), "trainer") is None

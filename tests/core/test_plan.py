from __future__ import annotations

from typing import Any

import pytest

from kubectl_pydebug.core.model import (
    AwaitReady,
    Create,
    Facts,
    Forward,
    Options,
    Plan,
    Raw,
    Refusal,
    Share,
    Workload,
    WriteConfig,
)
from kubectl_pydebug.core.plan import plan
from tests.core.samples import BUNDLE, SESSION, job, template

GPU: Raw = {"limits": {"nvidia.com/gpu": "1", "cpu": "1", "hugepages-2Mi": "2Mi"}}


def planned(workload: Workload, options: Options | None = None, pods: tuple[Raw, ...] = ()) -> Plan:
    result = plan(workload, Facts(pods=pods), options or Options(), SESSION, BUNDLE)
    assert isinstance(result, Plan), result
    return result


def codes(result: Plan | Refusal) -> list[str]:
    return [note.code for note in (result.reasons if isinstance(result, Refusal) else result.notes)]


def test_the_job_comes_before_the_config_map_that_it_owns() -> None:
    result = planned(job())
    create, share, *rest = result.steps
    assert isinstance(create, Create)
    assert isinstance(share, Share)
    assert share.owner == create.ref
    assert (create.ref.short, share.ref.short) == ("job/train-pydebug-k3x9p", f"configmap/{BUNDLE.name}")
    for step in (create, share):
        assert (step.manifest["metadata"]["name"], step.manifest["kind"]) == (step.ref.name, step.ref.kind)
        assert step.manifest["metadata"]["namespace"] == step.ref.namespace
        assert "kubectl-pydebug/record" in step.manifest["metadata"]["annotations"]
    assert rest == [AwaitReady(create.ref, "trainer"), Forward("trainer"), WriteConfig("vscode")]


def test_the_way_is_chosen_after_env_is_set() -> None:
    assert planned(job()).way.value == "init"
    assert planned(job(), Options(env=(("PYTHONPATH", "/p"),))).way.value == "mount"


@pytest.mark.parametrize(
    ("workload", "options", "expected"),
    [
        (job(metadata={"labels": {"kubectl-pydebug/session": "x"}}), Options(), "already-copy"),
        (job(), Options(container="nosuch"), "no-such-container"),
        (job(template(command=["python", "-I", "t.py"])), Options(), "python-isolated"),
    ],
)
def test_refusals(workload: Workload, options: Options, expected: str) -> None:
    result = plan(workload, Facts(), options, SESSION, BUNDLE)
    assert isinstance(result, Refusal)
    assert codes(result) == [expected]


def with_volume(claim: Raw) -> Workload:
    raw = template()
    raw["spec"]["volumes"] = [{"name": "data", "persistentVolumeClaim": claim}]
    return job(raw)


@pytest.mark.parametrize(
    ("workload", "phase", "expected"),
    [
        (job(), "Running", []),
        (with_volume({"claimName": "data"}), "Running", ["shared-claims"]),
        (with_volume({"claimName": "data", "readOnly": True}), "Running", []),
        (job(template(resources=GPU)), "Running", ["devices"]),
        (job(template(resources=GPU)), "Failed", []),
        (job(completionMode="Indexed"), "Failed", ["indexed"]),
        (job(completionMode="NonIndexed"), "Failed", []),
        (job(template(livenessProbe={})), "Failed", ["probes-off"]),
    ],
)
def test_notes(workload: Workload, phase: str, expected: list[str]) -> None:
    assert codes(planned(workload, pods=({"status": {"phase": phase}},))) == expected


def test_devices_are_named_without_cpu_and_memory() -> None:
    (note,) = planned(job(template(resources=GPU)), pods=({"status": {"phase": "Running"}},)).notes
    assert "its own nvidia.com/gpu," in note.text


def test_planning_reads_facts_that_are_incomplete() -> None:
    broken: tuple[Any, ...] = ({}, {"status": None})
    assert codes(planned(job(template(resources=GPU)), pods=broken)) == []

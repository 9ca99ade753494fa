from __future__ import annotations

import re
from typing import Any

import pytest

from kubectl_pydebug.core.debugcopy import NAME_MAX, copy_name, copy_record, debug_copy
from kubectl_pydebug.core.model import Options, Raw, Workload
from kubectl_pydebug.core.record import loads
from kubectl_pydebug.core.workload import pod_template
from tests.core.samples import SESSION, job, of, template


def made(workload: Workload, options: Options | None = None) -> Raw:
    return debug_copy(workload, pod_template(workload), SESSION, options or Options())


@pytest.mark.parametrize(
    "name",
    ["train", "a" * 63, "a" * 253, "train.v1.2", "a" * 37 + "." + "b" * 20, "a" * 37 + "--" + "b" * 20, "0"],
)
def test_names_fit(name: str) -> None:
    copied = copy_name(name, SESSION.id)
    assert len(copied) <= NAME_MAX
    assert re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?-pydebug-k3x9p", copied)
    # The pod of an Indexed Job has the longest name: -0-xxxxx.
    assert len(f"{copied}-0-xxxxx") <= 63


def test_short_names_are_kept_whole() -> None:
    assert copy_name("train", "k3x9p") == "train-pydebug-k3x9p"


ALL_JOB_FIELDS: Raw = {
    "parallelism": 4,
    "completions": 8,
    "completionMode": "Indexed",
    "backoffLimit": 6,
    "backoffLimitPerIndex": 1,
    "maxFailedIndexes": 2,
    "activeDeadlineSeconds": 1,
    "ttlSecondsAfterFinished": 1,
    "suspend": True,
    "manualSelector": True,
    "managedBy": "example.com/x",
    "podReplacementPolicy": "Failed",
    "podFailurePolicy": {"rules": []},
    "successPolicy": {"rules": []},
    "selector": {"matchLabels": {"controller-uid": "u"}},
    "aFieldOfTomorrow": 1,
}


def test_the_job_spec() -> None:
    spec = made(job(**ALL_JOB_FIELDS), Options(ttl=600))["spec"]
    del spec["template"]
    assert spec == {
        "parallelism": 1,
        "completions": 1,
        "completionMode": "Indexed",
        "backoffLimit": 0,
        "activeDeadlineSeconds": 600,
        "ttlSecondsAfterFinished": 60,
        "suspend": False,
    }


CONTROLLER_LABELS = ("controller-uid", "job-name", "batch.kubernetes.io/controller-uid", "batch.kubernetes.io/job-name")


def test_no_controller_takes_the_copy_for_its_own() -> None:
    labels = dict.fromkeys((*CONTROLLER_LABELS, "pod-template-hash", "controller-revision-hash", "app"), "x")
    raw = template()
    raw["metadata"] = {"labels": dict(labels)}
    copied = made(job(raw, {"labels": dict(labels), "uid": "u", "finalizers": ["f"], "ownerReferences": []}))
    assert set(copied["metadata"]["labels"]) == {"app", "app.kubernetes.io/managed-by", "kubectl-pydebug/session"}
    assert copied["spec"]["template"]["metadata"] == {"labels": {"app": "x"}}
    assert sorted(copied["metadata"]) == ["annotations", "labels", "name", "namespace"]


@pytest.mark.parametrize(
    "key",
    [
        "argocd.argoproj.io/instance",
        "app.kubernetes.io/instance",
        "applyset.kubernetes.io/part-of",
        "helm.sh/chart",
        "kustomize.toolkit.fluxcd.io/name",
        "helm.toolkit.fluxcd.io/name",
        "kapp.k14s.io/app",
        "objectset.rio.cattle.io/hash",
        "meta.helm.sh/release-name",
        "config.k8s.io/owning-inventory",
    ],
)
def test_no_deployment_tool_prunes_the_copy(key: str) -> None:
    raw = template()
    raw["metadata"] = {"labels": {key: "x"}}
    copied = made(job(raw, {"labels": {key: "x"}, "annotations": {key: "x"}}))
    assert key not in copied["metadata"]["labels"]
    assert key not in copied["metadata"]["annotations"]
    assert key in copied["spec"]["template"]["metadata"]["labels"], "a NetworkPolicy may select by it"


@pytest.mark.parametrize(
    ("api_version", "key", "kept"),
    [
        ("ray.io/v1", "ray.io/cluster", False),
        ("kubeflow.org/v1", "training.kubeflow.org/job-name", False),
        ("kubeflow.org/v1", "notkubeflow.org/x", True),
        ("v1", "app", True),
        ("batch/v1", "cost-centre", True),
    ],
)
def test_no_operator_takes_the_copy_for_its_own(api_version: str, key: str, kept: bool) -> None:
    owner = {"apiVersion": api_version, "kind": "X", "name": "x", "controller": True}
    pod: Raw = {
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n", "labels": {key: "x"}, "ownerReferences": [owner]},
        **template(),
    }
    copied = made(of(pod))
    assert (key in copied["metadata"]["labels"]) is kept
    assert (key in copied["spec"]["template"].get("metadata", {}).get("labels", {})) is kept


def test_the_pod_of_an_indexed_job_keeps_its_index() -> None:
    key = "batch.kubernetes.io/job-completion-index"
    source = {"fieldRef": {"fieldPath": f"metadata.labels['{key}']"}}
    pod: Raw = {
        "kind": "Pod",
        "metadata": {"name": "p-3-x", "namespace": "n", "labels": {key: "3"}, "annotations": {key: "3"}},
        **template([{"name": "JOB_COMPLETION_INDEX", "valueFrom": source}]),
    }
    made_template = made(of(pod))["spec"]["template"]
    assert made_template["metadata"] == {"labels": {key: "3"}, "annotations": {key: "3"}}
    assert made_template["spec"]["containers"][0]["env"][0]["valueFrom"] == source


def test_a_dropped_label_that_the_program_reads_becomes_its_value() -> None:
    source = {"fieldRef": {"fieldPath": "metadata.labels['pod-template-hash']"}}
    pod: Raw = {
        "kind": "Pod",
        "metadata": {"name": "p", "namespace": "n", "labels": {"pod-template-hash": "7$x"}},
        **template([{"name": "HASH", "valueFrom": source}]),
    }
    (entry,) = made(of(pod))["spec"]["template"]["spec"]["containers"][0]["env"]
    assert entry == {"name": "HASH", "value": "7$$x"}


def test_no_restart_in_place_and_no_host_port() -> None:
    raw = template(
        restartPolicy="Always",
        restartPolicyRules=[{"action": "Restart"}],
        ports=[{"containerPort": 1, "hostPort": 1, "hostIP": "0.0.0.0"}],
    )
    raw["spec"]["initContainers"] = [{"name": "proxy", "restartPolicy": "Always"}]
    spec = made(job(raw))["spec"]["template"]["spec"]
    assert spec["restartPolicy"] == "Never"
    assert spec["initContainers"] == [{"name": "proxy", "restartPolicy": "Always"}]
    assert spec["containers"] == [{"name": "trainer", "image": "example/train:1", "ports": [{"containerPort": 1}]}]


@pytest.mark.parametrize(
    ("before", "after"), [({}, {}), ({"activeDeadlineSeconds": 5}, {"activeDeadlineSeconds": 600})]
)
def test_the_pods_own_deadline(before: dict[str, Any], after: dict[str, Any]) -> None:
    raw = template()
    raw["spec"].update(before)
    spec = made(job(raw), Options(ttl=600))["spec"]["template"]["spec"]
    assert {key: spec[key] for key in spec if key == "activeDeadlineSeconds"} == after


def test_the_record_shows_no_environment_value() -> None:
    options = Options(container="trainer", env=(("KEY", "hunter2"),), command=("python", "eval.py"))
    copied = made(job(), options)
    text = copied["metadata"]["annotations"]["kubectl-pydebug/record"]
    assert "hunter2" not in text
    read = loads(text)
    assert read == copy_record(job(), SESSION, options)
    assert read.why == (
        "kubectl", "pydebug", "job/train", "-c", "trainer", "--env", "KEY", "--", "python", "eval.py"
    )  # fmt: skip
    assert (read.who, read.where, read.when, read.expires) == ("ana", "laptop", SESSION.started, SESSION.expires)
    assert [ref.short for ref in read.created] == ["job/train-pydebug-k3x9p"]

from __future__ import annotations

import pytest

from kubectl_pydebug.core.model import Raw, Refusal
from kubectl_pydebug.core.workload import (
    KINDS,
    WorkloadError,
    containers,
    find_kind,
    pick_container,
    pod_template,
    read,
)
from tests.core.samples import job, of, reference, template


@pytest.mark.parametrize(
    ("typed", "kind"),
    [
        ("job", "Job"),
        ("Jobs", "Job"),
        ("JOB", "Job"),
        ("jobs.batch", "Job"),
        ("jobs.v1.batch", "Job"),
        ("po", "Pod"),
        ("pods.v1", "Pod"),
        ("cj", "CronJob"),
        ("deploy.apps", "Deployment"),
        ("rs", "ReplicaSet"),
        ("sts", "StatefulSet"),
        ("ds", "DaemonSet"),
        ("rc", "ReplicationController"),
    ],
)
def test_find_kind(typed: str, kind: str) -> None:
    found = find_kind(typed)
    assert found is not None
    assert found.kind == kind


@pytest.mark.parametrize("typed", ["", "service", "jobs.apps", "deployments.extensions", "jobs.v1beta1.batch", "jobsx"])
def test_unknown_kinds(typed: str) -> None:
    assert find_kind(typed) is None


def test_no_name_is_in_the_table_twice() -> None:
    names = [name for kind in KINDS for name in (kind.plural, kind.singular, *kind.short_names)]
    assert sorted(set(names)) == sorted(names)


def test_the_template_is_a_copy() -> None:
    workload = job(template(command=["a"]))
    pod_template(workload)["spec"]["containers"][0]["command"].append("b")
    assert workload.raw["spec"]["template"]["spec"]["containers"][0]["command"] == ["a"]


def test_the_template_of_a_pod_is_its_metadata_and_spec() -> None:
    pod = {"kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, **template(), "status": {"phase": "Running"}}
    assert pod_template(of(pod)) == {"metadata": pod["metadata"], "spec": pod["spec"]}


@pytest.mark.parametrize("raw", [{}, {"spec": None}, {"spec": {"template": {"spec": {"containers": []}}}}])
def test_an_object_without_containers_is_refused(raw: Raw) -> None:
    with pytest.raises(WorkloadError, match="kubectl get job/train"):
        read(reference(), raw)


def several(annotations: Raw | None = None) -> Raw:
    made = template()
    made["spec"]["containers"] += [{"name": "web"}, {"name": "linkerd-proxy"}]
    made["metadata"] = {"annotations": annotations or {}}
    return made


def test_pick_container() -> None:
    assert containers(several()) == ("trainer", "web", "linkerd-proxy")
    assert pick_container(template(), None) == "trainer"
    assert pick_container(several(), "web") == "web"
    assert pick_container(several({"kubectl.kubernetes.io/default-container": "web"}), None) == "web"


def test_an_injected_sidecar_is_not_what_the_user_means() -> None:
    pod = several({"linkerd.io/proxy-version": "edge-1"})
    del pod["spec"]["containers"][1]
    assert pick_container(pod, None) == "trainer"


@pytest.mark.parametrize("wanted", [None, "nosuch"])
@pytest.mark.parametrize("default", ["nosuch", ""])
def test_a_refusal_names_which_there_are(wanted: str | None, default: str) -> None:
    refusal = pick_container(several({"kubectl.kubernetes.io/default-container": default}), wanted)
    assert isinstance(refusal, Refusal)
    (reason,) = refusal.reasons
    assert "trainer, web, linkerd-proxy" in reason.text
    assert reason.text.endswith("-c trainer")
    assert reason.code == ("no-such-container" if wanted else "which-container")

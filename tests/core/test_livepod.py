from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_pydebug.core.livepod import as_template, controller, injected_containers
from kubectl_pydebug.core.model import Raw
from tests.core.samples import template


def meshed(status: Any) -> Raw:
    raw = template()
    raw["spec"]["containers"].append({"name": "istio-proxy"})
    text = status if isinstance(status, str) else json.dumps(status)
    raw["metadata"] = {"annotations": {"sidecar.istio.io/status": text}}
    return raw


def test_istio_lists_what_it_added() -> None:
    pod = meshed({"containers": ["istio-proxy"], "initContainers": None})
    assert injected_containers(pod) == ("istio-proxy",)
    assert [item["name"] for item in as_template(pod)["spec"]["containers"]] == ["trainer"]


@pytest.mark.parametrize(
    "status",
    [
        "",
        "no json",
        "[" * 30000,
        [],
        None,
        {"containers": "istio-proxy"},
        {"containers": [1, {}]},
        {"containers": ["istio-*"]},
        {"containers": ["istio-proxy", "trainer"]},
    ],
)
def test_a_status_that_cannot_be_takes_nothing_away(status: Any) -> None:
    assert injected_containers(meshed(status)) == ()
    assert len(as_template(meshed(status))["spec"]["containers"]) == 2


def test_twice_is_once_and_the_pod_is_left_alone() -> None:
    pod = meshed({"containers": ["istio-proxy"]})
    once = as_template(pod)
    assert as_template(once) == once
    assert pod == meshed({"containers": ["istio-proxy"]})


def test_a_mount_of_the_users_own_at_the_token_path_stays() -> None:
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    raw = template(volumeMounts=[{"name": "mine", "mountPath": path}])
    raw["spec"]["volumes"] = [{"name": "mine"}, {"name": "kube-api-access-xxxxx"}]
    spec = as_template(raw)["spec"]
    assert spec["containers"][0]["volumeMounts"] == [{"name": "mine", "mountPath": path}]
    assert spec["volumes"] == [{"name": "mine"}]


def test_a_token_volume_that_is_mounted_elsewhere_too_stays() -> None:
    mounts = [
        {"name": "kube-api-access-x", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"},
        {"name": "kube-api-access-x", "mountPath": "/elsewhere"},
    ]
    raw = template(volumeMounts=mounts)
    raw["spec"]["volumes"] = [{"name": "kube-api-access-x"}]
    spec = as_template(raw)["spec"]
    assert spec["containers"][0]["volumeMounts"] == mounts[1:]
    assert spec["volumes"] == [{"name": "kube-api-access-x"}]


@pytest.mark.parametrize("kind", ["podAffinity", "podAntiAffinity"])
@pytest.mark.parametrize("strength", ["required", "preferred"])
def test_the_server_adds_label_keys_anew(kind: str, strength: str) -> None:
    """Kubernetes refuses a pod whose selector has the expression already (validateLabelKeysWithSelector)."""
    own = {"key": "app", "operator": "In", "values": ["x"]}
    merged = [{"key": key, "operator": "In", "values": ["v"]} for key in ("pod-template-hash", "tenant")]
    term: Raw = {
        "matchLabelKeys": ["pod-template-hash"],
        "mismatchLabelKeys": ["tenant"],
        "labelSelector": {"matchExpressions": [own, *merged]},
    }
    raw = template()
    listed = [term] if strength == "required" else [{"weight": 1, "podAffinityTerm": term}]
    raw["spec"]["affinity"] = {kind: {f"{strength}DuringSchedulingIgnoredDuringExecution": listed}}
    (made,) = as_template(raw)["spec"]["affinity"][kind][f"{strength}DuringSchedulingIgnoredDuringExecution"]
    made = made.get("podAffinityTerm", made)
    assert made["labelSelector"] == {"matchExpressions": [own]}
    assert made["matchLabelKeys"] == ["pod-template-hash"]


@pytest.mark.parametrize(("controlled", "kept"), [(True, False), (False, True)])
def test_a_hostname_given_by_a_controller_goes(controlled: bool, kept: bool) -> None:
    raw = template()
    raw["spec"]["hostname"] = "web-0"
    raw["metadata"] = {"ownerReferences": [{"name": "web", "controller": controlled}]}
    assert ("hostname" in as_template(raw)["spec"]) is kept
    assert (controller(raw["metadata"]) is not None) is controlled


def test_a_mirror_pod_is_no_mirror_any_more() -> None:
    raw = template()
    raw["metadata"] = {"annotations": {"kubernetes.io/config.mirror": "x", "kubernetes.io/config.source": "file"}}
    assert as_template(raw)["metadata"]["annotations"] == {}

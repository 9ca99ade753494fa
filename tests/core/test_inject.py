from __future__ import annotations

import json
from typing import Any

import pytest

from kubectl_pydebug.core.inject import (
    HOOK_PATH,
    INIT_CONTAINER,
    ORIGINAL_ENV,
    RUN_VOLUME,
    choose_way,
    edit,
    inject,
    restore,
)
from kubectl_pydebug.core.model import Options, Raw, Way
from tests.core.samples import BUNDLE, SESSION, template

PLAIN = Options()


def injected(raw: Raw, options: Options = PLAIN, way: Way = "mount", container: str = "trainer") -> Raw:
    return inject(raw, container, options, SESSION, BUNDLE.name, BUNDLE.sha256, way)


def env_of(raw: Raw) -> list[tuple[str, Any]]:
    """The names and values of trainer, without our settings."""
    env = raw["spec"]["containers"][0]["env"]
    return [(e["name"], e.get("value", e.get("valueFrom"))) for e in env if e["name"] != "KUBECTL_PYDEBUG"]


SOURCE = {"secretKeyRef": {"name": "s", "key": "k"}}
ENVS: list[tuple[list[Raw] | None, list[tuple[str, Any]]]] = [
    (None, [("PYTHONPATH", f"{HOOK_PATH}:$(PYTHONPATH)")]),
    ([{"name": "A", "value": "1"}], [("A", "1"), ("PYTHONPATH", f"{HOOK_PATH}:$(PYTHONPATH)")]),
    (
        [{"name": "PYTHONPATH", "value": "/app"}, {"name": "A", "value": "1"}],
        [("PYTHONPATH", f"{HOOK_PATH}:/app"), ("A", "1")],
    ),
    # It may refer to what envFrom gives; restore must not take it for ours.
    ([{"name": "PYTHONPATH", "value": "$(PYTHONPATH)"}], [("PYTHONPATH", f"{HOOK_PATH}:$(PYTHONPATH)")]),
    # An empty part would be the working directory.
    ([{"name": "PYTHONPATH"}], [("PYTHONPATH", HOOK_PATH)]),
    (
        [{"name": "PYTHONPATH", "valueFrom": SOURCE}, {"name": "A", "value": "$(PYTHONPATH)"}],
        [(ORIGINAL_ENV, SOURCE), ("PYTHONPATH", f"{HOOK_PATH}:$({ORIGINAL_ENV})"), ("A", "$(PYTHONPATH)")],
    ),
    # Of two entries with one name the later wins, and may be made of the earlier.
    (
        [{"name": "PYTHONPATH", "value": "/a"}, {"name": "PYTHONPATH", "value": "/b:$(PYTHONPATH)"}],
        [("PYTHONPATH", "/a"), ("PYTHONPATH", f"{HOOK_PATH}:/b:$(PYTHONPATH)")],
    ),
    (
        [{"name": "PYTHONPATH", "valueFrom": SOURCE}, {"name": "PYTHONPATH", "value": "/b"}],
        [("PYTHONPATH", SOURCE), ("PYTHONPATH", f"{HOOK_PATH}:/b")],
    ),
]


@pytest.mark.parametrize(("env", "expected"), ENVS)
@pytest.mark.parametrize("way", ["mount", "init"])
def test_pythonpath_and_its_restore(env: list[Raw] | None, expected: list[tuple[str, Any]], way: Way) -> None:
    original = template(env)
    once = injected(original, way=way)
    assert env_of(once) == expected
    assert injected(once, way=way) == once
    assert restore(once) == original


@pytest.mark.parametrize(("first", "second"), [("init", "mount"), ("mount", "init")])
def test_the_other_way_replaces_the_first(first: Way, second: Way) -> None:
    assert injected(injected(template(), way=first), way=second) == injected(template(), way=second)


def test_restore_of_what_was_never_injected_changes_nothing() -> None:
    raw = template([{"name": "PYTHONPATH", "value": f"{HOOK_PATH}:/mine"}], volumeMounts=[])
    raw["metadata"] = {"labels": {}}
    assert restore(raw) == raw


def test_command_and_env() -> None:
    raw = template([{"name": "A", "value": "1"}, {"name": "B", "valueFrom": SOURCE}], command=["x"], args=["y"])
    options = Options(command=("python", "eval.py"), env=(("B", "2"), ("C", "a=b"), ("PYTHONPATH", "/p")))
    container = edit(raw, "trainer", options)["spec"]["containers"][0]
    assert container["command"] == ["python", "eval.py"]
    assert "args" not in container
    assert container["env"] == [
        {"name": "A", "value": "1"},
        {"name": "B", "value": "2"},
        {"name": "C", "value": "a=b"},
        {"name": "PYTHONPATH", "value": "/p"},
    ]
    assert ("PYTHONPATH", f"{HOOK_PATH}:/p") in env_of(injected(raw, options))


def test_choose_way() -> None:
    bare, own = template(), template([{"name": "PYTHONPATH", "value": "/app"}])
    assert choose_way(bare, "trainer", "auto").value == "init"
    assert choose_way(own, "trainer", "auto").value == "mount"
    assert choose_way(own, "trainer", "auto").source == "detected"
    assert (choose_way(own, "trainer", "init").value, choose_way(own, "trainer", "init").source) == ("init", "flag")


def test_settings() -> None:
    options = Options(wait=False, wait_timeout=9, stop_on_entry=True, program="$(HOME)/a.py")
    env = injected(template(), options)["spec"]["containers"][0]["env"]
    value = next(entry["value"] for entry in env if entry["name"] == "KUBECTL_PYDEBUG")
    assert "$$(HOME)" in value, "the kubelet would expand a single dollar"
    assert json.loads(value.replace("$$", "$")) == {
        "v": 1,
        "session": SESSION.id,
        "verifier": SESSION.verifier,
        "ports": list(SESSION.ports),
        "sha256": BUNDLE.sha256,
        "wait": False,
        "wait_timeout": 9,
        "stop_on_entry": True,
        "program": "$(HOME)/a.py",
        "container": "trainer",
    }


def test_the_init_container_changes_no_quota_and_no_security() -> None:
    raw = template(
        imagePullPolicy="Never",
        securityContext={"runAsUser": 7},
        env=[{"name": "SECRET", "value": "x"}],
        envFrom=[{"secretRef": {"name": "s"}}],
        volumeMounts=[{"name": "data", "mountPath": "/data"}],
        resources={
            "requests": {"cpu": "1", "nvidia.com/gpu": "1", "hugepages-2Mi": "4Mi"},
            "limits": {"memory": "1Gi", "nvidia.com/gpu": "1"},
            "claims": [{"name": "c"}],
        },
    )
    raw["spec"]["initContainers"] = [{"name": "own"}]
    first, own = injected(raw, way="init")["spec"]["initContainers"]
    assert own == {"name": "own"}
    assert first.pop("command")[:2] == ["/bin/sh", "-c"]
    assert first == {
        "name": INIT_CONTAINER,
        "image": "example/train:1",
        "imagePullPolicy": "Never",
        "securityContext": {"runAsUser": 7},
        "resources": {"requests": {"cpu": "1"}, "limits": {"memory": "1Gi"}},
        "volumeMounts": [{"name": RUN_VOLUME, "mountPath": "/kubectl-pydebug/run"}],
    }


def test_only_the_target_is_touched() -> None:
    raw = template()
    other: Raw = {"name": "other", "image": "x", "env": [{"name": "PYTHONPATH", "value": "/o"}]}
    raw["spec"]["containers"].append(other)
    assert injected(raw)["spec"]["containers"][1] == other


def test_no_such_container() -> None:
    with pytest.raises(KeyError, match="nosuch"):
        injected(template(), container="nosuch")

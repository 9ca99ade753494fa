from __future__ import annotations

import json

from kubectl_pydebug.core.model import Facts, Note, Options, Plan, Raw, Refusal
from kubectl_pydebug.core.plan import plan
from kubectl_pydebug.core.report import changes, plan_json, plan_lines
from tests.core.samples import BUNDLE, SESSION, job, template

REFUSAL = Refusal((Note("which-container", "There are two. Add: -c a"), Note("windows", "No.")))


def planned(options: Options) -> Plan:
    result = plan(job(), Facts(), options, SESSION, BUNDLE)
    assert isinstance(result, Plan)
    return result


def test_the_json_of_a_plan_is_a_contract() -> None:
    made = plan_json(planned(Options()))
    assert json.loads(json.dumps(made)) == made
    assert list(made) == [
        "apiVersion", "kind", "strategy", "source", "container", "way", "session", "changes", "steps", "notes"
    ]  # fmt: skip
    assert (made["apiVersion"], made["kind"], made["strategy"]) == ("kubectl-pydebug/v1", "Plan", "copy")
    assert made["source"] == {
        "group": "batch", "version": "v1", "kind": "Job", "plural": "jobs", "namespace": "default", "name": "train"
    }  # fmt: skip
    assert made["session"] == {"id": SESSION.id, "started": SESSION.started, "expires": SESSION.expires}
    assert [step["do"] for step in made["steps"]] == ["create", "share", "await-ready", "forward", "write-config"]
    assert made["steps"][0]["manifest"]["kind"] == "Job"


def test_the_bundle_is_shown_by_its_sizes() -> None:
    share = plan_json(planned(Options()))["steps"][1]
    assert "binaryData" not in share["manifest"]
    assert share["bytes"] == {name: len(data) for name, data in BUNDLE.files.items()}


def test_a_refusal() -> None:
    assert plan_json(REFUSAL) == {
        "apiVersion": "kubectl-pydebug/v1",
        "kind": "Refusal",
        "reasons": [
            {"code": "which-container", "text": "There are two. Add: -c a"},
            {"code": "windows", "text": "No."},
        ],
    }
    assert plan_lines(REFUSAL) == ("There are two. Add: -c a", "No.")


def test_no_environment_value_in_the_lines() -> None:
    lines = plan_lines(planned(Options(env=(("KEY", "hunter2"),))))
    assert "  + env KEY of trainer" in lines
    assert not [line for line in lines if "hunter2" in line or SESSION.verifier in line]


def changed(**fields: object) -> Raw:
    made = template([{"name": "B", "value": "2"}, {"name": "C", "value": "1"}], command=["b"])
    made["spec"].update(fields)
    return made


def test_changes() -> None:
    before = template([{"name": "A", "value": "1"}, {"name": "B", "value": "1"}], args=["x"], livenessProbe={})
    before["spec"].update(nodeName="n", volumes=[{"name": "a"}, {"name": "b", "emptyDir": {}}])
    before["metadata"] = {"labels": {"old": "1"}}
    after = changed(volumes=[{"name": "b", "configMap": {}}, {"name": "c"}], restartPolicy="Always", hostNetwork=True)
    after["metadata"] = {"annotations": {"new": "1"}}
    assert changes(before, after) == (
        "- label old",
        "+ annotation new",
        "~ restartPolicy: Never -> Always",
        "- args of trainer",
        "- livenessProbe of trainer",
        "- env A of trainer",
        "~ env B of trainer",
        "+ env C of trainer",
        "+ command of trainer",
        "- nodeName",
        "- volume a",
        "~ volume b",
        "+ volume c",
        "+ hostNetwork",
    )


def test_no_changes() -> None:
    assert changes(template(), template()) == ()

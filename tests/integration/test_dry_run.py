"""``--dry-run`` shows the plan and touches nothing; ``-o`` only chooses the form of what is printed."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from kubectl_pydebug.core.exits import Exit
from tests.integration.conftest import Place, Raw, code, job

pytestmark = pytest.mark.integration

FORMS: dict[str, Any] = {"json": json.loads, "yaml": yaml.safe_load}


@pytest.fixture
def before(place: Place, images: dict[str, str]) -> dict[str, Raw]:
    place.apply(code(), job("train", images["3.11"], ["python3", "app.py"]))
    return place.objects()


def dry_run(place: Place, before: dict[str, Raw], *words: str) -> str:
    """What it prints; the cluster and the checkout are as they were."""
    run = place.start("job/train", *words)
    assert run.finish() == 0, run.transcript()
    assert run.err == b""
    assert place.objects() == before
    assert [path.name for path in place.checkout.iterdir()] == [".git"]
    return run.out.decode()


@pytest.mark.parametrize("where", ["client", "server"])
@pytest.mark.parametrize("form", FORMS)
def test_plan_for_programs(place: Place, before: dict[str, Raw], where: str, form: str) -> None:
    plan = FORMS[form](dry_run(place, before, f"--dry-run={where}", "-o", form))
    assert (plan["apiVersion"], plan["kind"]) == ("kubectl-pydebug/v1", "Plan")
    made = [step["manifest"] for step in plan["steps"] if step["do"] == "create"]
    assert [manifest["kind"] for manifest in made] == ["Job"]


@pytest.mark.parametrize("where", ["client", "server"])
def test_plan_for_people(place: Place, before: dict[str, Raw], where: str) -> None:
    shown = dry_run(place, before, f"--dry-run={where}")
    assert f"Nothing was touched (--dry-run={where})" in shown
    assert "+ job/train-pydebug-" in shown


def test_two_dry_runs_differ_in_their_session_only(place: Place, before: dict[str, Raw]) -> None:
    first, second = (json.loads(dry_run(place, before, "--dry-run=client", "-o", "json")) for _ in range(2))
    assert first["changes"] == second["changes"]
    assert first["session"]["id"] != second["session"]["id"]


def test_server_tells_what_pod_security_would_refuse(place: Place, images: dict[str, str]) -> None:
    place.apply(code(), job("train", images["3.11"], ["python3", "app.py"], securityContext={}))
    before = place.objects()
    place.start("job/train", "--dry-run=server").ends(Exit.CLUSTER, 'PodSecurity "restricted', "--show-labels")
    dry_run(place, before, "--dry-run=client")


@pytest.mark.parametrize(("counted", "limit"), [("count/jobs.batch", 1), ("pods", 0)])
def test_server_tells_what_quota_would_refuse(place: Place, before: dict[str, Raw], counted: str, limit: int) -> None:
    place.set_quota({counted: limit})
    place.start("job/train", "--dry-run=server").ends(Exit.CLUSTER, "exceeded quota: small", "kubectl describe quota")
    dry_run(place, before, "--dry-run=client")


def test_server_asks_for_no_right_that_the_main_job_does_not_need(place: Place, before: dict[str, Raw]) -> None:
    user = place.as_user_with(("batch", "jobs", "get create"), ("", "configmaps", "create"))
    run = place.start(user, "job/train", "--dry-run=server")
    assert run.finish() == 0, run.transcript()
    assert "was not checked. You may not create pods" in run.err.decode()

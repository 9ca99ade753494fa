"""Golden triples: tests/golden/CASE/{input.yaml, desired.yaml, report.txt}.

``input.yaml`` is the workload as the API server sends it, ``desired.yaml`` the Job that we create, ``report.txt`` what
the user is shown. After a wanted change: ``UPDATE_GOLDEN=1 pytest tests/core/test_golden.py``, then read the diff.
A new case is a folder with an ``input.yaml`` and a line in CASES.
"""

from __future__ import annotations

import copy
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from kubectl_pydebug.core.inject import choose_way, edit, inject, restore
from kubectl_pydebug.core.model import Create, Facts, Options, Plan, Raw, Workload
from kubectl_pydebug.core.plan import plan
from kubectl_pydebug.core.report import plan_lines
from kubectl_pydebug.core.workload import pod_template
from tests.core.samples import BUNDLE, SESSION, of

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / "tests" / "golden"
RUNNING: Raw = {"status": {"phase": "Running"}}
SECRET = "hunter2"
"""The value given with --env: no report may show it."""

CASES: dict[str, Options] = {
    "container-among-several": Options(container="second"),
    "cronjob": Options(),
    "deployment": Options(),
    "job-command": Options(command=("python3", "-m", "evaluate", "--fast")),
    "job-env": Options(env=(("EPOCHS", "1"), ("SEED", "7"), ("API_KEY", SECRET))),
    "job-indexed": Options(),
    "job-pythonpath-envfrom": Options(),
    "job-pythonpath-literal": Options(),
    "job-pythonpath-valuefrom": Options(),
    "job-restricted": Options(ttl=7200, stop_on_entry=True, program="train.py"),
    "native-sidecar": Options(),
    "pod-istio": Options(),
    "pod-linkerd-vault": Options(),
    "statefulset": Options(way="mount"),
}


def given(case: str) -> Workload:
    return of(yaml.safe_load((GOLDEN / case / "input.yaml").read_text()))


def planned(case: str) -> Plan:
    result = plan(given(case), Facts(pods=(RUNNING,)), CASES[case], SESSION, BUNDLE)
    assert isinstance(result, Plan), result
    return result


def manifest(result: Plan) -> Raw:
    first = result.steps[0]
    assert isinstance(first, Create)
    return first.manifest


def dump(raw: Raw) -> str:
    return yaml.safe_dump(raw, sort_keys=False, width=120, allow_unicode=True)


def check(path: Path, text: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        path.write_text(text)
    assert path.read_text() == text, "if the change is wanted: UPDATE_GOLDEN=1 pytest tests/core/test_golden.py"


def test_every_folder_is_a_case() -> None:
    assert sorted(CASES) == sorted(path.name for path in GOLDEN.iterdir())


@pytest.mark.parametrize("case", CASES)
def test_desired(case: str) -> None:
    check(GOLDEN / case / "desired.yaml", dump(manifest(planned(case))))


@pytest.mark.parametrize("case", CASES)
def test_report(case: str) -> None:
    text = "\n".join(plan_lines(planned(case))) + "\n"
    assert SECRET not in text
    check(GOLDEN / case / "report.txt", text)


@pytest.mark.parametrize("case", CASES)
def test_the_input_is_left_alone(case: str) -> None:
    workload = given(case)
    before = copy.deepcopy(workload)
    plan(workload, Facts(), CASES[case], SESSION, BUNDLE)
    assert workload == before


@pytest.mark.parametrize("way", ["mount", "init"])
@pytest.mark.parametrize("case", CASES)
def test_restore_undoes_inject_and_twice_is_once(case: str, way: str) -> None:
    workload, options, container = given(case), CASES[case], planned(case).container
    template = edit(pod_template(workload), container, options)
    chosen = choose_way(template, container, "mount" if way == "mount" else "init").value
    once = inject(template, container, options, SESSION, BUNDLE.name, BUNDLE.sha256, chosen)
    assert inject(once, container, options, SESSION, BUNDLE.name, BUNDLE.sha256, chosen) == once
    assert restore(once) == template
    assert once != template


def test_an_unknown_field_of_the_pod_survives() -> None:
    spec = manifest(planned("job-restricted"))["spec"]["template"]["spec"]
    assert spec["aFieldOfTomorrow"] == {"deep": [1, {"kept": True}]}


def test_the_order_is_the_same_in_every_process() -> None:
    """Sets and hashes differ from one process to the next; what we print must not."""
    code = (
        "from tests.core import test_golden as golden\n"
        "for case in golden.CASES: print(golden.dump(golden.manifest(golden.planned(case))))"
    )
    first, second = (
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    )
    assert first == second
    assert "kubectl-pydebug-hook" in first

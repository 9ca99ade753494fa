"""Every golden copy is one that a real API server takes: a golden file cannot freeze an invalid pod."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml

from tests.core.test_golden import CASES, GOLDEN
from tests.integration.conftest import Cluster

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("case", CASES)
def test_the_server_accepts_the_copy(cluster: Cluster, case: str) -> None:
    manifest: dict[str, Any] = yaml.safe_load((GOLDEN / case / "desired.yaml").read_text())
    manifest["metadata"]["namespace"] = "default"
    spec = manifest["spec"]["template"]["spec"]
    spec.pop("serviceAccountName", None)  # made up, as are the images; the Job itself is what is checked
    # Unknown fields are kept on purpose (a golden case has one), which kubectl would refuse by itself.
    made = cluster.kubectl(
        *("create", "--dry-run=server", "--validate=ignore", "-f", "-", "-o", "json"), stdin=json.dumps(manifest)
    )
    assert json.loads(made)["spec"]["template"]["spec"]["containers"]

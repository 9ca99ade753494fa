from __future__ import annotations

import base64

from kubectl_pydebug.core.bundlemap import config_map
from tests.core.samples import BUNDLE


def test_config_map() -> None:
    made = config_map(BUNDLE, "team-a", "{}")
    data = made.pop("binaryData")
    assert {name: base64.b64decode(text) for name, text in data.items()} == BUNDLE.files
    assert list(data) == sorted(BUNDLE.files)
    assert made == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "kubectl-pydebug-0123456789",
            "namespace": "team-a",
            "labels": {"app.kubernetes.io/managed-by": "kubectl-pydebug"},
            "annotations": {"kubectl-pydebug/record": "{}"},
        },
        "immutable": True,
    }

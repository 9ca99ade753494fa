"""The ConfigMap that carries the bundle into the cluster."""

from __future__ import annotations

import base64

from kubectl_pydebug.core import record
from kubectl_pydebug.core.model import Bundle, Raw


def config_map(bundle: Bundle, namespace: str, record_json: str) -> Raw:
    """The manifest, named by the content and immutable, so that sessions can share it.

    It has no owner yet: each debug copy becomes one when the ConfigMap is shared with it.
    """
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": bundle.name,
            "namespace": namespace,
            "labels": {record.MANAGED_BY_LABEL: record.MANAGED_BY},
            "annotations": {record.RECORD_ANNOTATION: record_json},
        },
        "immutable": True,
        "binaryData": {name: base64.b64encode(bundle.files[name]).decode("ascii") for name in sorted(bundle.files)},
    }

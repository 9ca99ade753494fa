"""Where it is measured: the kind cluster, a namespace, a checkout."""

from __future__ import annotations

import contextlib
import json
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import yaml

from tests.integration.conftest import CLUSTER, Cluster, Place, Raw, wait_for_default_objects


def open_cluster(home: Path) -> Cluster:
    """The cluster of `make cluster`, whatever the developer's own kubeconfig says."""
    said = subprocess.run([str(CLUSTER), "env"], capture_output=True, text=True, check=True).stdout
    cluster = Cluster(Path(said.partition("KUBECONFIG=")[2].split()[0].strip("'\"")), home)
    cluster.kubectl("get", "--raw=/readyz")
    return cluster


def images() -> dict[str, str]:
    said = subprocess.run([str(CLUSTER), "images", "--json"], capture_output=True, text=True, check=True).stdout
    return dict(json.loads(said))


@contextlib.contextmanager
def place() -> Iterator[Place]:
    """A namespace under Pod Security "restricted" and an empty checkout; both go at the end."""
    namespace = f"bench-{uuid.uuid4().hex[:8]}"
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    made: Raw = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace, "labels": labels}}
    with tempfile.TemporaryDirectory() as folder:
        cluster = open_cluster(Path(folder))
        checkout = Path(folder).resolve() / "checkout"
        checkout.mkdir()
        cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump(made))
        place = Place(cluster, namespace, checkout)
        try:
            wait_for_default_objects(place)
            yield place
        finally:
            place.close()
            cluster.kubectl("delete", "namespace", namespace, "--wait=false")

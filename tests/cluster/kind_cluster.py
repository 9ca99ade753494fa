"""The kind cluster itself."""

import time
from pathlib import Path

import engine
import node_image
from console import Failure, ask, run, say, step
from settings import KUBECONFIG, NAME, REPOSITORY
from tools import kind, kubectl

NODE = f"{NAME}-control-plane"
MARK = "/kind/imported"


def ensure(archive: Path, survived: bool) -> None:
    """Reuses a healthy cluster whose engine survived, and else makes one anew."""
    node = inspect()
    if node and not (survived and current(node) and healthy()):
        delete()
        node = None
    if not node:
        create(None if engine.registry_answers() else node_image.ensure(archive))
    load(archive)


def inspect() -> str | None:
    """The image of the node, if there is one."""
    return ask("docker", "container", "inspect", "--format={{.Config.Image}}", NODE)


def current(image: str) -> bool:
    """Whether a node of this image would be made today."""
    ours = node_image.name()
    return image.startswith(ours) if image.startswith(node_image.REPOSITORY) else engine.registry_answers()


def load(archive: Path) -> None:
    """Puts the images of the workloads on the node, unless it has them."""
    if archive.name in (ask("docker", "exec", NODE, "cat", MARK) or "").split():
        return
    with step("loading the images of the workloads"):
        importing = ("ctr", "--namespace=k8s.io", "images", "import", "--no-unpack", "-")
        run("load", "docker", "exec", "--interactive", NODE, *importing, stdin=archive)
        run("load", "docker", "exec", NODE, "sh", "-c", f"echo {archive.name} >>{MARK}")


def healthy() -> bool:
    """Whether node and DNS are ready, by the kubeconfig that we hand out."""
    if not KUBECONFIG.exists():
        return False
    conditions = "".join(
        f'{{.items[*].status.conditions[?(@.type=="{type}")].status}}' for type in ("Ready", "Available")
    )
    answer = ask(
        *(kubectl(), "--kubeconfig", KUBECONFIG, "--request-timeout=5s", "--namespace=kube-system"),
        *("get", f"node/{NODE}", "deployment/coredns", "--output", f"jsonpath={conditions}"),
        timeout=10,
    )
    return answer == "TrueTrue"


def create(image: str | None) -> None:
    KUBECONFIG.parent.mkdir(parents=True, exist_ok=True)
    command = [kind(), "create", "cluster", "--config", REPOSITORY / "kind-config.yaml", "--kubeconfig", KUBECONFIG]
    with step("creating the cluster", about="20 s"):
        run("kind", *command, *(["--image", image] if image else []))
        KUBECONFIG.chmod(0o600)
        deadline = time.monotonic() + 120
        while not healthy():
            if time.monotonic() > deadline:
                raise Failure(f"the cluster did not become ready: see `docker logs {NODE}`, then run `down` and `up`")
            time.sleep(0.3)
    answer = ask(kubectl(), "--kubeconfig", KUBECONFIG, "get", "nodes", "-o", "jsonpath={..nodeInfo.kubeletVersion}")
    say(f"  kubernetes {answer}")


def delete() -> None:
    with step("deleting the cluster"):
        run("kind", kind(), "delete", "cluster", "--name", NAME, "--kubeconfig", KUBECONFIG)
    KUBECONFIG.unlink(missing_ok=True)

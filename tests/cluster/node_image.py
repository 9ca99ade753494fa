"""The image of the cluster's node, for machines that cannot pull kindest/node."""

import shutil
import tempfile
from pathlib import Path

import debian
import engine
import kubernetes
from console import ask, run, say, step
from settings import HERE, PINS, digest

SOURCE = HERE / "node"
REPOSITORY = "kubectl-pydebug/node"
SUITE = PINS["NODE_SUITE"]
PACKAGES = (
    *("systemd", "systemd-sysv", "dbus", "containerd", "runc", "containernetworking-plugins", "iptables", "iproute2"),
    *("conntrack", "ethtool", "socat", "kmod", "procps", "ca-certificates", "hostname", "ebtables"),
)


def name() -> str:
    return f"{REPOSITORY}:{digest(PINS['KUBERNETES'], SUITE, *PACKAGES, SOURCE)}"


def ensure(archive: Path) -> str:
    """The node image with the workloads' images of this archive in it; built once."""
    bare, full = name(), f"{name()}-{archive.stem}"
    if engine.image_exists(full):
        return full
    if not engine.image_exists(bare):
        debian.require("building a node image, since no container registry answers,")
        build(bare)
    with step("adding the images of the workloads to the node image"):
        preload(bare, archive, full)
        for stale in (ask("docker", "images", "--format={{.Repository}}:{{.Tag}}", REPOSITORY) or "").split():
            if stale not in (bare, full):
                ask("docker", "rmi", stale)
    return full


def build(bare: str) -> None:
    kube = kubernetes.binary()
    base = base_image()
    with tempfile.TemporaryDirectory(prefix="cluster-") as temporary:
        archive = Path(temporary) / "kubernetes.tar"
        names = kubernetes.images(base, archive)
        with step("building the node image"):
            context = Path(temporary) / "node"
            shutil.copytree(SOURCE / "rootfs", context / "rootfs")
            shutil.copy(SOURCE / "Dockerfile", context)
            shutil.copy(kube, context)
            run(
                "node-image",
                *("docker", "build", f"--build-arg=BASE={base}", f"--build-arg=PAUSE={names['pause']}"),
                *(f"--build-arg=KUBERNETES={PINS['KUBERNETES']}", f"--tag={REPOSITORY}:empty", context),
            )
            preload(f"{REPOSITORY}:empty", archive, bare)


def base_image() -> str:
    debian.install("debootstrap")
    base = f"kubectl-pydebug/node-base:{digest(SUITE, *PACKAGES)}"
    if not engine.image_exists(base):
        with step(f"bootstrapping the node's Debian {SUITE}", about="1 min"):
            run("node-image", "docker", "import", debian.root_filesystem(SUITE, PACKAGES), base)
        query = ("dpkg-query", "-Wf${Package} ${Version}  ", "systemd", "containerd", "runc")
        say(f"  {ask('docker', 'run', '--rm', base, *query)}")
    return base


def preload(image: str, archive: Path, name: str) -> None:
    """Commits the image with the images of this archive in the store of its containerd."""
    container = "kubectl-pydebug-node-build"
    ask("docker", "rm", "--force", container)
    run(
        "node-image",
        *("docker", "run", "--privileged", f"--name={container}", f"--volume={archive}:/images.tar:ro"),
        *("--entrypoint=/usr/local/bin/import-images", image, archive.name),
    )
    run("node-image", "docker", "commit", '--change=ENTRYPOINT ["/usr/local/bin/entrypoint"]', container, name)
    run("node-image", "docker", "rm", container)

"""Kubernetes in one binary, and the container images that kubeadm expects of it."""

import json
import re
import shutil
import tempfile
from pathlib import Path

from console import Failure, ask, run, step
from settings import CACHE, HERE, PINS, digest
from tools import BIN, go_install, go_module, require_go

VERSION = PINS["KUBERNETES"]
MODULE = "k8s.io/kubernetes"
SOURCE = HERE / "node" / "kube"
COMPONENTS = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "etcd")


def binary() -> Path:
    """The multi-call binary; built once."""
    require_go()
    folder = CACHE / "kubernetes" / f"{VERSION}-{digest(VERSION, SOURCE)}"
    if not (folder / "kube").exists():
        with step(f"building kubernetes v{VERSION}", about="5 min on 2 cores"):
            folder.mkdir(parents=True, exist_ok=True)
            shutil.copy(SOURCE / "main.go", folder)
            (folder / "go.mod").write_text(go_mod())
            run("kubernetes", "go", "mod", "tidy", cwd=folder)
            major, minor, _ = VERSION.split(".")
            stamp = {"gitVersion": f"v{VERSION}", "gitMajor": major, "gitMinor": minor}
            flags = " ".join(f"-X k8s.io/component-base/version.{name}={value}" for name, value in stamp.items())
            run(
                "kubernetes",
                *("go", "build", "-trimpath", "-ldflags", f"-s -w {flags}", "-o", "unfinished", "."),
                cwd=folder,
                CGO_ENABLED="0",
            )
            (folder / "unfinished").rename(folder / "kube")
    for name in ("kubeadm", "kubectl"):
        link = BIN / name
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(folder / "kube")
    return folder / "kube"


def go_mod() -> str:
    """Kubernetes' own requirements, with its staging folders taken as the modules they are published as."""
    described = ask("go", "mod", "edit", "-json", go_module(MODULE, VERSION)["GoMod"])
    if described is None:
        raise Failure(f"the go.mod of {MODULE} v{VERSION} cannot be read: run `go clean -modcache` and try again")
    theirs = json.loads(described)
    go = theirs["Go"]
    staging = f"v0.{VERSION.partition('.')[2]}"
    return "\n".join(
        [
            "module kube",
            f"go {go}",
            f"godebug default=go{'.'.join(go.split('.')[:2])}",
            f"require {MODULE} v{VERSION}",
            *(f"require {entry['Path']} {entry['Version']}" for entry in theirs["Require"]),
            *(f"replace {entry['Old']['Path']} => {entry['Old']['Path']} {staging}" for entry in theirs["Replace"]),
            "",
        ]
    )


def image_names() -> dict[str, str]:
    """The images that kubeadm and the controller manager ask for, by component."""
    listed = ask(BIN / "kubeadm", "config", "images", "list", f"--kubernetes-version=v{VERSION}")
    if listed is None:
        raise Failure(f"the built kubeadm does not run: remove {CACHE / 'kubernetes'} and try again")
    names = {name.rpartition("/")[2].partition(":")[0]: name for name in listed.splitlines()}
    plugins = Path(go_module(MODULE, VERSION)["Dir"]) / "pkg" / "volume" / "plugins.go"
    recycler = re.search(r'Image: +"([^"]+)"', plugins.read_text())
    if recycler:
        names["volume-recycler"] = recycler[1]
    return names


def images(base: str, into: Path) -> dict[str, str]:
    """Builds these images and saves them to one archive; returns their names."""
    names = image_names()
    kube = binary()
    coredns = go_install(
        "github.com/coredns/coredns", names["coredns"].rpartition(":v")[2], "-ldflags=-s -w", CGO_ENABLED="0"
    )
    with step("building the images of the control plane"), tempfile.TemporaryDirectory(prefix="cluster-") as temporary:
        context = Path(temporary)
        shutil.copy(HERE / "node" / "components.Dockerfile", context / "Dockerfile")
        shutil.copy(HERE / "node" / "collect", context)
        shutil.copy(kube, context / "kube")
        shutil.copy(coredns, context / "coredns")
        run("kubernetes", "go", "build", "-o", context / "pause", HERE / "node" / "pause" / "main.go", CGO_ENABLED="0")
        (context / "links").mkdir()
        for component in COMPONENTS:
            (context / "links" / component).symlink_to("kube")
        tags = []
        for target in ("kubernetes", "coredns", "pause", "volume-recycler"):
            wanted = COMPONENTS if target == "kubernetes" else (target,)
            tags += [names[component] for component in wanted]
            run(
                "node-image",
                *("docker", "build", f"--build-arg=BASE={base}", f"--target={target}"),
                *(f"--tag={names[component]}" for component in wanted),
                context,
            )
        run("node-image", "docker", "save", "--output", into, *tags)
        run("node-image", "docker", "rmi", "--no-prune", *tags)  # these names are others' in the engine
    return names

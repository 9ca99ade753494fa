"""The command-line tools: the installed ones, or else ones of our own."""

import json
import shutil
from functools import cache
from pathlib import Path

from console import Failure, ask, run, step
from settings import CACHE, PINS

BIN = CACHE / "bin"


@cache
def kind() -> str:
    return shutil.which("kind") or str(go_install("sigs.k8s.io/kind", PINS["KIND"]))


@cache
def kubectl() -> str:
    found = shutil.which("kubectl") or shutil.which("kubectl", path=str(BIN))
    if not found:
        raise Failure("kubectl is not installed: install it (kubernetes.io/docs/tasks/tools) and try again")
    return found


def go_install(package: str, version: str, *flags: str, **env: str) -> Path:
    """The binary of a Go package; built once."""
    name = package.rpartition("/")[2]
    binary = BIN / f"{name}-{version}" / name
    if not binary.exists():
        require_go()
        with step(f"building {name} v{version}"):
            run(name, "go", "install", *flags, f"{package}@v{version}", GOBIN=str(binary.parent), **env)
    return binary


def go_module(path: str, version: str) -> dict[str, str]:
    """Where the files of a module are, after they were downloaded."""
    described = ask("go", "mod", "download", "-json", f"{path}@v{version}", timeout=600)
    if described is None:
        raise Failure(f"{path} v{version} cannot be downloaded: see `go env GOPROXY` and try again")
    return json.loads(described)


def require_go() -> None:
    if not shutil.which("go"):
        raise Failure("Go is not installed: install Go 1.24 or newer (go.dev/dl) and try again")

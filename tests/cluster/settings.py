"""Where things are, and which versions they have."""

import hashlib
import os
from pathlib import Path

NAME = "kubectl-pydebug"
HERE = Path(__file__).resolve().parent
REPOSITORY = HERE.parent.parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / NAME
KUBECONFIG = CACHE / "kubeconfig"
PINS = dict(
    line.split("=", 1)
    for line in (HERE / "versions.env").read_text().splitlines()
    if "=" in line and not line.startswith("#")
)


def digest(*inputs: str | Path) -> str:
    """A short name for what something is built from: texts, files and folders."""
    total = hashlib.sha256()
    for item in inputs:
        if isinstance(item, str):
            total.update(item.encode() + b"\0")
            continue
        files = sorted(item.rglob("*")) if item.is_dir() else [item]
        for file in files:
            if file.is_file() and "__pycache__" not in file.parts:
                mode = "x" if os.access(file, os.X_OK) else "-"
                total.update(f"{file.relative_to(REPOSITORY)} {mode}\0".encode())
                total.update(file.read_bytes() + b"\0")
    return total.hexdigest()[:12]

"""The interpreters of this machine that the guest code is tested with: one of each minor version that can be found."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

MINORS = ("3.8", "3.9", "3.10", "3.11", "3.12", "3.13", "3.14")


def find() -> list[tuple[str, str]]:
    """(minor version, path). pyenv's are looked for too, since its shims do not run a version that is not selected."""
    found: dict[str, str] = {f"{sys.version_info[0]}.{sys.version_info[1]}": sys.base_prefix + "/bin/python3"}
    roots = [Path.home() / ".pyenv" / "versions"]
    for minor in MINORS:
        candidates = [path for root in roots for path in sorted(root.glob(f"{minor}.*/bin/python"))]
        on_path = shutil.which(f"python{minor}")
        candidates += [Path(on_path)] if on_path else []
        for candidate in candidates:
            run = subprocess.run(
                [str(candidate), "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
                capture_output=True,
                text=True,
            )
            if run.returncode == 0 and run.stdout.strip() == minor:
                found.setdefault(minor, str(candidate))
    return [(minor, found[minor]) for minor in MINORS if minor in found]


PYTHONS = find()

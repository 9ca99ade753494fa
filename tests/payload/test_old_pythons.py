"""Pythons that are too old to be debugged still run the app as ever, and say why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.payload.conftest import Pod

OLD = sorted((Path.home() / ".pyenv" / "versions").glob("[23].[0-7].*/bin/python"))


@pytest.mark.parametrize("python", OLD or [None], ids=lambda path: path.parts[-3] if path else "none")
def test_an_old_python_runs_undebugged(python: Path | None, tmp_path: Path, write: Any) -> None:
    if python is None:
        pytest.skip("no Python before 3.8 can be had on this machine")
    pod = Pod(str(python), tmp_path)
    write("lib/sitecustomize.py", "print('own')\n")
    app = write("app.py", "import sys\nprint('app')\nsys.exit(4)\n")
    pod.env["PYTHONPATH"] = f"{pod.hook}:{app.parent / 'lib'}"
    assert pod.finish(pod.start(pod.python, str(app))) == (4, "own\napp\n", "")
    assert "older than 3.8" in json.loads(pod.termination_log.read_text())["undebugged"]

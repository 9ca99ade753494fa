from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests' folders lie in a home folder of their own, which ends every search."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path

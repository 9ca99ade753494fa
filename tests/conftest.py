from __future__ import annotations

import pytest

from tests.seed import seed


def pytest_report_header(config: pytest.Config) -> str:
    return f"sampled with SEED={seed()}; SOAK=1 runs all"

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.seed import seed

# Time decides no test: the machine may be busy.
settings.register_profile("kubectl-pydebug", deadline=None, print_blob=True)
settings.load_profile("kubectl-pydebug")


def pytest_report_header(config: pytest.Config) -> str:
    return f"sampled with SEED={seed()}; SOAK=1 runs all"

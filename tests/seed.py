"""The seed of everything that is sampled. SEED=N repeats a run; the report's header shows N."""

from __future__ import annotations

import os
from datetime import date


def seed() -> int:
    """SEED of the environment, else the day: all of pytest's processes have to draw alike."""
    return int(os.environ.get("SEED") or date.today().toordinal())

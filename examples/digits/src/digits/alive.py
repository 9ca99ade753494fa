"""Liveness probe: fails when training has not saved a model for a minute."""

import sys
import time

from digits import data

PATIENCE = 60


def main():
    age = time.time() - (data.OUT_DIR / "model.npz").stat().st_mtime
    if age > PATIENCE:
        sys.exit(f"no progress for {age:.0f} s")


if __name__ == "__main__":
    main()

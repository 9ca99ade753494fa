"""Runs the training Job on the cluster anew, and follows its log."""

import subprocess
from pathlib import Path

MANIFEST = Path(__file__).resolve().parents[3] / "manifests" / "job.yaml"


def main():
    subprocess.run(["kubectl", "delete", "--ignore-not-found", "--filename", MANIFEST], check=True)
    subprocess.run(["kubectl", "create", "--filename", MANIFEST], check=True)
    subprocess.run(["kubectl", "logs", "--follow", "--pod-running-timeout=2m", "job/train"], check=True)


if __name__ == "__main__":
    main()

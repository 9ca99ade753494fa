"""The wheel as a user installs it: into a clean environment, with nothing of the checkout in reach."""

from __future__ import annotations

import importlib.metadata
import json
import os
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest

import kubectl_pydebug
from kubectl_pydebug import bundle
from kubectl_pydebug.bundle import build

ROOT = Path(__file__).parents[1]
# One worker for all of them: the environment is made once.
pytestmark = pytest.mark.xdist_group("wheel")


def run(*command: str | Path, **options: object) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def pip(*arguments: str | Path, python: str | Path = sys.executable) -> None:
    run(python, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", out, ROOT)
    (path,) = out.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` folder of an environment that holds the wheel and the locked dependencies only."""
    folder = tmp_path_factory.mktemp("clean")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    pip("install", "--require-hashes", "--requirement", ROOT / "requirements" / "runtime.txt", python=python)
    pip("install", "--no-deps", wheel, python=python)
    pip("check", python=python)
    return folder / "bin"


def in_clean(installed: Path, tmp_path: Path, *command: str) -> str:
    """What a program of the clean environment prints, run away from the checkout."""
    env = {"PATH": f"{installed}:/usr/bin:/bin", "HOME": str(tmp_path)}
    return run(installed / command[0], *command[1:], cwd=tmp_path, env=env)


def test_it_holds_the_finished_bundle(wheel: Path) -> None:
    build.build()
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        packed = archive.read("kubectl_pydebug/bundle/data/bundle.tar.gz")
        index = json.loads(archive.read("kubectl_pydebug/bundle/data/bundle.json"))
    assert index["digest"] == bundle.load().digest
    assert index["files"]["bundle.tar.gz"] == bundle.sha256(packed)
    assert {"kubectl_pydebug/bundle/data/LICENSES.txt", "kubectl_pydebug/py.typed"} < set(names)
    assert "kubectl_pydebug/payload/sitecustomize.py" in names
    assert any(name.endswith("dist-info/licenses/LICENSE") for name in names)


def test_it_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].partition("-")[0] for name in names} == {"kubectl_pydebug"}
    assert not [name for name in names if name.endswith((".pyc", "~")) or "/." in name]


def test_it_is_made_for_every_platform(wheel: Path) -> None:
    assert wheel.name == f"kubectl_pydebug-{kubectl_pydebug.__version__}-py3-none-any.whl"


def test_an_sdist_builds_without_a_network(tmp_path: Path) -> None:
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", tmp_path, cwd=ROOT)
    (sdist,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(sdist) as tar:
        tar.extractall(tmp_path, filter="data")
    (source,) = (path for path in tmp_path.iterdir() if path.is_dir())
    # No index and an empty cache: the bundle that the sdist carries has to do.
    env = {**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "XDG_CACHE_HOME": str(tmp_path / "cache")}
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", tmp_path / "out", cwd=source, env=env)
    (wheel,) = (tmp_path / "out").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        index = json.loads(archive.read("kubectl_pydebug/bundle/data/bundle.json"))
    assert index["digest"] == bundle.load().digest


def test_version(installed: Path, tmp_path: Path) -> None:
    assert kubectl_pydebug.__version__ in in_clean(installed, tmp_path, "kubectl-pydebug", "--version")


def test_help(installed: Path, tmp_path: Path) -> None:
    assert "kubectl pydebug" in in_clean(installed, tmp_path, "kubectl-pydebug", "--help")


def test_the_bundle_can_be_loaded(installed: Path, tmp_path: Path) -> None:
    code = "from kubectl_pydebug import bundle; print(bundle.load().digest)"
    assert in_clean(installed, tmp_path, "python", "-c", code).strip() == bundle.load().digest


def loaded_by(installed: Path, tmp_path: Path, arguments: Sequence[str]) -> set[str]:
    """The modules that are loaded after our command has run with these arguments."""
    code = f"""
import sys
sys.argv = ["kubectl-pydebug", *{list(arguments)!r}]
from kubectl_pydebug.cli import main
try:
    main()
finally:
    print("\\nMODULES", *sys.modules)
"""
    out = in_clean(installed, tmp_path, "python", "-c", code)
    return set(out.rpartition("MODULES")[2].split())


@pytest.mark.parametrize("argument", ["--help", "--version"])
def test_help_does_not_pay_for_the_client(installed: Path, tmp_path: Path, argument: str) -> None:
    modules = loaded_by(installed, tmp_path, [argument])
    assert "kubectl_pydebug.cli" in modules
    assert not {"kubernetes", "websockets", "yaml", "tarfile", "zipfile"} & modules


def test_completion_is_installed(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        (entry_points,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        text = archive.read(entry_points).decode()
    assert "kubectl_complete-pydebug = kubectl_pydebug.cli.complete:main" in text


def test_requirements_are_locked_and_name_no_index() -> None:
    files = sorted((ROOT / "requirements").glob("*.txt"))
    assert [path.name for path in files] == ["dev.txt", "runtime.txt"]
    locked = {path.name: path.read_text() for path in files}
    for name, text in locked.items():
        lines = [line for line in text.splitlines() if line and not line.lstrip().startswith("#")]
        assert all(line.startswith("    --hash=sha256:") or "==" in line for line in lines), name
        assert "://" not in text.replace("\\\n", ""), f"{name} names a host"
    for line in locked["runtime.txt"].splitlines():
        assert line in locked["dev.txt"].splitlines(), "both files pin the same: make lock"
    names = {line.partition("==")[0].lower() for line in locked["runtime.txt"].splitlines() if "==" in line}
    direct = importlib.metadata.requires("kubectl-pydebug") or []
    assert {line.partition(">=")[0].lower() for line in direct} <= names

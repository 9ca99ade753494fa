from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from kubectl_pydebug.workspace import local_sources, sources
from tests.workspace.checkout import git, make


def paths(root: Path) -> list[str]:
    return [file.path for file in local_sources(root)]


def test_sources_of_a_plain_folder(home: Path) -> None:
    make(home, "src/a.py", "b.py", "src/data.csv", "node_modules/x.py", "env/pyvenv.cfg", "env/lib/y.py", ".venv/z.py")
    found = local_sources(home)
    assert [file.path for file in found] == ["b.py", "src/a.py"]
    assert found[1].size == len("src/a.py")
    assert found[1].sha256 == hashlib.sha256(b"src/a.py").hexdigest()


def test_sources_of_a_repository(home: Path) -> None:
    make(home, ".gitignore", "kept/a.py", "new.py", "ignored/b.py", "deleted.py", "c.txt")
    (home / ".gitignore").write_text("ignored/\n")
    git(home, "init", "-q")
    git(home, "add", "kept", "deleted.py")
    (home / "deleted.py").unlink()
    assert paths(home) == ["kept/a.py", "new.py"]
    assert paths(home / "kept") == ["a.py"]


def test_sources_of_submodules(home: Path) -> None:
    make(home, "library/lib/x.py", "app/main.py")
    for name in ("library", "app"):
        git(home / name, "init", "-q")
        git(home / name, "add", ".")
        git(home / name, "commit", "-qm", "first")
    git(home / "app", "submodule", "add", "-q", str(home / "library"), "vendor")
    assert paths(home / "app") == ["main.py", "vendor/lib/x.py"]


def test_a_broken_repository_is_walked(home: Path) -> None:
    make(home, "a.py")
    (home / ".git").write_text("gitdir: nowhere")
    assert paths(home) == ["a.py"]


@pytest.mark.parametrize("repository", [False, True])
def test_strange_names(home: Path, repository: bool) -> None:
    make(home, "with\nline.py", 'quo"te.py', "größe.py", " .py")
    with open(os.fsencode(home) + b"/not-\xff-utf8.py", "w"):
        pass
    if repository:
        git(home, "init", "-q")
    assert paths(home) == sorted(["with\nline.py", 'quo"te.py', "größe.py", " .py"])


@pytest.mark.parametrize("repository", [False, True])
def test_links_fifos_and_folders_do_not_hold_us_up(home: Path, repository: bool) -> None:
    make(home, "src/a.py")
    (home / "src/again").symlink_to(home / "src")
    (home / "src/self.py").symlink_to("self.py")
    (home / "src/link.py").symlink_to("a.py")
    (home / "folder.py").mkdir()
    os.mkfifo(home / "fifo.py")
    if repository:
        git(home, "init", "-q")
    assert paths(home) == ["src/a.py", "src/link.py"]


def test_the_index_is_bounded(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "MAX_FILES", 2)
    monkeypatch.setattr(sources, "MAX_FILE_BYTES", 10)
    make(home, "a.py", "b.py", "c.py")
    assert paths(home) == ["a.py", "b.py"]
    (home / "a.py").write_text("x" * 11)
    assert paths(home) == ["b.py"]

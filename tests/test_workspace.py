from __future__ import annotations

import errno
import hashlib
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kubectl_pydebug import workspace
from kubectl_pydebug.core.model import Endpoint, PathMapping
from kubectl_pydebug.editors import EDITORS, vscode
from kubectl_pydebug.workspace import find_root, local_sources, remove_config, write_config

VSCODE = EDITORS["vscode"]
OTHERS = '{\r\n\t"configurations": [ // mine\r\n\t]\r\n}'


def endpoint(target: str = "job/train", port: int = 5678) -> Endpoint:
    return Endpoint(f"kubectl pydebug: {target}", "trainer", port)


def launch(root: Path) -> Path:
    return root / ".vscode" / "launch.json"


def make(root: Path, *paths: str) -> None:
    for path in paths:
        file = root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(path)


def git(root: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "protocol.file.allow=always"]
    subprocess.run(["git", *identity, *arguments], cwd=root, check=True, capture_output=True)


def as_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


# find_root


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tests' folders lie in a home folder of their own, which ends every search."""
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_the_nearest_folder_of_the_editor_is_the_root(home: Path) -> None:
    (home / "repo/.git").mkdir(parents=True)
    (home / "repo/.vscode").mkdir()
    (home / "repo/packages/one/.vscode").mkdir(parents=True)
    (home / "repo/packages/two/src").mkdir(parents=True)
    (home / "repo/packages/two/pyproject.toml").touch()
    assert find_root(home / "repo/packages/one") == home / "repo/packages/one"
    assert find_root(home / "repo/packages/two/src") == home / "repo"


def test_the_top_level_of_git_is_the_root_also_of_a_worktree(home: Path) -> None:
    (home / "all/.vscode").mkdir(parents=True)
    (home / "all/tree/src").mkdir(parents=True)
    (home / "all/tree/.git").write_text("gitdir: elsewhere")
    assert find_root(home / "all/tree/src") == home / "all/tree"


def test_the_home_folder_is_no_checkout(home: Path) -> None:
    (home / ".vscode/extensions").mkdir(parents=True)
    (home / ".git").mkdir()
    (home / "job/src").mkdir(parents=True)
    assert find_root(home / "job/src") == home / "job/src"
    assert find_root(home) == home


def test_a_checkout_keeps_the_name_of_its_link(home: Path) -> None:
    (home / "real/.git").mkdir(parents=True)
    (home / "link").symlink_to(home / "real")
    assert find_root(home / "link") == home / "link"


# local_sources


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
    monkeypatch.setattr(workspace, "MAX_FILES", 2)
    monkeypatch.setattr(workspace, "MAX_FILE_BYTES", 10)
    make(home, "a.py", "b.py", "c.py")
    assert paths(home) == ["a.py", "b.py"]
    (home / "a.py").write_text("x" * 11)
    assert paths(home) == ["b.py"]


# write_config, remove_config


def test_the_folder_is_made_and_goes_again(home: Path) -> None:
    result = write_config(home, VSCODE, [endpoint()])
    assert (result.path, result.changed, result.problem) == (launch(home), True, None)
    assert launch(home).read_text() == vscode.render([endpoint()], None, str(home))
    assert os.listdir(home / ".vscode") == ["launch.json"]
    assert not write_config(home, VSCODE, [endpoint()]).changed
    assert remove_config(home, VSCODE).changed
    assert not (home / ".vscode").exists()


def test_local_roots_are_relative_to_the_root(home: Path) -> None:
    mapped = Endpoint("kubectl pydebug: job/a", "c", 1, path_mappings=(PathMapping(f"{home}/src", "/app"),))
    write_config(home, VSCODE, [mapped])
    assert '"${workspaceFolder}/src/"' in launch(home).read_text()


def test_remove_without_a_file_makes_nothing(home: Path) -> None:
    assert not remove_config(home, VSCODE).changed
    assert not (home / ".vscode").exists()


def test_bytes_mode_and_other_files_stay(home: Path) -> None:
    make(home, ".vscode/settings.json")
    before = "\ufeff".encode() + OTHERS.encode()
    launch(home).write_bytes(before)
    launch(home).chmod(0o640)
    assert write_config(home, VSCODE, [endpoint()]).changed
    assert launch(home).read_bytes().startswith(before[:34])
    assert b"\n" not in launch(home).read_bytes().replace(b"\r\n", b"")
    assert stat.S_IMODE(launch(home).stat().st_mode) == 0o640
    assert remove_config(home, VSCODE, ["kubectl pydebug: job/train"]).changed
    assert launch(home).read_bytes() == before
    assert sorted(os.listdir(home / ".vscode")) == ["launch.json", "settings.json"]


def test_a_new_file_has_the_user_s_umask(home: Path) -> None:
    old = os.umask(0o027)
    try:
        write_config(home, VSCODE, [endpoint()])
    finally:
        os.umask(old)
    assert stat.S_IMODE(launch(home).stat().st_mode) == 0o640


def test_a_link_stays_a_link(home: Path) -> None:
    make(home, "dotfiles/launch.json", ".vscode/settings.json")
    (home / "dotfiles/launch.json").write_text(OTHERS)
    launch(home).symlink_to("../dotfiles/launch.json")
    assert write_config(home, VSCODE, [endpoint()]).changed
    assert launch(home).is_symlink()
    assert "job/train" in (home / "dotfiles/launch.json").read_text()
    assert os.listdir(home / "dotfiles") == ["launch.json"]


def check_left_alone(home: Path, says: str) -> None:
    result = write_config(home, VSCODE, [endpoint()])
    assert not result.changed
    assert result.problem is not None
    assert says in result.problem
    assert str(launch(home)) in result.problem
    assert result.text_for_pasting == vscode.entry([endpoint()], str(home))


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{ broken", "line 1"),
        (b"\xff\xfe{\0}\0", "UTF-8"),
        (b"{\n<<<<<<< HEAD\n", "line 2"),
        (b"[" * 100_000, "nested"),
    ],
)
def test_what_cannot_be_read_is_left_alone(home: Path, content: bytes, says: str) -> None:
    make(home, ".vscode/launch.json")
    launch(home).write_bytes(content)
    check_left_alone(home, says)
    assert launch(home).read_bytes() == content
    assert os.listdir(home / ".vscode") == ["launch.json"]
    assert remove_config(home, VSCODE).problem is not None


def test_a_read_only_file_is_left_alone(home: Path) -> None:
    make(home, ".vscode/launch.json")
    launch(home).write_text(OTHERS)
    launch(home).chmod(0o444)
    check_left_alone(home, "read-only")
    assert launch(home).read_text() == OTHERS.replace("\r\n", "\n")


def test_a_folder_and_a_fifo_in_its_place(home: Path) -> None:
    launch(home).mkdir(parents=True)
    check_left_alone(home, "not a regular file")
    launch(home).rmdir()
    (home / ".vscode").mkdir(exist_ok=True)
    os.mkfifo(launch(home))
    check_left_alone(home, "not a regular file")


def test_a_link_to_nowhere_and_one_to_itself(home: Path) -> None:
    make(home, ".vscode/settings.json")
    launch(home).symlink_to("/nonexistent/place/launch.json")
    check_left_alone(home, "does not exist")
    launch(home).unlink()
    launch(home).symlink_to("launch.json")
    check_left_alone(home, os.strerror(errno.ELOOP))


@pytest.mark.skipif(as_root(), reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(home: Path) -> None:
    (home / ".vscode").mkdir()
    (home / ".vscode").chmod(0o555)
    check_left_alone(home, os.strerror(errno.EACCES))


def test_a_full_disk_leaves_the_old_file(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(home, ".vscode/launch.json")
    launch(home).write_text(OTHERS, newline="")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    check_left_alone(home, os.strerror(errno.ENOSPC))
    assert launch(home).read_bytes() == OTHERS.encode()
    assert os.listdir(home / ".vscode") == ["launch.json"]


class Meddling:
    """An editor while which renders somebody else writes the file."""

    name, path = "vscode", vscode.path
    entry, remove = staticmethod(vscode.entry), staticmethod(vscode.remove)

    def __init__(self, file: Path, writes: list[str]) -> None:
        self.file, self.writes = file, writes

    def render(self, endpoints: list[Endpoint], existing: str | None, workspace: str = "") -> str:
        if self.writes:
            self.file.write_text(self.writes.pop(0), newline="")
        return vscode.render(endpoints, existing, workspace)


@pytest.mark.parametrize("exists", [True, False])
def test_what_somebody_else_wrote_meanwhile_is_not_lost(home: Path, exists: bool) -> None:
    (home / ".vscode").mkdir()
    if exists:
        launch(home).write_text("{}")
    meddling = Meddling(launch(home), ['{"configurations": [{"name": "theirs"}]}'])
    assert write_config(home, meddling, [endpoint()]).changed
    assert "theirs" in launch(home).read_text()
    assert "job/train" in launch(home).read_text()
    assert os.listdir(home / ".vscode") == ["launch.json"]


def test_who_never_stops_writing_is_left_alone(home: Path) -> None:
    (home / ".vscode").mkdir()
    meddling = Meddling(launch(home), [f'{{"n": {n}}}' for n in range(100)])
    result = write_config(home, meddling, [endpoint()])
    assert "another program" in (result.problem or "")
    assert "job/train" not in launch(home).read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="no flock")
def test_sessions_at_the_same_time_lose_nothing(home: Path) -> None:
    made = [endpoint(f"job/j{number}", 5000 + number) for number in range(12)]

    def all_at_once(act: object) -> None:
        start = threading.Barrier(len(made))

        def run(one: Endpoint) -> None:
            start.wait()
            act(one)  # type: ignore[operator]

        threads = [threading.Thread(target=run, args=(one,)) for one in made]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    all_at_once(lambda one: write_config(home, VSCODE, [one]))
    assert launch(home).read_text().count('"name"') == len(made)
    all_at_once(lambda one: remove_config(home, VSCODE, [one.name]))
    assert not (home / ".vscode").exists()

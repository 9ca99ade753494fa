from __future__ import annotations

import errno
import os
import stat
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

import pytest

from kubectl_pydebug.core.model import Endpoint, PathMapping
from kubectl_pydebug.editors import EDITORS, Editor
from kubectl_pydebug.workspace import ConfigResult, remove_config, write_config
from tests.workspace.checkout import make

VSCODE = EDITORS["vscode"]
OTHERS = '{\r\n\t"configurations": [ // mine\r\n\t]\r\n}'


def endpoint(target: str = "job/train", port: int = 5678) -> Endpoint:
    return Endpoint(f"kubectl pydebug: {target}", "trainer", port)


def launch(root: Path) -> Path:
    return root / ".vscode" / "launch.json"


def write(home: Path, one: Endpoint | None = None, editor: Editor = VSCODE) -> ConfigResult:
    (result,) = write_config(home, editor, [one or endpoint()])
    return result


def remove(home: Path, one: Endpoint | None = None, editor: Editor = VSCODE) -> ConfigResult:
    (result,) = remove_config(home, editor, [one or endpoint()])
    return result


def as_root() -> bool:
    return hasattr(os, "geteuid") and os.geteuid() == 0


def test_the_folder_is_made_and_goes_again(home: Path) -> None:
    result = write(home)
    assert (result.path, result.changed, result.problem) == (launch(home), True, None)
    assert launch(home).read_text() == VSCODE.render([endpoint()], None, str(home))
    assert os.listdir(home / ".vscode") == ["launch.json"]
    assert not write(home).changed
    assert remove(home).changed
    assert not (home / ".vscode").exists()


def test_local_roots_are_relative_to_the_root(home: Path) -> None:
    mapped = Endpoint("kubectl pydebug: job/a", "c", 1, path_mappings=(PathMapping(f"{home}/src", "/app"),))
    write(home, mapped)
    assert '"${workspaceFolder}/src/"' in launch(home).read_text()


def test_remove_without_a_file_makes_nothing(home: Path) -> None:
    assert not remove(home).changed
    assert not (home / ".vscode").exists()


def test_bytes_mode_and_other_files_stay(home: Path) -> None:
    make(home, ".vscode/settings.json")
    before = "\ufeff".encode() + OTHERS.encode()
    launch(home).write_bytes(before)
    launch(home).chmod(0o640)
    assert write(home).changed
    assert launch(home).read_bytes().startswith(before[:34])
    assert b"\n" not in launch(home).read_bytes().replace(b"\r\n", b"")
    assert stat.S_IMODE(launch(home).stat().st_mode) == 0o640
    assert remove(home).changed
    assert launch(home).read_bytes() == before
    assert sorted(os.listdir(home / ".vscode")) == ["launch.json", "settings.json"]


def test_a_new_file_has_the_user_s_umask(home: Path) -> None:
    old = os.umask(0o027)
    try:
        write(home)
    finally:
        os.umask(old)
    assert stat.S_IMODE(launch(home).stat().st_mode) == 0o640


def test_a_link_stays_a_link(home: Path) -> None:
    make(home, "dotfiles/launch.json", ".vscode/settings.json")
    (home / "dotfiles/launch.json").write_text(OTHERS)
    launch(home).symlink_to("../dotfiles/launch.json")
    assert write(home).changed
    assert launch(home).is_symlink()
    assert "job/train" in (home / "dotfiles/launch.json").read_text()
    assert os.listdir(home / "dotfiles") == ["launch.json"]


def check_left_alone(home: Path, says: str) -> None:
    result = write(home)
    assert not result.changed
    assert result.problem is not None
    assert says in result.problem
    assert str(launch(home)) in result.problem
    assert result.text_for_pasting == VSCODE.entry([endpoint()], str(home))


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
    assert remove(home).problem is not None


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

    name, title, traces, how = VSCODE.name, VSCODE.title, VSCODE.traces, VSCODE.how
    path, entry, remove = VSCODE.path, VSCODE.entry, VSCODE.remove

    def __init__(self, file: Path, writes: list[str]) -> None:
        self.file, self.writes = file, writes

    def render(self, endpoints: Sequence[Endpoint], existing: str | None, workspace: str = "") -> str:
        if self.writes:
            self.file.write_text(self.writes.pop(0), newline="")
        return VSCODE.render(endpoints, existing, workspace)


@pytest.mark.parametrize("exists", [True, False])
def test_what_somebody_else_wrote_meanwhile_is_not_lost(home: Path, exists: bool) -> None:
    (home / ".vscode").mkdir()
    if exists:
        launch(home).write_text("{}")
    meddling = Meddling(launch(home), ['{"configurations": [{"name": "theirs"}]}'])
    assert write(home, editor=meddling).changed
    assert "theirs" in launch(home).read_text()
    assert "job/train" in launch(home).read_text()
    assert os.listdir(home / ".vscode") == ["launch.json"]


def test_who_never_stops_writing_is_left_alone(home: Path) -> None:
    (home / ".vscode").mkdir()
    meddling = Meddling(launch(home), [f'{{"n": {n}}}' for n in range(100)])
    result = write(home, editor=meddling)
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

    all_at_once(lambda one: write(home, one))
    assert launch(home).read_text().count('"name"') == len(made)
    all_at_once(lambda one: remove(home, one))
    assert not (home / ".vscode").exists()


def test_another_session_s_entry_of_the_same_name_stays(home: Path) -> None:
    write(home)
    write(home, endpoint(port=5700))  # a second session of the same target
    theirs = launch(home).read_text()
    assert not remove(home).changed
    assert launch(home).read_text() == theirs
    assert remove(home, endpoint(port=5700)).changed
    assert not launch(home).exists()


def test_what_the_user_added_to_our_entry_does_not_keep_it(home: Path) -> None:
    write(home)
    launch(home).write_text(
        launch(home).read_text().replace('"subProcess": true', '"subProcess": false,\n"console": 1')
    )
    assert remove(home).changed
    assert not launch(home).exists()


@pytest.mark.parametrize("name", EDITORS)
def test_every_editor_s_file_comes_and_goes(home: Path, name: str) -> None:
    result = write(home, editor=EDITORS[name])
    assert (result.changed, result.problem) == (True, None)
    assert result.path.is_file()
    assert not write(home, editor=EDITORS[name]).changed
    assert remove(home, editor=EDITORS[name]).changed
    assert os.listdir(home) == []


def test_editors_that_share_a_file(home: Path) -> None:
    write(home)
    assert not write(home, editor=EDITORS["neovim"]).changed
    remove(home)
    assert not remove(home, editor=EDITORS["neovim"]).changed
    assert os.listdir(home) == []

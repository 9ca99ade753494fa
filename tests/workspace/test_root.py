from __future__ import annotations

from pathlib import Path

import pytest

from kubectl_pydebug.editors import EDITORS
from kubectl_pydebug.workspace import find_root, used_editors
from tests.workspace.checkout import make


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


@pytest.mark.parametrize(
    ("trace", "editors"),
    [
        (".vscode/settings.json", ("vscode",)),
        (".idea/misc.xml", ("pycharm",)),
        (".nvim.lua", ("neovim",)),
        (".dir-locals-2.el", ("emacs",)),
        (".zed/settings.json", ("zed",)),
        (".vimspector.json", ("vim",)),
        (".dir-locals.el", ()),
    ],
)
def test_editors_are_known_by_what_they_leave_in_the_checkout(home: Path, trace: str, editors: tuple[str, ...]) -> None:
    make(home, trace)
    assert used_editors(home) == editors


def test_several_editors_at_once(home: Path) -> None:
    make(home, ".zed/settings.json", ".vscode/settings.json")
    assert used_editors(home) == ("vscode", "zed")


def test_every_editor_leaves_a_trace() -> None:
    assert all(editor.traces for editor in EDITORS.values())

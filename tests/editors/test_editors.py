"""What holds for every editor's file: property tests of merging."""

from __future__ import annotations

import itertools
from xml.etree.ElementTree import fromstring

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kubectl_pydebug.core.model import Endpoint
from kubectl_pydebug.editors import EDITORS, ConfigError, Editor, jsonc
from kubectl_pydebug.editors.entries import JsonEditor
from tests.editors.documents import WORKSPACE, dir_locals, documents, endpoint

MERGED = [editor for editor in EDITORS.values() if editor.name not in ("pycharm", "neovim")]
"""PyCharm's files are ours alone, and Neovim's is VS Code's."""
MAPPINGS = st.tuples(
    st.sampled_from([WORKSPACE, f"{WORKSPACE}/src", "C:\\x"]), st.sampled_from(["/app", "/a b/ü", '/"\\'])
)
ENDPOINTS = st.lists(
    st.builds(endpoint, st.sampled_from(["job/a", "job/b", "pod/c"]), st.integers(1, 65535), MAPPINGS),
    min_size=1,
    max_size=3,
    unique_by=lambda made: made.name,
)


def existing(editor: Editor) -> st.SearchStrategy[str]:
    return documents(editor.key, editor.shape) if isinstance(editor, JsonEditor) else dir_locals()


def every_editor(test: object) -> object:
    patient = settings(deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
    return pytest.mark.parametrize("editor", MERGED, ids=lambda editor: editor.name)(patient(given(st.data())(test)))  # type: ignore[operator,arg-type]


@every_editor
def test_remove_gives_the_original_bytes_back(editor: Editor, data: st.DataObject) -> None:
    before, made = data.draw(existing(editor)), data.draw(ENDPOINTS)
    assert editor.remove(editor.render(made, before, WORKSPACE)) == before


@every_editor
def test_twice_is_once(editor: Editor, data: st.DataObject) -> None:
    before, made = data.draw(existing(editor)), data.draw(ENDPOINTS)
    once = editor.render(made, before, WORKSPACE)
    assert editor.render(made, once, WORKSPACE) == once


@every_editor
def test_sessions_that_overlap_leave_nothing(editor: Editor, data: st.DataObject) -> None:
    before, first, second = data.draw(existing(editor)), data.draw(ENDPOINTS), data.draw(ENDPOINTS)
    text = editor.render(second, editor.render(first, before, WORKSPACE), WORKSPACE)
    for made in first + second:
        left = editor.remove(text, [made.name])
        assert left is not None
        text = left
    assert text == before


@every_editor
def test_every_byte_that_was_there_is_still_there(editor: Editor, data: st.DataObject) -> None:
    before, made = data.draw(existing(editor)), data.draw(ENDPOINTS)
    text = editor.render(made, before, WORKSPACE)
    rest = iter(text)
    assert all(byte in rest for byte in before)  # a subsequence
    assert all(one.name in text for one in made)


@pytest.mark.parametrize("editor", EDITORS.values(), ids=EDITORS.keys())
def test_a_new_file_is_deleted_with_its_last_entry(editor: Editor) -> None:
    one, other = endpoint("job/a", 1), endpoint("job/b", 2)
    files = {editor.path(made) for made in (one, other)}
    if len(files) == 2:
        assert editor.remove(editor.render([one], None)) is None
        return
    text = editor.render([one, other], None)
    left = editor.remove(text, [one.name])
    assert left == editor.render([other], None)
    assert editor.remove(left, [other.name]) is None


@pytest.mark.parametrize("editor", EDITORS.values(), ids=EDITORS.keys())
def test_an_entry_is_updated_in_its_place(editor: Editor) -> None:
    text = editor.render([endpoint("job/a", 5678), *([] if editor.name == "pycharm" else [endpoint("job/b", 2)])], None)
    moved = editor.render([endpoint("job/a", 6789)], text)
    assert moved == text.replace("5678", "6789")


def written(editor: str, made: Endpoint) -> str:
    return EDITORS[editor].render([made], None, WORKSPACE)


def content(text: str) -> object:
    return plain(jsonc.value(text, jsonc.parse(text)))


def plain(value: object) -> object:
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    if isinstance(value, list):
        return [plain(held) for held in value]
    return int(value) if isinstance(value, jsonc.Number) else value


MAPPED = endpoint("job/train", 5700, (f"{WORKSPACE}/src", "/app"))
CONNECT = {"host": "127.0.0.1", "port": 5700}


def test_zed() -> None:
    assert EDITORS["zed"].path(MAPPED) == ".zed/debug.json"
    (scenario,) = content(written("zed", MAPPED))  # type: ignore[misc]
    assert scenario == {
        "label": "kubectl pydebug: job/train",
        "adapter": "Debugpy",
        "request": "attach",
        "tcp_connection": CONNECT,
        "connect": CONNECT,
        "pathMappings": [{"localRoot": "$ZED_WORKTREE_ROOT/src/", "remoteRoot": "/app/"}],
        "justMyCode": False,
        "subProcess": True,
    }


def test_vim() -> None:
    assert EDITORS["vim"].path(MAPPED) == ".vimspector.json"
    assert content(written("vim", MAPPED)) == {
        "configurations": {
            "kubectl pydebug: job/train": {
                "adapter": {"name": "debugpy", **CONNECT},
                "filetypes": ["python"],
                "configuration": {
                    "request": "attach",
                    "connect": CONNECT,
                    "pathMappings": [{"localRoot": "${workspaceRoot}/src/", "remoteRoot": "/app/"}],
                    "justMyCode": False,
                    "subProcess": True,
                },
            }
        }
    }


def test_what_the_user_changed_deep_in_an_entry_stays() -> None:
    text = written("vim", MAPPED).replace('"justMyCode": false', '"justMyCode": true,\n"console": 1')
    assert EDITORS["vim"].render([MAPPED], text, WORKSPACE) == text


@pytest.mark.parametrize("editor", ["zed", "vim", "pycharm"])
def test_names_of_the_container_are_no_variables(editor: str) -> None:
    evil = endpoint("job/train", 1, ("/w/a", "/app/$HOME"), ("/w/$x", "/b"))
    assert "$HOME" not in written(editor, evil)
    assert "$x" not in written(editor, evil)


def test_emacs() -> None:
    assert EDITORS["emacs"].path(MAPPED) == ".dir-locals-2.el"
    assert written("emacs", MAPPED) == (
        ";;; Made by kubectl pydebug; deleted with its last entry.\n"
        "(\n"
        " \n"
        " ;; kubectl pydebug: job/train\n"
        ' (nil . ((dape-command . (kubectl-pydebug host "127.0.0.1" port 5700 :type "debugpy" :request "attach" '
        ':connect (:host "127.0.0.1" :port 5700) '
        f':pathMappings [(:localRoot "{WORKSPACE}/src/" :remoteRoot "/app/")] '
        ":justMyCode :json-false :subProcess t))))\n"
        " )\n"
    )


def test_names_of_the_container_are_text_in_emacs() -> None:
    text = written("emacs", endpoint("job/train", 1, ("/w", '/a"b\\c\nd')))
    assert r'"/a\"b\\c\U0000000ad/"' in text


@pytest.mark.parametrize("text", ["(", "x", "((]))", "[]", '("'])
def test_what_is_no_list_of_emacs_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="line 1"):
        EDITORS["emacs"].render([MAPPED], text)


def test_pycharm() -> None:
    editor = EDITORS["pycharm"]
    assert editor.path(MAPPED) == ".run/kubectl_pydebug__job_train.run.xml"
    configuration = fromstring(written("pycharm", MAPPED))[0]  # noqa: S314 - we wrote it ourselves
    assert configuration.attrib == {
        "default": "false",
        "name": "kubectl pydebug: job/train",
        "type": "PythonDapAttachConfiguration",
    }
    assert configuration.find("option").attrib == {"name": "remoteAddress", "value": "127.0.0.1:5700"}  # type: ignore[union-attr]
    (mapping,) = configuration.iter("mapping")
    assert mapping.attrib == {"local-root": "$PROJECT_DIR$/src", "remote-root": "/app"}


def test_a_file_of_the_user_s_own_is_not_pycharm_s_to_overwrite() -> None:
    with pytest.raises(ConfigError, match="not made by"):
        EDITORS["pycharm"].render([MAPPED], "<component/>")
    assert EDITORS["pycharm"].remove("<component/>") == "<component/>"


def test_editors_have_names_of_their_own() -> None:
    for one, other in itertools.combinations(EDITORS.values(), 2):
        assert one.title != other.title

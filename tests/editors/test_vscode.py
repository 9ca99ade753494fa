from __future__ import annotations

import json
import re

import pytest

from kubectl_pydebug.editors import EDITORS, ConfigError, jsonc
from kubectl_pydebug.editors.vscode import EDITOR as vscode
from tests.editors.documents import WORKSPACE, endpoint

TRAIN = endpoint("job/train", 5678, (f"{WORKSPACE}/src", "/app"))
WEB = endpoint("deployment/web", 5679, (WORKSPACE, "/srv"))


def entries(text: str) -> list[dict[str, object]]:
    return [json.loads(jsonc.dumps(held)) for held in jsonc.value(text, jsonc.parse(text))["configurations"]]


def test_it_is_registered() -> None:
    assert EDITORS["vscode"].path(TRAIN) == ".vscode/launch.json"


def test_a_new_file() -> None:
    text = vscode.render([TRAIN], None, WORKSPACE)
    assert text == (
        "// Made by kubectl pydebug; deleted with its last entry.\n"
        "{\n"
        '    "version": "0.2.0",\n'
        '    "configurations": [\n'
        "        {\n"
        '            "name": "kubectl pydebug: job/train",\n'
        '            "type": "debugpy",\n'
        '            "request": "attach",\n'
        '            "connect": {\n'
        '                "host": "127.0.0.1",\n'
        '                "port": 5678\n'
        "            },\n"
        '            "pathMappings": [\n'
        "                {\n"
        '                    "localRoot": "${workspaceFolder}/src/",\n'
        '                    "remoteRoot": "/app/"\n'
        "                }\n"
        "            ],\n"
        '            "justMyCode": false,\n'
        '            "subProcess": true\n'
        "        }\n"
        "    ]\n"
        "}\n"
    )
    assert vscode.remove(text) is None


def test_a_file_as_people_have_it() -> None:
    existing = (
        "{\r\n"
        "\t// Use IntelliSense to learn about possible attributes.\r\n"
        '\t"version": "0.2.0",\r\n'
        '\t"configurations": [\r\n'
        '\t\t{"name": "mine", "type": "node", "request": "launch",}, // keep\r\n'
        "\t],\r\n"
        '\t"compounds": []\r\n'
        "}"
    )
    text = vscode.render([TRAIN], existing, WORKSPACE)
    start = text.index("\r\n\t\t{\r\n")
    end = text.index("\r\n\t\t},") + len("\r\n\t\t},")
    assert text[:start] + text[end:] == existing
    assert '\r\n\t\t\t"connect": {\r\n\t\t\t\t"host": "127.0.0.1",' in text[start:end]
    assert not re.search(r"[^\r]\n", text)


def test_our_entry_is_updated_in_place_and_the_others_stay() -> None:
    existing = '{\n  "configurations": [\n    {\n      "name": "mine"\n    }\n  ]\n}\n'
    both = vscode.render([TRAIN, WEB], existing, WORKSPACE)
    again = vscode.render([endpoint("job/train", 6000, (WORKSPACE, "/new"))], both, WORKSPACE)
    assert [entry["name"] for entry in entries(again)] == ["mine", TRAIN.name, WEB.name]
    assert entries(again)[1]["connect"] == {"host": "127.0.0.1", "port": "6000"}
    assert entries(again)[1]["pathMappings"] == [{"localRoot": "${workspaceFolder}/", "remoteRoot": "/new/"}]
    assert entries(again)[2] == entries(both)[2]
    # The new text has the form that a new entry has.
    assert again == vscode.render([endpoint("job/train", 6000, (WORKSPACE, "/new")), WEB], existing, WORKSPACE)


def test_what_the_user_added_to_our_entry_stays() -> None:
    text = vscode.render([TRAIN], None, WORKSPACE)
    text = text.replace('"justMyCode": false', '"justMyCode": true, // mine\n            "rules": []')
    assert vscode.render([TRAIN], text, WORKSPACE) == text
    moved = vscode.render([endpoint("job/train", 7000)], text, WORKSPACE)
    assert moved == text.replace("5678", "7000")  # and mappings that are not known yet do not undo the last ones


def test_an_entry_with_our_name_is_ours_only_with_our_prefix() -> None:
    existing = '{"configurations": [{"name": "job/train"}, {"name": 7}, {}, 3]}'
    assert vscode.remove(existing) == existing


def test_remove_takes_only_the_named_entries() -> None:
    text = vscode.render([WEB], vscode.render([TRAIN], None, WORKSPACE), WORKSPACE)
    assert vscode.remove(text, [TRAIN.name]) == vscode.render([WEB], None, WORKSPACE)
    assert vscode.remove(text, ["kubectl pydebug: job/another"]) == text


def test_a_file_that_the_user_went_on_with_is_not_deleted() -> None:
    text = vscode.render([TRAIN], None, WORKSPACE).replace("0.2.0", "0.2.1")
    left = vscode.remove(text)
    assert left is not None
    assert "0.2.1" in left
    assert entries(left) == []


@pytest.mark.parametrize(
    ("existing", "line"),
    [
        ('{"configurations": [', "line 1"),
        ("[]", "not an object"),
        ('{"configurations": {}}', "not a list"),
        ("{\n<<<<<<< HEAD\n}", "line 2"),
        ("/* unclosed", "line 1"),
    ],
)
def test_what_cannot_be_read_is_refused(existing: str, line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        vscode.render([TRAIN], existing, WORKSPACE)


def test_the_entry_for_pasting_is_what_is_written() -> None:
    pasted = json.loads("[" + vscode.entry([TRAIN, WEB], WORKSPACE) + "]")
    assert [held["name"] for held in pasted] == [TRAIN.name, WEB.name]
    assert pasted[0]["connect"] == {"host": "127.0.0.1", "port": 5678}


@pytest.mark.parametrize(
    ("workspace", "root", "written"),
    [
        ("/w", "/w", "${workspaceFolder}/"),
        ("/w", "/w/a b/ü", "${workspaceFolder}/a b/ü/"),
        ("/w", "/w2/src", "/w2/src/"),
        ("", "/w/src", "/w/src/"),
        ("/", "/src", "${workspaceFolder}/src/"),
        ("C:\\Work", "c:\\work\\src\\x", "${workspaceFolder}/src/x/"),
    ],
)
def test_local_roots(workspace: str, root: str, written: str) -> None:
    (held,) = json.loads("[" + vscode.entry([endpoint("job/train", 1, (root, "/app"))], workspace) + "]")
    assert held["pathMappings"] == [{"localRoot": written, "remoteRoot": "/app/"}]
    assert held.get("clientOS") == ("windows" if workspace.startswith("C:") else None)


def test_a_pair_of_files_gets_no_slash_and_the_root_only_one() -> None:
    (held,) = json.loads("[" + vscode.entry([endpoint("j", 1, ("/w/a.py", "/a.py"), ("/w", "/"))], "/w") + "]")
    assert held["pathMappings"] == [
        {"localRoot": "${workspaceFolder}/a.py", "remoteRoot": "/a.py"},
        {"localRoot": "${workspaceFolder}/", "remoteRoot": "/"},
    ]


def test_a_container_cannot_make_vs_code_run_its_commands() -> None:
    text = vscode.render([endpoint("j", 1, ("/w", "/app/${command:evil}"), ("/w/${input:x}", "/b"))], None, "/w")
    assert "${" not in text


def test_client_os_goes_when_the_checkout_is_used_from_elsewhere() -> None:
    windows = vscode.render([endpoint("j", 1, ("C:\\w", "/app"))], None, "C:\\w")
    assert '"clientOS": "windows"' in windows
    assert vscode.render([endpoint("j", 1, ("/w", "/app"))], windows, "/w") == vscode.render(
        [endpoint("j", 1, ("/w", "/app"))], None, "/w"
    )

"""The command line in a process of its own, without a cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from kubectl_pydebug.cli import WITH_VALUE, split_command
from kubectl_pydebug.cli.app import commands
from kubectl_pydebug.cli.options import EditorName
from kubectl_pydebug.core.exits import MEANINGS, Exit
from kubectl_pydebug.editors import EDITORS


def run(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "kubectl_pydebug", *words],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("words", "before", "behind"),
    [
        ([], ["debug", "--help"], []),
        (["job/train"], ["debug", "job/train"], []),
        (["-n", "attach", "job/train"], ["debug", "-n", "attach", "job/train"], []),
        (["-n", "ns", "attach", "job/train"], ["attach", "-n", "ns", "job/train"], []),
        (["attach", "-p", "1", "x"], ["attach", "-p", "1", "x"], []),
        (["job/train", "--", "attach", "--", "x"], ["debug", "job/train"], ["attach", "--", "x"]),
        (["--no-wait", "attach", "x"], ["attach", "--no-wait", "x"], []),
        (["job", "attach"], ["debug", "job", "attach"], []),
    ],
)
def test_the_first_word_chooses_the_command(words: list[str], before: list[str], behind: list[str]) -> None:
    assert split_command(words) == (before, behind)


def test_every_editor_can_be_chosen() -> None:
    assert [name.value for name in EditorName] == list(EDITORS)


def test_every_option_with_a_value_is_known_to_the_split() -> None:
    taken = {
        option
        for command in commands().values()
        for parameter in command.params
        if not getattr(parameter, "is_flag", False) and not getattr(parameter, "secondary_opts", ())
        for option in parameter.opts
        if option.startswith("-")
    }
    assert taken - {"-h", "--help"} == WITH_VALUE


def test_exit_codes_are_ours_alone() -> None:
    assert [meaning[0] for meaning in MEANINGS] == list(Exit)
    assert {int(code) for code in Exit} <= set(range(120, 128))


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["job/train", "--foo"], Exit.USAGE, "--foo"),
        (["job/train", "--dry-run=maybe"], Exit.USAGE, "maybe"),
        (["job/train", "-e", "EPOCHS"], Exit.USAGE, "NAME=VALUE"),
        (["job/tr_ain"], Exit.USAGE, "tr_ain"),
        (["a", "b", "c"], Exit.USAGE, "One target"),
        (["job/train"], Exit.CLUSTER, "No kubeconfig found"),
        (["attach", "job/train"], Exit.CLUSTER, "No kubeconfig found"),
    ],
)
def test_a_mistake_is_one_sentence_and_a_code(words: list[str], code: Exit, said: str) -> None:
    done = run(*words)
    assert done.returncode == code, done
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_an_unexpected_fault_is_reported_without_a_traceback(tmp_path: Path) -> None:
    broken = tmp_path / "sitecustomize.py"
    broken.write_text(
        "import kubectl_pydebug.cli.app as app\n"
        "def invoke(words, behind):\n    raise RuntimeError('boom')\n"
        "app.invoke = invoke\n"
    )
    done = run("job/train", PYTHONPATH=str(tmp_path))
    assert done.returncode == Exit.FAULT
    assert "fault of kubectl-pydebug (RuntimeError: boom" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"], ["attach", "--help"]])
def test_help_teaches_and_needs_no_cluster(words: list[str]) -> None:
    done = run(*words)
    assert done.returncode == 0, done.stderr
    assert "Usage: kubectl pydebug" in done.stdout
    assert "Examples:" in done.stdout
    assert "--namespace" in done.stdout


def test_version() -> None:
    assert run("--version").stdout == run("version").stdout


def complete(*words: str) -> tuple[list[str], int]:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "kubectl_complete-pydebug"), *words],
        env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stderr == ""
    *found, directive = done.stdout.splitlines()
    return found, int(directive.removeprefix(":"))


@pytest.mark.parametrize(
    ("words", "found", "directive"),
    [
        (["depl"], ["deployment/"], 6),
        (["at"], ["attach"], 4),
        (["job/x", "--wait-"], ["--wait-timeout"], 4),
        (["job/x", "--dry-run", "c"], ["client"], 4),
        (["job/x", "-o", ""], ["json", "yaml"], 4),
        (["job/"], [], 4),
        (["--kubeconfig", ""], [], 0),
        (["job/x", "--", ""], [], 0),
        (["--nonsense", "--", "x", ""], [], 0),
    ],
)
def test_completion(words: list[str], found: list[str], directive: int) -> None:
    assert complete(*words) == (found, directive)


def test_completion_offers_every_flag() -> None:
    for name, command in commands().items():
        first = [] if name == "debug" else [name]
        flags = {
            option
            for parameter in command.params
            for option in (*parameter.opts, *getattr(parameter, "secondary_opts", ()))
            if option.startswith("--")
        }
        assert set(complete(*first, "--")[0]) >= flags, name


def test_json_is_what_is_printed_with_output_json(tmp_path: Path) -> None:
    """A refusal needs no cluster to be shown: the kind is unknown."""
    kubeconfig = tmp_path / "config"
    kubeconfig.write_text(
        json.dumps(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "current-context": "x",
                "contexts": [{"name": "x", "context": {"cluster": "x", "user": "x"}}],
                "clusters": [{"name": "x", "cluster": {"server": "http://127.0.0.1:9"}}],
                "users": [{"name": "x", "user": {}}],
            }
        )
    )
    done = run("widgets/train", "-o", "json", KUBECONFIG=str(kubeconfig))
    assert done.returncode == Exit.REFUSED
    assert json.loads(done.stdout)["kind"] == "Refusal"
    assert "widgets is no kind" in done.stderr

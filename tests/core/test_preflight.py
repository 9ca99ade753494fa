from __future__ import annotations

from typing import Any

import pytest

from kubectl_pydebug.core.model import Note, Options, Raw
from kubectl_pydebug.core.preflight import check_command
from tests.core.samples import template


def check(raw: Raw, options: Options | None = None) -> tuple[Note, ...]:
    return check_command(raw, "trainer", options or Options(), "job/train")


REFUSED: list[tuple[list[str], str, str]] = [
    (["python", "-I", "t.py"], "-I", "python t.py"),
    (["python3", "-E", "-m", "train"], "-E", "python3 -m train"),
    (["/usr/bin/python3.11", "-S", "t.py"], "-S", "/usr/bin/python3.11 t.py"),
    (["python", "-IS", "t.py"], "-I and -S", "python t.py"),
    (["python", "-uIB", "t.py"], "-I", "python -uB t.py"),
    (["python", "-Im", "train"], "-I", "python -m train"),
    (["python", "-W", "error", "-X", "dev", "-E", "t.py"], "-E", "python -W error -X dev t.py"),
    (["python", "-Werror", "-E", "t.py"], "-E", "python -Werror t.py"),
    (["python", "--check-hash-based-pycs", "never", "-I", "t.py"], "-I", "python --check-hash-based-pycs never t.py"),
    (["python3.13t", "-I", "t.py"], "-I", "python3.13t t.py"),
    (["tini", "--", "python", "-I", "t.py"], "-I", "tini -- python t.py"),
    (["env", "-i", "python", "t.py"], "env -i", "env python t.py"),
    (["/usr/bin/env", "-", "A=1", "python", "t.py"], "env -i", "/usr/bin/env A=1 python t.py"),
    (["env", "-u", "A", "--ignore-environment", "python", "t.py"], "env -i", "env -u A python t.py"),
    (["env", "-i", "python", "-S", "t.py"], "env -i and -S", "env python t.py"),
    (["bash", "-c", "exec python -I t.py"], "-I", "bash -c 'exec python t.py'"),
    (["sh", "-c", "cd /app && python3 -u -E t.py --n 3"], "-E", "sh -c 'cd /app && python3 -u t.py --n 3'"),
    (["bash", "-c", "pip list; python -c 'print(1)'; python -I t.py"], "-I", ""),
    (["python", "-I", "-c", "print(1)"], "-I", "python -c 'print(1)'"),
]


@pytest.mark.parametrize(("words", "cause", "instead"), REFUSED)
@pytest.mark.parametrize("split", [1, 100])
def test_out_of_reach(words: list[str], cause: str, instead: str, split: int) -> None:
    """In the command alone, or in command and args."""
    (note,) = check(template(command=words[:split], args=words[split:]))
    assert note.code == "python-isolated"
    assert f"with {cause}, so" in note.text
    if instead:
        assert note.text.endswith(f"kubectl pydebug job/train -- {instead}")


REACHED: list[list[str]] = [
    [],
    ["train"],
    ["python", "t.py"],
    ["python", "t.py", "-I"],
    ["python", "-m", "train", "-E"],
    ["python", "-c", "print(1)", "-S"],
    ["python", "-u", "-B", "-s", "-P", "-OO", "t.py"],
    ["python", "-WI", "t.py"],
    ["python", "-X", "importtime", "t.py"],
    ["bash", "-c", "python t.py; ls -I x"],
    ["bash", "/app/entrypoint.sh", "-E"],
    ["bash", "-c", "python -I -m pip install . && exec python t.py"],
    ["bash", "-c", "env -i ls; python t.py"],
    ["bash", "-c", "python -I check.py && python t.py"],
    ["bash", "-c", "python -I -m venv /tmp/v; exec python t.py"],
    ["env", "A=1", "python", "t.py"],
    ["env", "-u", "A", "python", "t.py"],
    ["python-config", "-I"],
    ["my-python", "-I"],
]


@pytest.mark.parametrize("words", REACHED)
def test_within_reach_or_not_to_be_told(words: list[str]) -> None:
    assert check(template(command=words)) == ()


def test_the_command_that_will_run_is_read() -> None:
    raw = template(command=["python", "-I", "t.py"])
    assert check(raw, Options(command=("python", "t.py"))) == ()
    assert check(template(command=["python", "t.py"]), Options(command=("python", "-I", "t.py"))) != ()


def test_without_a_command_the_entry_point_is_asked_for() -> None:
    (note,) = check(template(args=["python", "-I", "t.py"]))
    assert note.text.endswith("kubectl pydebug job/train -- ENTRYPOINT ...")


def test_long_or_unprintable_commands_are_not_repeated() -> None:
    for extra in ("x" * 300, "\x1b[31m"):
        (note,) = check(template(command=["python", "-I", extra]), Options(container="trainer"))
        assert note.text.endswith("kubectl pydebug job/train -c trainer -- COMMAND ...")
        assert note.text.isprintable()


@pytest.mark.parametrize("spec", [{"os": {"name": "windows"}}, {"nodeSelector": {"kubernetes.io/os": "windows"}}])
def test_windows(spec: dict[str, Any]) -> None:
    raw = template()
    raw["spec"].update(spec)
    (note,) = check(raw)
    assert note.code == "windows"


def test_linux_nodes_are_fine() -> None:
    raw = template()
    raw["spec"].update(os={"name": "linux"}, nodeSelector={"kubernetes.io/os": "linux"})
    assert check(raw) == ()

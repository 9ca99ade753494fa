"""Which Python is the program: pure, loaded by path since the host never imports guest code."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

PAYLOAD = Path(__file__).parents[2] / "kubectl_pydebug" / "payload"


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"guest_{name}", PAYLOAD / "debugpy_boot" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    keep, sys.dont_write_bytecode = sys.dont_write_bytecode, True
    try:
        spec.loader.exec_module(module)
    finally:
        sys.dont_write_bytecode = keep
    return module


decide = load("decide")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("train.py --epochs 3", ("script", "train.py")),
        ("-u -O train.py", ("script", "train.py")),
        ("-X utf8 -W ignore train.py", ("script", "train.py")),
        ("-Xutf8 -Wignore train.py", ("script", "train.py")),
        ("--check-hash-based-pycs never train.py", ("script", "train.py")),
        ("-m digits.train x", ("module", "digits.train")),
        ("-mdigits.train", ("module", "digits.train")),
        ("-um digits.train", ("module", "digits.train")),
        ("-c pass", ("code", "pass")),
        ("-Bc pass", ("code", "pass")),
        ("-", (None, "")),
        ("", (None, "")),
        ("-i", (None, "")),
        ("-m", ("module", "")),
    ],
)
def test_the_interpreters_command_line(words: str, found: tuple[str | None, str]) -> None:
    assert decide.parse(["python3", *words.split()]) == found


INSIDE = (42, 7, 1)
FIRST = (1,)
OUTSIDE = (42, 0)
TRACKER = "from multiprocessing.resource_tracker import main;main(5)"
SPAWN = "from multiprocessing.spawn import spawn_main; spawn_main(tracker_fd=6, pipe_handle=8)"


@pytest.mark.parametrize(
    ("words", "chain", "debugged_parent", "wanted", "role"),
    [
        (["train.py"], INSIDE, False, None, "program"),
        (["train.py"], FIRST, False, None, "program"),
        (["train.py"], OUTSIDE, False, None, None),
        (["-m", "digits.train"], INSIDE, False, None, "program"),
        (["-m", "digits.train"], INSIDE, True, None, "child"),
        (["-c", "print(1)"], INSIDE, False, None, None),
        (["-c", "print(1)"], FIRST, False, None, "program"),
        (["-c", "print(1)"], INSIDE, True, None, "child"),
        (["-c", SPAWN], INSIDE, True, None, "child"),
        (["-c", TRACKER], INSIDE, True, None, None),
        (["-m", "pip", "install", "x"], INSIDE, False, None, None),
        (["-m", "pip._internal"], INSIDE, True, None, None),
        (["-m", "json.tool"], INSIDE, False, None, None),
        (["/opt/venv/bin/pip3.11", "list"], INSIDE, False, None, None),
        (["/usr/bin/aws", "s3", "cp"], INSIDE, False, None, None),
        (["/opt/venv/bin/train"], INSIDE, False, None, "program"),
        (["/x/debugpy/adapter", "--port", "1"], INSIDE, True, None, None),
        ([], INSIDE, False, None, None),
        (["-"], FIRST, False, None, "program"),
        (["prepare.py"], INSIDE, False, "train.py", None),
        (["prepare.py"], INSIDE, True, "train.py", "child"),
        (["/app/train.py"], INSIDE, False, "train.py", "program"),
        (["/app/train.py"], INSIDE, False, "/app/*", "program"),
        (["-m", "digits.train"], INSIDE, False, "digits.*", "program"),
        (["-m", "pip"], INSIDE, False, "pip", "program"),
    ],
)
def test_roles(
    words: list[str], chain: tuple[int, ...], debugged_parent: bool, wanted: str | None, role: str | None
) -> None:
    environ = {decide.PARENT: "7"} if debugged_parent else {}
    assert decide.role(["python3", *words], environ, wanted, chain) == role


def test_this_process_is_inside() -> None:
    chain = decide.ancestors()
    assert chain[-1] == 1
    assert len(chain) > 1

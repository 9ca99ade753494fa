"""Who may import whom, read from the syntax tree; imports inside functions count too."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "kubectl_pydebug"
# A part imports from itself and from the layers below it, never sideways or up.
LAYERS = (
    ("__main__",),
    ("cli",),
    ("ui", "runner"),
    ("observe",),
    ("cluster", "forward", "workspace", "bundle"),
    ("editors",),
    ("core",),
    ("__init__",),
)
LAYER = {part: number for number, parts in enumerate(LAYERS) for part in parts}
ONLY_IN = {"kubernetes": "cluster.py", "rich": "ui.py"}
PURE = ("core", "editors")
IMPURE = {"os", "pathlib", "random", "secrets", "shutil", "socket", "subprocess", "tempfile", "threading", "time"}
LINES = 320
LONGER: dict[str, str] = {}
"""Modules above LINES lines, each with the reason why it is not split."""
# In the pod: the standard library, our own modules and debugpy's. `imp` is standard up to 3.11.
GUEST = {*sys.stdlib_module_names, "imp", "debugpy", "debugpy_boot", "pydevd", "_pydevd_bundle", "_pydev_bundle"}

FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
FILES = {path.relative_to(PACKAGE).as_posix(): path for path in sorted(PACKAGE.rglob("*.py"))}
HOST = [name for name in FILES if not name.startswith("payload/")]
PAYLOAD = [name for name in FILES if name.startswith("payload/")]


def imports(name: str) -> Iterator[tuple[str, ast.stmt]]:
    """(absolute dotted name, statement); ``from a import b`` gives ``a.b``."""
    tree = ast.parse(FILES[name].read_bytes(), filename=name)
    package = ("kubectl_pydebug", *name.split("/")[:-1])
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = (*package[: len(package) + 1 - node.level], node.module) if node.level else (node.module,)
            yield from ((".".join(filter(None, (*base, alias.name))), node) for alias in node.names)


def outside_functions(node: ast.AST) -> Iterator[ast.AST]:
    """``node`` and what is below it, but not what only runs when a function is called."""
    yield node
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, FUNCTIONS):
            yield from outside_functions(child)


def part(name: str) -> str:
    """``cluster_watch.py`` is a part of cluster that was split off."""
    top = name.split("/")[0].removesuffix(".py")
    return top if top in LAYER else top.partition("_")[0]


@pytest.mark.parametrize("name", HOST)
def test_imports_go_down(name: str) -> None:
    assert part(name) in LAYER, f"{name} belongs to no layer"
    for target, node in imports(name):
        if target.split(".")[0] != "kubectl_pydebug":
            continue
        to = [*target.split("."), "__init__"][1]
        assert to != "payload", f"{name}:{node.lineno}: the host never imports guest code"
        to = part(to) if part(to) in LAYER else "__init__"  # a name of the package itself, such as __version__
        assert to == part(name) or LAYER[to] > LAYER[part(name)], f"{name}:{node.lineno} imports {target}"


@pytest.mark.parametrize("name", HOST)
def test_some_packages_have_one_importer(name: str) -> None:
    for target, node in imports(name):
        top = target.split(".")[0]
        assert ONLY_IN.get(top, name) == name, f"{name}:{node.lineno}: only {ONLY_IN[top]} imports {top}"


def test_kubernetes_is_imported_inside_functions() -> None:
    """It takes 0.3-0.4 s, which help and completion must not pay."""
    tree = ast.parse(FILES["cluster.py"].read_bytes())
    early = {getattr(node, "lineno", 0) for node in outside_functions(tree)}
    for target, node in imports("cluster.py"):
        assert target.split(".")[0] != "kubernetes" or node.lineno not in early, f"cluster.py:{node.lineno}"


@pytest.mark.parametrize("name", [name for name in HOST if part(name) in PURE])
def test_the_core_is_pure(name: str) -> None:
    for target, node in imports(name):
        assert target.split(".")[0] not in IMPURE, f"{name}:{node.lineno} imports {target}: no I/O, no clock"


@pytest.mark.parametrize("name", PAYLOAD)
def test_the_guest_needs_only_the_standard_library(name: str) -> None:
    for target, node in imports(name):
        assert target.split(".")[0] in GUEST, f"{name}:{node.lineno} imports {target}"


@pytest.mark.parametrize("name", FILES)
def test_modules_are_small(name: str) -> None:
    lines = len(FILES[name].read_bytes().splitlines())
    assert (lines > LINES) == (name in LONGER), f"{name} has {lines} lines: split it, or list it with the reason"

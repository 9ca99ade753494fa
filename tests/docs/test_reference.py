"""The documentation is complete, says nothing that is not there, and its links lead somewhere.

Which file holds what: docs/reference.md has flags, exit codes, labels, variables, kinds, names in the pod and JSON
fields; CONTRIBUTING.md has the Makefile's targets.
"""

from __future__ import annotations

import ast
import dataclasses
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from kubectl_pydebug.cli.app import commands
from kubectl_pydebug.core import inject, record, report
from kubectl_pydebug.core.exits import MEANINGS, Exit
from kubectl_pydebug.core.model import Endpoint, Facts, Options, PathMapping, Plan
from kubectl_pydebug.core.plan import plan
from kubectl_pydebug.core.record import Record
from kubectl_pydebug.core.report import Ready
from kubectl_pydebug.core.workload import KINDS
from tests.core.samples import BUNDLE, SESSION, job

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "kubectl_pydebug"
REFERENCE = (ROOT / "docs" / "reference.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
COMMANDS = commands()

SHOWN_OTHERWISE = {
    "namespace": "the context's",
    "context": "the current one",
    "kubeconfig": "`KUBECONFIG`, then `~/.kube/config`",
}
"""Parameters without a default of their own, where the reference says what stands in for one."""


class Flag(NamedTuple):
    """One row of a table of flags. ``default`` as it is written there."""

    spellings: frozenset[str]
    default: str


def section(title: str, text: str = REFERENCE) -> str:
    """From a heading to the next one of its level or above."""
    found = re.search(rf"^(#+) {re.escape(title)}\n", text, re.MULTILINE)
    assert found, f"docs/reference.md has no section {title!r}"
    rest = text[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.MULTILINE)
    return rest[: end.start()] if end else rest


def rows(text: str) -> list[list[str]]:
    """The cells of every table row, headings and rulers left out."""
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line[:1] == "|"]
    rulers = {at for at, cells in enumerate(split) if set("".join(cells)) <= {"-"}}
    return [cells for at, cells in enumerate(split) if at not in rulers and at + 1 not in rulers]


def code(text: str) -> tuple[str, ...]:
    return tuple(re.findall(r"`([^`]+)`", text))


def names(text: str) -> set[str]:
    """Every name in code style."""
    return {name for span in code(text) for name in re.split(r"[\s,()=]+", span)}


def title(command: str) -> str:
    return "kubectl pydebug" if command == "debug" else f"kubectl pydebug {command}"


def options(command: str) -> list[Any]:
    return [parameter for parameter in COMMANDS[command].params if parameter.param_type_name == "option"]


def true_flags(command: str) -> set[Flag]:
    helps = COMMANDS[command].context_settings.get("help_option_names", ["--help"])
    flags = {Flag(frozenset(helps), "")}
    for option in options(command):
        spellings = frozenset((*option.opts, *option.secondary_opts))
        default: Any = getattr(option.default, "value", option.default)
        if option.is_flag:
            shown = f"`{option.opts[0]}`" if default else "off"
        elif default is None:
            shown = SHOWN_OTHERWISE.get(option.name, "")
        else:
            shown = f"`{default}`"
        flags.add(Flag(spellings, shown))
    return flags


@pytest.mark.parametrize("command", COMMANDS)
def test_flags_and_their_defaults(command: str) -> None:
    documented = {Flag(frozenset(code(cells[0])), cells[1]) for cells in rows(section(title(command)))}
    assert documented == true_flags(command)


def test_commands() -> None:
    documented = {words for cells in rows(section("Commands")) for words in code(cells[0])}
    true = {title(command) for command in COMMANDS}
    assert {re.sub(r" (TARGET|\[).*", "", words) for words in documented} == true


def test_exit_codes() -> None:
    assert [exit_code for exit_code, _ in MEANINGS] == list(Exit)
    documented = [tuple(cells) for cells in rows(section("Exit codes"))]
    assert documented == [(str(int(exit_code)), meaning) for exit_code, meaning in MEANINGS]


def test_labels_and_annotations() -> None:
    true = {
        value
        for name, value in vars(record).items()
        if isinstance(value, str) and name.endswith(("_LABEL", "_ANNOTATION", "_GATE"))
    }
    assert len(true) == 4
    documented = {code(cells[0])[0] for cells in rows(section("Labels, annotations, readiness gate"))}
    record_fields = {name for cells in rows(section("The record")) for name in code(cells[0])}
    assert documented - record_fields == true
    assert record_fields == {field.name for field in dataclasses.fields(Record)}
    # No other module invents a name of its own.
    used = {
        text
        for path in PACKAGE.rglob("*.py")
        for text in re.findall(r"\"(kubectl-pydebug/[a-z-]+)\"", path.read_text())
    }
    assert used - {report.API_VERSION} <= true


def environment() -> set[str]:
    """Every variable of ours in the source tree, as a whole word."""
    found: set[str] = set()
    for path in PACKAGE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= set(re.findall(r"\bKUBECTL_PYDEBUG(?:_[A-Z0-9]+)*\b", node.value))
    return found


def test_environment_variables() -> None:
    documented = {name for cells in rows(section("Environment variables")) for name in code(cells[0])}
    assert {name for name in documented if name.startswith("KUBECTL_PYDEBUG")} == environment()


def test_variables_of_the_session_are_the_ones_in_the_pod() -> None:
    made = plan(job(), Facts(), Options(), SESSION, BUNDLE)
    assert isinstance(made, Plan)
    settings = next(
        entry["value"]
        for step in report.plan_json(made)["steps"][:1]
        for entry in step["manifest"]["spec"]["template"]["spec"]["containers"][0]["env"]
        if entry["name"] == inject.SETTINGS_ENV
    )
    row = next(cells for cells in rows(section("Set in the target container")) if cells[0] == "`KUBECTL_PYDEBUG`")
    assert set(re.findall(r'"(\w+)":', settings)) == set(code(row[1])) - {"bundle.tar.gz"}


def test_names_in_the_pod() -> None:
    true = {inject.HOOK_VOLUME, inject.RUN_VOLUME, inject.INIT_CONTAINER, inject.HOOK_PATH, inject.RUN_PATH}
    assert true | {"KUBECTL_PYDEBUG", "PYTHONPATH"} <= names(section("Objects in the cluster"))
    assert set(BUNDLE.files) <= names(section("Objects in the cluster"))


def test_kinds() -> None:
    documented = {cells[0]: (set(code(cells[1])), cells[2].strip("`")) for cells in rows(section("Targets"))}
    assert documented == {
        kind.kind: (
            {kind.plural, kind.singular, *kind.short_names},
            ".".join(kind.template_path) or "the pod itself",
        )
        for kind in KINDS
    }


def fields(document: Any) -> Iterator[str]:
    """The names of a document's fields, but not those of a manifest, nor of a map from names."""
    if isinstance(document, list):
        for item in document:
            yield from fields(item)
    elif isinstance(document, dict):
        for key, value in document.items():
            yield key
            if key not in ("manifest", "bytes"):
                yield from fields(value)


def documents() -> dict[str, Any]:
    made = plan(job(), Facts(), Options(), SESSION, BUNDLE)
    assert isinstance(made, Plan)
    refused = plan(job(), Facts(), Options(container="none"), SESSION, BUNDLE)
    mapping = PathMapping("/home/ana/code", "/app", "1 of 1 files equal")
    endpoint = Endpoint("kubectl pydebug: job/train", "trainer", 5678, "train-0", 0, 61000, (mapping,))
    ready = Ready("job/train", "job/train-pydebug-1", "3.11.2", True, endpoint, SESSION.expires)
    return {
        "Plan": report.plan_json(made),
        "Refusal": report.plan_json(refused),
        "Session": report.ready_json(ready),
    }


@pytest.mark.parametrize("kind", ["Plan", "Refusal", "Session"])
def test_json_documents(kind: str) -> None:
    document = documents()[kind]
    assert document["kind"] == kind
    text = section(kind)
    assert set(fields(document)) <= names(text), f"section {kind} of docs/reference.md lacks fields"
    own = {name for cells in rows(text) if len(cells) == 3 for name in code(cells[0])}
    assert own <= set(fields(document)), f"section {kind} of docs/reference.md has fields that are not there"


def test_codes_of_notes_and_refusals() -> None:
    """``Note("code", ...)`` in the modules that a plan is made from."""
    made_from = [
        *(PACKAGE / "core" / f"{name}.py" for name in ("plan", "relax", "preflight", "workload")),
        PACKAGE / "observe.py",
    ]
    true = {code for path in made_from for code in re.findall(r"Note\(\s*\"([a-z-]+)\"", path.read_text())}
    listed = re.findall(r"^Codes of .*?(?=\n\n)", section("JSON documents"), re.MULTILINE | re.DOTALL)
    assert {name for text in listed for name in code(text)} - {"attach"} == true


MAKE_TARGETS = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def test_makefile_targets() -> None:
    documented = {
        words[0].removeprefix("make ") for cells in rows(section("Targets", CONTRIBUTING)) if (words := code(cells[0]))
    }
    assert documented == MAKE_TARGETS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_what_a_page_tells_to_type_is_there(page: Path) -> None:
    """Commands of ours, in code style or indented: their flags exist. Targets of make too."""
    for line in typed(page.read_text()):
        for words in re.findall(r"kubectl pydebug\b([^`|;>]*)", line):
            before = words.partition(" -- ")[0].split()
            command = before[0] if before and before[0] in COMMANDS else "debug"
            true = {spelling for flag in true_flags(command) for spelling in flag.spellings} | {"--version"}
            given = {word.partition("=")[0] for word in before if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)}
            assert given <= true, f"{line.strip()!r}: no such flag"
        for words in re.findall(r"(?:^|[`&;] *)make ((?:[a-z][a-z-]* ?)+)", line.strip()):
            assert set(words.split()) <= MAKE_TARGETS, f"{line.strip()!r}: no such target"


def typed(text: str) -> Iterator[str]:
    """Lines of code blocks, and spans in code style."""
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.partition(" # ")[0]
        else:
            yield from (f"`{span}`" for span in code(line))


def slug(heading: str) -> str:
    """GitHub's name for a heading's anchor."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{page.name}: {link} leads nowhere"
        if anchor:
            anchors = {slug(heading) for heading in re.findall(r"^#+ (.+)$", target.read_text(), re.MULTILINE)}
            assert anchor in anchors, f"{page.name}: {link}: no such heading"


def test_no_page_is_lost() -> None:
    """Everything under docs/ is reached from the README."""
    linked = {
        (ROOT / link.partition("#")[0]).resolve()
        for link in re.findall(r"\]\(([^)\s]+)\)", (ROOT / "README.md").read_text())
    }
    assert {page for page in PAGES if "docs" in page.parts} <= linked

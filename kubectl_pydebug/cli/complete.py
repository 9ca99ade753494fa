"""Completion. kubectl runs ``kubectl_complete-pydebug WORD ...`` and reads one candidate a line, then ``:DIRECTIVE``
(https://kubernetes.io/docs/reference/kubectl/generated/kubectl_plugin/, and cobra's ShellCompDirective)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout, suppress
from io import StringIO
from typing import Any

NO_FILES, NO_SPACE = 4, 2
"""Cobra's directives: do not offer files; do not put a space behind the candidate."""
TIMEOUT = 3.0
"""Seconds that the cluster may take: somebody holds the Tab key."""


def complete_target(ctx: Any, args: list[str], incomplete: str) -> list[str]:
    """Typer's hook for the TARGET argument."""
    return targets(ctx.params, incomplete)


def targets(params: Mapping[str, Any], incomplete: str) -> list[str]:
    """``job/`` and the like; behind the slash, the names that are there. Silent when the cluster does not answer."""
    from kubectl_pydebug.core import workload as workloads

    typed, slash, start = incomplete.partition("/")
    if not slash:
        return [f"{kind.singular}/" for kind in workloads.KINDS if kind.singular.startswith(typed)]
    kind = workloads.find_kind(typed)
    if kind is None:
        return []
    from kubectl_pydebug.cli.options import ClusterOptions
    from kubectl_pydebug.cli.session import connect
    from kubectl_pydebug.cluster import ClusterError

    access = ClusterOptions(
        params.get("namespace"),
        params.get("context"),
        params.get("kubeconfig"),
        params.get("as_user"),
        tuple(params.get("as_group") or ()),
        params.get("as_uid"),
        TIMEOUT,
    )
    names: list[str] = []
    with suppress(ClusterError):
        cluster = connect(access)
        found = cluster.list(kind.group, kind.version, kind.plural, cluster.namespace)
        names = [item["metadata"]["name"] for item in found.get("items") or ()]
    return [f"{typed}/{name}" for name in sorted(names) if name.startswith(start)]


def candidates(words: Sequence[str]) -> tuple[list[str], int]:
    """What may stand in the last word's place (which may be empty), and cobra's directive."""
    from kubectl_pydebug.cli import split_command
    from kubectl_pydebug.cli.app import commands

    if "--" in words[:-1]:
        return [], 0  # a command in the container: nothing that we know
    *before, incomplete = words or [""]
    name, *arguments = split_command(before)[0] if before else ["debug"]
    found: list[str] = []
    command = commands()[name]
    previous = before[-1] if before else ""
    for parameter in command.params:
        values = [*getattr(parameter, "opts", ()), *getattr(parameter, "secondary_opts", ())]
        if previous.startswith("-") and previous in values and not getattr(parameter, "is_flag", False):
            context = command.make_context("kubectl pydebug", arguments[:-1], resilient_parsing=True)
            values = [str(item.value) for item in parameter.shell_complete(context, incomplete)]
            return [value for value in values if value.startswith(incomplete)], NO_FILES if values else 0
        if incomplete.startswith("-"):
            found += [option for option in values if option.startswith(incomplete) and option.startswith("--")]
    if incomplete.startswith("-"):
        return sorted(found), NO_FILES
    context = command.make_context("kubectl pydebug", arguments, resilient_parsing=True)
    if not context.params.get("target"):
        found = targets(context.params, incomplete)
        if not before:
            found += [word for word in commands() if word.startswith(incomplete) and word != "debug"]
    open_ended = bool(found) and all(word.endswith("/") for word in found)
    return found, NO_FILES | (NO_SPACE if open_ended else 0)


def main() -> None:
    """Entry point of ``kubectl_complete-pydebug``. Never prints anything but candidates, and never fails."""
    found: list[str] = []
    directive = NO_FILES
    with redirect_stdout(StringIO()), redirect_stderr(StringIO()), suppress(Exception, SystemExit, KeyboardInterrupt):
        found, directive = candidates(sys.argv[1:])
    print("\n".join([*found, f":{directive}"]))

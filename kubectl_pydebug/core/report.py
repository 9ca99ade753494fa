"""A plan, or a refusal, as JSON for programs and as lines for people.

No line shows an environment value. ``plan_json`` is a contract: fields are only added within ``kubectl-pydebug/v1``.
The Job's manifest in it is whole, environment values included, as it will be in the cluster; the ConfigMap's comes
with the sizes of its files instead of their bytes.
"""

from __future__ import annotations

import copy
from dataclasses import asdict, dataclass
from typing import Any

from kubectl_pydebug.core.model import (
    AwaitReady,
    Create,
    Endpoint,
    Forward,
    Note,
    Plan,
    Raw,
    Ref,
    Refusal,
    Share,
    Step,
    WriteConfig,
)
from kubectl_pydebug.core.workload import pod_template

API_VERSION = "kubectl-pydebug/v1"

_NAMED = ("volumes", "initContainers", "containers", "readinessGates", "imagePullSecrets")
_SINGULAR = {
    "volumes": "volume",
    "initContainers": "init container",
    "containers": "container",
    "readinessGates": "readiness gate",
    "imagePullSecrets": "image pull secret",
    "env": "env",
    "volumeMounts": "mount",
    "labels": "label",
    "annotations": "annotation",
}
_SHOWN = ("restartPolicy", "nodeName", "priority", "activeDeadlineSeconds", "hostname", "preemptionPolicy")
"""Fields whose values are short, and no secrets."""


@dataclass(frozen=True)
class Config:
    """What became of an editor's file. ``problem`` says why it was not written; ``entry`` is for pasting then."""

    editor: str
    title: str
    how: str
    path: str
    problem: str | None = None
    entry: str | None = None


@dataclass(frozen=True)
class Ready:
    """The debugger listens: the program waits, or runs and can be attached to."""

    source: str
    copy: str | None
    """None where nothing was created (``attach``)."""
    python: str
    waiting: bool
    endpoint: Endpoint
    expires: str
    """RFC 3339, UTC."""
    configs: tuple[Config, ...] = ()


def ready_json(ready: Ready) -> Raw:
    """The endpoints as a contract for programs: what any debug client needs to attach."""
    endpoint = ready.endpoint
    return {
        "apiVersion": API_VERSION,
        "kind": "Session",
        "source": ready.source,
        "copy": ready.copy,
        "expires": ready.expires or None,
        "config": next((config.path for config in ready.configs if config.problem is None), None),
        "configs": [
            {"editor": config.editor, "path": config.path, "problem": config.problem} for config in ready.configs
        ],
        "endpoints": [
            {
                "name": endpoint.name,
                "host": "127.0.0.1",
                "port": endpoint.local_port,
                "pod": endpoint.pod,
                "container": endpoint.container,
                "rank": endpoint.rank,
                "remotePort": endpoint.remote_port,
                "python": ready.python or None,
                "waiting": ready.waiting,
                "pathMappings": [
                    {"localRoot": mapping.local_root, "remoteRoot": mapping.remote_root, "why": mapping.why}
                    for mapping in endpoint.path_mappings
                ],
            }
        ],
    }


def ready_lines(ready: Ready) -> tuple[str, ...]:
    """What the panel says."""
    endpoint = ready.endpoint
    python = f", Python {ready.python}" if ready.python else ""
    made = f"{ready.copy} is a copy of {ready.source}" if ready.copy else f"{ready.source} listens already"
    lines = [f"{made} (container {endpoint.container}{python})."]
    address = f"127.0.0.1:{endpoint.local_port}"
    lines += [_config_line(config, endpoint.name, address) for config in ready.configs]
    if not ready.configs:
        lines.append(f"Attach a debugger to {address}.")
    lines += [f"{mapping.local_root} -> {mapping.remote_root}: {mapping.why}" for mapping in endpoint.path_mappings]
    if ready.configs and not endpoint.path_mappings:
        lines.append("No source file here is like one in the container: breakpoints need pathMappings of your own.")
    if ready.waiting:
        lines.append("The program waits for you.")
    if ready.copy is None:
        lines.append("Ctrl-C here closes the port; the program goes on.")
    else:
        lines.append(
            f"It ends with the program, with Ctrl-C here, or by itself at {ready.expires}. {ready.source} is untouched."
        )
    return tuple(lines)


def _config_line(config: Config, name: str, address: str) -> str:
    if config.problem is not None:
        return f"{config.problem} Paste the entry below into it; the debugger is at {address}."
    how = config.how[:1].upper() + config.how[1:]
    return f'{how} in {config.title} with "{name}" chosen ({config.path}, {address}).'


def plan_json(plan: Plan | Refusal) -> Raw:
    """The stable form, for ``-o json`` and ``-o yaml``."""
    if isinstance(plan, Refusal):
        return {"apiVersion": API_VERSION, "kind": "Refusal", "reasons": _notes(plan.reasons)}
    session = plan.session
    return {
        "apiVersion": API_VERSION,
        "kind": "Plan",
        "strategy": plan.strategy,
        "source": asdict(plan.workload.ref),
        "container": plan.container,
        "way": {"value": plan.way.value, "source": plan.way.source, "why": plan.way.why},
        "session": {"id": session.id, "started": session.started, "expires": session.expires},
        "changes": list(_changes(plan)),
        "steps": [_step(step) for step in plan.steps],
        "notes": _notes(plan.notes),
    }


def plan_lines(plan: Plan | Refusal) -> tuple[str, ...]:
    """The form for people: what is made, what differs from the original, how it ends."""
    if isinstance(plan, Refusal):
        return tuple(note.text for note in plan.reasons)
    lines = [f"Debug container {plan.container} of {plan.workload.ref.short} in a copy; the original stays as it is."]
    for step in plan.steps:
        lines += _step_lines(step)
    lines.append(f"The copy's pod, compared with {plan.workload.ref.short}:")
    lines += [f"  {line}" for line in _changes(plan)]
    why = f" ({plan.way.why})" if plan.way.why else ""
    lines.append(f"Way in: {plan.way.value}{why}")
    lines.append(f"Ends by itself at {plan.session.expires}.")
    lines += [f"Note: {note.text}" for note in plan.notes]
    return tuple(lines)


def changes(original: Raw, new: Raw) -> tuple[str, ...]:
    """What differs between two pod templates: ``+`` added, ``-`` dropped, ``~`` changed. Names, not values."""
    lines: list[str] = []
    before, after = original.get("metadata") or {}, new.get("metadata") or {}
    for key in ("labels", "annotations"):
        lines += _map(before.get(key) or {}, after.get(key) or {}, _SINGULAR[key], "")
    before, after = original.get("spec") or {}, new.get("spec") or {}
    for key in _keys(before, after):
        if before.get(key) == after.get(key):
            continue
        if key in _NAMED:
            lines += _items(before.get(key) or [], after.get(key) or [], key)
        else:
            lines.append(_field(before, after, key, ""))
    return tuple(lines)


def _changes(plan: Plan) -> tuple[str, ...]:
    job = next(step.manifest for step in plan.steps if isinstance(step, Create))
    return changes(pod_template(plan.workload), job["spec"]["template"])


def _items(before: list[Raw], after: list[Raw], key: str) -> list[str]:
    what = _SINGULAR[key]
    old, new = ({_identity(item): item for item in items} for items in (before, after))
    lines: list[str] = []
    for name in _keys(old, new):
        if name not in new:
            lines.append(f"- {what} {name}")
        elif name not in old:
            lines.append(f"+ {what} {name}")
        elif old[name] != new[name]:
            lines += _container(old[name], new[name]) if key.endswith("ontainers") else [f"~ {what} {name}"]
    return lines


def _container(before: Raw, after: Raw) -> list[str]:
    of = f" of {before['name']}"
    lines: list[str] = []
    for key in _keys(before, after):
        if before.get(key) == after.get(key):
            continue
        if key in ("env", "volumeMounts"):
            old, new = ({_identity(item): item for item in part.get(key) or ()} for part in (before, after))
            lines += _map(old, new, _SINGULAR[key], of)
        else:
            lines.append(_field(before, after, key, of))
    return lines


def _map(before: Raw, after: Raw, what: str, of: str) -> list[str]:
    return [
        f"{_sign(before, after, key)} {what} {key}{of}"
        for key in _keys(before, after)
        if key not in before or key not in after or before[key] != after[key]
    ]


def _field(before: Raw, after: Raw, key: str, of: str) -> str:
    line = f"{_sign(before, after, key)} {key}{of}"
    if key in _SHOWN and not of and key in after:
        old = f"{before[key]} -> " if key in before else ""
        line += f": {old}{after[key]}"
    return line


def _sign(before: Raw, after: Raw, key: str) -> str:
    if key not in after:
        return "-"
    return "~" if key in before else "+"


def _keys(before: Raw, after: Raw) -> list[str]:
    """The original's order, then what is new: the server's own order, so the same on every run."""
    return [*before, *(key for key in after if key not in before)]


def _identity(item: Raw) -> str:
    """By what an item is told from its neighbours; a volume may be mounted at two places."""
    if "mountPath" in item:
        return f"{item['mountPath']}"
    return str(item.get("name") or item.get("conditionType") or item)


def _step(step: Step) -> Raw:
    if isinstance(step, Create):
        return {"do": "create", "ref": asdict(step.ref), "manifest": copy.deepcopy(step.manifest)}
    if isinstance(step, Share):
        manifest = {key: copy.deepcopy(value) for key, value in step.manifest.items() if key != "binaryData"}
        return {
            "do": "share",
            "ref": asdict(step.ref),
            "owner": asdict(step.owner),
            "manifest": manifest,
            "bytes": _sizes(step),
        }
    if isinstance(step, AwaitReady):
        return {"do": "await-ready", "owner": asdict(step.owner), "container": step.container}
    if isinstance(step, Forward):
        return {"do": "forward", "container": step.container}
    return {"do": "write-config", "editor": step.editor}


def _step_lines(step: Step) -> list[str]:
    if isinstance(step, Create):
        return [f"+ {_where(step.ref)}"]
    if isinstance(step, Share):
        size = sum(_sizes(step).values())
        return [f"+ {_where(step.ref)} ({size / 1024:.0f} KiB, goes with the last copy that uses it)"]
    if isinstance(step, AwaitReady):
        return [f"  wait until the debugger in container {step.container} answers"]
    if isinstance(step, Forward):
        return [f"  forward a port of 127.0.0.1 to the debugger in container {step.container}"]
    if isinstance(step, WriteConfig):
        return [f"  write the configuration for {step.editor}"]
    return []


def _where(ref: Ref) -> str:
    return f"{ref.short} in namespace {ref.namespace}"


def _sizes(step: Share) -> dict[str, int]:
    """Bytes per file, told from the length of the base64 text."""
    data: dict[str, Any] = step.manifest.get("binaryData") or {}
    return {name: len(text) // 4 * 3 - text.count("=") for name, text in data.items()}


def _notes(notes: tuple[Note, ...]) -> list[Raw]:
    return [{"code": note.code, "text": note.text} for note in notes]

"""Change a pod template so that each Python in the target container meets our hook; and the inverse.

The interpreter is reached through its environment, so the command line is never rewritten. ``inject`` first takes
out what an earlier ``inject`` put in: doing it twice is doing it once.

Expansion of ``$(NAME)``: the kubelet resolves it against ``envFrom`` and the entries before it, and leaves it as
it stands when there is no such variable (the hook in the pod removes that remainder). See
https://kubernetes.io/docs/tasks/inject-data-application/define-interdependent-environment-variables/
"""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kubectl_pydebug.core.model import Choice, Options, Raw, Session, Way
from kubectl_pydebug.core.record import SESSION_LABEL, TRAFFIC_GATE

HOOK_VOLUME = "kubectl-pydebug-hook"
RUN_VOLUME = "kubectl-pydebug-run"
HOOK_PATH = "/kubectl-pydebug/hook"
RUN_PATH = "/kubectl-pydebug/run"
INIT_CONTAINER = "kubectl-pydebug-env"
INIT_COMMAND = ("/bin/sh", "-c", f'printf %s "${{PYTHONPATH-}}" > {RUN_PATH}/image-pythonpath')
"""Leaves the image's own PYTHONPATH, which the pod spec does not show, where the hook finds it."""
SETTINGS_ENV = "KUBECTL_PYDEBUG"
ORIGINAL_ENV = "KUBECTL_PYDEBUG_PYTHONPATH"
"""Holds the container's PYTHONPATH when that comes from a valueFrom, which cannot be prefixed."""
PYTHONPATH = "PYTHONPATH"
RESOURCES = ("cpu", "memory", "ephemeral-storage")
"""What the init container asks for, as the target does: quota, LimitRange and QoS class stay as they are."""

_VOLUMES = (HOOK_VOLUME, RUN_VOLUME)


@dataclass(frozen=True)
class _Context:
    container: str
    options: Options
    session: Session
    bundle_name: str
    bundle_sha256: str
    way: Way


_Verb = Callable[[Raw, _Context], None]


def choose_way(template: Raw, container: str, wanted: Literal["auto", "mount", "init"]) -> Choice[Way]:
    """Which way in. An init container is only needed to learn what nothing else shows: the image's PYTHONPATH."""
    if wanted != "auto":
        return Choice(wanted, "flag")
    env = _target(template, container).get("env") or []
    at = _last(env, PYTHONPATH)
    if at is not None and not _is_optional(env[at]):
        return Choice("mount", "detected", "the container sets PYTHONPATH itself, which hides the image's")
    return Choice("init", "detected", "the image may set PYTHONPATH, which the pod template does not show")


def edit(template: Raw, container: str, options: Options) -> Raw:
    """A copy in which ``-- COMMAND`` and ``--env`` are carried out, and nothing else."""
    edited = copy.deepcopy(template)
    _edit(_target(edited, container), options)
    return edited


def inject(
    template: Raw,
    container: str,
    options: Options,
    session: Session,
    bundle_name: str,
    bundle_sha256: str,
    way: Way,
) -> Raw:
    """A changed copy of the pod template. Pure and idempotent.

    ``bundle_sha256`` (hex) is of ``bundle.tar.gz``; the hook checks it before it unpacks. Raises KeyError if there
    is no such container.
    """
    injected = restore(template)
    context = _Context(container, options, session, bundle_name, bundle_sha256, way)
    for verb in _VERBS:
        verb(injected, context)
    return injected


def restore(template: Raw) -> Raw:
    """A copy without what ``inject`` added; maps and lists which that leaves empty go too.

    ``-- COMMAND`` and ``--env`` stay: what they replaced is not in the template any more.
    """
    restored = copy.deepcopy(template)
    spec = restored["spec"]
    metadata = restored.get("metadata") or {}
    if SESSION_LABEL in (metadata.get("labels") or {}):
        del metadata["labels"][SESSION_LABEL]
        _prune(metadata, "labels")
        _prune(restored, "metadata")
    _drop(spec, "readinessGates", "conditionType", (TRAFFIC_GATE,))
    _drop(spec, "volumes", "name", _VOLUMES)
    _drop(spec, "initContainers", "name", (INIT_CONTAINER,))
    for item in spec["containers"]:
        _drop(item, "volumeMounts", "name", _VOLUMES)
        _restore_env(item)
    return restored


# The verbs, in order. Each changes the copy in place.


def _edit_target(template: Raw, context: _Context) -> None:
    _edit(_target(template, context.container), context.options)


def _label(template: Raw, context: _Context) -> None:
    metadata = template.setdefault("metadata", {})
    metadata["labels"] = {**(metadata.get("labels") or {}), SESSION_LABEL: context.session.id}


def _gate(template: Raw, context: _Context) -> None:
    _append(template["spec"], "readinessGates", {"conditionType": TRAFFIC_GATE})


def _add_volumes(template: Raw, context: _Context) -> None:
    _append(template["spec"], "volumes", {"name": HOOK_VOLUME, "configMap": {"name": context.bundle_name}})
    _append(template["spec"], "volumes", {"name": RUN_VOLUME, "emptyDir": {}})


def _mount(template: Raw, context: _Context) -> None:
    target = _target(template, context.container)
    _append(target, "volumeMounts", {"name": HOOK_VOLUME, "mountPath": HOOK_PATH, "readOnly": True})
    _append(target, "volumeMounts", {"name": RUN_VOLUME, "mountPath": RUN_PATH})


def _set_env(template: Raw, context: _Context) -> None:
    target = _target(template, context.container)
    env: list[Raw] = list(target.get("env") or [])
    at = _last(env, PYTHONPATH)
    if at is not None:
        env[at : at + 1] = _prefixed(env[at])
    env.append({"name": SETTINGS_ENV, "value": _settings(context)})
    if at is None:
        # Behind our settings: that is how restore tells it from one that the container had itself.
        env.append({"name": PYTHONPATH, "value": f"{HOOK_PATH}:$({PYTHONPATH})"})
    target["env"] = env


def _add_init_container(template: Raw, context: _Context) -> None:
    if context.way != "init":
        return
    spec = template["spec"]
    target = _target(template, context.container)
    first: Raw = {"name": INIT_CONTAINER, "image": target["image"], "command": list(INIT_COMMAND)}
    for key in ("imagePullPolicy", "securityContext"):
        if key in target:
            first[key] = copy.deepcopy(target[key])
    resources = _resources(target.get("resources") or {})
    if resources:
        first["resources"] = resources
    first["volumeMounts"] = [{"name": RUN_VOLUME, "mountPath": RUN_PATH}]
    # First: what runs before it could not be told from what the image sets.
    spec["initContainers"] = [first, *(spec.get("initContainers") or [])]


_VERBS: tuple[_Verb, ...] = (_edit_target, _label, _gate, _add_volumes, _mount, _set_env, _add_init_container)


def _edit(target: Raw, options: Options) -> None:
    if options.command:
        target["command"] = list(options.command)
        target.pop("args", None)
    for name, value in options.env:
        env: list[Raw] = list(target.get("env") or [])
        at = _last(env, name)
        if at is None:
            env.append({"name": name, "value": value})
        else:
            env[at] = {"name": name, "value": value}
        target["env"] = env


def _prefixed(entry: Raw) -> list[Raw]:
    """The container's own entry with our folder in front. Its place is kept, since later ones may refer to it."""
    if "valueFrom" in entry:
        return [
            {**entry, "name": ORIGINAL_ENV},
            {"name": PYTHONPATH, "value": f"{HOOK_PATH}:$({ORIGINAL_ENV})"},
        ]
    value = entry.get("value") or ""
    # No colon behind an empty value: Python would take the empty part for the working directory.
    return [{**entry, "value": f"{HOOK_PATH}:{value}" if value else HOOK_PATH}]


def _settings(context: _Context) -> str:
    options, session = context.options, context.session
    settings = {
        "v": 1,
        "session": session.id,
        "verifier": session.verifier,
        "ports": list(session.ports),
        "sha256": context.bundle_sha256,
        "wait": options.wait,
        "wait_timeout": options.wait_timeout,
        "stop_on_entry": options.stop_on_entry,
        "program": options.program,
        "container": context.container,
    }
    # "$$" is the kubelet's escape for "$": a program's name must not be expanded.
    return json.dumps(settings, sort_keys=True, separators=(",", ":")).replace("$", "$$")


def _resources(resources: Raw) -> Raw:
    kept: Raw = {}
    for key in ("requests", "limits"):
        amounts = {name: resources[key][name] for name in RESOURCES if name in (resources.get(key) or {})}
        if amounts:
            kept[key] = amounts
    return kept


def _restore_env(target: Raw) -> None:
    env = target.get("env") or []
    settings = _last(env, SETTINGS_ENV)
    if settings is None:
        return
    kept: list[Raw] = []
    for at, entry in enumerate(env):
        name, value = entry["name"], entry.get("value") or ""
        if name == SETTINGS_ENV or (name == PYTHONPATH and at > settings):
            continue
        if name == ORIGINAL_ENV:
            kept.append({**entry, "name": PYTHONPATH})
        elif name != PYTHONPATH or "valueFrom" in entry:
            kept.append(entry)
        elif value == HOOK_PATH:
            kept.append({key: entry[key] for key in entry if key != "value"})
        elif value != f"{HOOK_PATH}:$({ORIGINAL_ENV})":
            kept.append({**entry, "value": value.removeprefix(f"{HOOK_PATH}:")})
    target["env"] = kept
    _prune(target, "env")


def _target(template: Raw, name: str) -> Raw:
    for item in template["spec"]["containers"]:
        if item["name"] == name:
            found: Raw = item
            return found
    raise KeyError(name)


def _is_optional(entry: Raw) -> bool:
    """Whether the kubelet leaves the entry out, and with it what the image sets in force, when its source is absent."""
    return any(
        isinstance(source, dict) and source.get("optional") for source in (entry.get("valueFrom") or {}).values()
    )


def _last(env: list[Raw], name: str) -> int | None:
    """Where the entry that counts stands: of two with one name the later wins."""
    return max((at for at, entry in enumerate(env) if entry["name"] == name), default=None)


def _append(part: Raw, key: str, item: Raw) -> None:
    part[key] = [*(part.get(key) or []), item]


def _drop(part: Raw, key: str, field: str, values: tuple[str, ...]) -> None:
    items = part.get(key) or []
    kept = [item for item in items if item.get(field) not in values]
    if len(kept) != len(items):
        part[key] = kept
        _prune(part, key)


def _prune(part: Raw, key: str) -> None:
    if not part[key]:
        del part[key]

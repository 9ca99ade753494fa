"""Take away what ends a pod that only stands at a breakpoint."""

from __future__ import annotations

import copy

from kubectl_pydebug.core.model import Note, Raw

PROBES = ("livenessProbe", "readinessProbe", "startupProbe")
"""A paused program answers none of them. All kinds of action go: exec, tcp and gRPC probes kill as httpGet does.
Only a native sidecar keeps its startup probe: it ends before the program begins, which waits for it."""


def relax(template: Raw) -> tuple[Raw, tuple[Note, ...]]:
    """The template without probes, native sidecars' included, and a note that says whose were dropped."""
    relaxed = copy.deepcopy(template)
    dropped: list[str] = []
    for key in ("initContainers", "containers"):
        for container in relaxed["spec"].get(key) or ():
            probes = PROBES[:2] if key == "initContainers" else PROBES
            gone = [probe for probe in probes if container.pop(probe, None) is not None]
            if gone:
                dropped.append(f"{container['name']} ({', '.join(gone)})")
    if not dropped:
        return relaxed, ()
    text = f"The copy has no probes, since they would kill a paused program: dropped from {'; '.join(dropped)}."
    return relaxed, (Note("probes-off", text),)

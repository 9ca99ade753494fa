"""Attach to a program in which debugpy listens already. Nothing in the cluster is made or changed."""

from __future__ import annotations

import time
from collections.abc import Mapping
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any

from kubectl_pydebug import observe
from kubectl_pydebug.cluster import Cluster, ClusterError
from kubectl_pydebug.core import podstate
from kubectl_pydebug.core.exits import Exit
from kubectl_pydebug.core.model import Ref
from kubectl_pydebug.core.report import Ready
from kubectl_pydebug.forward import Stream, debugger, door
from kubectl_pydebug.forward.debugger import DebuggerError
from kubectl_pydebug.forward.thread import ForwardThread
from kubectl_pydebug.forward.tunnel import TunnelError
from kubectl_pydebug.runner.configs import Configs
from kubectl_pydebug.runner.endpoint import make_endpoint, names_and_sizes, read_sources
from kubectl_pydebug.runner.view import Outcome, Settings, View
from kubectl_pydebug.workspace import local_sources

LOOK_EVERY = 1.0
"""Seconds between two looks at the pod. Watching it would need a right that attaching does not."""
MISSES = 30
"""Looks in a row that may fail before the cluster counts as lost."""


def attach(
    source: str, ref: Ref, container: str, port: int, cluster: Cluster, view: View, settings: Settings
) -> Outcome:
    """Forward ``port`` of the pod, write the configuration, and stay until the container ends or Ctrl-C.

    ``source``: the target as the user named it; ``ref``: its pod. Raises ClusterError.
    """
    open_stream = observe.open_stream_to(cluster, ref.namespace, ref.name)

    async def route() -> Stream:
        return await open_stream(port)

    with ForwardThread() as forward:
        local = forward.open_door(door.bind(settings.port))
        view.progress(f"Looking for debugpy on port {port} of {ref.short}")
        mine = local_sources(settings.root)

        async def visit() -> tuple[str, Mapping[str, Any]]:
            return await debugger.visit(await route(), names_and_sizes(mine), local.port)

        python, sources = "", None
        try:
            python, sources = forward.submit(visit(), timeout=90)
        except TunnelError as error:
            if error.refused:
                return Outcome(
                    Exit.NOT_DEBUGGED,
                    f"Nothing listens on port {port} of {ref.short}. If debugpy listens on another: --port N. "
                    f"To debug a program that does not call debugpy.listen: kubectl pydebug {ref.short}",
                )
            return Outcome(Exit.CLUSTER, str(error))
        except DebuggerError as error:
            view.warn(f"No path mappings for port {port} of {ref.short}: {error}.")
        except (TimeoutError, FutureTimeoutError):
            view.warn(f"No path mappings: debugpy on port {port} of {ref.short} is too slow to answer.")
        local.set_route(route)
        mappings = read_sources(settings.root, mine, sources)
        endpoint = make_endpoint(source, container, local.port, ref.name, port, mappings)
        configs = Configs(settings)
        try:
            view.ready(Ready(source, None, python, False, endpoint, "", configs.write([endpoint])))
            return stay(ref, container, cluster)
        finally:
            configs.remove(view)


def stay(ref: Ref, container: str, cluster: Cluster) -> Outcome:
    """Until the container ends; its exit code."""
    missed = 0
    while True:
        try:
            pod = cluster.get(ref)
            missed = 0
        except ClusterError as error:
            missed += 1
            if error.status == 404:
                return Outcome(Exit.LOST, f"{ref.short} was deleted.")
            if missed > MISSES:
                return Outcome(Exit.LOST, str(error))
            pod = {}
        code = podstate.exit_code(pod, container)
        if code is not None:
            return Outcome(code)
        time.sleep(LOOK_EVERY)

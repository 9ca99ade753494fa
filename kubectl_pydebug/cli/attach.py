"""``kubectl pydebug attach TARGET``: a program in which debugpy listens already."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from kubectl_pydebug.cli import options as shared
from kubectl_pydebug.cli.complete import complete_target
from kubectl_pydebug.cli.options import ClusterOptions, LaptopOptions

if TYPE_CHECKING:
    from kubectl_pydebug.ui import Terminal


def attach(
    target: Annotated[
        list[str],
        typer.Argument(
            help="TYPE/NAME, TYPE NAME, or the name of a pod.",
            metavar="TYPE/NAME",
            autocompletion=complete_target,
            show_default=False,
        ),
    ],
    container: shared.Container = None,
    port: Annotated[
        int, typer.Option("--port", "-p", help="Port in the pod on which debugpy listens.", min=1, max=65535)
    ] = 5678,
    local_port: shared.LocalPort = 5678,
    config: shared.WriteConfig = True,
    editors: shared.Editors = None,
    keep_config: shared.KeepConfig = False,
    output: shared.Output = None,
    namespace: shared.Namespace = None,
    context: shared.Context = None,
    kubeconfig: shared.Kubeconfig = None,
    as_user: shared.AsUser = None,
    as_group: shared.AsGroup = None,
    as_uid: shared.AsUid = None,
    request_timeout: shared.RequestTimeout = 30.0,
) -> None:
    """Attach to a program that called debugpy.listen itself.

    Forwards the port, finds the path mappings and writes the editor's configuration; no object in the cluster is
    made or changed, and the program goes on when you leave. Needs the rights to get the pod and to forward a port.

    \b
    Examples:
      # a pod whose script has debugpy.listen(5678)
      kubectl pydebug attach train-x7k2p
      # the one running pod of a Job, debugpy on another port
      kubectl pydebug attach job/train --port 5679
    """
    from kubectl_pydebug.ui import Terminal

    access = ClusterOptions(namespace, context, kubeconfig, as_user, tuple(as_group or ()), as_uid, request_timeout)
    view = Terminal(output.value if output else None)
    laptop = LaptopOptions(local_port, False, config, tuple(editor.value for editor in editors or ()), keep_config)
    raise typer.Exit(attach_job(target, container, port, access, view, laptop))


def attach_job(
    target: list[str],
    container: str | None,
    port: int,
    access: ClusterOptions,
    view: Terminal,
    laptop: LaptopOptions,
) -> int:
    """target -> pod -> forward. Returns the exit code."""
    from kubectl_pydebug import observe
    from kubectl_pydebug.cli.session import connect, laptop_settings
    from kubectl_pydebug.core import workload as workloads
    from kubectl_pydebug.core.model import Refusal
    from kubectl_pydebug.core.target import parse_target
    from kubectl_pydebug.runner import attach as run

    resource, name = parse_target(target)
    view.progress(f"Reading {'/'.join(target)}")
    cluster = connect(access)
    workload = observe.find_workload(cluster, resource, name)
    if isinstance(workload, Refusal):
        return view.refuse(workload)
    pod = observe.running_pod(cluster, workload)
    if isinstance(pod, Refusal):
        return view.refuse(pod)
    chosen = workloads.pick_container(pod, container)
    if isinstance(chosen, Refusal):
        return view.refuse(chosen)
    ref = workloads.ref(workloads.POD, cluster.namespace, pod["metadata"]["name"])
    settings = laptop_settings(laptop)
    try:
        outcome = run(workload.ref.short, ref, chosen, port, cluster, view, settings)
    finally:
        view.quiet()
    if outcome.problem is not None:
        view.error(outcome.problem)
    return outcome.code

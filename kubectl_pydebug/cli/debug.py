"""The main job: ``kubectl pydebug TYPE/NAME [-- COMMAND ...]``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from kubectl_pydebug.cli import options as shared
from kubectl_pydebug.cli.complete import complete_target
from kubectl_pydebug.cli.main_job import DryRun, main_job
from kubectl_pydebug.cli.options import ClusterOptions, LaptopOptions

DAY = 24 * 3600


class Way(str, Enum):
    AUTO = "auto"
    MOUNT = "mount"
    INIT = "init"


def debug(
    ctx: typer.Context,
    target: Annotated[
        list[str],
        typer.Argument(
            help="TYPE/NAME, TYPE NAME, or the name of a pod. Behind -- a command that runs instead.",
            metavar="TYPE/NAME [-- COMMAND ...]",
            autocompletion=complete_target,
            show_default=False,
        ),
    ],
    container: shared.Container = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            "-e",
            help="NAME=VALUE: set in the copy; may be repeated.",
            metavar="NAME=VALUE",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[
        bool, typer.Option("--wait/--no-wait", help="Hold the program at its start until a debugger is attached.")
    ] = True,
    wait_timeout: Annotated[
        int, typer.Option("--wait-timeout", help="Seconds to hold it; then it goes on undebugged.", min=1, max=30 * DAY)
    ] = 3600,
    stop_on_entry: Annotated[bool, typer.Option("--stop-on-entry", help="Stop at the program's first line.")] = False,
    program: Annotated[
        str | None,
        typer.Option(
            "--program",
            help="Which Python waits, where several start: a glob on the script, its base name or the module.",
            metavar="GLOB",
            show_default=False,
        ),
    ] = None,
    ttl: Annotated[
        int, typer.Option("--ttl", help="Seconds after which the copy ends whatever happens.", min=60, max=30 * DAY)
    ] = 8 * 3600,
    way: Annotated[
        Way,
        typer.Option(
            "--way",
            help="How the debugger gets in: mount (fastest) or init (keeps a PYTHONPATH of the image).",
            case_sensitive=False,
        ),
    ] = Way.AUTO,
    logs: Annotated[bool, typer.Option("--logs/--no-logs", help="Follow the container's log.")] = True,
    local_port: shared.LocalPort = 5678,
    config: shared.WriteConfig = True,
    editors: shared.Editors = None,
    keep_config: shared.KeepConfig = False,
    dry_run: Annotated[
        DryRun,
        typer.Option(
            "--dry-run",
            help="Show the plan and touch nothing; server: have the API server check it too.",
            case_sensitive=False,
        ),
    ] = DryRun.NONE,
    output: shared.Output = None,
    namespace: shared.Namespace = None,
    context: shared.Context = None,
    kubeconfig: shared.Kubeconfig = None,
    as_user: shared.AsUser = None,
    as_group: shared.AsGroup = None,
    as_uid: shared.AsUid = None,
    request_timeout: shared.RequestTimeout = 30.0,
) -> None:
    """Debug a workload's Python where it really runs: in a copy of its pod, from your own editor.

    Makes a debug copy of TYPE/NAME, with debugpy carried in, waits until its Python is ready, forwards a local port
    and writes the editor's configuration. Press F5, and breakpoints in your checkout stop in the container. No image,
    no code and no manifest is changed; the original is left alone; when the program ends, or on Ctrl-C, the copy is
    deleted.

    \b
    Examples:
      # the Job as it is, held until you press F5
      kubectl pydebug job/train
      # the same, with fewer epochs
      kubectl pydebug job/train -e EPOCHS=1
      # another command in the same container
      kubectl pydebug job/train -- python -m train --fast
      # do not hold it; attach whenever you like
      kubectl pydebug deploy/api -c api --no-wait
      # show what would be made
      kubectl pydebug job/train --dry-run=client
      # a program that listens already (debugpy.listen)
      kubectl pydebug attach pod/train-x7k2p

    Exit code: the container's own; 120 to 127 are ours (docs/reference.md).
    """
    from kubectl_pydebug.core.model import Options
    from kubectl_pydebug.ui import Terminal

    options = Options(
        container=container,
        command=tuple(ctx.obj or ()),
        env=tuple(parse_env(text) for text in env or ()),
        way=way.value,
        wait=wait,
        wait_timeout=wait_timeout,
        stop_on_entry=stop_on_entry,
        program=program,
        ttl=ttl,
    )
    access = ClusterOptions(namespace, context, kubeconfig, as_user, tuple(as_group or ()), as_uid, request_timeout)
    view = Terminal(output.value if output else None)
    laptop = LaptopOptions(local_port, logs, config, tuple(editor.value for editor in editors or ()), keep_config)
    code = main_job(target, options, access, view, dry_run, laptop)
    raise typer.Exit(code)


def parse_env(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise typer.BadParameter(f"{name!r} has no value: write NAME=VALUE", param_hint="--env")
    return name, value

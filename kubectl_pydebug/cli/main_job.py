"""Carries out the main job, from what was typed to the exit code."""

from __future__ import annotations

from dataclasses import replace
from enum import Enum
from typing import TYPE_CHECKING

from kubectl_pydebug.cli.options import ClusterOptions, LaptopOptions

if TYPE_CHECKING:
    from kubectl_pydebug.cluster import Cluster
    from kubectl_pydebug.core.model import Options, Plan, Refusal, Workload
    from kubectl_pydebug.forward.agent import Credentials
    from kubectl_pydebug.ui import Terminal


class DryRun(str, Enum):
    """As in kubectl."""

    NONE = "none"
    CLIENT = "client"
    SERVER = "server"


def main_job(
    target: list[str],
    options: Options,
    access: ClusterOptions,
    view: Terminal,
    dry_run: DryRun,
    laptop: LaptopOptions,
) -> int:
    """target -> workload -> observe -> plan -> (show) -> run. Returns the exit code."""
    from kubectl_pydebug import observe
    from kubectl_pydebug.cli.session import connect, laptop_settings
    from kubectl_pydebug.core.model import Refusal
    from kubectl_pydebug.core.target import parse_target
    from kubectl_pydebug.runner import run

    resource, name = parse_target(target)
    if dry_run is DryRun.NONE:
        view.progress(f"Reading {'/'.join(target)}")
    cluster = connect(access)
    workload = observe.find_workload(cluster, resource, name)
    if isinstance(workload, Refusal):
        return view.refuse(workload)
    settings = laptop_settings(laptop)
    options = replace(options, editors=settings.editors)
    while True:
        plan, credentials = make_plan(cluster, workload, options)
        if isinstance(plan, Refusal):
            return view.refuse(plan)
        if dry_run is not DryRun.NONE:
            return show(plan, cluster, view, dry_run)
        for note in plan.notes:
            view.note(note.text)
        outcome = run(plan, cluster, credentials, view, settings)
        if outcome.retry is None:
            break
        view.warn(
            "The image has no /bin/sh, so a PYTHONPATH that it sets itself is not seen. "
            "Trying the other way in (--way mount)."
        )
        options = replace(options, way="mount")
    if outcome.problem is not None:
        view.error(outcome.problem)
    return outcome.code


def make_plan(cluster: Cluster, workload: Workload, options: Options) -> tuple[Plan | Refusal, Credentials]:
    from kubectl_pydebug import bundle, observe
    from kubectl_pydebug.cli.session import new_session
    from kubectl_pydebug.core.plan import plan

    session, credentials = new_session(options.ttl)
    return plan(workload, observe.facts(cluster, workload), options, session, bundle.load()), credentials


def show(plan: Plan, cluster: Cluster, view: Terminal, dry_run: DryRun) -> int:
    if dry_run is DryRun.SERVER:
        check(plan, cluster, view)
    heading = f"Nothing was touched (--dry-run={dry_run.value}). This would be done:"
    view.plan(plan, heading)
    return 0


def check(plan: Plan, cluster: Cluster, view: Terminal) -> None:
    """Have the API server check what would be created, by us and by the Job's controller. Raises ClusterError.

    Quota, Pod Security and most webhooks look at the pod only.
    """
    from kubectl_pydebug.cluster import ClusterError
    from kubectl_pydebug.core import workload
    from kubectl_pydebug.core.model import Create, Share

    for step in plan.steps:
        if isinstance(step, Create | Share):
            try:
                cluster.create(step.ref, step.manifest, dry_run=True)
            except ClusterError as error:
                if error.reason != "AlreadyExists":  # the ConfigMap that copies share
                    raise
        if isinstance(step, Create):
            template = step.manifest["spec"]["template"]
            metadata = {**(template.get("metadata") or {}), "name": step.ref.name}
            pod = {"apiVersion": "v1", "kind": "Pod", **template, "metadata": metadata}
            try:
                cluster.create(workload.ref(workload.POD, step.ref.namespace, step.ref.name), pod, dry_run=True)
            except ClusterError as error:
                if "cannot create resource" not in error.message:  # the main job needs no right to create pods
                    raise
                view.note(f"Whether the cluster admits the copy's pod was not checked. {error}")

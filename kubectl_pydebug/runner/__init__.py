"""Executes a plan: its steps with an undo stack, then the session until the container ends.

One thread acts, the caller's; everything else reports to it through ``observe.Observer``'s queue.
"""

from __future__ import annotations

from kubectl_pydebug import observe
from kubectl_pydebug.cluster import Cluster
from kubectl_pydebug.core.model import Plan
from kubectl_pydebug.forward import door
from kubectl_pydebug.forward.agent import Credentials
from kubectl_pydebug.forward.thread import ForwardThread
from kubectl_pydebug.runner.attach import attach
from kubectl_pydebug.runner.configs import Configs
from kubectl_pydebug.runner.session import Session
from kubectl_pydebug.runner.steps import Steps, Undo
from kubectl_pydebug.runner.view import Outcome, Settings, View

__all__ = ["Outcome", "Settings", "View", "attach", "run"]


def run(plan: Plan, cluster: Cluster, credentials: Credentials, view: View, settings: Settings) -> Outcome:
    """Execute the plan. What was created is deleted on the way out, whatever way that is, and so
    is what was written for the editors. Raises ClusterError."""
    undo = Undo(view)
    configs = Configs(settings)
    with ForwardThread() as forward:
        observer = observe.Observer(cluster, forward, credentials)
        try:
            local = forward.open_door(door.bind(settings.port), observer.queue.put)
            steps = Steps(plan, cluster, view, undo)
            steps.run()
            (job_uid,) = steps.uids.values()
            return Session(plan, cluster, credentials, view, settings, local, observer, job_uid, configs).follow()
        finally:
            observer.stop()
            configs.remove(view)
            view.progress("Cleaning up")
            undo.run()
            view.quiet()

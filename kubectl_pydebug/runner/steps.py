"""The steps of a plan that change the cluster, and how each is taken back."""

from __future__ import annotations

from collections.abc import Callable

from kubectl_pydebug.cluster import Cluster, ClusterError
from kubectl_pydebug.core.model import Create, Plan, Ref, Share
from kubectl_pydebug.runner.view import View


class Undo:
    """What has to be taken back, last first."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._stack: list[tuple[str, Callable[[], object]]] = []

    def push(self, hint: str, action: Callable[[], object]) -> None:
        """``hint`` says what to type if the action fails."""
        self._stack.append((hint, action))

    def run(self) -> None:
        while self._stack:
            hint, action = self._stack.pop()
            try:
                action()
            except ClusterError as error:
                if error.status not in (404, 409):  # gone already, or another object by now
                    self._view.warn(f"{error} {hint}")
            except KeyboardInterrupt:
                self._view.warn(hint)
                raise


class Steps:
    """Carries out steps; ``uids`` are those of the objects that were created."""

    def __init__(self, plan: Plan, cluster: Cluster, view: View, undo: Undo) -> None:
        self.plan = plan
        self.cluster = cluster
        self.view = view
        self.undo = undo
        self.uids: dict[Ref, str] = {}

    def run(self) -> None:
        """Every step that changes the cluster, in order. Raises ClusterError."""
        for step in self.plan.steps:
            if isinstance(step, Create):
                self._create(step)
            elif isinstance(step, Share):
                self._share(step)

    def _create(self, step: Create) -> None:
        self.view.progress(f"Creating {step.ref.short}")
        hint = (
            f"{step.ref.short} ends by itself at {self.plan.session.expires}; to delete it now: "
            f"kubectl delete {step.ref.short} -n {step.ref.namespace}"
        )
        # Before the request is sent: it may be carried out though its answer never reaches us.
        self.undo.push(hint, lambda: self.cluster.delete(step.ref, self.uids.get(step.ref)))
        made = self.cluster.create(step.ref, step.manifest)
        self.uids[step.ref] = made["metadata"]["uid"]

    def _share(self, step: Share) -> None:
        owner = {
            "apiVersion": f"{step.owner.group}/{step.owner.version}",
            "kind": step.owner.kind,
            "name": step.owner.name,
            "uid": self.uids[step.owner],
        }
        manifest = {**step.manifest, "metadata": {**step.manifest["metadata"], "ownerReferences": [owner]}}
        join = {"metadata": {"ownerReferences": [owner]}}
        for _ in range(3):  # its last owner may go, and take it along, between our two requests
            try:
                self.cluster.patch(step.ref, join, "application/strategic-merge-patch+json")
                return
            except ClusterError as error:
                if error.status != 404:
                    raise
            try:
                self.cluster.create(step.ref, manifest)
                return
            except ClusterError as error:
                if error.reason != "AlreadyExists":
                    raise
        raise ClusterError(f"{step.ref.short} comes and goes. Run the same command again.")

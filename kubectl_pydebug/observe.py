"""Asks the cluster what has to be known before planning; turns what happens in the pod into a stream of events."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from kubectl_pydebug.cluster import Cluster, ClusterError
from kubectl_pydebug.core import workload as workloads
from kubectl_pydebug.core.model import Facts, Note, Raw, Ref, Refusal, Workload
from kubectl_pydebug.core.record import SESSION_LABEL
from kubectl_pydebug.forward import OpenStream, agent, tunnel
from kubectl_pydebug.forward.agent import AgentError, Credentials
from kubectl_pydebug.forward.door import DoorEvent
from kubectl_pydebug.forward.thread import ForwardThread
from kubectl_pydebug.forward.tunnel import TunnelError

EVENTS_EVERY = 1.0
"""Seconds between two looks at the Job's events while there is no pod: what forbids a pod is told nowhere else."""
DIAL_EVERY = 0.1
"""Seconds between two tries to reach a pod that is on its way: nothing tells us when a port-forward to it works."""
FOREVER = 30 * 24 * 3600.0
"""Seconds: longer than a session may last. It ends by being cancelled."""


def find_workload(cluster: Cluster, resource: str | None, name: str) -> Workload | Refusal:
    """The object that the user named. Raises ClusterError and WorkloadError."""
    if resource is None:
        kind = workloads.POD
    else:
        found = workloads.find_kind(resource)
        if found is None:
            known = ", ".join(kind.plural for kind in workloads.KINDS)
            text = (
                f"{resource} is no kind that kubectl-pydebug knows. It knows {known}. Type one of them, as in job/NAME"
            )
            return Refusal((Note("unknown-kind", text),))
        kind = found
    ref = workloads.ref(kind, cluster.namespace, name)
    return workloads.read(ref, cluster.get(ref))


def facts(cluster: Cluster, workload: Workload) -> Facts:
    """What else a plan looks at. What may not be read is left out: no right beyond the main job's is needed."""
    with ThreadPoolExecutor(2) as pool:
        pods = pool.submit(pods_of, cluster, workload)
        version = pool.submit(cluster.version)
        return Facts(server_version=_or_none(version), pods=tuple(_or_none(pods) or ()))


def pods_of(cluster: Cluster, workload: Workload) -> list[Raw]:
    """The workload's pods. Raises ClusterError."""
    if not workload.template_path:
        return [workload.raw]
    spec = workload.raw.get("spec") or {}
    selector = spec.get("selector") or {}
    labels = selector.get("matchLabels", selector) if isinstance(selector, dict) else {}
    if not labels or not all(isinstance(value, str) for value in labels.values()):
        return []
    wanted = ",".join(f"{key}={value}" for key, value in sorted(labels.items()))
    found = cluster.list("", "v1", "pods", workload.ref.namespace, label_selector=f"{wanted},!{SESSION_LABEL}")
    return list(found.get("items") or [])


def running_pod(cluster: Cluster, workload: Workload) -> Raw | Refusal:
    """The workload's one running pod. Raises ClusterError."""
    short = workload.ref.short
    running = [pod for pod in pods_of(cluster, workload) if (pod.get("status") or {}).get("phase") == "Running"]
    if len(running) == 1:
        return running[0]
    if not running:
        text = f"{short} has no running pod. See: kubectl get pods -n {workload.ref.namespace}"
        return Refusal((Note("no-running-pod", text),))
    names = ", ".join(sorted(pod["metadata"]["name"] for pod in running))
    text = f"{short} has {len(running)} running pods: {names}. Type the name of one: kubectl pydebug attach POD"
    return Refusal((Note("which-pod", text),))


def _or_none(future: Future[Any]) -> Any:
    try:
        return future.result()
    except ClusterError:
        return None


@dataclass(frozen=True)
class PodChanged:
    pod: Raw


@dataclass(frozen=True)
class PodGone:
    pod: Raw


@dataclass(frozen=True)
class OwnerEvents:
    """Events about the Job while it has no pod."""

    events: Sequence[Raw]


@dataclass(frozen=True)
class PodEvents:
    events: Sequence[Raw]


@dataclass(frozen=True)
class AgentFound:
    port: int


@dataclass(frozen=True)
class AgentStatus:
    status: Mapping[str, Any]


@dataclass(frozen=True)
class AgentLost:
    """The status line broke; it is being dialled again."""


@dataclass(frozen=True)
class SourcesFound:
    """``sources`` is None when the container did not tell; ``problem`` says why."""

    sources: Mapping[str, Any] | None
    problem: str = ""


@dataclass(frozen=True)
class LogPiece:
    data: bytes


@dataclass(frozen=True)
class LogEnded:
    """``problem`` says why the log could not be read to its end."""

    problem: str = ""


@dataclass(frozen=True)
class Failed:
    """Watching itself failed for good."""

    error: Exception


Event = (
    PodChanged
    | PodGone
    | OwnerEvents
    | PodEvents
    | AgentFound
    | AgentStatus
    | AgentLost
    | SourcesFound
    | LogPiece
    | LogEnded
    | DoorEvent
    | Failed
)


class Observer:
    """Threads that watch one session's pod. They only report: each puts events into ``queue`` and changes nothing."""

    def __init__(self, cluster: Cluster, forward: ForwardThread, credentials: Credentials) -> None:
        self.queue: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._cluster = cluster
        self._forward = forward
        self._credentials = credentials
        self._stop = threading.Event()
        self._pod_seen = threading.Event()
        self._pod_started = threading.Event()
        self._agent: Future[None] | None = None

    def watch_pods(self, owner: Ref, owner_uid: str) -> None:
        """PodChanged for each state of the session's pod; OwnerEvents until there is one."""
        self._start(self._watch_pods, owner)
        self._start(self._look_at_owner, owner, owner_uid)

    def watch_pod_events(self, namespace: str, uid: str) -> None:
        """PodEvents while the pod is on its way: failed mounts show nowhere else."""
        self._start(self._look_at_pod, namespace, uid)

    def pod_started(self) -> None:
        """Nobody needs PodEvents any more."""
        self._pod_started.set()

    def find_agent(self, open_stream: OpenStream, ports: Sequence[int]) -> None:
        """AgentFound, then AgentStatus for each change; dialled again whenever the line breaks."""
        self._agent = self._forward.spawn(self._follow_agent(open_stream, ports))

    def ask_sources(self, open_stream: OpenStream, port: int, names: Mapping[str, Sequence[int]]) -> None:
        """SourcesFound."""
        self._forward.spawn(self._ask_sources(open_stream, port, names))

    def follow_log(self, namespace: str, pod: str, container: str) -> None:
        """LogPiece for what the container prints, from its start; LogEnded."""
        self._start(self._follow_log, namespace, pod, container)

    def stop(self) -> None:
        self._stop.set()
        self._pod_seen.set()
        self._pod_started.set()
        if self._agent is not None:
            self._agent.cancel()

    def _start(self, target: Any, *args: object) -> None:
        threading.Thread(target=target, args=args, name=f"kubectl-pydebug{target.__name__}", daemon=True).start()

    def _watch_pods(self, owner: Ref) -> None:
        selector = f"{SESSION_LABEL}={self._credentials.session}"
        try:
            for kind, pod in self._cluster.watch(
                "", "v1", "pods", owner.namespace, label_selector=selector, stop=self._stop
            ):
                self._pod_seen.set()
                self.queue.put(PodGone(pod) if kind == "DELETED" else PodChanged(pod))
        except ClusterError as error:
            self.queue.put(Failed(error))

    def _look_at_owner(self, owner: Ref, uid: str) -> None:
        while not self._pod_seen.wait(EVENTS_EVERY):
            self._put_events(owner.namespace, uid, OwnerEvents)

    def _look_at_pod(self, namespace: str, uid: str) -> None:
        while not self._pod_started.wait(EVENTS_EVERY):
            self._put_events(namespace, uid, PodEvents)

    def _put_events(self, namespace: str, uid: str, event: type[OwnerEvents] | type[PodEvents]) -> None:
        try:
            found = self._cluster.events(namespace, uid)
        except ClusterError:  # no right to read events, or a hiccup: the pod's status has to do
            return
        if found:
            self.queue.put(event(found))

    async def _follow_agent(self, open_stream: OpenStream, ports: Sequence[int]) -> None:
        while True:
            try:
                port = await agent.wait_for_port(open_stream, ports, self._credentials, timeout=FOREVER)
                self.queue.put(AgentFound(port))
                async for status in agent.status(open_stream, port, self._credentials):
                    self.queue.put(AgentStatus(status))
                self.queue.put(AgentLost())
            except TunnelError as error:
                if error.status in (401, 403):
                    self.queue.put(Failed(error))
                    return
            except AgentError:
                self.queue.put(AgentLost())
            await asyncio.sleep(DIAL_EVERY)

    async def _ask_sources(self, open_stream: OpenStream, port: int, names: Mapping[str, Sequence[int]]) -> None:
        try:
            self.queue.put(SourcesFound(await agent.sources(open_stream, port, self._credentials, names)))
        except (TunnelError, AgentError) as error:
            self.queue.put(SourcesFound(None, str(error)))

    def _follow_log(self, namespace: str, pod: str, container: str) -> None:
        try:
            for data in self._cluster.logs(namespace, pod, container, stop=self._stop):
                self.queue.put(LogPiece(data))
        except ClusterError as error:
            self.queue.put(LogEnded(str(error)))
        else:
            self.queue.put(LogEnded())


def open_stream_to(cluster: Cluster, namespace: str, pod: str) -> OpenStream:
    """Opens connections to ports of this pod."""
    return tunnel.opener(cluster.websocket, namespace, pod)

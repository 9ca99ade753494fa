"""One session, from the created copy until its container ends: a loop over what the observer reports."""

from __future__ import annotations

import queue
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from kubectl_pydebug import observe
from kubectl_pydebug.cluster import Cluster, ClusterError
from kubectl_pydebug.core import podstate
from kubectl_pydebug.core.exits import Exit
from kubectl_pydebug.core.model import Create, Endpoint, Forward, Plan, Raw
from kubectl_pydebug.core.pathmap import LocalFile
from kubectl_pydebug.core.report import Ready
from kubectl_pydebug.forward import OpenStream, Stream, agent, door
from kubectl_pydebug.forward.agent import Credentials
from kubectl_pydebug.runner.configs import Configs
from kubectl_pydebug.runner.endpoint import make_endpoint, names_and_sizes, read_sources
from kubectl_pydebug.runner.narrator import Narrator, newest_program
from kubectl_pydebug.runner.troubles import FROM_OUTSIDE, Troubles
from kubectl_pydebug.runner.view import Outcome, Settings, View
from kubectl_pydebug.workspace import local_sources

SILENCE = 20.0
"""Seconds that a container runs without any Python of it reaching us until the user is told what may be the reason."""
LOG_GRACE = 5.0
"""Seconds for the rest of the log after the container has ended."""
SIGKILLED = 137
"""Exit code of a container that SIGKILL ended, as an expired deadline does."""
LAST_LINES = 20
"""Lines of the log that are shown when the container ended too early."""


class Session:
    """The state of one run. ``follow`` is the loop; each ``_on_`` handles one kind of event."""

    def __init__(
        self,
        plan: Plan,
        cluster: Cluster,
        credentials: Credentials,
        view: View,
        settings: Settings,
        local: door.Door,
        observer: observe.Observer,
        job_uid: str,
        configs: Configs,
    ) -> None:
        self.plan = plan
        self.cluster = cluster
        self.credentials = credentials
        self.view = view
        self.settings = settings
        self.observer = observer
        self.door = local
        self.narrator = Narrator(view)
        self.troubles = Troubles(plan, self.narrator)
        self.job = next(step.ref for step in plan.steps if isinstance(step, Create))
        self.job_uid = job_uid
        self.configs = configs
        self.pod: Raw = {}
        self.open_stream: OpenStream | None = None
        self.remote_port: int | None = None
        self.sources_asked = False
        self.local: tuple[LocalFile, ...] = ()
        self.status: Mapping[str, Any] = {}
        self.endpoint: Endpoint | None = None
        self.is_ready = False
        self.log_started = False
        self.log_ended = False
        self.running_since: float | None = None
        self.watching_pod = False

    @property
    def namespace(self) -> str:
        return self.plan.workload.ref.namespace

    def follow(self) -> Outcome:
        self.observer.watch_pods(self.job, self.job_uid)
        self.local = local_sources(self.settings.root)
        while True:
            try:
                event = self.observer.queue.get(timeout=0.5)
            except queue.Empty:
                outcome = self._tick()
            else:
                outcome = self._on(event)
            if outcome is not None:
                return outcome

    def _on(self, event: observe.Event) -> Outcome | None:
        if isinstance(event, observe.PodChanged):
            return self._on_pod(event.pod)
        if isinstance(event, observe.PodGone):
            return self._on_gone(event.pod)
        if isinstance(event, observe.OwnerEvents):
            return self._on_owner_events(event)
        if isinstance(event, observe.PodEvents):
            return self._judge(event.events)
        if isinstance(event, observe.AgentFound):
            self._on_agent(event.port)
        elif isinstance(event, observe.AgentStatus):
            self._on_status(event.status)
        elif isinstance(event, observe.SourcesFound):
            self._on_sources(event)
        elif isinstance(event, observe.LogPiece):
            self.view.log(event.data)
        elif isinstance(event, observe.LogEnded):
            self.log_ended = True
            if event.problem:
                self.view.warn(f"The log cannot be read: {event.problem}")
        elif isinstance(event, door.DoorEvent):
            self._on_door(event)
        elif isinstance(event, observe.Failed):
            denied = getattr(event.error, "status", None) in (401, 403)
            return Outcome(Exit.CLUSTER if denied else Exit.LOST, str(event.error))
        return None

    def _on_owner_events(self, event: observe.OwnerEvents) -> Outcome | None:
        note = podstate.job_failure(event.events)
        return None if note is None else Outcome(Exit.NOT_STARTED, note.text)

    def _on_pod(self, pod: Raw) -> Outcome | None:
        if self.pod and pod["metadata"]["uid"] != self.pod["metadata"]["uid"]:
            return None  # backoffLimit 0: a second pod only appears when the first was taken away
        self.pod = pod
        container = self.plan.container
        if not self.watching_pod:
            self.watching_pod = True
            self.observer.watch_pod_events(self.namespace, pod["metadata"]["uid"])
        if self.open_stream is None and (pod.get("spec") or {}).get("nodeName"):
            self.open_stream = observe.open_stream_to(self.cluster, self.namespace, pod["metadata"]["name"])
            self.observer.find_agent(self.open_stream, self.plan.session.ports)
        progress = podstate.progress(pod, container)
        if progress.phase in ("running", "ended"):
            self.observer.pod_started()
            if self.running_since is None:
                self.running_since = time.monotonic()
            self._start_log()
        if not self.is_ready and progress.phase != "ended":
            self._show_progress(progress)
        code = podstate.exit_code(pod, container)
        if code is not None:
            return self._end(code)
        return self._judge(())

    def _show_progress(self, progress: podstate.Progress) -> None:
        if progress.phase == "running" and self.remote_port is None:
            self.view.progress(f"{progress.text}; waiting for its Python")
        elif self.remote_port is None:
            self.view.progress(progress.text)

    def _judge(self, events: Sequence[Raw]) -> Outcome | None:
        note = podstate.failure(self.pod, self.plan.container, events) if self.pod else None
        return self.troubles.judge(note, self.running_since is not None)

    def _on_gone(self, pod: Raw) -> Outcome | None:
        if self.pod and pod["metadata"]["uid"] != self.pod["metadata"]["uid"]:
            return None
        code = podstate.exit_code(pod, self.plan.container)
        if code is not None:
            return self._end(code)
        if self._past_deadline():
            text = self._deadline_text()
        else:
            name = pod["metadata"]["name"]
            text = f"Pod {name} was deleted by somebody else. For a new one, type the same command again."
        return Outcome(Exit.LOST, text)

    def _deadline_text(self) -> str:
        return f"{self.job.short} ran as long as a debug copy may. For a longer one, type it again with --ttl"

    def _past_deadline(self) -> bool:
        """The Job's controller deletes the pod itself when its time is over; only the Job says so."""
        try:
            job = self.cluster.get(self.job)
        except ClusterError:
            return False
        conditions = (job.get("status") or {}).get("conditions") or ()
        return any(condition.get("reason") == "DeadlineExceeded" for condition in conditions)

    def _on_agent(self, port: int) -> None:
        self.remote_port = port
        open_stream = self.open_stream
        if open_stream is None:  # it was through it that the agent was found
            return

        async def route() -> Stream:
            return await agent.dial(open_stream, port, self.credentials, "dap")

        if any(isinstance(step, Forward) for step in self.plan.steps):
            self.door.set_route(route)
        if not self.is_ready:
            self.view.progress("Loading the debugger in the container")

    def _on_status(self, status: Mapping[str, Any]) -> None:
        self.status = status
        program = newest_program(status)
        if program is not None and not self.sources_asked and self.open_stream and self.remote_port:
            self.sources_asked = True
            self.observer.ask_sources(self.open_stream, self.remote_port, names_and_sizes(self.local))
        self.narrator.status(status, self.is_ready)
        self._announce()

    def _on_sources(self, event: observe.SourcesFound) -> None:
        if event.problem:
            self.view.warn(f"No path mappings: {event.problem}")
        self.endpoint = make_endpoint(
            self.plan.workload.ref.short,
            self.plan.container,
            self.door.port,
            self.pod["metadata"]["name"],
            self.remote_port,
            read_sources(self.settings.root, self.local, event.sources),
        )
        self._announce()

    def _announce(self) -> None:
        """Tell that F5 may be pressed, once the mappings are known and the program has come to its start."""
        program = newest_program(self.status) or {}
        if self.is_ready or self.endpoint is None or program.get("state") == "joining":
            return
        self.is_ready = True
        self.narrator.announced = program.get("pid")
        self.view.ready(
            Ready(
                source=self.plan.workload.ref.short,
                copy=self.job.short,
                python=str(program.get("version", "")),
                waiting=program.get("state") == "waiting",
                endpoint=self.endpoint,
                expires=self.plan.session.expires,
                configs=self.configs.write([self.endpoint]),
            )
        )

    def _on_door(self, event: door.DoorEvent) -> None:
        if event.kind == "held":
            self.view.note("Your editor is connected already; it goes on as soon as the debugger listens.")
        elif event.kind == "failed":
            self.view.warn(f"The connection to the debugger failed: {event.text}")

    def _start_log(self) -> None:
        if self.settings.logs and not self.log_started:
            self.log_started = True
            self.observer.follow_log(self.namespace, self.pod["metadata"]["name"], self.plan.container)

    def _tick(self) -> Outcome | None:
        self.narrator.tick()
        if self.running_since is None:
            return self._judge(())
        if self.remote_port is None and time.monotonic() - self.running_since > SILENCE:
            self.narrator.tell(
                "silent",
                f"Container {self.plan.container} runs, but no Python in it has called us yet. If one runs there, its "
                "environment does not reach it (python -I or -E, env -i, a PYTHONPATH that the image's script sets "
                "anew, su or sudo).",
            )
        return None

    def _end(self, code: int) -> Outcome:
        """The container has ended: the rest of its log, then its exit code, or why it never was debugged."""
        self._drain_log()
        if code == SIGKILLED and self._past_deadline():
            return Outcome(Exit.LOST, self._deadline_text())
        reason = podstate.undebugged(self.pod, self.plan.container)
        if reason is None and self.status.get("state") == "undebugged":
            reason = str(self.status.get("reason"))
        name = self.plan.container
        failed = podstate.failure(self.pod, name, ())
        if self.remote_port is not None and reason is None:
            return Outcome(code, failed.text if failed is not None and failed.code in FROM_OUTSIDE else None)
        if reason is not None:
            return Outcome(
                Exit.NOT_DEBUGGED, f"Container {name} ran undebugged and ended with exit code {code}: {reason}"
            )
        if failed is not None:
            return Outcome(Exit.NOT_STARTED, failed.text)
        self._show_last_lines()
        return Outcome(
            Exit.NOT_DEBUGGED,
            f"Container {name} ended with exit code {code} before any Python in it was debugged. "
            "If a Python did run: python -I, -E or -S, env -i, or a PYTHONPATH that a script sets anew keep the "
            "debugger out.",
        )

    def _drain_log(self) -> None:
        deadline = time.monotonic() + LOG_GRACE
        self._start_log()
        while self.log_started and not self.log_ended and (left := deadline - time.monotonic()) > 0:
            with suppress(queue.Empty):
                event = self.observer.queue.get(timeout=left)
                if isinstance(event, observe.LogPiece | observe.LogEnded | observe.AgentStatus):
                    self._on(event)

    def _show_last_lines(self) -> None:
        if self.settings.logs:
            return
        with suppress(ClusterError):
            pod = self.pod["metadata"]["name"]
            for data in self.cluster.logs(self.namespace, pod, self.plan.container, follow=False, tail=LAST_LINES):
                self.view.log(data)

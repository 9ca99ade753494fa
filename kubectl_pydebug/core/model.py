"""The words of the project as frozen types. Pure data: no I/O, no behaviour beyond small properties.

Kubernetes objects stay raw JSON (``dict``): the client's typed models drop fields they do not know,
so a copy made from them would lose those.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, Literal, TypeVar

Raw = dict[str, Any]
"""A Kubernetes object, or part of one, exactly as the API server sent it."""

T = TypeVar("T")
Source = Literal["flag", "env", "config", "annotation", "detected", "default"]
Way = Literal["mount", "init"]


@dataclass(frozen=True)
class Choice(Generic[T]):
    """A setting, with where it comes from and why."""

    value: T
    source: Source
    why: str = ""


@dataclass(frozen=True)
class Ref:
    """One object in the cluster. ``group`` is empty for the core group."""

    group: str
    version: str
    kind: str
    plural: str
    namespace: str
    name: str

    @property
    def short(self) -> str:
        """``job/train``: how kubectl prints it."""
        return f"{self.kind.lower()}/{self.name}"


@dataclass(frozen=True)
class Workload:
    """A target that was read from the cluster: its reference, its raw object and where its pod template lies.

    ``template_path`` is the tuple of keys from the object to the pod template; the empty tuple
    means that the object is the pod itself.
    """

    ref: Ref
    raw: Raw
    template_path: tuple[str, ...]


@dataclass(frozen=True)
class Options:
    """What the user asked for. Times are in seconds."""

    container: str | None = None
    command: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()
    way: Literal["auto", "mount", "init"] = "auto"
    wait: bool = True
    wait_timeout: int = 3600
    stop_on_entry: bool = False
    program: str | None = None
    ttl: int = 8 * 3600
    editors: tuple[str, ...] = ("vscode",)
    """Names of the editors that get a configuration."""


@dataclass(frozen=True)
class Session:
    """One run of ours.

    ``verifier`` is the SHA-256 (hex) of the session's secret token: the pod gets only this, so that reading
    the pod's spec does not give the token away. ``ports`` are the candidates, in order, of which our end
    in the pod takes the first that is free.
    """

    id: str
    verifier: str
    ports: tuple[int, ...]
    user: str
    host: str
    started: str
    """RFC 3339, UTC."""
    expires: str
    """RFC 3339, UTC."""


@dataclass(frozen=True)
class Bundle:
    """The finished bundle as the wheel carries it: the files of the ConfigMap."""

    digest: str
    """Hex SHA-256 of the content; the first 10 digits name the ConfigMap."""
    sha256: str
    """Hex SHA-256 of ``bundle.tar.gz``, checked in the pod before it is unpacked."""
    files: Mapping[str, bytes]

    @property
    def name(self) -> str:
        return f"kubectl-pydebug-{self.digest[:10]}"


@dataclass(frozen=True)
class Facts:
    """Everything that was observed before planning."""

    server_version: tuple[int, int] | None = None
    pods: tuple[Raw, ...] = ()
    pod_security: str | None = None


@dataclass(frozen=True)
class Note:
    """Something that the user should know of. ``code`` is stable, ``text`` is for people."""

    code: str
    text: str


@dataclass(frozen=True)
class PathMapping:
    """One localRoot/remoteRoot pair, and why we believe it ("214 of 214 files equal")."""

    local_root: str
    remote_root: str
    why: str = ""


@dataclass(frozen=True)
class Endpoint:
    """A place to attach to. ``remote_port`` is None until the pod has told which one it took."""

    name: str
    """What the user sees in the editor: ``kubectl pydebug: job/train``."""
    container: str
    local_port: int
    pod: str | None = None
    rank: int = 0
    remote_port: int | None = None
    path_mappings: tuple[PathMapping, ...] = ()


@dataclass(frozen=True)
class Create:
    """Create this object; its undo is to delete it."""

    ref: Ref
    manifest: Raw


@dataclass(frozen=True)
class Share:
    """Make sure that this content-named object exists, and is owned (ownerReferences) by ``owner`` too.

    It has no undo: the garbage collector takes it with its last owner, also without us.
    """

    ref: Ref
    manifest: Raw
    owner: Ref


@dataclass(frozen=True)
class AwaitReady:
    """Wait until our end in the container answers."""

    owner: Ref
    container: str


@dataclass(frozen=True)
class Forward:
    """Serve the debugger on a local port."""

    container: str


@dataclass(frozen=True)
class WriteConfig:
    """Write the editor's configuration."""

    editor: str


Step = Create | Share | AwaitReady | Forward | WriteConfig


@dataclass(frozen=True)
class Plan:
    """What will be done, in order, as data. ``container`` is the target container's name."""

    strategy: Literal["copy"]
    workload: Workload
    container: str
    way: Choice[Way]
    session: Session
    steps: tuple[Step, ...]
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """Why we will not do it. Refusing is a result, not an exception. Each text ends with what to type next."""

    reasons: tuple[Note, ...] = field(default_factory=tuple)

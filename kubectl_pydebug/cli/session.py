"""A run's identity, its way to the cluster, and what it does on this machine."""

from __future__ import annotations

import getpass
import random
import secrets
import socket
from datetime import datetime, timedelta, timezone
from pathlib import Path

from kubectl_pydebug.cli.options import ClusterOptions, LaptopOptions
from kubectl_pydebug.cluster import Cluster
from kubectl_pydebug.core.model import Session
from kubectl_pydebug.forward.agent import Credentials
from kubectl_pydebug.runner import Settings
from kubectl_pydebug.workspace import find_root, used_editors

PORTS = range(61000, 65536)
"""Above Linux's range of ephemeral ports (net.ipv4.ip_local_port_range ends at 60999), and rarely anybody's own."""
CANDIDATES = 5


def connect(options: ClusterOptions) -> Cluster:
    return Cluster.connect(
        options.kubeconfig,
        options.context,
        options.namespace,
        as_user=options.as_user,
        as_groups=options.as_group,
        as_uid=options.as_uid,
        request_timeout=options.request_timeout,
    )


def laptop_settings(options: LaptopOptions) -> Settings:
    """With the editors chosen: those asked for, else those that the checkout shows, else VS Code."""
    root = find_root(Path.cwd())
    editors = (options.editors or used_editors(root) or ("vscode",)) if options.config else ()
    return Settings(root, options.local_port, options.logs, editors, options.keep_config)


def new_session(ttl: int, source: random.Random | None = None) -> tuple[Session, Credentials]:
    """A fresh session that expires in ``ttl`` seconds. ``source`` is the one place where chance comes in."""
    chance = source or secrets.SystemRandom()
    identity = f"{chance.getrandbits(32):08x}"
    credentials = Credentials.new(identity)
    now = datetime.now(timezone.utc).replace(microsecond=0)
    session = Session(
        id=identity,
        verifier=credentials.verifier,
        ports=tuple(chance.sample(PORTS, CANDIDATES)),
        user=user_name(),
        host=socket.gethostname(),
        started=now.isoformat().replace("+00:00", "Z"),
        expires=(now + timedelta(seconds=ttl)).isoformat().replace("+00:00", "Z"),
    )
    return session, credentials


def user_name() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a uid without a passwd entry
        return "unknown"

"""The cluster: raw objects in, raw objects out. The only module that imports ``kubernetes``, and only inside functions.

Importing it takes 0.3 s, which help and completion do not pay. Its typed models are never used: they drop fields that
they do not know. Of it we use what gets at a cluster: kubeconfig, credential plugins, OIDC, service accounts.
"""

from __future__ import annotations

import logging
import os
import re
import ssl
import threading
import time
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from . import __version__
from .cluster_api import Api
from .cluster_discovery import Resource
from .cluster_errors import ClusterError, Place, from_config, no_kubeconfig
from .cluster_http import Query
from .cluster_kubeconfig import Impersonation, choose_context, impersonation_of, is_loopback
from .core.untrusted import one_line

USER_AGENT = f"kubectl-pydebug/{__version__}"

__all__ = ["Cluster", "ClusterError", "Resource", "WebSocketParams"]

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")

RENEW_AFTER = 60.0
"""Seconds after which a token that lives in a file, or that an OIDC provider renews, is read again."""

_log_lock = threading.RLock()


@dataclass(frozen=True)
class WebSocketParams:
    """How to dial a WebSocket of the API server; good for one dial, since the headers' token ages."""

    url: str
    ssl: ssl.SSLContext | None
    headers: tuple[tuple[str, str], ...] = field(repr=False)
    server_hostname: str | None
    proxy: str | None


class Cluster(Api):
    """One API server, as one user, with a default namespace. Make it with ``connect``. Usable from any thread."""

    def __init__(self, access: KubeAccess, namespace: str, request_timeout: float = 30.0) -> None:
        super().__init__(access, namespace, request_timeout)
        self._access = access

    @classmethod
    def connect(
        cls,
        kubeconfig: str | None = None,
        context: str | None = None,
        namespace: str | None = None,
        *,
        as_user: str | None = None,
        as_groups: Sequence[str] = (),
        as_uid: str | None = None,
        request_timeout: float = 30.0,
    ) -> Cluster:
        """As kubectl finds it: the flag, KUBECONFIG, ~/.kube/config, else the service account of our own pod.

        Reads files and may run a credential plugin; asks the API server nothing. ``request_timeout`` in seconds.
        Raises ClusterError.
        """
        impersonate = Impersonation(as_user or "", tuple(as_groups), as_uid or "")
        access = KubeAccess(kubeconfig, context, impersonate)
        return cls(access, namespace or access.namespace, request_timeout)

    def websocket(self, path: str, query: Query = ()) -> WebSocketParams:
        """What it takes to dial this path as a WebSocket, now. May run a credential plugin. Raises ClusterError."""
        return self._access.websocket(path, query)


class KubeAccess:
    """A configured client of one API server. ``pool`` is its urllib3 pool; usable from any thread."""

    def __init__(self, kubeconfig: str | None, context: str | None, impersonate: Impersonation) -> None:
        self._kubeconfig = kubeconfig
        self._context = context
        self._asked_impersonation = impersonate
        self._lock = threading.RLock()
        self._user: Mapping[str, Any] = {}
        self._cluster: Mapping[str, Any] = {}
        self._configuration: Any
        self._tls: ssl.SSLContext | None
        self.pool: Any
        self.namespace = "default"
        self.server = ""
        self._load()

    def _load(self) -> None:
        """(Re)load configuration and credentials; sets everything that depends on them."""
        import urllib3
        import yaml
        from kubernetes.client import ApiClient, Configuration
        from kubernetes.config import ConfigException

        warnings.filterwarnings("ignore", category=urllib3.exceptions.InsecureRequestWarning)
        configuration = Configuration()
        broken = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, KeyError, AttributeError)
        try:
            with collected_log() as said:
                self._load_kubeconfig(configuration)
        except broken as error:
            raise from_config(f"The kubeconfig cannot be used: {one_line(str(error), 300)}") from error
        if "exec" in self._user and not configuration.api_key and not configuration.cert_file:
            command = one_line(str((self._user["exec"] or {}).get("command")), 100)
            why = one_line(" ".join(said), 500) or "it gave no credentials"
            raise from_config(
                f"The kubeconfig's credential plugin {command} failed: {why}. "
                "Log in again, then check: kubectl auth whoami"
            )
        configuration.proxy = self._proxy(configuration)
        configuration.keep_alive = True
        configuration.retries = urllib3.Retry(
            total=3, connect=1, read=1, backoff_factor=0.1, raise_on_status=False, retry_after_max=10
        )
        self._tls = None
        if configuration.host.startswith("https"):
            self._tls = tls_context(
                configuration.ssl_ca_cert, configuration.cert_file, configuration.key_file, configuration.verify_ssl
            )
        try:
            client = ApiClient(configuration)
        except ImportError as error:
            raise from_config(
                "The way to the cluster is a SOCKS proxy, which needs: pip install PySocks 'python-socks[asyncio]'"
            ) from error
        # One TLS context for all: read once, the same rules for requests and tunnels.
        client.rest_client.pool_manager.connection_pool_kw.update(
            ssl_context=self._tls, ca_certs=None, cert_file=None, key_file=None, ca_cert_data=None
        )
        asked = self._asked_impersonation
        acting = asked if asked != Impersonation() else impersonation_of(self._user)
        self._impersonation_headers = tuple(acting.headers())
        self._configuration, self.pool = configuration, client.rest_client.pool_manager
        self._loaded = time.monotonic()
        self.server = configuration.host
        named = (("--kubeconfig", self._kubeconfig), ("--context", self._context))
        flags = tuple(f"{flag}={value}" for flag, value in named if value)
        self.place = Place(self.server, (*flags, *asked.flags()))

    def _proxy(self, configuration: Any) -> str | None:
        """The proxy's URL: the kubeconfig's, else the environment's, with the exceptions that kubectl makes."""
        from kubernetes.client.rest import should_bypass_proxies

        proxy = str(configuration.proxy or "")
        explicit = bool(self._cluster.get("proxy-url"))
        if (
            not proxy
            or (not explicit and is_loopback(configuration.host))
            or should_bypass_proxies(configuration.host, configuration.no_proxy or "")
        ):
            return None
        return proxy if "://" in proxy else f"http://{proxy}"

    def _load_kubeconfig(self, configuration: Any) -> None:
        from kubernetes.config.incluster_config import load_incluster_config
        from kubernetes.config.kube_config import KubeConfigLoader, KubeConfigMerger

        given = self._kubeconfig or os.environ.get("KUBECONFIG") or ""
        paths = [str(Path(p).expanduser()) for p in (given or "~/.kube/config").split(os.pathsep) if p]
        if self._kubeconfig:
            paths = [str(Path(self._kubeconfig).expanduser())]
        present = [path for path in paths if Path(path).is_file()]
        if not present:
            if not given and not self._context and os.environ.get("KUBERNETES_SERVICE_HOST"):
                load_incluster_config(configuration)
                self.namespace = os.environ.get("POD_NAMESPACE") or (SERVICE_ACCOUNT / "namespace").read_text().strip()
                return
            raise no_kubeconfig(paths)
        merger = KubeConfigMerger(os.pathsep.join(present))
        merged = {
            section: [getattr(entry, "value", entry) for entry in merger.config.value.get(section) or []]
            for section in ("contexts", "users", "clusters")
        }
        chosen = choose_context(merged, list(merger.config_files.values()), self._context)
        self._user, self._cluster = chosen.user, chosen.cluster
        self.namespace = chosen.namespace or "default"
        loader = KubeConfigLoader(
            merger.config,
            active_context=chosen.name,
            config_base_path=None,
            # Like kubectl: an OIDC refresh token is good for one use, so the new one has to be kept.
            config_persister=merger.save_changes,
        )
        loader.load_and_set(configuration)

    def renew(self) -> None:
        """Get credentials anew; the files and plugins of the kubeconfig may have newer ones."""
        with self._lock:
            self._load()

    def headers(self) -> list[tuple[str, str]]:
        """User agent, authorization and impersonation, fresh: may read files or run a credential plugin."""
        with self._lock, collected_log():
            aging = "auth-provider" in self._user or "tokenFile" in self._user
            if aging and time.monotonic() - self._loaded > RENEW_AFTER:
                with suppress(ClusterError):  # the server will say whether the old ones are still good
                    self._load()
            token = self._configuration.get_api_key_with_prefix("BearerToken", alias="authorization")
            authorization = [("Authorization", str(token).strip())] if token else []
            return [("User-Agent", USER_AGENT), *authorization, *self._impersonation_headers]

    def websocket(self, path: str, query: Query = ()) -> WebSocketParams:
        """What it takes to dial this path as a WebSocket, now. May run a credential plugin. Raises ClusterError."""
        with self._lock:
            headers = tuple(self.headers())
            url = re.sub("^http", "ws", self.server) + path + (f"?{urlencode(query)}" if query else "")
            configuration = self._configuration
            return WebSocketParams(
                url, self._tls, headers, configuration.tls_server_name or None, configuration.proxy or None
            )


def tls_context(ca_file: str | None, cert_file: str | None, key_file: str | None, verify: bool) -> ssl.SSLContext:
    """One TLS context for all connections. Raises ClusterError for files that are no certificates.

    ``ca_file`` None: the system's authorities.
    """
    try:
        context = ssl.create_default_context(cafile=ca_file)
        if cert_file:
            # An empty password: an encrypted key fails here, instead of asking on the terminal.
            context.load_cert_chain(cert_file, key_file or None, password="")
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        raise from_config(f"The kubeconfig's certificates cannot be read: {one_line(str(error), 300)}") from error
    # Python 3.13 turned on rules that Go does not have; authorities of many clusters (no key identifier) fail them.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


class _Collect(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@contextmanager
def collected_log() -> Iterator[list[str]]:
    """What is logged as an error meanwhile, instead of on the user's terminal.

    The kubernetes package reports a failed credential plugin by ``logging.error`` and goes on without credentials.
    """
    with _log_lock:
        root, collect = logging.getLogger(), _Collect()
        root.addHandler(collect)
        try:
            yield collect.texts
        finally:
            root.removeHandler(collect)

"""The cluster's client against an HTTP(S) server of the test's own, and its sentences."""

from __future__ import annotations

import base64
import json
import logging
import os
import ssl
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
import yaml

from kubectl_pydebug import cluster_api
from kubectl_pydebug.cluster import Cluster, ClusterError
from kubectl_pydebug.cluster_errors import Place, Request, from_answer
from kubectl_pydebug.cluster_watch import follow
from kubectl_pydebug.core.model import Raw, Ref

JOB = Ref("batch", "v1", "Job", "jobs", "team", "train")
POD = Ref("", "v1", "Pod", "pods", "team", "train-x")


@dataclass
class Call:
    method: str
    path: str
    query: dict[str, list[str]]
    headers: list[tuple[str, str]]
    body: Any
    connection: int

    def header(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


Reply = Callable[[Call, BaseHTTPRequestHandler], None]


@dataclass
class Server:
    """``reply`` writes the answer to a call."""

    url: str = ""
    reply: Reply | None = None
    calls: list[Call] = field(default_factory=list)


def as_json(value: object, status: int = 200) -> Reply:
    def reply(call: Call, handler: BaseHTTPRequestHandler) -> None:
        data = json.dumps(value).encode()
        handler.send_response(status)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Content-Length", str(len(data)))
        handler.end_headers()
        handler.wfile.write(data)

    return reply


def chunked(*pieces: bytes, cut: bool = False, hold: threading.Event | None = None) -> Reply:
    """A body in chunks; ``cut``: the connection ends without the closing chunk; ``hold``: wait before the end."""

    def reply(call: Call, handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for piece in pieces:
            handler.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        if hold is not None:
            hold.wait(20)
        if cut:
            handler.close_connection = True
        else:
            handler.wfile.write(b"0\r\n\r\n")

    return reply


def in_turn(*replies: Reply) -> Reply:
    """One reply for each call; the last one for all that follow."""
    left = list(replies)

    def reply(call: Call, handler: BaseHTTPRequestHandler) -> None:
        (left.pop(0) if len(left) > 1 else left[0])(call, handler)

    return reply


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    running: list[ThreadingHTTPServer] = []

    def start(reply: Reply | None = None, authority: trustme.CA | None = None, name: str = "localhost") -> Server:
        state = Server(reply=reply)

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                """Clients that cut the connection are part of the tests."""

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self) -> None:
                parts = urlsplit(self.path)
                data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                port = self.client_address[1]
                query, headers = parse_qs(parts.query, keep_blank_values=True), list(self.headers.items())
                call = Call(self.command, parts.path, query, headers, json.loads(data) if data else None, port)
                state.calls.append(call)
                assert state.reply is not None
                state.reply(call, self)

            do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

            def log_message(self, format: str, *args: object) -> None:
                pass

        server = Quiet(("127.0.0.1", 0), Handler)
        scheme = "http"
        if authority is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            authority.issue_cert(name).configure_cert(context)
            authority.configure_trust(context)
            context.verify_mode = ssl.CERT_OPTIONAL
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
            scheme = "https"
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
        running.append(server)
        state.url = f"{scheme}://127.0.0.1:{server.server_address[1]}"
        return state

    yield start
    for server in running:
        server.shutdown()
        server.server_close()


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("KUBECONFIG", "KUBERNETES_SERVICE_HOST", "POD_NAMESPACE", "HTTPS_PROXY", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))


def kubeconfig(
    folder: Path,
    server: str,
    user: Raw | None = None,
    cluster: Raw | None = None,
    context: Raw | None = None,
    name: str = "config",
    **more: object,
) -> str:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "here",
        "clusters": [{"name": "c", "cluster": {"server": server, **(cluster or {})}}],
        "users": [{"name": "u", "user": user or {}}],
        "contexts": [{"name": "here", "context": {"cluster": "c", "user": "u", **(context or {})}}],
        **more,
    }
    path = folder / name
    path.write_text(yaml.safe_dump(config))
    return str(path)


@pytest.fixture
def connect(tmp_path: Path) -> Callable[..., Cluster]:
    def make(server: Server, **parts: Any) -> Cluster:
        return Cluster.connect(kubeconfig(tmp_path, server.url, **parts), request_timeout=5)

    return make


# Requests


def test_objects_are_what_the_server_sent(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    answer = {"kind": "Job", "spec": {"fieldOfTheFuture": [1, None]}}
    server = serve(as_json(answer))
    cluster = connect(server, user={"token": "t0k"})
    assert cluster.get(JOB) == answer
    assert cluster.create(JOB, {"spec": 1}, dry_run=True) == answer
    assert cluster.create(POD, {"spec": 1}) == answer
    assert cluster.patch(JOB, {"a": None}) == answer
    assert cluster.patch(JOB, [{"op": "remove", "path": "/a"}], "application/json-patch+json") == answer
    assert cluster.delete(JOB, uid="u1") == answer
    told = [(c.method, c.path, c.query, c.body) for c in server.calls]
    one, many = "/apis/batch/v1/namespaces/team/jobs/train", "/apis/batch/v1/namespaces/team/jobs"
    manager = {"fieldManager": ["kubectl-pydebug"]}
    options = {"kind": "DeleteOptions", "apiVersion": "v1", "propagationPolicy": "Background"}
    assert told == [
        ("GET", one, {}, None),
        ("POST", many, {**manager, "dryRun": ["All"]}, {"spec": 1}),
        ("POST", "/api/v1/namespaces/team/pods", manager, {"spec": 1}),
        ("PATCH", one, manager, {"a": None}),
        ("PATCH", one, manager, [{"op": "remove", "path": "/a"}]),
        ("DELETE", one, {}, {**options, "preconditions": {"uid": "u1"}}),
    ]
    types = [c.header("Content-Type") for c in server.calls]
    assert types[1] == ["application/json"]
    assert types[3:5] == [["application/merge-patch+json"], ["application/json-patch+json"]]
    assert all(c.header("Authorization") == ["Bearer t0k"] for c in server.calls)
    assert server.calls[0].header("User-Agent")[0].startswith("kubectl-pydebug/")
    assert len({c.connection for c in server.calls}) == 1, "connections are reused"


def test_names_cannot_leave_their_place_in_the_path(
    serve: Callable[..., Server], connect: Callable[..., Cluster]
) -> None:
    server = serve(as_json({}))
    cluster = connect(server)
    cluster.get(Ref("", "v1", "Pod", "pods", "a/b", "../x?y=1"))
    assert server.calls[0].path == "/api/v1/namespaces/a%2Fb/pods/..%2Fx%3Fy%3D1"
    for name in ("", ".", ".."):
        with pytest.raises(ValueError, match="no name"):
            cluster.delete(Ref("", "v1", "Pod", "pods", "team", name))
    assert len(server.calls) == 1


def test_a_list_has_all_its_pages(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    def page(call: Call, handler: BaseHTTPRequestHandler) -> None:
        first = "continue" not in call.query
        items = [{"metadata": {"name": "a" if first else "b"}}]
        metadata = {"resourceVersion": "5", **({"continue": "more"} if first else {})}
        as_json({"kind": "PodList", "apiVersion": "v1", "metadata": metadata, "items": items})(call, handler)

    server = serve(page)
    found = connect(server).list("", "v1", "pods", "team", label_selector="a=b,!c")
    assert found["metadata"] == {"resourceVersion": "5"}
    names = [(item["metadata"]["name"], item["kind"], item["apiVersion"]) for item in found["items"]]
    assert names == [("a", "Pod", "v1"), ("b", "Pod", "v1")]
    assert [c.query["labelSelector"] for c in server.calls] == [["a=b,!c"]] * 2


def test_events_are_in_order(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    times = [
        {"lastTimestamp": "2026-01-03"},
        {"eventTime": "2026-01-02"},
        {"metadata": {"creationTimestamp": "2026-01-01"}},
    ]
    server = serve(as_json({"kind": "EventList", "items": times}))
    found = connect(server).events("team", "uid-1")
    assert [event.get("lastTimestamp") or event.get("eventTime") for event in found] == [
        None,
        "2026-01-02",
        "2026-01-03",
    ]
    assert server.calls[0].query["fieldSelector"] == ["involvedObject.uid=uid-1"]


def test_version(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    server = serve(as_json({"major": "1", "minor": "34+"}))
    cluster = connect(server)
    assert cluster.version() == cluster.version() == (1, 34)
    assert len(server.calls) == 1


@pytest.mark.parametrize(
    ("typed", "found", "asked"),
    [
        ("po", ("", "v1", "pods"), 1),
        ("Pod.v1", ("", "v1", "pods"), 1),
        ("job", ("batch", "v1", "jobs"), 3),
        ("JOBS.batch", ("batch", "v1", "jobs"), 2),
        ("jobs.v1beta1.batch", ("batch", "v1beta1", "jobs"), 2),
        ("nonesuch", None, 3),
        ("log", None, 3),
    ],
)
def test_discovery(
    serve: Callable[..., Server], connect: Callable[..., Cluster], typed: str, found: object, asked: int
) -> None:
    pods = {"name": "pods", "singularName": "pod", "kind": "Pod", "shortNames": ["po"], "namespaced": True}
    jobs = {"name": "jobs", "singularName": "job", "kind": "Job", "namespaced": True}
    versions = [{"version": "v1"}, {"version": "v1beta1"}]
    answers = {
        "/api/v1": {"resources": [pods, {"name": "pods/log", "kind": "Pod", "singularName": "log"}]},
        "/apis": {"groups": [{"name": "batch", "versions": versions, "preferredVersion": {"version": "v1"}}]},
        "/apis/batch/v1": {"resources": [jobs]},
        "/apis/batch/v1beta1": {"resources": [jobs]},
    }
    server = serve(lambda call, handler: as_json(answers[call.path])(call, handler))
    resource = connect(server).discover(typed)
    assert (resource and (resource.group, resource.version, resource.plural)) == found
    assert len(server.calls) == asked


# Errors


def status_object(status: int, reason: str, message: str, **details: str) -> bytes:
    return json.dumps(
        {"kind": "Status", "code": status, "reason": reason, "message": message, "details": details}
    ).encode()


RBAC = 'jobs.batch "train" is forbidden: User "joe" cannot get resource "jobs" in API group "batch"'


@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        pytest.param(
            403,
            status_object(403, "Forbidden", RBAC),
            r'may not get jobs in namespace "team"\. Check with: kubectl auth can-i get jobs -n team --context=x \(',
            id="rbac",
        ),
        pytest.param(
            403,
            status_object(403, "Forbidden", 'pods "x" is forbidden: exceeded quota: q, requested: cpu=1'),
            r"refuses job/train .*: pods .* exceeded quota.* kubectl describe quota -n team",
            id="quota",
        ),
        pytest.param(
            403,
            status_object(
                403, "Forbidden", 'pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot'
            ),
            r"violates PodSecurity.* kubectl get namespace team --show-labels",
            id="pod-security",
        ),
        pytest.param(
            403,
            status_object(403, "Forbidden", "maximum memory usage per Container is 1Gi"),
            "kubectl describe limitrange -n team",
            id="limits",
        ),
        pytest.param(
            400,
            status_object(400, "BadRequest", 'admission webhook "w" denied the request: \x1b[31mno\x1b[0m\n'),
            r"denied the request: no\. Ask who runs",
            id="webhook",
        ),
        pytest.param(
            422,
            status_object(422, "Invalid", "spec.x: Required value"),
            r"refuses job/train .*: spec\.x: Required value\. .* kubectl explain jobs",
            id="invalid",
        ),
        pytest.param(
            404,
            status_object(404, "NotFound", 'jobs.batch "train" not found', name="train", kind="jobs"),
            r'job/train was not found in namespace "team"\. .* kubectl get jobs -n team',
            id="absent",
        ),
        pytest.param(
            404,
            status_object(404, "NotFound", 'namespaces "team" not found', name="team", kind="namespaces"),
            r'Namespace "team" does not exist\. .* kubectl get namespaces',
            id="no-namespace",
        ),
        pytest.param(
            404, b"404 page not found\n", r"has no jobs in version v1\. .* kubectl api-resources", id="no-kind"
        ),
        pytest.param(
            409,
            status_object(409, "AlreadyExists", "..."),
            r"job/train exists already .* kubectl get jobs train -n team",
            id="exists",
        ),
        pytest.param(409, status_object(409, "Conflict", "..."), "changed by somebody else", id="conflict"),
        pytest.param(401, b"", "does not accept your credentials .* kubectl auth whoami", id="unauthorized"),
        pytest.param(429, b"slow down", r"overloaded \(slow down\)", id="overload"),
        pytest.param(
            502, b"<html>\x07bad gateway</html>", r"failed \(502\): <html> bad gateway</html>.* get --raw", id="502"
        ),
        pytest.param(302, b"[" * 100000, r"answered 302 to get job/train", id="nonsense"),
    ],
)
def test_sentences(status: int, body: bytes, words: str) -> None:
    error = from_answer(status, body, Request("get", JOB), Place("https://api", ("--context=x",)))
    assert error.status == status
    assert (error.verb, error.ref) == ("get", JOB)
    assert "\x1b" not in str(error) + error.message
    with pytest.raises(ClusterError, match=words):
        raise error


def test_a_subresource_is_named_as_kubectl_wants_it() -> None:
    message = 'User "joe" cannot get resource "pods/log" in API group ""'
    error = from_answer(403, status_object(403, "Forbidden", message), Request("get", POD, "log"), Place())
    assert "You may not get pods/log" in str(error)
    assert "kubectl auth can-i get pods --subresource=log -n team" in str(error)


def test_a_foreign_group_is_named() -> None:
    ref = Ref("kubeflow.org", "v1", "PyTorchJob", "pytorchjobs", "team", "train")
    error = from_answer(404, status_object(404, "NotFound", "", name="train"), Request("get", ref), Place())
    assert "kubectl get pytorchjobs.kubeflow.org -n team" in str(error)


def test_refused_connection(connect: Callable[..., Cluster], capfd: pytest.CaptureFixture[str]) -> None:
    cluster = connect(Server(url="http://127.0.0.1:1"))
    with pytest.raises(ClusterError, match=r"http://127\.0\.0\.1:1 cannot be reached.*kubectl cluster-info") as caught:
        cluster.get(JOB)
    assert caught.value.reason == "Unreachable"
    assert capfd.readouterr() == ("", "")


def test_silent_server(serve: Callable[..., Server], tmp_path: Path) -> None:
    silence = threading.Event()
    server = serve(lambda call, handler: silence.wait(10) and None)
    cluster = Cluster.connect(kubeconfig(tmp_path, server.url), request_timeout=0.2)
    with pytest.raises(ClusterError, match="does not answer") as caught:
        cluster.create(JOB, {})
    assert caught.value.reason == "Timeout"
    silence.set()


def test_an_answer_that_is_not_json(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    server = serve(chunked(b"<html>welcome</html>"))
    with pytest.raises(ClusterError, match=r"not JSON\. Is it a Kubernetes API server"):
        connect(server).get(JOB)


# TLS


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def test_tls_with_client_certificate_and_other_server_name(
    serve: Callable[..., Server], connect: Callable[..., Cluster], authority: trustme.CA
) -> None:
    server = serve(as_json({"ok": True}), authority, "kubernetes.test")
    mine = authority.issue_cert("joe@example.test")
    user = {
        "client-certificate-data": base64.b64encode(mine.cert_chain_pems[0].bytes()).decode(),
        "client-key-data": base64.b64encode(mine.private_key_pem.bytes()).decode(),
    }
    trust = {"certificate-authority-data": base64.b64encode(authority.cert_pem.bytes()).decode()}
    good = connect(server, user=user, cluster={**trust, "tls-server-name": "kubernetes.test"})
    assert good.get(JOB) == {"ok": True}
    params = good.websocket("/api/v1/x", [("ports", "1"), ("a", "b c")])
    assert params.url == server.url.replace("https", "wss") + "/api/v1/x?ports=1&a=b+c"
    assert params.server_hostname == "kubernetes.test"
    assert params.ssl is not None
    assert params.ssl.check_hostname
    assert params.proxy is None
    with pytest.raises(ClusterError, match="No trusted connection") as caught:
        connect(server, cluster=trust).get(JOB)
    assert caught.value.reason == "TLS"
    with pytest.raises(ClusterError, match="No trusted connection"):
        connect(server, cluster={"tls-server-name": "kubernetes.test"}).get(JOB)


def test_insecure_means_no_check_and_no_warning(
    serve: Callable[..., Server],
    connect: Callable[..., Cluster],
    authority: trustme.CA,
    recwarn: pytest.WarningsRecorder,
    capfd: pytest.CaptureFixture[str],
) -> None:
    cluster = connect(serve(as_json({}), authority), cluster={"insecure-skip-tls-verify": True})
    assert cluster.get(JOB) == {}
    params = cluster.websocket("/x")
    assert params.ssl is not None
    assert not params.ssl.check_hostname
    assert [str(w.message) for w in recwarn if "verification" in str(w.message)] == []
    assert capfd.readouterr() == ("", "")


# Credentials and configuration


def test_impersonation_by_flag_and_by_kubeconfig(serve: Callable[..., Server], tmp_path: Path) -> None:
    server = serve(as_json({}))
    acting = {"as": "ci", "as-groups": ["g1", "g2"], "as-uid": "7", "as-user-extra": {"scope": ["s1", "s2"]}}
    path = kubeconfig(tmp_path, server.url, user=acting)
    own = Cluster.connect(path)
    other = Cluster.connect(path, as_user="jöe", as_groups=["a", "b"])
    own.get(JOB)
    other.get(JOB)
    first, second = server.calls
    assert first.header("Impersonate-User") == ["ci"]
    assert first.header("Impersonate-Group") == ["g1", "g2"]
    assert first.header("Impersonate-Uid") == ["7"]
    assert first.header("Impersonate-Extra-scope") == ["s1", "s2"]
    assert second.header("Impersonate-User")[0].encode("latin-1").decode() == "jöe"
    assert second.header("Impersonate-Group") == ["a", "b"]
    assert second.header("Impersonate-Uid") == []
    assert ("Impersonate-Group", "b") in other.websocket("/x").headers
    with pytest.raises(ClusterError, match="need --as USER"):
        Cluster.connect(path, as_groups=["a"])


def test_a_token_file_is_read_again(
    serve: Callable[..., Server], connect: Callable[..., Cluster], tmp_path: Path
) -> None:
    """After a 401 at once; a rotated token must not end a session."""
    token = tmp_path / "token"
    token.write_text("old")

    def reply(call: Call, handler: BaseHTTPRequestHandler) -> None:
        fresh = call.header("Authorization") == ["Bearer new"]
        as_json({"ok": fresh}, 200 if fresh else 401)(call, handler)

    server = serve(reply)
    cluster = connect(server, user={"tokenFile": str(token)})
    with pytest.raises(ClusterError, match="credentials"):
        cluster.get(JOB)
    token.write_text("new")
    assert cluster.get(JOB) == {"ok": True}
    assert dict(cluster.websocket("/x").headers)["Authorization"] == "Bearer new"


def plugin(folder: Path, script: str) -> Raw:
    path = folder / "plugin"
    path.write_text(f"#!{sys.executable}\n{script}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return {"exec": {"apiVersion": "client.authentication.k8s.io/v1", "command": str(path), "interactiveMode": "Never"}}


CREDENTIAL = """
import json, os
with open({log!r}, "a") as f: f.write("x")
number = os.path.getsize({log!r})
print(json.dumps({{"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
    "status": {{"token": f"t{{number}}", "expirationTimestamp": {expiry!r}}}}}))
"""


@pytest.mark.parametrize(
    ("expiry", "tokens"), [("2001-01-01T00:00:00Z", ["t2", "t3"]), ("2099-01-01T00:00:00Z", ["t1", "t1"])]
)
def test_a_credential_plugin_is_asked_again_when_its_token_expires(
    connect: Callable[..., Cluster], tmp_path: Path, expiry: str, tokens: list[str]
) -> None:
    user = plugin(tmp_path, CREDENTIAL.format(log=str(tmp_path / "log"), expiry=expiry))
    cluster = connect(Server(url="http://127.0.0.1:1"), user=user)
    got = [dict(cluster.websocket("/x").headers)["Authorization"] for _ in range(2)]
    assert got == [f"Bearer {token}" for token in tokens]
    assert "Bearer" not in repr(cluster.websocket("/x"))


def test_a_credential_plugin_that_fails_is_told(
    connect: Callable[..., Cluster], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = list(logging.getLogger().handlers)
    user = plugin(tmp_path, "import sys; sys.exit('session expired')")
    with pytest.raises(ClusterError, match=r"plugin .*/plugin failed: .*session expired.* kubectl auth whoami"):
        connect(Server(url="http://127.0.0.1:1"), user=user)
    with pytest.raises(ClusterError, match="No such file"):
        connect(Server(url="http://127.0.0.1:1"), user={"exec": {**user["exec"], "command": "/nonesuch"}})
    assert logging.getLogger().handlers == before
    assert capfd.readouterr() == ("", "")


def test_basic_authentication(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    server = serve(as_json({}))
    connect(server, user={"username": "joe", "password": "pw"}).get(JOB)
    assert server.calls[0].header("Authorization") == ["Basic " + base64.b64encode(b"joe:pw").decode()]


def test_namespace(tmp_path: Path) -> None:
    plain = kubeconfig(tmp_path, "http://x")
    assert Cluster.connect(plain).namespace == "default"
    path = kubeconfig(tmp_path, "http://x", context={"namespace": "team"})
    assert Cluster.connect(path).namespace == "team"
    assert Cluster.connect(path, namespace="other").namespace == "other"
    assert Cluster.connect(path).server == "http://x"


def test_several_files_and_the_first_current_context(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = kubeconfig(tmp_path, "http://first", name="1", **{"current-context": "there"})
    second = kubeconfig(
        tmp_path,
        "http://second",
        name="2",
        clusters=[{"name": "c2", "cluster": {"server": "http://second"}}],
        contexts=[{"name": "there", "context": {"cluster": "c2"}}],
    )
    monkeypatch.setenv("KUBECONFIG", os.pathsep.join((str(tmp_path / "absent"), first, second)))
    assert Cluster.connect().server == "http://second"
    assert Cluster.connect(context="here").server == "http://first"
    assert Cluster.connect(second, context="there").server == "http://second"


def test_in_a_pod(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, authority: trustme.CA) -> None:
    from kubernetes.config import incluster_config

    from kubectl_pydebug import cluster

    (tmp_path / "token").write_text("sa-token\n")
    (tmp_path / "namespace").write_text("mine\n")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.crt"))
    monkeypatch.setattr(cluster, "SERVICE_ACCOUNT", tmp_path)
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    made = Cluster.connect()
    assert (made.namespace, made.server) == ("mine", "https://10.0.0.1:443")
    assert dict(made.websocket("/x").headers)["Authorization"] == "bearer sa-token"


@pytest.mark.parametrize(
    ("content", "context", "words"),
    [
        ("a: [", None, "cannot be used"),
        ("", None, "cannot be used"),
        ("just text", None, "cannot be used"),
        ("apiVersion: v1\ncontexts: []\n", None, r"no current context\. Choose one of: none"),
        ("contexts: [{name: a, context: {}}]\n", "b", 'no context "b". It has: a; see kubectl config get-contexts'),
        ("contexts: [{name: a, context: {cluster: x}}]\n", "a", "cannot be used: .*x"),
    ],
)
def test_broken_kubeconfigs(tmp_path: Path, content: str, context: str | None, words: str) -> None:
    path = tmp_path / "config"
    path.write_text(content)
    with pytest.raises(ClusterError, match=words) as caught:
        Cluster.connect(str(path), context=context)
    assert caught.value.reason == "Config"


def test_no_kubeconfig(tmp_path: Path) -> None:
    with pytest.raises(
        ClusterError, match=r"No kubeconfig found \(looked at: .*/nobody/\.kube/config\).*--kubeconfig FILE"
    ):
        Cluster.connect()
    with pytest.raises(ClusterError, match=r"looked at: /nonesuch"):
        Cluster.connect("/nonesuch")


@pytest.mark.parametrize(
    ("server", "cluster", "environment", "proxy"),
    [
        pytest.param("https://api.test", {"proxy-url": "http://p:1"}, {}, "http://p:1", id="kubeconfig"),
        pytest.param("https://127.0.0.1", {"proxy-url": "http://p:1"}, {}, "http://p:1", id="kubeconfig-loopback"),
        pytest.param("https://api.test", {}, {"HTTPS_PROXY": "p:2"}, "http://p:2", id="environment"),
        pytest.param("https://api.test", {}, {"HTTPS_PROXY": "http://p:2", "NO_PROXY": ".test"}, None, id="excepted"),
        pytest.param("https://127.0.0.1:6443", {}, {"HTTPS_PROXY": "http://p:2"}, None, id="loopback"),
        pytest.param("https://localhost:6443", {}, {"HTTPS_PROXY": "http://p:2"}, None, id="localhost"),
    ],
)
def test_proxies_are_kubectls(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    server: str,
    cluster: Raw,
    environment: dict[str, str],
    proxy: str | None,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert Cluster.connect(kubeconfig(tmp_path, server, cluster=cluster)).websocket("/x").proxy == proxy


def test_importing_does_not_import_kubernetes() -> None:
    code = "import sys, kubectl_pydebug.cluster; sys.exit('kubernetes' in sys.modules or 'urllib3' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[1])


# Streams


def thing(name: str, version: int) -> Raw:
    return {"metadata": {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}}


def listing(version: int, *things: Raw) -> Raw:
    return {"kind": "PodList", "apiVersion": "v1", "metadata": {"resourceVersion": str(version)}, "items": list(things)}


def event(kind: str, value: Raw) -> bytes:
    return json.dumps({"type": kind, "object": value}).encode() + b"\n"


GONE = event("ERROR", {"kind": "Status", "code": 410, "message": "too old resource version"})


def brief(events: Iterator[tuple[str, Raw]], count: int) -> list[str]:
    return [f"{kind} {value['metadata']['name']}" for kind, value in (next(events) for _ in range(count))]


def test_a_watch_goes_on_after_every_cut(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    line = event("MODIFIED", thing("a", 12))
    server = serve(
        in_turn(
            as_json(listing(10, thing("a", 9))),
            chunked(event("ADDED", thing("b", 11)), line[:20], line[20:]),
            chunked(event("BOOKMARK", thing("", 15)), event("MODIFIED", thing("a", 16))[:30], cut=True),
            as_json({"message": "starting"}, 503),
            chunked(event("DELETED", thing("b", 17)), GONE),
            as_json(listing(30, thing("c", 29), thing("a", 12))),
            chunked(event("MODIFIED", thing("c", 31)), hold=threading.Event()),
        )
    )
    stop = threading.Event()
    events = connect(server).watch("", "v1", "pods", "team", field_selector="x=y", stop=stop)
    assert brief(events, 3) == ["ADDED a", "ADDED b", "MODIFIED a"]
    assert brief(events, 1) == ["DELETED b"]
    assert brief(events, 2) == ["ADDED c", "MODIFIED c"]
    stop.set()
    assert list(events) == []
    watches = [c.query["resourceVersion"][0] for c in server.calls if "watch" in c.query]
    assert watches == ["10", "12", "15", "15", "30"]
    assert all(c.query["fieldSelector"] == ["x=y"] for c in server.calls)


def test_what_vanished_while_we_were_away_comes_as_deleted() -> None:
    lists = iter([listing(1, thing("a", 1), thing("b", 1)), listing(5, thing("b", 4))])
    bodies = iter([iter([GONE]), iter([event("MODIFIED", thing("b", 6))])])
    events = follow(lambda: next(lists), lambda version: next(bodies), threading.Event(), None)
    assert brief(events, 5) == ["ADDED a", "ADDED b", "DELETED a", "MODIFIED b", "MODIFIED b"]


def test_a_watch_whose_place_is_forgotten_by_status() -> None:
    """Some servers answer 410 instead of sending it as an event."""
    lists = iter([listing(1), listing(5, thing("b", 4))])

    def bodies(version: str) -> Iterator[bytes]:
        raise ClusterError("gone", status=410)

    events = follow(lambda: next(lists), bodies, threading.Event(), None)
    assert brief(events, 1) == ["ADDED b"]


def test_a_watch_ends_by_itself_when_told(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    hold = threading.Event()
    server = serve(in_turn(as_json(listing(1)), chunked(hold=hold)))
    cluster = connect(server)
    for when in ("deadline", "stop"):
        server.reply = in_turn(as_json(listing(1)), chunked(hold=hold))
        stop = threading.Event()
        began = time.monotonic()
        deadline = began + 0.3 if when == "deadline" else None
        timer = threading.Timer(0.3, stop.set)
        timer.start()
        assert (
            list(cluster.watch("", "v1", "pods", stop=stop if when == "stop" else threading.Event(), deadline=deadline))
            == []
        )
        assert 0.25 < time.monotonic() - began < 2
        timer.join()
    hold.set()
    assert [t.name for t in threading.enumerate() if "stream" in t.name] == []


def test_a_watch_over_tls_can_be_cut(
    serve: Callable[..., Server], connect: Callable[..., Cluster], authority: trustme.CA
) -> None:
    hold = threading.Event()
    server = serve(in_turn(as_json(listing(1)), chunked(hold=hold)), authority)
    cluster = connect(server, cluster={"insecure-skip-tls-verify": True})
    began = time.monotonic()
    assert list(cluster.watch("", "v1", "pods", stop=threading.Event(), deadline=began + 0.3)) == []
    assert time.monotonic() - began < 2
    hold.set()


@pytest.mark.parametrize("status", [401, 403, 404])
def test_what_does_not_pass_by_itself_ends_a_watch(
    serve: Callable[..., Server], connect: Callable[..., Cluster], status: int
) -> None:
    server = serve(in_turn(as_json(listing(1)), as_json({"message": "no"}, status)))
    with pytest.raises(ClusterError) as caught:
        list(connect(server).watch("", "v1", "pods", stop=threading.Event()))
    assert (caught.value.status, caught.value.verb) == (status, "watch")


def test_a_watch_that_cannot_begin_says_so_at_once(connect: Callable[..., Cluster]) -> None:
    with pytest.raises(ClusterError, match="cannot be reached"):
        list(connect(Server(url="http://127.0.0.1:1")).watch("", "v1", "pods", stop=threading.Event()))


def test_patience_with_a_server_that_is_away_ends() -> None:
    now = [0.0]

    class Clocked(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            now[0] += timeout or 0
            return False

    tries = []

    def away(version: str) -> Iterator[bytes]:
        tries.append(now[0])
        raise ClusterError("away")

    with pytest.raises(ClusterError, match="away"):
        list(follow(lambda: listing(1), away, Clocked(), None, lambda: now[0]))
    assert 80 < tries[-1] < 120
    assert len(tries) > 100


def test_an_event_that_is_none() -> None:
    with pytest.raises(ClusterError, match="not one"):
        list(follow(lambda: listing(1), lambda version: iter([b'{"type":1}\n']), threading.Event(), None))


def test_logs(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    server = serve(chunked(b"one\ntw", b"o\n"))
    cluster = connect(server)
    assert list(cluster.logs("team", "pod", "main", tail=5)) == [b"one\ntw", b"o\n"]
    call = server.calls[0]
    assert call.path == "/api/v1/namespaces/team/pods/pod/log"
    assert call.query == {"container": ["main"], "follow": ["true"], "tailLines": ["5"]}
    list(cluster.logs("team", "pod", "main", follow=False, previous=True))
    assert server.calls[1].query == {"container": ["main"], "previous": ["true"]}


def test_logs_come_at_once_and_stop_when_told(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    hold, stop = threading.Event(), threading.Event()
    server = serve(chunked(b"first", hold=hold))
    pieces = connect(server).logs("team", "pod", "main", stop=stop)
    assert next(pieces) == b"first"
    stop.set()
    assert list(pieces) == []
    hold.set()


def test_a_log_that_is_cut_is_an_error(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    pieces = connect(serve(chunked(b"first", cut=True))).logs("team", "pod", "main")
    assert next(pieces) == b"first"
    with pytest.raises(ClusterError, match="cannot be reached"):
        next(pieces)


def test_no_log_yet(serve: Callable[..., Server], connect: Callable[..., Cluster]) -> None:
    message = 'container "main" in pod "pod" is waiting to start: ContainerCreating'
    server = serve(as_json(json.loads(status_object(400, "BadRequest", message)), 400))
    with pytest.raises(ClusterError, match=r'No log of pod/pod in namespace "team": container "main"'):
        list(connect(server).logs("team", "pod", "main"))


def test_the_watch_asks_anew_before_load_balancers_cut_it() -> None:
    assert cluster_api.WATCH_SECONDS < 300

"""What the API server, or the way to it, refused: as an exception whose text says what to type next.

Pure: it is given numbers and texts. Messages of the server are untrusted and cleaned.
"""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .core.model import Ref
from .core.untrusted import one_line


class ClusterError(Exception):
    """A request that failed. ``str()`` is a sentence for people which ends with what to type next.

    ``status``: HTTP status, 0 when there was no answer. ``reason``: the server's machine-readable reason ("NotFound",
    "AlreadyExists", "Forbidden", "Invalid", ...); without an answer Unreachable, TLS, Timeout, Proxy or Config.
    ``message``: the server's own words, cleaned. ``verb``: as in RBAC. ``ref``: the object; without a name for a list.
    """

    def __init__(
        self, text: str, *, status: int = 0, reason: str = "", message: str = "", verb: str = "", ref: Ref | None = None
    ) -> None:
        super().__init__(text)
        self.status = status
        self.reason = reason
        self.message = message
        self.verb = verb
        self.ref = ref


@dataclass(frozen=True)
class Place:
    """Where requests go: the server's URL, and kubectl's flags as the user gave them, for the commands we suggest."""

    server: str = ""
    flags: tuple[str, ...] = ()

    def kubectl(self, *words: str, namespace: str = "") -> str:
        """A kubectl command line for this cluster, ready to be pasted."""
        scope = ("-n", namespace) if namespace else ()
        return shlex.join(("kubectl", *words, *scope, *self.flags))


@dataclass(frozen=True)
class Request:
    """What was asked: the RBAC verb, the object (its name may be empty), a subresource or ``""``."""

    verb: str
    ref: Ref
    subresource: str = ""

    @property
    def resource(self) -> str:
        """``jobs``, ``pods``, ``rollouts.argoproj.io``: as kubectl is told it."""
        builtin = "." not in self.ref.group or self.ref.group.endswith(".k8s.io")
        return self.ref.plural if builtin else f"{self.ref.plural}.{self.ref.group}"


def from_answer(status: int, body: bytes, request: Request, place: Place) -> ClusterError:
    """The error for an answer other than 2xx; ``body`` is a Status object, or whatever some proxy said."""
    answer = _status_object(body)
    reason = str(answer.get("reason") or "")
    message = one_line(str(answer.get("message") or ""))
    details = answer.get("details")
    text = _sentence(status, reason, message, details if isinstance(details, dict) else {}, request, place)
    return ClusterError(text, status=status, reason=reason, message=message, verb=request.verb, ref=request.ref)


def _status_object(body: bytes) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = body.decode("utf-8", "replace")
    return value if isinstance(value, dict) else {"message": "" if value is None else str(value)}


def _sentence(
    status: int, reason: str, message: str, details: Mapping[str, Any], request: Request, place: Place
) -> str:
    ref = request.ref
    where = f' in namespace "{ref.namespace}"' if ref.namespace else ""
    if status == 401:
        return (
            f"The API server {place.server} does not accept your credentials (401): they are missing or have expired. "
            f"Log in again, then check: {place.kubectl('auth', 'whoami')}"
        )
    if status == 403 and _is_rbac(message, request.verb):
        words = ["auth", "can-i", request.verb, request.resource]
        if request.subresource:
            words.append(f"--subresource={request.subresource}")
        resource = f"{request.resource}/{request.subresource}" if request.subresource else request.resource
        return (
            f"You may not {request.verb} {resource}{where}. "
            f"Check with: {place.kubectl(*words, namespace=ref.namespace)} ({message})"
        )
    if status == 404:
        return _not_found(message, details, request, place, where)
    if status == 409 and reason == "AlreadyExists":
        return (
            f"{ref.short} exists already{where}. "
            f"See it: {place.kubectl('get', request.resource, ref.name, namespace=ref.namespace)}"
        )
    if status == 409:
        return f"{ref.short}{where} was changed by somebody else meanwhile ({message}). Run the same command again."
    if status == 400 and request.subresource:
        return f"No {request.subresource} of {ref.short}{where}: {message or reason}."
    if status in (400, 403, 413, 422):
        return f"The cluster refuses {ref.short}{where}: {message or reason}. {_next_for_refusal(message, ref, place)}"
    if status == 429:
        return f"The API server {place.server} is overloaded ({message or status}). Try again in a moment."
    if status >= 500:
        return (
            f"The API server {place.server} failed ({status}): {message or reason or 'no reason given'}. "
            f"Try again; see how it is: {place.kubectl('get', '--raw', '/readyz?verbose')}"
        )
    return f"The API server {place.server} answered {status} to {request.verb} {ref.short}{where}: {message or reason}."


def _is_rbac(message: str, verb: str) -> bool:
    """Whether a 403 is about rights. Admission answers 403 too (quota, Pod Security, webhooks), with the same reason.

    Both have only their text to tell them apart; an authorizer's begins so since Kubernetes 1.8.
    Source: k8s.io/apiserver/pkg/endpoints/handlers/responsewriters/errors.go.
    """
    return not message or re.search(rf'User "[^"]*" cannot {re.escape(verb)}\b', message) is not None


def _not_found(message: str, details: Mapping[str, Any], request: Request, place: Place, where: str) -> str:
    ref = request.ref
    if details.get("kind") == "namespaces" and ref.plural != "namespaces":
        return f'Namespace "{ref.namespace}" does not exist. See which there are: {place.kubectl("get", "namespaces")}'
    if not details.get("name") and not details.get("kind"):
        return (
            f"This cluster has no {request.resource} in version {ref.version}. "
            f"See what it has: {place.kubectl('api-resources')}"
        )
    return (
        f"{ref.short} was not found{where}. "
        f"See what is there: {place.kubectl('get', request.resource, namespace=ref.namespace)}"
    )


def _next_for_refusal(message: str, ref: Ref, place: Place) -> str:
    """What to look at, by the admission plugin that the message names."""
    if "exceeded quota" in message or "must specify" in message:
        return f"See what is left: {place.kubectl('describe', 'quota', namespace=ref.namespace)}"
    if "PodSecurity" in message:
        return (
            "The namespace's Pod Security level does not allow it; see it: "
            f"{place.kubectl('get', 'namespace', ref.namespace, '--show-labels')}"
        )
    if "per Container" in message or "per Pod" in message:
        return f"See the limits: {place.kubectl('describe', 'limitrange', namespace=ref.namespace)}"
    if "admission webhook" in message or "ValidatingAdmissionPolicy" in message:
        return "Ask who runs the cluster what this rule wants."
    return f"See the field's meaning: {place.kubectl('explain', ref.plural)}"


def from_network(kind: str, detail: str, request: Request | None, place: Place) -> ClusterError:
    """The error for no answer at all. ``kind``: "Unreachable", "TLS", "Timeout", "Proxy"."""
    detail = one_line(detail, 300)
    check = place.kubectl("cluster-info")
    texts = {
        "TLS": f"No trusted connection to the API server {place.server}: {detail}. Check certificate-authority, "
        f"client-certificate and tls-server-name of this cluster: {place.kubectl('config', 'view', '--minify')}",
        "Timeout": f"The API server {place.server} does not answer ({detail}). Check the network or VPN, then: {check}",
        "Proxy": f"The proxy on the way to {place.server} fails ({detail}). Check HTTPS_PROXY, NO_PROXY and proxy-url.",
    }
    fallback = f"The API server {place.server} cannot be reached ({detail}). Is it up, is it the right context? {check}"
    return ClusterError(
        texts.get(kind, fallback),
        reason=kind,
        message=detail,
        verb=request.verb if request else "",
        ref=request.ref if request else None,
    )


def from_config(text: str) -> ClusterError:
    """The error for a kubeconfig that is absent, broken or lacks what was asked for."""
    return ClusterError(text, reason="Config", message=text)


def no_kubeconfig(paths: Sequence[str]) -> ClusterError:
    looked = ", ".join(paths) or "nowhere"
    return from_config(
        f"No kubeconfig found (looked at: {looked}). Name one with --kubeconfig FILE or KUBECONFIG, "
        "then check: kubectl config get-contexts"
    )

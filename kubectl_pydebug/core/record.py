"""The record that every object of ours carries, and the ONE place for the names of our labels and annotations.

Stability: a record is read by other releases of ours, from other machines. Fields are only added; a change of
meaning takes a new ``v``. What is read back is untrusted: anybody who may edit the object may have written it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from kubectl_pydebug.core.model import Ref

SESSION_LABEL = "kubectl-pydebug/session"
"""On the debug copy and its pod: the session's id."""
MANAGED_BY_LABEL = "app.kubernetes.io/managed-by"
MANAGED_BY = "kubectl-pydebug"
"""Value of MANAGED_BY_LABEL on everything that we create, so that one selector finds it."""
RECORD_ANNOTATION = "kubectl-pydebug/record"
"""The record as JSON, on the debug copy and the ConfigMap."""
TRAFFIC_GATE = "kubectl-pydebug/traffic"
"""Readiness gate that nobody fulfils: the copy never takes a Service's traffic."""

VERSION = 1
_MAX_CHARS = 65536


class RecordError(ValueError):
    """The annotation is no record that we can read. The text says why."""


@dataclass(frozen=True)
class Change:
    """An edit of an object that existed before: ``inverse`` undoes ``patch`` (both JSON patches, RFC 6902)."""

    ref: Ref
    patch: tuple[Mapping[str, Any], ...]
    inverse: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Record:
    """Who did what, from where, when and what for. ``when`` and ``expires`` are RFC 3339, UTC.

    ``why`` is the command line, without the values of ``--env``; ``source`` is the original, as ``job/train``.
    """

    v: int
    session: str
    who: str
    where: str
    when: str
    why: tuple[str, ...]
    source: str
    created: tuple[Ref, ...]
    changes: tuple[Change, ...]
    expires: str


def dumps(record: Record) -> str:
    """Compact JSON with sorted keys: the same record gives the same text."""
    return json.dumps(asdict(record), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def loads(text: str) -> Record:
    """Read a record back. Unknown keys are passed over (a later release may have added them). Raises RecordError."""
    if len(text) > _MAX_CHARS:
        raise RecordError(f"the record is longer than {_MAX_CHARS} characters")
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError):
        raise RecordError("the record is not JSON") from None
    raw = _object(raw, "the record")
    version = raw.get("v")
    if type(version) is not int:
        raise RecordError("the record has no version")
    if version != VERSION:
        raise RecordError(
            f"the record has version {version}, but this kubectl-pydebug reads {VERSION}: take a newer one"
        )
    return Record(
        v=version,
        session=_text(raw, "session"),
        who=_text(raw, "who"),
        where=_text(raw, "where"),
        when=_text(raw, "when"),
        why=tuple(_string(word, "why") for word in _list(raw, "why")),
        source=_text(raw, "source"),
        created=tuple(_ref(item) for item in _list(raw, "created")),
        changes=tuple(_change(item) for item in _list(raw, "changes")),
        expires=_text(raw, "expires"),
    )


def _change(value: Any) -> Change:
    raw = _object(value, "a change")
    patches = tuple(tuple(_object(step, key) for step in _list(raw, key)) for key in ("patch", "inverse"))
    return Change(_ref(raw.get("ref")), *patches)


def _ref(value: Any) -> Ref:
    raw = _object(value, "a reference")
    return Ref(*(_text(raw, item.name) for item in fields(Ref)))


def _object(value: Any, what: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise RecordError(f"{what} is not a JSON object")
    return value


def _list(raw: Mapping[str, Any], key: str) -> list[Any]:
    value = raw.get(key)
    if not isinstance(value, list):
        raise RecordError(f"{key} is not a list")
    return value


def _text(raw: Mapping[str, Any], key: str) -> str:
    return _string(raw.get(key), key)


def _string(value: Any, what: str) -> str:
    if not isinstance(value, str):
        raise RecordError(f"{what} is not a text")
    return value

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from kubectl_pydebug.core.record import Change, Record, RecordError, dumps, loads
from tests.core.samples import reference

RECORD = Record(
    v=1,
    session="k3x9p",
    who="ána",
    where="laptop",
    when="2026-03-01T09:00:00Z",
    why=("kubectl", "pydebug", "job/train"),
    source="job/train",
    created=(reference(), reference("po", "x")),
    changes=(
        Change(
            reference("deploy", "web"),
            ({"op": "add", "path": "/a", "value": {"b": [1]}},),
            ({"op": "remove", "path": "/a"},),
        ),
    ),
    expires="2026-03-01T17:00:00Z",
)


def test_round_trip() -> None:
    assert loads(dumps(RECORD)) == RECORD


def test_the_text_is_stable() -> None:
    text = dumps(RECORD)
    assert text == json.dumps(json.loads(text), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def test_what_a_later_release_adds_is_passed_over() -> None:
    assert loads(json.dumps({**json.loads(dumps(RECORD)), "mood": "good"})) == RECORD


def changed(key: str, value: Any) -> str:
    return json.dumps({**json.loads(dumps(RECORD)), key: value})


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no json",
        "[]",
        "null",
        "{}",
        "[" * 30000,
        '{"v":1}',
        changed("v", True),
        changed("v", "1"),
        changed("who", 1),
        changed("why", "kubectl"),
        changed("why", [1]),
        changed("created", [{"kind": "Job"}]),
        changed("created", ["job/train"]),
        changed("changes", [{"ref": None, "patch": [], "inverse": []}]),
        changed("changes", [{**json.loads(dumps(RECORD))["changes"][0], "patch": ["remove"]}]),
        changed("expires", None),
        dumps(replace(RECORD, who="a" * 70000)),
    ],
)
def test_malformed_records_are_refused(text: str) -> None:
    with pytest.raises(RecordError):
        loads(text)


def test_a_later_version_says_so() -> None:
    with pytest.raises(RecordError, match=r"version 2.*newer"):
        loads(dumps(replace(RECORD, v=2)))

from __future__ import annotations

import pytest

from kubectl_pydebug.core.target import TargetSyntaxError, parse_target


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["job/train"], ("job", "train")),
        (["job", "train"], ("job", "train")),
        (["train"], (None, "train")),
        (["jobs.batch/train"], ("jobs.batch", "train")),
        (["deploy.apps", "train"], ("deploy.apps", "train")),
        (["Deployment.v1.apps/web-1.x"], ("Deployment.v1.apps", "web-1.x")),
    ],
)
def test_forms(words: list[str], expected: tuple[str | None, str]) -> None:
    assert parse_target(words) == expected


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ([], "No target"),
        ([""], "''"),
        (["job/"], "''"),
        (["/train"], "''"),
        (["job/train/x"], "more than one slash"),
        (["job/train", "x"], "one word"),
        (["job", "a/b"], "one word"),
        (["job", "a", "b"], "behind `--`"),
        (["job,deploy", "x"], "more than one type"),
        (["job/Train"], "lower-case"),
        (["job/tr\x1b[31main"], "lower-case"),
        (["job/" + "a" * 254], "lower-case"),
        (["job/-a"], "lower-case"),
        (["j ob/a"], "no type"),
    ],
)
def test_errors_say_what_to_type(words: list[str], part: str) -> None:
    with pytest.raises(TargetSyntaxError) as caught:
        parse_target(words)
    text = str(caught.value)
    assert part in text
    assert text.endswith("kubectl pydebug job/train")
    assert text.isprintable()

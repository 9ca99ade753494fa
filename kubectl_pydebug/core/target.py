"""What the user typed as the target: ``job/train``, ``job train`` or ``train``, as kubectl takes it."""

from __future__ import annotations

import re
from collections.abc import Sequence

_RESOURCE = re.compile(r"[A-Za-z][A-Za-z0-9-]*(\.[A-Za-z0-9-]+)*")
_NAME = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?")
_NAME_MAX = 253
_FORMS = "Type it as TYPE/NAME, TYPE NAME or POD, for example: kubectl pydebug job/train"


class TargetSyntaxError(ValueError):
    """The target cannot be read. The text says why, and ends with what to type next."""


def parse_target(args: Sequence[str]) -> tuple[str | None, str]:
    """Split the words before ``--`` into (resource as typed, or None for a pod, name).

    Raises TargetSyntaxError.
    """
    words = tuple(args)
    if not words:
        raise TargetSyntaxError(f"No target was given. {_FORMS}")
    if len(words) > 2:
        raise TargetSyntaxError(
            f"One target at a time, but {len(words)} words were given: {' '.join(words)}. "
            f"A command for the container goes behind `--`. {_FORMS}"
        )
    if len(words) == 2:
        if any("/" in word for word in words):
            raise TargetSyntaxError(f"TYPE/NAME is one word, but there are two: {' '.join(words)}. {_FORMS}")
        return _resource(words[0]), _name(words[1])
    resource, slash, name = words[0].partition("/")
    if not slash:
        return None, _name(resource)
    if "/" in name:
        raise TargetSyntaxError(f"{words[0]} has more than one slash. {_FORMS}")
    return _resource(resource), _name(name)


def _resource(text: str) -> str:
    if "," in text:
        raise TargetSyntaxError(f"{text} is more than one type; one target at a time. {_FORMS}")
    if not _RESOURCE.fullmatch(text):
        raise TargetSyntaxError(f"{text!r} is no type of a Kubernetes object. {_FORMS}")
    return text


def _name(text: str) -> str:
    if len(text) > _NAME_MAX or not _NAME.fullmatch(text):
        raise TargetSyntaxError(
            f"{text!r} is no name of a Kubernetes object (lower-case letters, digits, '-' and '.'). {_FORMS}"
        )
    return text

"""Text from a cluster or a container, made fit for a terminal and a sentence."""

from __future__ import annotations

import re
import unicodedata

# CSI and OSC sequences as a whole (ECMA-48), so that no "[31m" stays behind when the escape byte goes.
_ESCAPES = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b[@-_]|\x9b[0-?]*[ -/]*[@-~]")


def one_line(text: str, limit: int = 2000) -> str:
    """``text`` without terminal escapes, control and format characters, white space folded; ``limit`` in characters.

    Format characters are dropped with the rest: the bidirectional ones can make a line read as another.
    """
    text = _ESCAPES.sub("", text[: 4 * limit])
    text = "".join(" " if unicodedata.category(c)[0] in "CZ" else c for c in text)
    text = " ".join(text.split())
    return text if len(text) <= limit else text[: limit - 3] + "..."

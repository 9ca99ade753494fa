"""Draws docs/demo.svg from what a real run of the demo printed.

Usage: FORCE_COLOR=1 bash examples/demo.sh | python examples/demo_svg.py docs/demo.svg
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

WIDTH = 110
FIRST, LAST = "# The command, typed", "# What is left of it"
"""The part of the output that is drawn: the second half of it, up to and with the section that LAST begins."""

THEME = TerminalTheme(
    (24, 26, 31),
    (214, 217, 224),
    [
        (24, 26, 31),  # black, red, green, yellow
        (240, 113, 120),
        (152, 195, 121),
        (229, 192, 123),
        (97, 175, 239),  # blue, magenta, cyan, white
        (198, 120, 221),
        (86, 182, 194),
        (214, 217, 224),
    ],
)

# rich's own picture names a font on a public server; a picture in a repository should load nothing.
FORMAT = """<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
    font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px; line-height: {line_height}px; font-variant-east-asian: full-width;
}}
.{unique_id}-title {{ font-size: 18px; font-weight: bold; font-family: sans-serif; }}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def part(text: Text) -> Text:
    """The lines that are drawn."""
    lines = list(text.split("\n", allow_blank=True))
    first = next(number for number, line in enumerate(lines) if line.plain.startswith(FIRST))
    last = next(number for number, line in enumerate(lines) if line.plain.startswith(LAST))
    end = next((number for number in range(last, len(lines)) if not lines[number].plain.strip()), len(lines))
    return Text("\n").join(lines[first:end])


def draw(output: str) -> str:
    """``output``: with ANSI colours. The same output gives the same picture."""
    console = Console(record=True, width=WIDTH, file=io.StringIO(), color_system="truecolor", force_terminal=True)
    console.print(part(Text.from_ansi(output)), soft_wrap=False, highlight=False)
    return console.export_svg(
        title="kubectl pydebug job/train", theme=THEME, code_format=FORMAT, unique_id="kubectl-pydebug"
    )


if __name__ == "__main__":
    captured = sys.stdin.read()
    sys.stdout.write(captured)
    Path(sys.argv[1]).write_text(draw(captured), encoding="utf-8")

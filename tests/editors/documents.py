"""Generated JSON with comments, in all the ways that people write it."""

from __future__ import annotations

from hypothesis import strategies as st

LINE_ENDS = st.sampled_from(["\n", "\r\n", "\r"])
WORDS = st.sampled_from(["a", "name", "version", "ü", 'with \\" quote', "http://x", "/* no */", "[", "}"])


@st.composite
def trivia(draw: st.DrawFn, end: str) -> str:
    kinds = st.sampled_from(
        ["", "", " ", "\t", end, end + "  ", "/* c , ] */", f'// c }} " {end}', f"/*{end}*/", "   "]
    )
    return "".join(draw(st.lists(kinds, max_size=3)))


@st.composite
def values(draw: st.DrawFn, end: str, depth: int) -> str:
    kind = draw(st.sampled_from(["scalar", "string", "array", "object"] if depth else ["scalar", "string"]))
    if kind == "scalar":
        return draw(st.sampled_from(["0", "-12.5e3", "true", "false", "null", "123456789012345678901234567890"]))
    if kind == "string":
        return f'"{draw(WORDS)}"'
    if kind == "array":
        return draw(arrays(end, depth))
    return draw(objects(end, depth))


@st.composite
def arrays(draw: st.DrawFn, end: str, depth: int) -> str:
    return "[" + draw(items(end, [draw(values(end, depth - 1)) for _ in range(draw(st.integers(0, 3)))])) + "]"


@st.composite
def objects(draw: st.DrawFn, end: str, depth: int, extra: str | None = None) -> str:
    members = [
        f'"{draw(WORDS)}"{draw(trivia(end))}:{draw(trivia(end))}{draw(values(end, depth - 1))}'
        for _ in range(draw(st.integers(0, 3)))
    ]
    if extra is not None:
        members.insert(draw(st.integers(0, len(members))), extra)
    return "{" + draw(items(end, members)) + "}"


@st.composite
def items(draw: st.DrawFn, end: str, written: list[str]) -> str:
    text = draw(trivia(end))
    for number, item in enumerate(written):
        last = number == len(written) - 1
        comma = "" if last and draw(st.booleans()) else ","
        text += item + draw(trivia(end)) + comma + draw(trivia(end))
    return text


@st.composite
def launch_files(draw: st.DrawFn) -> str:
    """A ``launch.json`` with or without ``configurations``, or with nothing but white space and comments in it."""
    end = draw(LINE_ENDS)
    bom = draw(st.sampled_from(["", "\ufeff"]))
    before, after = draw(trivia(end)), draw(trivia(end))
    kind = draw(st.sampled_from(["with", "with", "without", "blank"]))
    if kind == "blank":
        return bom + before + draw(st.sampled_from(["", "// no line end"]))
    configurations = f'"configurations":{draw(trivia(end))}{draw(arrays(end, 3))}' if kind == "with" else None
    return bom + before + draw(objects(end, 3, configurations)) + after

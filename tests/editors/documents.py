"""Generated files of the editors, in all the ways that people write them."""

from __future__ import annotations

from hypothesis import strategies as st

from kubectl_pydebug.core.model import Endpoint, PathMapping

WORKSPACE = "/home/me/checkout"


def endpoint(target: str = "job/train", port: int = 5678, *mappings: tuple[str, str]) -> Endpoint:
    return Endpoint(
        f"kubectl pydebug: {target}",
        "trainer",
        port,
        path_mappings=tuple(PathMapping(here, there, "14 of 14 files equal") for here, there in mappings),
    )


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
def documents(draw: st.DrawFn, key: str | None, shape: str) -> str:
    """An editor's file with or without its list, or with nothing but white space and comments in it."""
    end = draw(LINE_ENDS)
    bom = draw(st.sampled_from(["", "\ufeff"]))
    before, after = draw(trivia(end)), draw(trivia(end))
    kind = draw(st.sampled_from(["with", "with", "without", "blank"]))
    if kind == "blank":
        return bom + before + draw(st.sampled_from(["", "// no line end"]))
    listed = draw(arrays(end, 3) if shape == "array" else objects(end, 3))
    if key is None:
        return bom + before + listed + after
    member = f'"{key}":{draw(trivia(end))}{listed}' if kind == "with" else None
    return bom + before + draw(objects(end, 3, member)) + after


@st.composite
def dir_locals(draw: st.DrawFn) -> str:
    """A ``.dir-locals-2.el`` as people have it, or an empty one."""
    end = draw(st.sampled_from(["\n", "\r\n"]))
    gaps = st.sampled_from(["", " ", end, f' ; a ) and a " {end}', f";;; c{end}{end}"])
    atoms = st.sampled_from(
        ["(nil . ((fill-column . 80)))", '(x "a \\" ) b" ?\\( ?))', "[1 (2)]", "foo?", '"(src)"', ":k", "'a"]
    )
    parts = draw(st.lists(st.tuples(gaps, atoms), max_size=4))
    inside = "".join(f"{gap}{atom} " for gap, atom in parts)
    return draw(st.sampled_from(["", f";;; mine ( {end}"])) + f"({inside}{draw(gaps)})" + draw(gaps)

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kubectl_pydebug.editors import ConfigError, jsonc
from tests.editors.documents import LINE_ENDS, arrays, documents


def append(text: str, fragment: str) -> str:
    root = jsonc.parse(text)
    return jsonc.append(text, root, fragment, jsonc.child_indent(text, root, root))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[]", "[9]"),
        ("[ ]", "[9 ]"),
        ("[\n]", "[\n    9\n]"),
        ("[1]", "[1, 9]"),
        ("[1,]", "[1, 9,]"),
        ("[\n\t1\n]", "[\n\t1,\n\t9\n]"),
        ("[\r\n  1,\r\n]", "[\r\n  1,\r\n  9,\r\n]"),
        ("[\n  1 // one\n]", "[\n  1, // one\n  9\n]"),
        ("[\n  1 /* one */, // yes\n  // more\n]", "[\n  1 /* one */, // yes\n  9,\n  // more\n]"),
        ("[1 // one\n]", "[1, // one\n    9\n]"),
        ("[ // none yet\n]", "[ // none yet\n    9\n]"),
        ("[/* none */]", "[/* none */ 9]"),
        ("\ufeff[1]", "\ufeff[1, 9]"),
    ],
)
def test_append_follows_the_file_s_own_form(text: str, expected: str) -> None:
    assert append(text, "9") == expected
    grown = jsonc.parse(expected)
    assert jsonc.remove(expected, grown, len(grown.items) - 1) == text


@pytest.mark.parametrize(
    ("text", "index", "expected"),
    [
        ("[1, 2, 3]", 0, "[ 2, 3]"),
        ("[1, 2, 3]", 1, "[1, 3]"),
        ("[\n  1,\n  2,\n  3\n]", 0, "[\n  2,\n  3\n]"),
        ("[\n  1,\n  2\n]", 1, "[\n  1\n]"),
        ("[\n  1, // one\n  2 /* two */, 3]", 1, "[\n  1, // one\n   /* two */ 3]"),
        ("[\n  // one\n  1]", 0, "[\n  // one\n  ]"),
        ("[0, // zero\n1/*\n*/,\n2]", 1, "[0, // zero\n/*\n*/\n2]"),
    ],
)
def test_remove_keeps_neighbours_and_comments(text: str, index: int, expected: str) -> None:
    removed = jsonc.remove(text, jsonc.parse(text), index)
    assert removed == expected
    assert len(jsonc.parse(removed).items) == len(jsonc.parse(text).items) - 1


def test_find_takes_the_last_of_two_members() -> None:
    text = '{"a": {"b": 1}, "a": {"b": [2]}}'
    node = jsonc.find(jsonc.parse(text), "a", "b")
    assert node is not None
    assert text[node.start : node.end] == "[2]"
    assert jsonc.find(jsonc.parse(text), "a", "b", "c") is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[",
        "[1 2]",
        '{"a" 1}',
        "{a: 1}",
        '{"a":}',
        "[1]]",
        "/* ",
        '["\n"]',
        '["\\x"]',
        "[,]",
        "[01]",
        "nul",
        "'a'",
    ],
)
def test_what_is_not_json_with_comments_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^line \d"):
        jsonc.parse(text)


def test_the_error_names_the_line() -> None:
    with pytest.raises(ConfigError, match="line 3: a comma or } is missing"):
        jsonc.parse('{\r\n "a": 1\r\n "b": 2}')


@pytest.mark.parametrize("text", ["[" * 200_000, '{"a":' * 200_000, "[" * 200_000 + "]" * 200_000])
def test_deep_nesting_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="nested deeper"):
        jsonc.parse(text)


def test_huge_texts_are_refused() -> None:
    with pytest.raises(ConfigError, match="too long"):
        jsonc.parse(" " * (jsonc.MAX_LENGTH + 1))


def test_huge_numbers_are_read() -> None:
    text = "[" + "9" * 10_000 + "]"
    assert jsonc.value(text, jsonc.parse(text)) == ["9" * 10_000]


@settings(deadline=None, max_examples=60)
@given(documents("configurations", "array"))
def test_every_text_that_people_write_is_read(text: str) -> None:
    assert jsonc.is_blank(text) or jsonc.parse(text).kind == "object"


@settings(deadline=None, max_examples=60)
@given(LINE_ENDS.flatmap(lambda end: arrays(end, 3)), st.lists(st.sampled_from(["9", '"//"', "{\n}"]), max_size=4))
def test_remove_undoes_append_in_any_order(text: str, fragments: list[str]) -> None:
    grown = text
    old = len(jsonc.parse(text).items)
    for fragment in fragments:
        grown = append(grown, fragment)
        assert jsonc.value(grown, jsonc.parse(grown))[:old] == jsonc.value(text, jsonc.parse(text))
    backwards = forwards = grown
    for number in reversed(range(len(fragments))):
        backwards = jsonc.remove(backwards, jsonc.parse(backwards), old + number)
        forwards = jsonc.remove(forwards, jsonc.parse(forwards), old)
    assert backwards == text
    assert jsonc.value(forwards, jsonc.parse(forwards)) == jsonc.value(text, jsonc.parse(text))


@settings(deadline=None, max_examples=60)
@given(LINE_ENDS.flatmap(lambda end: arrays(end, 3)), st.integers(0, 3))
def test_remove_takes_one_element_wherever_it_stands(text: str, index: int) -> None:
    root = jsonc.parse(text)
    held = jsonc.value(text, root)
    if index < len(held):
        removed = jsonc.remove(text, root, index)
        assert jsonc.value(removed, jsonc.parse(removed)) == held[:index] + held[index + 1 :]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@settings(deadline=None, max_examples=60)
@given(json_values, st.sampled_from([None, "\n", "\r\n"]), st.sampled_from(["", "  ", "\t"]))
def test_what_is_written_is_read_back(content: object, end: str | None, step: str) -> None:
    text = jsonc.dumps(content, end, step or "  ", step)
    assert jsonc.same(text, jsonc.parse(text), content)
    assert json.loads(text) == content


def test_names_that_are_not_utf_8_can_still_be_written() -> None:
    assert jsonc.dumps("ü\udcff").encode() == b'"\\u00fc\\udcff"'

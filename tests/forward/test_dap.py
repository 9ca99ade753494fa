from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_pydebug.forward.dap import DapError, Decoder, Farewell, encode

EVENT = {"seq": 7, "type": "event", "event": "output", "body": {"output": "ü\r\n\r\n"}}
END = {"seq": 8, "type": "event", "event": "terminated"}


@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.integers() | st.none())),
    st.lists(st.integers(1, 40)),
)
def test_messages_survive_in_whatever_pieces_they_come(messages: list[dict[str, object]], sizes: list[int]) -> None:
    data = b"".join(encode(message) for message in messages)
    decoder = Decoder()
    found = []
    for size in [*sizes, len(data) + 1]:
        found += decoder.feed(data[:size])
        data = data[size:]
    assert found == messages
    assert not decoder.inside


@given(st.binary(max_size=200))
def test_junk_is_refused_or_waited_for_and_never_anything_else(data: bytes) -> None:
    decoder = Decoder()
    try:
        found = decoder.feed(data)
    except DapError:
        return
    assert all(isinstance(message, dict) for message in found)


@pytest.mark.parametrize(
    "data",
    [
        b"Content-Length: x\r\n\r\n",
        b"Content-Length: 99999999999\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"Content-Length: 2\r\n\r\n[]",
        b"Content-Length: 2\r\n\r\n{x",
        b"x" * 70000,
    ],
)
def test_what_is_no_dap(data: bytes) -> None:
    with pytest.raises(DapError):
        Decoder().feed(data)


def last_words(*pieces: bytes) -> bytes:
    farewell = Farewell()
    for piece in pieces:
        farewell.feed(piece)
    return farewell.last_words()


def test_an_adapter_that_went_without_a_word_is_spoken_for() -> None:
    (message,) = Decoder().feed(last_words(encode(EVENT)[:20], encode(EVENT)[20:]))
    assert message == {"seq": 8, "type": "event", "event": "terminated"}


@pytest.mark.parametrize(
    "pieces",
    [
        (),
        (b"",),
        (encode(EVENT), encode(END)),
        (encode(EVENT), encode(EVENT)[:-1]),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n",),
        (encode(EVENT), b"junk\r\n\r\n"),
    ],
    ids=["silent", "empty", "ended", "cut off", "no DAP", "junk later"],
)
def test_who_is_not_spoken_for(pieces: tuple[bytes, ...]) -> None:
    assert last_words(*pieces) == b""


def test_it_is_said_once() -> None:
    farewell = Farewell()
    farewell.feed(encode(EVENT))
    assert json.loads(farewell.last_words().partition(b"\r\n\r\n")[2])["event"] == "terminated"
    assert farewell.last_words() == b""

"""The codec against the protocol's description, and against anything at all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kubectl_pydebug.forward.frames import MAX_PAYLOAD, Decoder, Frame, FrameError, encode


def opened(*ports: int) -> Decoder:
    decoder = Decoder(ports)
    for index, port in enumerate(ports):
        for channel in (2 * index, 2 * index + 1):
            assert decoder.decode(bytes((channel,)) + port.to_bytes(2, "little")) is None
    return decoder


def test_data_and_error_text_of_two_ports() -> None:
    decoder = opened(5678, 80)
    assert decoder.decode(b"\x00abc") == Frame(0, False, b"abc")
    assert decoder.decode(b"\x03refused") == Frame(1, True, b"refused")
    assert decoder.decode(b"\x02") is None


def test_the_port_number_may_come_in_pieces_and_with_data_behind_it() -> None:
    decoder = Decoder([0x1234])
    assert decoder.decode(b"\x00\x34") is None
    assert decoder.decode(b"\x00\x12data") == Frame(0, False, b"data")
    assert decoder.decode(b"\x01\x34\x12no") == Frame(0, True, b"no")


@pytest.mark.parametrize(
    ("messages", "why"),
    [
        ([b""], "without a channel"),
        (["\x00text"], "text message"),
        ([b"\x02\x00\x00"], "never asked for"),
        ([b"\x00\x2f\x16"], "is for port 5679, not for port 5678"),
        ([b"\x00\x2f"], "is for port"),
        ([b"\x01\x2e\x16", b"\x01x", b"\xffx"], "channel 255"),
    ],
)
def test_junk_is_refused(messages: list[bytes | str], why: str) -> None:
    decoder = Decoder([5678])
    for message in messages[:-1]:
        decoder.decode(message)
    with pytest.raises(FrameError, match=why):
        decoder.decode(messages[-1])


@pytest.mark.parametrize("count", [0, 129])
def test_there_are_128_pairs_of_channels(count: int) -> None:
    with pytest.raises(ValueError, match="between 1 and 128 ports"):
        Decoder([80] * count)
    opened(*range(1, 129))


@given(st.lists(st.one_of(st.binary(max_size=6), st.text(max_size=3))))
def test_anything_decodes_to_its_own_bytes_or_is_refused(messages: list[bytes | str]) -> None:
    decoder = Decoder([5678, 80])
    got = dict.fromkeys(range(4), b"")
    sent = dict.fromkeys(range(4), b"")
    for message in messages:
        try:
            frame = decoder.decode(message)
        except FrameError:
            break
        assert isinstance(message, bytes)
        sent[message[0]] += message[1:]
        if frame is not None:
            assert frame.payload
            got[2 * frame.port_index + frame.is_error] += frame.payload
    for channel, whole in sent.items():
        assert whole[2:] == got[channel]
        assert (5678 if channel < 2 else 80).to_bytes(2, "little").startswith(whole[:2])


@given(st.lists(st.binary(max_size=5)), st.integers(0, 127))
def test_what_is_encoded_decodes(pieces: list[bytes], index: int) -> None:
    ports = list(range(1, index + 2))
    decoder = Decoder(ports)
    decoder.decode(bytes((2 * index,)) + ports[index].to_bytes(2, "little"))
    frames = [decoder.decode(message) for piece in pieces for message in encode(piece, index)]
    assert frames == [Frame(index, False, piece) for piece in pieces if piece]


def test_much_data_goes_in_several_messages() -> None:
    data = bytes(range(256)) * 1024 + b"end"
    messages = list(encode(data))
    assert [len(m) for m in messages] == [MAX_PAYLOAD + 1, MAX_PAYLOAD + 1, 4]
    assert b"".join(m[1:] for m in messages) == data
    assert list(encode(b"")) == []
    with pytest.raises(ValueError, match="no channel"):
        list(encode(b"x", 128))

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire import websocket
from merpati.wire.websocket import Broken, Code, Decoder, Message, Opcode

KEY = b"\x12\x34\x56\x78"


def masked(opcode: int, data: bytes, *, final: bool = True) -> bytes:
    """A frame as a client sends it, made of one as a server does."""
    plain = websocket.frame(Opcode(opcode), data)
    head = plain[: len(plain) - len(data)]
    first = head[0] if final else head[0] & 0x7F
    return bytes((first, head[1] | 0x80)) + head[2:] + KEY + websocket.mask(data, KEY)


def fields(**more: str) -> dict[str, str]:
    return {
        "connection": "keep-alive, Upgrade",
        "upgrade": "WebSocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
        **{name.replace("_", "-"): value for name, value in more.items()},
    }


def test_the_key_of_the_rfc_has_the_answer_of_the_rfc() -> None:
    assert websocket.accept("GET", "1.1", fields()) == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_the_masked_hello_of_the_rfc_is_read() -> None:
    frame = bytes.fromhex("818537fa213d7f9f4d5158")
    assert list(Decoder(100).feed(frame)) == [Message(Opcode.TEXT, b"Hello")]


@pytest.mark.parametrize("wrong", [{"upgrade": "h2c"}, {"connection": "close"}, {
    "sec_websocket_version": "12"}, {"sec_websocket_key": "?"}])  # fmt: skip
def test_another_request_is_none(wrong: dict[str, str]) -> None:
    with pytest.raises(SyntaxFault):
        websocket.accept("GET", "1.1", fields(**wrong))


@given(
    st.lists(st.tuples(st.sampled_from((2, 9, 10)), st.binary(max_size=125)), max_size=8),
    st.integers(1, 40),
)
def test_what_was_written_is_read_however_it_comes(
    messages: list[tuple[int, bytes]], size: int
) -> None:
    data = b"".join(masked(opcode, text) for opcode, text in messages)
    decoder = Decoder(1000)
    found: list[Message] = []
    for start in range(0, len(data), size):
        found += decoder.feed(data[start : start + size])
    assert found == [Message(Opcode(opcode), text) for opcode, text in messages]
    assert decoder.is_idle


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536, 70_000])
def test_every_form_of_length_is_read(size: int) -> None:
    data = masked(2, b"x" * size)
    assert list(Decoder(100_000).feed(data)) == [Message(Opcode.BINARY, b"x" * size)]


@given(st.binary(max_size=200))
def test_any_bytes_are_messages_or_broken(data: bytes) -> None:
    decoder = Decoder(100)
    with suppress(Broken):
        for message in decoder.feed(data):
            assert len(message.data) <= 125


def test_a_message_in_pieces_is_bounded_as_a_whole() -> None:
    decoder = Decoder(100)
    list(decoder.feed(masked(1, b"x" * 60, final=False)))
    assert not decoder.is_idle
    with pytest.raises(Broken) as caught:
        list(decoder.feed(masked(0, b"x" * 60)))
    assert caught.value.code is Code.TOO_BIG


def test_a_length_that_is_too_big_is_refused_before_its_bytes_come() -> None:
    with pytest.raises(Broken) as caught:
        list(Decoder(100).feed(b"\x82\xff" + (1 << 40).to_bytes(8, "big")))
    assert caught.value.code is Code.TOO_BIG


def test_a_reason_is_cut_between_characters() -> None:
    frame = websocket.close(Code.NORMAL, "é" * 100)
    assert len(frame) <= 127
    frame[4:].decode()

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp import replies
from merpati.wire.smtp.replies import Reply, ReplyParser, render


def read(data: bytes) -> list[Reply]:
    parser = ReplyParser()
    lines = data.removesuffix(b"\r\n").split(b"\r\n")
    return [reply for line in lines if (reply := parser.feed(line)) is not None]


@pytest.mark.parametrize(
    ("code", "enhanced", "text", "data"),
    [
        (250, "2.1.0", "OK", b"250 2.1.0 OK\r\n"),
        (354, "", "go on", b"354 go on\r\n"),
        (550, "5.1.1", "no such user\nhere", b"550-5.1.1 no such user\r\n550 5.1.1 here\r\n"),
        (250, "", "mx\nSIZE 10\nSTARTTLS", b"250-mx\r\n250-SIZE 10\r\n250 STARTTLS\r\n"),
        (550, "5.7.1", "a\r\n250 OK\0", b"550-5.7.1 a\r\n550 5.7.1 250 OK?\r\n"),
        (550, "5.7.1", "é", b"550 5.7.1 ?\r\n"),
    ],
)
def test_a_reply_is_rendered(code: int, enhanced: str, text: str, data: bytes) -> None:
    assert render(code, enhanced, text) == data


def test_a_reply_may_be_in_utf8_when_the_peer_takes_it() -> None:
    assert render(550, "5.1.1", "tak ada é", utf8=True) == "550 5.1.1 tak ada é\r\n".encode()


@given(st.text(max_size=1500), st.booleans())
def test_no_text_can_break_a_reply(text: str, utf8: bool) -> None:
    data = render(550, "5.7.1", text, utf8=utf8)
    lines = data.removesuffix(b"\r\n").split(b"\r\n")
    assert all(line.startswith(b"550-5.7.1 ") for line in lines[:-1])
    assert lines[-1].startswith(b"550 5.7.1 ")
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert all(len(line) + 2 <= replies.REPLY_LINE_LIMIT for line in lines)
    data.decode("utf-8" if utf8 else "ascii")
    assert len(read(data)) == 1


def test_a_long_line_is_folded_at_spaces_without_losing_a_word() -> None:
    words = [f"word{n}" for n in range(300)]
    (reply,) = read(render(550, "5.7.1", " ".join(words)))
    assert len(reply.lines) > 1
    assert reply.text.split(" ") == words


def test_a_reply_of_several_lines_is_put_together() -> None:
    parser = ReplyParser()
    assert parser.feed(b"250-first") is None
    assert parser.feed(b"250-") is None
    assert parser.feed(b"250 last") == Reply(250, "", ("first", "", "last"))
    assert parser.feed(b"221") == Reply(221)


def test_the_status_is_taken_from_every_line_when_its_class_fits() -> None:
    assert read(b"550-5.1.1 a\r\n550 5.1.1 b\r\n") == [Reply(550, "5.1.1", ("a", "b"))]
    assert read(b"550 5.1.1\r\n") == [Reply(550, "5.1.1", ("",))]
    assert read(b"250 5.1.1 a\r\n") == [Reply(250, "", ("5.1.1 a",))]
    assert read(b"250 1.2.3.4 a\r\n") == [Reply(250, "", ("1.2.3.4 a",))]


def test_control_characters_of_a_peer_do_not_get_through() -> None:
    assert read(b"550 a\x1b[2J\x00b\xff") == [Reply(550, "", ("a?[2J?b\ufffd",))]
    assert str(read(b"550-5.1.1 a\r\n550 5.1.1 b")[0]) == "550 5.1.1 a b"


@pytest.mark.parametrize(
    "line", [b"", b"25", b"2500 x", b"abc", b"199 x", b"600 x", b"250\tx", b" 250"]
)
def test_what_is_not_a_reply_is_refused(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        ReplyParser().feed(line)


def test_a_reply_must_not_change_its_code() -> None:
    parser = ReplyParser()
    parser.feed(b"250-a")
    with pytest.raises(SyntaxFault, match="goes on with 550"):
        parser.feed(b"550 b")


@pytest.mark.parametrize(("size", "count"), [(1, 1000), (4000, 20), (5000, 1)])
def test_an_endless_reply_is_cut_off(size: int, count: int) -> None:
    with pytest.raises(SyntaxFault, match="too long"):
        read(b"\r\n".join([b"250-" + b"x" * size] * count))


@pytest.mark.parametrize(
    ("code", "name"),
    [(250, "positive"), (354, "intermediate"), (451, "transient"), (550, "permanent")],
)
def test_a_reply_is_of_one_class(code: int, name: str) -> None:
    names = ["positive", "intermediate", "transient", "permanent"]
    assert [each for each in names if getattr(Reply(code), each)] == [name]


def test_capabilities_are_read_from_ehlo() -> None:
    reply = Reply(250, "", ("mx here", "SIZE 1000", "auth=LOGIN PLAIN", "8BITMIME", "", "?"))
    assert reply.capabilities() == {"SIZE": "1000", "AUTH": "LOGIN PLAIN", "8BITMIME": ""}


@given(
    st.lists(
        st.one_of(st.binary(max_size=30), st.from_regex(rb"[245]50[ -]([245]\.1\.1 ?)?.{0,9}"))
    )
)
def test_any_lines_give_replies_that_read_back_the_same_or_a_fault(lines: list[bytes]) -> None:
    parser = ReplyParser()
    for line in lines:
        try:
            reply = parser.feed(line)
        except SyntaxFault:
            return
        if reply:
            text = "\n".join(reply.lines)
            assert read(render(reply.code, reply.enhanced, text, utf8=True)) == [reply]

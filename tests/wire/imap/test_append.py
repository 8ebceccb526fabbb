from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.imap import append
from merpati.wire.imap.commands import Append, AppendMessage
from merpati.wire.imap.lexer import BadCommand, CommandReader


def first(*fed: bytes) -> Append | None:
    """What `append.first` says after these lines and literals, the last a line."""
    reader = CommandReader()
    literal = reader.feed(fed[0])
    for data, line in zip(fed[1::2], fed[2::2], strict=True):
        reader.fill(data)
        literal = reader.feed(line)
    assert literal is not None
    return append.first(reader, literal)


@pytest.mark.parametrize(
    ("line", "mailbox", "message"),
    [
        (b"a APPEND inbox {310}", "INBOX", AppendMessage((), None, 310, True, False)),
        (b'a append "a b" {0+}', "a b", AppendMessage((), None, 0, False, False)),
        (b"a APPEND x () ~{5}", "x", AppendMessage((), None, 5, True, True)),
        (
            b'a APPEND x (\\Seen Work) "17-Jul-1996 02:44:25 -0700" {5}',
            "x",
            AppendMessage(("$seen", "work"), 837_596_665, 5, True, False),
        ),
        (
            b'a APPEND x " 1-Jan-1970 00:00:00 +0000" {5}',
            "x",
            AppendMessage((), 0, 5, True, False),
        ),
        (
            b"a APPEND x {99999999999}",
            "x",
            AppendMessage((), None, 99999999999, True, False),
        ),
    ],
)
def test_what_precedes_the_message_is_known_before_it_comes(
    line: bytes, mailbox: str, message: AppendMessage
) -> None:
    assert first(line) == Append(b"a", mailbox, message)


def test_a_literal_may_be_the_name_of_the_mailbox() -> None:
    assert first(b"a APPEND {3}") is None
    command = first(b"a APPEND {3}", b"a b", b" (\\Draft) {7}")
    assert command == Append(b"a", "a b", AppendMessage(("$draft",), None, 7, True, False))


@pytest.mark.parametrize(
    "line",
    [
        b"a APPEND x y {3}",
        b"a APPEND x (\\Foo) {3}",
        b"a APPEND x (\\Recent) {3}",
        b'a APPEND x "17-Jul-1996" {3}',
        b'a APPEND x "99-Jul-1996 02:44:25 -0700" {3}',
        b"a APPEND x  {3}",
        b"a NOOP {3}",
        b"a UID APPEND x {3}",
    ],
)
def test_a_wrong_head_is_refused_before_the_message_comes(line: bytes) -> None:
    with pytest.raises(BadCommand) as caught:
        first(line)
    assert caught.value.tag == b"a"


def test_more_messages_follow_until_the_line_ends() -> None:
    reader = CommandReader()
    assert reader.feed(b"a APPEND x {3}")
    reader.leave()
    line = b" (\\Seen) {5+}"
    message = append.following(line, b"a", reader.feed(line))
    assert message == AppendMessage(("$seen",), None, 5, False, False)
    reader.leave()
    assert append.following(b"", b"a", reader.feed(b"")) is None


@pytest.mark.parametrize("line", [b" ", b"x", b" x", b" (\\Seen)", b"{3}", b" {3} ", b' "x {3}'])
def test_anything_else_behind_a_message_is_refused(line: bytes) -> None:
    with pytest.raises(BadCommand) as caught:
        append.following(line, b"a", CommandReader().feed(line))
    assert caught.value.tag == b"a"


@given(st.binary(max_size=20), st.sampled_from([b"a APPEND x ", b"a APPEND ", b""]))
def test_any_bytes_are_a_message_or_a_fault(rest: bytes, start: bytes) -> None:
    for line in (start + rest, start + rest + b" {3}", rest + b"{3}"):
        reader = CommandReader()
        literal = reader.feed(line)
        try:
            if literal is not None:
                append.first(reader, literal)
            append.following(line, b"a", literal)
        except BadCommand:
            continue

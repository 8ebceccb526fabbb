from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.imap import append, parser
from merpati.wire.imap.append import Begin, Finish, Following, FromUrl, Octets, UrlLiteral
from merpati.wire.imap.commands import Append, Command, Replace
from merpati.wire.imap.lexer import BadCommand, CommandReader, Literal


def first(*fed: bytes) -> Append | None:
    """What `append.first` says after these lines and literals, the last a line."""
    reader = CommandReader()
    literal = reader.feed(fed[0])
    for data, line in zip(fed[1::2], fed[2::2], strict=True):
        reader.fill(data)
        literal = reader.feed(line)
    assert literal is not None
    return append.first(reader, literal)


def begun(line: bytes) -> Append:
    """The command of a line, with or without a literal at its end."""
    reader = CommandReader()
    literal = reader.feed(line)
    if literal is None:
        command: Command | None = parser.parse(reader)
    else:
        command = append.first(reader, literal)
    assert isinstance(command, Append)
    return command


def steps(*lines: bytes, data: bytes = b"") -> list[append.Step]:
    """What a command brings; the lines are those between its literals."""
    reader = CommandReader()
    command = begun(lines[0])
    found: list[append.Step] = []
    rest = iter(lines[1:])
    walk = append.messages(command)
    try:
        step = next(walk)
        while True:
            found.append(step)
            following = None
            if isinstance(step, Octets | UrlLiteral):
                reader.leave()
                line = next(rest)
                following = Following(line, reader.feed(line), data)
            step = walk.send(following)
    except StopIteration:
        assert not list(rest), "there is more"
    return found


MESSAGE = [Begin((), None), Octets(3, True), Finish()]


@pytest.mark.parametrize(
    ("line", "mailbox", "expected"),
    [
        (b"a APPEND inbox {310}", "INBOX", [Begin((), None), Octets(310, True)]),
        (b'a append "a b" {0+}', "a b", [Begin((), None), Octets(0, False)]),
        (b"a APPEND x () ~{5}", "x", [Begin((), None), Octets(5, True, binary=True)]),
        (
            b'a APPEND x (\\Seen Work) "17-Jul-1996 02:44:25 -0700" {5}',
            "x",
            [Begin(("$seen", "work"), 837_596_665), Octets(5, True)],
        ),
        (
            b'a APPEND x " 1-Jan-1970 00:00:00 +0000" {99999999999}',
            "x",
            [Begin((), 0), Octets(99999999999, True)],
        ),
    ],
)
def test_what_precedes_the_message_is_known_before_it_comes(
    line: bytes, mailbox: str, expected: list[append.Step]
) -> None:
    command = begun(line)
    assert command.mailbox == mailbox
    walk = append.messages(command)
    assert [next(walk), next(walk)] == expected


def test_a_literal_may_be_the_name_of_the_mailbox() -> None:
    assert first(b"a APPEND {3}") is None
    command = first(b"a APPEND {3}", b"a b", b" (\\Draft) {7}")
    assert command == Append(b"a", "a b", b" (\\Draft) {7}", Literal(7, True, False, True))
    assert first(b"a UID REPLACE 4 {3}") is None


@pytest.mark.parametrize("line", [b"a NOOP {3}", b"a UID APPEND x {3}", b"a REPLACE x {3}"])
def test_a_wrong_head_is_refused_before_the_message_comes(line: bytes) -> None:
    with pytest.raises(BadCommand) as caught:
        first(line)
    assert caught.value.tag == b"a"


@pytest.mark.parametrize(
    "line",
    [
        b"a APPEND x y {3}",
        b"a APPEND x (\\Foo) {3}",
        b"a APPEND x (\\Recent) {3}",
        b'a APPEND x "17-Jul-1996" {3}',
        b'a APPEND x "99-Jul-1996 02:44:25 -0700" {3}',
        b"a APPEND x  {3}",
        b"a APPEND x",
        b"a APPEND x CATENATE (",
        b"a APPEND x CATENATE ()",
        b'a APPEND x CATENATE (TEXT "q")',
        b"a APPEND x CATENATE (URL u",
        b"a APPEND x UTF8 ~{3}",
    ],
)
def test_a_wrong_message_is_refused(line: bytes) -> None:
    with pytest.raises(BadCommand) as caught:
        steps(line)
    assert caught.value.tag == b"a"


def test_more_messages_follow_until_the_line_ends() -> None:
    found = steps(b"a APPEND x {3}", b" (\\Seen) {5+}", b"")
    assert found == [*MESSAGE, Begin(("$seen",), None), Octets(5, False), Finish()]


@pytest.mark.parametrize("line", [b" ", b"x", b" x", b" (\\Seen)", b"{3}", b" {3} ", b' "x {3}'])
def test_anything_else_behind_a_message_is_refused(line: bytes) -> None:
    with pytest.raises(BadCommand):
        steps(b"a APPEND x {3}", line)


def test_catenate_takes_text_and_urls_in_their_order() -> None:
    found = steps(
        b"a APPEND x (\\Draft) CATENATE (URL /x/;UID=1 TEXT {3+}",
        b" URL {9}",
        b" UTF8 (~{4}",
        b")) {3}",
        b"",
        data=b"/x/;UID=2",
    )
    assert found == [
        Begin(("$draft",), None),
        FromUrl(b"/x/;UID=1"),
        Octets(3, False),
        UrlLiteral(Literal(9, True, False, True)),
        FromUrl(b"/x/;UID=2"),
        Octets(4, True, binary=True, utf8=True),
        Finish(),
        *MESSAGE,
    ]


def test_utf8_holds_a_message() -> None:
    found = steps(b"a APPEND x UTF8 (~{3+}", b")")
    assert found == [Begin((), None), Octets(3, False, binary=True, utf8=True), Finish()]
    with pytest.raises(BadCommand):
        steps(b"a APPEND x UTF8 (~{3+}", b"")


def test_replace_names_one_message() -> None:
    assert begun(b"a REPLACE 4 x {3}") == Replace(
        b"a", "x", b" {3}", Literal(3, True, False, True), "", False, 4
    )
    assert begun(b"a UID REPLACE * x CATENATE (URL u)") == Replace(
        b"a", "x", b" CATENATE (URL u)", None, "", True, 0
    )
    for line in (b"a REPLACE 1:2 x {3}", b"a REPLACE 1,2 x {3}", b"a REPLACE $ x {3}"):
        with pytest.raises(BadCommand):
            begun(line)
    with pytest.raises(BadCommand):
        steps(b"a REPLACE 1 x {3}", b" {3}", b"")


def test_a_catenation_has_a_limit() -> None:
    line = b"a APPEND x CATENATE (" + b" ".join([b"URL u"] * append.PARTS_MAX)
    assert len(steps(line + b")")) == append.PARTS_MAX + 2
    with pytest.raises(BadCommand):
        steps(line + b" URL u)")


@given(
    st.lists(st.binary(max_size=20), min_size=4, max_size=4),
    st.sampled_from([b"", b" {3}", b" TEXT {3}", b" URL {3+}", b")"]),
    st.sampled_from([b" ", b" CATENATE (", b" UTF8 (", b""]),
)
def test_any_bytes_are_steps_or_a_fault(rest: list[bytes], end: bytes, start: bytes) -> None:
    reader = CommandReader()
    literal = reader.feed(b"a APPEND x" + start + rest[0] + end)
    walk = append.messages(Append(b"a", "x", start + rest[0] + end, literal))
    following = None
    try:
        for line in rest[1:]:
            while not isinstance(walk.send(following), Octets | UrlLiteral):
                following = None
            reader.leave()
            following = Following(line + end, reader.feed(line + end), line)
    except (BadCommand, StopIteration):
        return

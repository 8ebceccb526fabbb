from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.pop3 import responses
from merpati.wire.pop3.responses import Code, Status, parse_status


def unstuff(data: bytes) -> bytes:
    """What a client makes of a multi-line response, by RFC 1939 3, line by line."""
    lines = data.split(b"\r\n")
    assert lines[-2:] == [b".", b""]
    assert b"." not in lines[:-2]
    return b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2])


@pytest.mark.parametrize(
    ("line", "status"),
    [
        (responses.ok(), Status(ok=True)),
        (responses.ok("2 320"), Status(ok=True, text="2 320")),
        (responses.err("no"), Status(ok=False, text="no")),
        (responses.err("wrong", Code.AUTH), Status(ok=False, code="AUTH", text="wrong")),
        (responses.err("later", Code.SYS_TEMP), Status(ok=False, code="SYS/TEMP", text="later")),
        (responses.err("", Code.IN_USE), Status(ok=False, code="IN-USE")),
        (b"+OK  two\r\n", Status(ok=True, text=" two")),
    ],
)
def test_a_status_line_is_written_and_read(line: bytes, status: Status) -> None:
    assert line.endswith(b"\r\n")
    assert parse_status(line[:-2]) == status


@pytest.mark.parametrize("line", [b"", b"OK", b"+OKAY", b"-ERR" + b" x" * 300, b"* OK"])
def test_what_is_not_a_status_line_is_refused(line: bytes) -> None:
    with pytest.raises(SyntaxFault):
        parse_status(line)


@given(st.text(max_size=700))
def test_no_text_can_break_a_status_line(text: str) -> None:
    for line in (responses.ok(text), responses.err(text, Code.SYS_PERM)):
        assert len(line) <= responses.RESPONSE_LINE_LIMIT
        assert line.endswith(b"\r\n")
        assert line.count(b"\r") == line.count(b"\n") == 1
        line.decode()
        parse_status(line[:-2])


def test_lists_end_with_a_dot() -> None:
    assert responses.listing("2 messages", ["1 120", "2 200"]) == (
        b"+OK 2 messages\r\n1 120\r\n2 200\r\n.\r\n"
    )
    assert responses.challenge(b"AAA=") == b"+ AAA=\r\n"


@pytest.mark.parametrize(
    ("body", "stuffed"),
    [
        (b"", b".\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b".", b"..\r\n.\r\n"),
        (b".\r\n.\r\n", b"..\r\n..\r\n.\r\n"),
        (b"a\n.\nb", b"a\n..\nb\r\n.\r\n"),
        (b"a\r.", b"a\r.\r\n.\r\n"),
    ],
)
def test_dots_are_doubled_at_line_starts(body: bytes, stuffed: bytes) -> None:
    assert responses.stuff(body) == stuffed
    assert responses.message(body) == b"+OK %d octets\r\n" % len(body) + stuffed


BODIES = st.lists(st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a"]), max_size=12)


@given(BODIES)
def test_a_client_gets_back_the_body_as_it_is_but_for_its_last_line_end(parts: list[bytes]) -> None:
    body = b"".join(parts)
    stuffed = responses.stuff(body)
    assert stuffed == b"".join(responses.stuff_pieces(parts))
    assert not re.search(rb"\n\.\r?\n(?!\Z)", b"\n" + stuffed), "it ends before its end"
    ended = body if not body or body.endswith(b"\r\n") else body + b"\r\n"
    assert re.sub(rb"(\A|\n)\.", rb"\1", stuffed.removesuffix(b".\r\n")) == ended

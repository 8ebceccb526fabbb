from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import envelope, prepared

values = st.binary(max_size=60).map(lambda raw: raw.translate(None, b"\r\n\0"))


@given(
    subject=values, date=values, message_id=values, answered=values, author=values, people=values
)
def test_any_prepared_envelope_is_read(
    subject: bytes, date: bytes, message_id: bytes, answered: bytes, author: bytes, people: bytes
) -> None:
    wire = envelope.of_values({
        b"subject": subject, b"date": date, b"message-id": message_id, b"in-reply-to": answered,
        b"from": author, b"to": people, b"cc": people,
    })  # fmt: skip
    read = prepared.read(wire)
    assert (read.subject, read.date, read.message_id) == (subject, date, message_id)
    assert read.in_reply_to == answered
    assert read.to == read.cc
    assert isinstance(prepared.written(read.author), str)
    assert isinstance(prepared.displayed(read.to), str)


def test_fields_are_read_with_names_and_groups() -> None:
    wire = envelope.of_values({
        b"subject": b'a "b" \xff',
        b"from": b"Ani <ani@x>",
        b"to": b"team: =?utf-8?q?B=C3=BC?= <b@x>, c@x; d@x",
    })  # fmt: skip
    read = prepared.read(wire)
    assert read.subject == b'a "b" \xff'
    assert prepared.written(read.author) == "Ani <ani@x>"
    assert prepared.written(read.to) == "team: Bü <b@x>, <c@x>, ; <d@x>"
    assert prepared.displayed(read.to) == "team"
    assert prepared.displayed(read.cc) == ""
    assert read.bcc == []


@pytest.mark.parametrize("wire", [b"", b"NIL", b"()", b'("a")', b"({5}\r\na"])
def test_what_is_no_envelope_is_refused(wire: bytes) -> None:
    with pytest.raises(SyntaxFault):
        prepared.read(wire)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.mime import headers
from merpati.wire.sieve.actions import Keep, Slice
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.edits import View, entity, field_value, fold, render
from merpati.wire.sieve.message import read
from tests.support.sieve_cases import SieveCase, drive

ENVELOPE = SieveCase("", b"", b"", {}).envelope()


def edited(script: bytes, message: bytes) -> bytes:
    outcome = drive(compile_script(script), message, ENVELOPE)
    assert outcome.fault is None
    assert isinstance(outcome.actions[0], Keep)
    number = outcome.actions[0].edition
    return render(message, outcome.editions[number - 1]) if number else message


@given(st.binary(max_size=200))
def test_what_was_not_touched_stays_byte_for_byte(message: bytes) -> None:
    assert render(message, View(read(message)).edition()) == _with_line_end(message)


def _with_line_end(message: bytes) -> bytes:
    """A header that ends in the middle of a line gets a line end, and nothing else changes."""
    root = read(message).root
    fields = headers.split(message, root.header_start, root.body_start).fields
    if fields and not message[: fields[-1].end].endswith(b"\n"):
        return message[: fields[-1].end] + b"\r\n" + message[fields[-1].end :]
    return message


@given(st.binary(max_size=200))
def test_any_message_can_be_edited(message: bytes) -> None:
    script = b"""require ["editheader", "foreverypart", "mime", "replace", "enclose"];
addheader "X-A" "b"; deleteheader "Subject"; addheader :last "X-C" "d";
foreverypart { if header :mime :type "content-type" "application" { replace "gone"; } }
enclose :subject "new" "text";
"""
    found = edited(script, message)
    assert b"Subject: new\r\n" in found
    assert b"X-A: b\r\n" in found


def test_an_unedited_message_has_no_edition() -> None:
    outcome = drive(
        compile_script(b'require "editheader"; deleteheader "X-None";'), b"A: b\r\n\r\n", ENVELOPE
    )
    assert outcome.editions == ()


def test_neighbouring_pieces_are_one() -> None:
    view = View(read(b"A: 1\r\nB: 2\r\nC: 3\r\n\r\nbody\r\n"))
    view.add("X", b"y", last=False)
    assert view.edition() == (b"X: y\r\n", Slice(0, 26))


def test_a_value_cannot_smuggle_in_a_field() -> None:
    script = b'require ["editheader", "variables"]; addheader "X" "a\r\nBcc: b@example.com";'
    found = edited(script, b"A: b\r\n\r\n")
    assert found == b"X: a Bcc: b@example.com\r\nA: b\r\n\r\n"


def test_long_values_are_folded_and_others_encoded() -> None:
    assert b"\r\n " in fold("X", b"word " * 30)
    assert field_value("caf\u00e9") == b"=?utf-8?q?caf=C3=A9?="


def test_the_mbox_line_stays_on_top() -> None:
    found = edited(b'require "editheader"; addheader "X" "y";', b"From a Mon\r\nA: b\r\n\r\n")
    assert found == b"From a Mon\r\nX: y\r\nA: b\r\n\r\n"


def test_messages_may_be_enclosed_twice() -> None:
    script = b'require "enclose"; enclose :subject "1" "one"; enclose :subject "2" "two";'
    found = edited(script, b"Subject: 0\r\n\r\nbody\r\n")
    assert [line for line in found.split(b"\r\n") if line.startswith(b"Subject")] == [
        b"Subject: 2", b"Subject: 1", b"Subject: 0",
    ]  # fmt: skip
    root = read(found).root
    assert root.children[1].children[0].children[1].children[0].subtype == "plain"


@pytest.mark.parametrize(
    ("text", "mime", "wanted"),
    [
        ("hello", False, b"Content-Transfer-Encoding: 7bit\r\n\r\nhello"),
        ("caf\u00e9", False, b"Content-Transfer-Encoding: 8bit\r\n\r\ncaf\xc3\xa9"),
        ("x" * 2_000, False, b"quoted-printable\r\n\r\nxxx"),
        ("Content-Type: text/html\r\n\r\n<b>", True, b"Content-Type: text/html\r\n\r\n<b>"),
        ("no header", True, b"text/plain; charset=utf-8\r\n\r\nno header"),
    ],
)
def test_a_text_becomes_an_entity(text: str, mime: bool, wanted: bytes) -> None:
    assert wanted in entity(text, mime=mime)

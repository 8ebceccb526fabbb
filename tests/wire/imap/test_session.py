from __future__ import annotations

import pytest

from merpati.wire.imap import parser, session
from merpati.wire.imap.commands import Command
from merpati.wire.imap.lexer import BadCommand, CommandReader


def read(line: bytes) -> Command:
    reader = CommandReader()
    assert reader.feed(line) is None
    return parser.parse(reader)


def test_commands_are_read() -> None:
    assert read(b"a compress deflate") == session.Compress(b"a", b"DEFLATE")
    assert read(b"a UNAUTHENTICATE") == session.Unauthenticate(b"a")
    assert read(b"a GETJMAPACCESS") == session.GetJmapAccess(b"a")
    assert read(b"a LANGUAGE") == session.Language(b"a")
    assert read(b'a LANGUAGE id "en-GB" "*"') == session.Language(b"a", ("id", "en-GB", "*"))
    assert read(b"a UIDBATCHES 2000") == session.UidBatches(b"a", 2000)
    assert read(b"a UIDBATCHES 2000 10:20") == session.UidBatches(b"a", 2000, (10, 20))


@pytest.mark.parametrize(
    "line",
    [
        b"COMPRESS",
        b"COMPRESS DEFLATE 9",
        b"UNAUTHENTICATE now",
        b"LANGUAGE (id)",
        b"LANGUAGE " + b"x" * 9,
        b"LANGUAGE" + b" id" * 101,
        b"UIDBATCHES",
        b"UIDBATCHES 0 1:2",
        b"UIDBATCHES 500 10",
        b"UIDBATCHES 500 0:2",
        b"UIDBATCHES 500 1:*",
        b"UIDBATCHES 99999999999",
    ],
)
def test_what_is_none_of_them(line: bytes) -> None:
    with pytest.raises(BadCommand):
        read(b"a " + line)


def test_responses() -> None:
    assert session.languages(("EN", "ID")) == b"* LANGUAGE (EN ID)\r\n"
    assert session.uid_batches(b"a", []) == b'* UIDBATCHES (TAG "a")\r\n'
    told = session.uid_batches(b"a", [(99, 50), (49, 1)])
    assert told == b'* UIDBATCHES (TAG "a") 99:50,49:1\r\n'
    assert session.jmap_access("https://a/s") == b'* JMAPACCESS "https://a/s"\r\n'
    assert session.messagelimit(9, 5) == b"MESSAGELIMIT 9 5"
    assert session.messagelimit(9) == b"MESSAGELIMIT 9"
    assert session.inprogress(b"a", 5, 9) == b'INPROGRESS ("a" 5 9)'


def test_a_tag_with_a_bracket_is_not_named() -> None:
    """RFC 9585 4."""
    assert session.inprogress(b"a]b", 5, 9) == b"INPROGRESS (NIL 5 9)"

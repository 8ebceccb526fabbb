from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.imap import strings


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (b"", b'""'),
        (b"plain text", b'"plain text"'),
        (b'say "hi" \\o/', b'"say \\"hi\\" \\\\o/"'),
        (b"tab\there", b'"tab\there"'),
        (b"two\r\nlines", b"{10}\r\ntwo\r\nlines"),
        (b"caf\xc3\xa9", b"{5}\r\ncaf\xc3\xa9"),
        (b"nul\0", b"{4}\r\nnul\x80"),
    ],
)
def test_string_is_quoted_when_safe_and_a_literal_otherwise(text: bytes, wire: bytes) -> None:
    assert strings.string(text) == wire


def test_long_text_goes_as_a_literal() -> None:
    assert strings.string(b"x" * strings.QUOTED_MAX).startswith(b'"')
    assert strings.string(b"x" * (strings.QUOTED_MAX + 1)).startswith(b"{1001}\r\n")


def test_absent_text_is_nil_and_empty_text_is_not() -> None:
    assert strings.nstring(None) == b"NIL"
    assert strings.nstring(b"") == b'""'
    assert strings.nstring(b"NIL") == b'"NIL"'


@pytest.mark.parametrize(
    ("text", "wire"),
    [
        (b"INBOX", b"INBOX"),
        (b"a/b&-c", b"a/b&-c"),
        (b"", b'""'),
        (b"nil", b'"nil"'),
        (b"two words", b'"two words"'),
        (b"50%", b'"50%"'),
        (b"a]b", b'"a]b"'),
        (b"~{3}", b'"~{3}"'),
    ],
)
def test_astring_is_bare_only_when_nothing_can_be_misread(text: bytes, wire: bytes) -> None:
    assert strings.astring(text) == wire


@pytest.mark.parametrize("text", [b"a\r\nb", b"a\nb", b"a\0b", b"\xe9"])
def test_quoted_refuses_what_it_cannot_hold(text: bytes) -> None:
    with pytest.raises(ValueError, match="quoted string"):
        strings.quoted(text)


@given(st.binary(max_size=60))
def test_no_text_can_leave_its_string(text: bytes) -> None:
    wire = strings.string(text)
    if wire.startswith(b'"'):
        assert not set(wire) & set(b"\r\n\0")
        inner = wire[1:-1].replace(b"\\\\", b"\x00").replace(b'\\"', b"\x01")
        assert b'"' not in inner
        assert b"\\" not in inner
    else:
        head, _, body = wire.partition(b"\r\n")
        assert head == b"{%d}" % len(body) == b"{%d}" % len(text)

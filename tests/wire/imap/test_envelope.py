from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.wire.imap import envelope
from merpati.wire.imap.strings import QUOTED_MAX

ADDRESS_PIECES = [b"Ani Wijaya", b'"W, A"', b"a@b.example", b"<c@d.example>", b", ", b",", b" "]
ADDRESS_PIECES += [
    b"<",
    b">",
    b'"',
    b"\\",
    b":",
    b";",
    b"  ",
    b"(x)",
    b"\xc3\xa4",
    b"=?utf-8?q?x?=",
]


@given(
    st.lists(st.sampled_from(ADDRESS_PIECES), max_size=12).map(b"".join)
    | st.from_regex(envelope._COMMON, fullmatch=True)
    | st.lists(st.from_regex(envelope._COMMON, fullmatch=True), max_size=3).map(b"".join)
)
@settings(max_examples=400)
def test_a_common_address_is_written_like_any_other(value: bytes) -> None:
    quick = envelope.addresses(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(envelope, "_COMMON", re.compile(rb"(?!)"))
        envelope._remembered.cache_clear()
        assert quick == envelope.addresses(value)


def test_a_long_common_address_becomes_a_literal() -> None:
    name = b"n" * (QUOTED_MAX + 1)
    assert envelope.addresses(name + b" <a@b>") == b'(({%d}\r\n%b NIL "a" "b"))' % (
        len(name),
        name,
    )

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import flags


@pytest.mark.parametrize(
    ("flag", "keyword"),
    [
        (b"\\Seen", "$seen"),
        (b"\\ANSWERED", "$answered"),
        (b"\\flagged", "$flagged"),
        (b"\\Draft", "$draft"),
        (b"\\deleted", "$deleted"),
        (b"$Forwarded", "$forwarded"),
        (b"Work", "work"),
        (b"NIL", "nil"),
    ],
)
def test_a_flag_is_stored_as_a_lower_case_keyword(flag: bytes, keyword: str) -> None:
    assert flags.keyword(flag) == keyword


@pytest.mark.parametrize(
    "flag",
    [b"", b"\\", b"\\Recent", b"\\Foo", b"\\*", b"a b", b"a]", b"a\\b", b"caf\xe9", b"x" * 256],
)
def test_what_cannot_be_set_is_refused(flag: bytes) -> None:
    with pytest.raises(SyntaxFault):
        flags.keyword(flag)


def test_stored_keywords_are_written_as_clients_expect() -> None:
    assert flags.render("$flagged $seen") == b"(\\Flagged \\Seen)"
    assert flags.render("$forwarded $mdnsent work") == b"($Forwarded $MDNSent work)"
    assert flags.render("") == b"()"
    assert flags.render("$seen", True) == b"(\\Seen \\Recent)"


def test_the_stored_form_is_sorted_and_without_doubles() -> None:
    assert flags.store_form(["work", "$seen", "work"]) == "$seen work"


@pytest.mark.parametrize("keyword", ["a)b", "a\r\nb", "\\Seen", "é", "", "x" * 256])
def test_a_spoilt_keyword_never_reaches_the_wire(keyword: str) -> None:
    with pytest.raises(ValueError, match="not a keyword"):
        flags.flag(keyword)


@given(st.binary(max_size=12))
def test_any_bytes_are_a_keyword_or_a_fault(flag: bytes) -> None:
    try:
        keyword = flags.keyword(flag)
    except SyntaxFault:
        return
    assert flags.keyword(flags.flag(keyword)) == keyword
    assert flags.flag(keyword).lower() in {flag.lower(), flags.SYSTEM.get(keyword, b"").lower()}

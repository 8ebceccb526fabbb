from __future__ import annotations

import time
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.wire.imap import names

WELL_FORMED = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
PATTERN = st.text("ab/*%", max_size=12)
NAME = st.text("ab/", max_size=14)


def naive_match(pattern: str, name: str) -> bool:
    """All places the pattern can have reached, character by character."""
    reached = {0}
    for symbol in name:
        reached = closure(pattern, reached)
        following = set()
        for place in reached:
            if place == len(pattern):
                continue
            expected = pattern[place]
            if expected == "*" or (expected == "%" and symbol != "/"):
                following.add(place)
            elif expected == symbol:
                following.add(place + 1)
        reached = following
    return len(pattern) in closure(pattern, reached)


def closure(pattern: str, reached: set[int]) -> set[int]:
    every = set(reached)
    for begin in reached:
        place = begin
        while place < len(pattern) and pattern[place] in "*%":
            place += 1
            every.add(place)
    return every


@pytest.mark.parametrize(
    ("name", "wire"),
    [
        ("Sent", b"Sent"),
        ("Q&A", b"Q&-A"),
        ("pää", b"p&AOQA5A-"),
        ("~peter/mail/台北/日本語", b"~peter/mail/&U,BTFw-/&ZeVnLIqe-"),
        ("🐦", b"&2D3cJg-"),
        ("tab\there", b"tab&AAk-here"),
    ],
)
def test_names_travel_as_modified_utf7(name: str, wire: bytes) -> None:
    assert names.encode(name) == wire
    assert names.decode(wire) == names.exact(wire) == name
    assert names.encode(name, utf8=True) == name.encode()
    assert names.decode(name.encode(), utf8=True) == name


@pytest.mark.parametrize(
    ("wire", "name"),
    [
        (b"!#$&'+", "!#$&'+"),
        (b"&AOQ", "&AOQ"),
        (b"&AA-", "&AA-"),
        (b"&2D0-", "&2D0-"),
        (b"&AEE-", "A"),
        (b"caf\xc3\xa9", "café"),
        (b"caf\xe9", "caf\ufffd"),
        (b"cafe\xcc\x81", "café"),
    ],
)
def test_what_is_no_modified_utf7_stands_for_itself(wire: bytes, name: str) -> None:
    assert names.decode(wire) == name


@pytest.mark.parametrize(
    "wire",
    [
        *(b"&", b"a&b", b"&AOQ", b"&AA", b"&2D0-", b"&AOR-", b"&Jjo!"),
        *(b"&AEE-", b"&U,BTFw-&ZeVnLIqe-", b"&-&AEE-", b"caf\xc3\xa9&AOQ-"),
    ],
)
def test_a_name_in_wrong_modified_utf7_is_one_that_cannot_be(wire: bytes) -> None:
    assert names.objection(names.exact(wire))
    assert not names.objection(names.exact(wire, utf8=True))
    assert "\ufffd" not in names.read(wire)


def test_with_utf8_an_ampersand_is_only_itself() -> None:
    assert names.decode(b"Q&-A", utf8=True) == "Q&-A"


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("inbox", "INBOX"),
        ("InBox/sub", "INBOX/sub"),
        ("inboxes", "inboxes"),
        ("a/Inbox", "a/Inbox"),
        ("a/", "a"),
        ("Inbox//", "INBOX"),
        ("/", "/"),
        ("", ""),
    ],
)
def test_inbox_and_trailing_separators_are_made_canonical(written: str, kept: str) -> None:
    assert names.canonical(written) == kept


@pytest.mark.parametrize("name", ["INBOX", "a/b", "Ünïcode", "Q&A", "with space", "x" * 255])
def test_ordinary_names_can_be_made(name: str) -> None:
    assert names.objection(name) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("", "/", "/a", "a//b", "a/ /b", "a*", "a%", "a\0", "a\nb", "a\x7f", "a\x85"),
        *("a\u2028", "\ud800", "caf\ufffd", "/".join("x" * 21)),
        "/".join(["ä" * 150] * 4),
    ],
)
def test_names_nobody_could_use_are_refused_with_a_reason(name: str) -> None:
    assert names.objection(name).endswith(".")


@pytest.mark.parametrize(
    ("reference", "pattern", "name", "covered"),
    [
        ("", "*", "a/b", True),
        ("", "%", "a", True),
        ("", "%", "a/b", False),
        ("a/", "%", "a/b", True),
        ("", "a%b/c", "axb/c", True),
        ("", "*a%b", "a/ab", True),
        ("", "inbox", "INBOX", True),
        ("", "iNb*", "INBOX", True),
        ("", "inbox/%", "INBOX/a", True),
        ("", "SENT", "Sent", False),
        ("", "a.c", "abc", False),
        ("", "", "", True),
        ("", "é", "é", True),
        ("", "x" * 5000, "x", False),
    ],
)
def test_wildcards_cover_what_they_should(
    reference: str, pattern: str, name: str, covered: bool
) -> None:
    assert names.Pattern(reference, pattern).matches(name) is covered


@given(PATTERN, NAME)
def test_matching_agrees_with_trying_everything(pattern: str, name: str) -> None:
    assert names.Pattern("", pattern).matches(name) == naive_match(pattern, name)


@given(st.text("a/*%", max_size=16), st.text("a/", max_size=20))
def test_matching_agrees_when_everything_repeats(pattern: str, name: str) -> None:
    assert names.Pattern("", pattern).matches(name) == naive_match(pattern, name)


@pytest.mark.parametrize("pattern", ["*a" * 400 + "b", "%a" * 400 + "b", "*a%a" * 200 + "b"])
@pytest.mark.parametrize("name", ["a" * 1000, "a/" * 500, "/".join(["a" * 49] * 20)])
def test_hostile_patterns_stay_linear(pattern: str, name: str) -> None:
    compiled = names.Pattern("", pattern)
    started = time.process_time()
    assert not compiled.matches(name)
    assert time.process_time() - started < 1  # by backtracking: longer than the universe


@given(WELL_FORMED)
def test_a_written_name_reads_back_the_same(name: str) -> None:
    assert names.read(names.encode(name)) == name
    assert names.encode(name).isascii()
    kept = names.canonical(name)
    assert names.decode(names.encode(kept)) == kept == names.canonical(kept)
    assert names.decode(names.encode(kept, utf8=True), utf8=True) == kept


@given(st.binary(max_size=40))
def test_any_bytes_are_a_name_that_settles(wire: bytes) -> None:
    name = names.decode(wire)
    assert unicodedata.is_normalized("NFC", name)
    assert names.decode(names.encode(name)) == name


@given(st.text(st.characters(), max_size=20))
def test_any_text_can_be_written(name: str) -> None:
    assert names.encode(name).isascii()
    assert names.encode(name, utf8=True).decode() == name or not name.isprintable()
    assert isinstance(names.objection(name), str)

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.dkim import tags

NAMES = st.from_regex(rb"[A-Za-z][A-Za-z0-9_]{0,5}", fullmatch=True)
VALUES = st.binary(max_size=300).map(
    lambda data: data.translate(None, bytes(range(0x20)) + b";\x7f").strip()
)
LISTS = st.dictionaries(NAMES, VALUES, min_size=1, max_size=8)


def test_white_space_around_names_and_values_means_nothing() -> None:
    assert tags.parse(b" v =\r\n\t1 ;a= b c ;\r\n z=;") == {b"v": b"1", b"a": b"b c", b"z": b""}


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "is not a tag"),
        (b"v", "is not a tag"),
        (b"v=1;;a=b", "is not a tag"),
        (b"1v=1", "is not a tag"),
        (b"v v=1", "is not a tag"),
        (b"v=1; v=1", "stands twice"),
        (b"v=\x00", "control character"),
        (b"v=" + b"a" * tags.MAX_BYTES, "octets"),
        (b";".join(b"a%d=" % n for n in range(tags.MAX_TAGS + 1)), "tags"),
    ],
)
def test_what_is_no_list_is_refused_with_its_reason(text: bytes, reason: str) -> None:
    with pytest.raises(SyntaxFault, match=reason):
        tags.parse(text)


def test_names_count_with_their_case() -> None:
    assert tags.parse(b"a=1; A=2") == {b"a": b"1", b"A": b"2"}


@given(st.binary(max_size=200))
def test_any_bytes_are_a_list_or_a_syntax_fault(data: bytes) -> None:
    try:
        found = tags.parse(data)
    except SyntaxFault:
        return
    assert tags.parse(tags.render(found)) == found


@given(LISTS)
def test_what_is_written_is_read_back(found: tags.Tags) -> None:
    assert tags.parse(tags.render(found)) == found


@given(st.lists(st.from_regex(rb"[a-z-]{1,30}", fullmatch=True), min_size=1), st.binary(min_size=1))
def test_a_folded_field_says_the_same_in_short_lines(names: list[bytes], data: bytes) -> None:
    found = {b"v": b"1", b"h": b":".join(names), b"d": b"example.org", b"b": tags.base64(data)}
    field = tags.fold(b"DKIM-Signature", found)
    read = tags.parse(field.removeprefix(b"DKIM-Signature:")[:-2])
    assert tags.read_words(read[b"h"]) == names
    assert tags.read_base64(read[b"b"]) == data
    assert (read[b"v"], read[b"d"]) == (b"1", b"example.org")
    assert all(len(line) <= tags.LINE_WANTED for line in field.split(b"\r\n"))


def test_the_octets_of_one_tag_are_taken_out_and_nothing_else() -> None:
    assert tags.without(b" a=1;\r\n b = xyz\r\n zz;bh=b=2", b"b") == b" a=1;\r\n b =;bh=b=2"
    assert tags.without(b"a=b", b"b") == b"a=b"


@pytest.mark.parametrize("text", [b"", b"====", b"AA=A", b"A", b"AA$A", b"AAA\xff"])
def test_what_is_not_base64_is_refused(text: bytes) -> None:
    with pytest.raises(SyntaxFault):
        tags.read_base64(text)

from __future__ import annotations

import re
from email.header import Header, decode_header, make_header

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from merpati.wire.mime import words
from tests.support.growth import LINEAR, growth

WORD_BYTES = st.lists(
    st.sampled_from(
        [
            *(b"=?utf-8?q?", b"=?iso-2022-jp?B?", b"?=", b"=", b"?", b"_", b" ", b"=C3"),
            *(b"4oKs", b"\r\n ", b"\0", b"\xc3", b"=?x*en?b?"),
        ]
    )
    | st.binary(max_size=3),
    max_size=30,
).map(b"".join)


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"plain", "plain"),
        (b"=?utf-8?Q?Gr=C3=BC=C3=9Fe_aus?= K=C3", "Grüße aus K=C3"),
        (b"=?UTF-8?B?R3LDvMOfZQ==?=", "Grüße"),
        (b"=?iso-8859-1?q?=80?=", "€"),
        (b"=?utf-8*de?q?=C3=BC?=", "ü"),
        (b"a =?utf-8?q?b?= c", "a b c"),
        (b"=?utf-8?q?a?= =?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a?=\r\n =?iso-8859-1?q?=FC?=", "aü"),
        (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        (b"=?utf-8?q?a_?= x =?utf-8?q?b?=", "a  x b"),
        (b'"=?utf-8?q?in_quotes?="', '"in quotes"'),
        (b"Re:=?utf-8?q?=C3=BC?=!", "Re:ü!"),
        (b"=?utf-8?q?with space?=", "with space"),
        (b"=?utf-8?q??=", ""),
        (b"=?utf-8?q?open", "=?utf-8?q?open"),
        (b"=?utf-8?x?a?=", "=?utf-8?x?a?="),
        (b"folded\r\n text", "folded text"),
    ],
)
def test_encoded_words_are_decoded_where_real_senders_put_them(raw: bytes, text: str) -> None:
    assert words.decode(raw) == text


@pytest.mark.parametrize(
    "raw",
    [
        b"=?utf-8?B?4oI=?= =?UTF-8?B?rA==?=",
        b"=?utf-8?q?=E2=82?=\r\n\t=?utf-8?q?=AC?=",
        b"=?utf-8?q?=E2?= =?utf-8?B?gqw?=",
    ],
)
def test_a_character_torn_over_two_words_is_put_together(raw: bytes) -> None:
    assert words.decode(raw) == "€"


@pytest.mark.parametrize(
    ("encoded", "text"),
    [
        (b"YQ", "a"),
        (b"YQ=", "a"),
        (b"YQ==YQ==", "aa"),
        (b"YWJjZ", "abc"),
        (b"Y W J\tj", "abc"),
        (b"Y*W!Jj", "abc"),
        (b"=", ""),
        (b"", ""),
    ],
)
def test_damaged_base64_gives_what_is_left(encoded: bytes, text: str) -> None:
    assert words.decode(b"=?utf-8?b?%b?=" % encoded) == text


def test_undeclared_text_is_utf8_or_windows_1252() -> None:
    assert words.decode("grün".encode()) == "grün"
    assert words.decode(b"gr\xfcn") == "grün"
    assert words.decode(b"=?x-unknown?q?gr=FCn?=") == "grün"


def test_control_characters_do_not_come_out_of_words() -> None:
    assert words.decode(b"=?utf-8?q?a=0D=0ABcc:_x=00=1B=C2=85?= \0\r\n.") == "aBcc: x ."


@pytest.mark.parametrize("text", ["", "plain text", "a\tb", "Re: [list] 50% (x) <y>, z"])
def test_plain_ascii_is_written_as_it_is(text: str) -> None:
    assert words.encode(text) == text.encode()


@pytest.mark.parametrize(
    "text",
    [
        "Grüße",
        "日本語" * 40,
        "=?utf-8?q?x?=",
        " edge",
        "edge ",
        "x" * 1000,
        "a" * 200 + "é",
        "😀" * 50,
    ],
)
def test_what_cannot_stand_for_itself_becomes_short_words_of_whole_characters(text: str) -> None:
    written = words.encode(text)
    for word in written.split(b" "):
        assert len(word) <= words.MAX_WORD
        assert "\ufffd" not in words.decode(word)
    assert words.decode(written) == text
    assert str(make_header(decode_header(written.decode()))) == text


@given(st.text(max_size=120))
@example("é" * 31 + "x")
@example("\ud800")
@settings(max_examples=300)
def test_what_is_written_reads_the_same(text: str) -> None:
    written = words.encode(text)
    assert re.fullmatch(rb"[\t -~]*", written)
    wanted = words.clean(text).encode("utf-8", "replace").decode()
    assert words.decode(written) == wanted
    assert words.decode(written.replace(b"?= =?", b"?=\r\n =?")) == wanted


@given(WORD_BYTES)
@settings(max_examples=300)
def test_any_bytes_become_one_line_of_text(raw: bytes) -> None:
    text = words.decode(raw)
    assert not re.search(r"[\x00-\x08\x0a-\x1f\x7f]", text)
    assert words.decode(words.encode(text)) == text


@given(st.text(st.characters(categories=["L", "N", "Zs"], max_codepoint=0x2FFF), min_size=1))
@settings(max_examples=100)
def test_ordinary_subjects_read_as_the_standard_library_reads_them(text: str) -> None:
    written = Header(text, "utf-8").encode()
    assert words.decode(written.encode()) == words.clean(str(make_header(decode_header(written))))


@pytest.mark.parametrize(
    "unit",
    [
        b"=?a?q?",
        b"=?a?q?b",
        b"=?",
        b"=?a",
        b"=?a?q?b?=",
        b"=?a?b?Y=?= ",
        b"=",
        b"?",
        b"=?a?q?b?= x ",
    ],
)
def test_time_grows_with_the_value_and_no_faster(unit: bytes) -> None:
    assert growth(words.decode, unit, 60_000) <= LINEAR


@pytest.mark.parametrize("unit", [b"x", b"x" * 899 + b" ", b"= ", "é".encode(), b"=?"])
def test_time_to_write_grows_with_the_text_and_no_faster(unit: bytes) -> None:
    assert growth(lambda data: words.encode(data.decode()), unit, 60_000) <= LINEAR


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"=?utf-8?q?a?= =?utf-8?q?b?= c", "ab c"),
        (b"=?utf-8?q?a?==?utf-8?q?b?=", "ab"),
        (b"\t=?utf-8?q?a?=\t", "\ta\t"),
        (b"x=?utf-8?q?a?= b", "x=?utf-8?q?a?= b"),
        (b"=?utf-8?q?a?=x", "=?utf-8?q?a?=x"),
        (b"(=?utf-8?q?a?=)", "(=?utf-8?q?a?=)"),
    ],
)
def test_what_touches_other_text_is_left_where_the_rule_is_asked_for(raw: bytes, text: str) -> None:
    assert words.decode(raw, placed=True) == text
    assert "=?" not in words.decode(raw)

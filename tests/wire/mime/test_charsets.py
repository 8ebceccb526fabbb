from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.wire.mime import charsets
from tests.support.growth import LINEAR, growth

LABELS = sorted(charsets._CODECS)


@pytest.mark.parametrize(
    ("data", "label", "text"),
    [
        (b"\x93\xfc\x94", "iso-8859-1", "“ü”"),
        (b"\x80", "ISO-8859-1", "€"),
        (b"\x81\x8d", "windows-1252", "\x81\x8d"),
        (b"\xb0\xa1\x8c\x63", "ks_c_5601-1987", "가똠"),
        (b"\xc4\xe3\xba\xc3", "gb2312", "你好"),
        (b"\x1b$B$3$s\x1b(B", "iso-2022-jp", "こん"),
        (b"\x82\xb1\x87\x40", "Shift_JIS", "こ①"),
        (b"\xa4\xa4", "big5", "中"),
        (b"\xd0\xd2", "koi8-r", "\N{CYRILLIC SMALL LETTER PE}\N{CYRILLIC SMALL LETTER ER}"),
        (b"\xfd", "iso-8859-9", "\N{LATIN SMALL LETTER DOTLESS I}"),
        (b"+AOk-", "utf-7", "é"),
        (b"gr\xc3\xbcn", "us-ascii", "grün"),
        (b"gr\xfcn", '"us-ascii"', "grün"),
        (b"x", " 'UTF-8' ", "x"),
        (b"\xff", "utf-8", "\ufffd"),
    ],
)
def test_a_label_means_what_mail_programs_mean(data: bytes, label: str, text: str) -> None:
    assert charsets.decode(data, label) == text


@pytest.mark.parametrize("label", [None, "", "unknown-8bit", "x-nonsense", "\ud800", "a" * 1000])
def test_without_a_known_label_text_is_utf8_or_windows_1252(label: str | None) -> None:
    assert charsets.decode("grün".encode(), label) == "grün"
    assert charsets.decode(b"gr\xfcn \x80 \x81", label) == "grün € \x81"


@pytest.mark.parametrize(
    "label",
    [
        *("base64", "zlib", "bz2", "hex", "rot13", "quopri", "uu", "idna", "punycode"),
        *("unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "charmap", "os"),
    ],
)
def test_codecs_that_are_no_charsets_are_not_used(label: str) -> None:
    assert not charsets.known(label)
    assert charsets.decode(b"YWJj\\x41", label) == "YWJj\\x41"


def test_every_label_of_the_table_names_a_codec() -> None:
    assert len(LABELS) > 200
    for label in LABELS:
        assert charsets.known(label.upper())
        assert isinstance(charsets.decode(b"abc \xe4\xf6 def", label), str)
    assert charsets.known("us-ascii")


@given(st.sampled_from(LABELS) | st.text(max_size=20), st.binary(max_size=60))
@settings(max_examples=300)
def test_any_bytes_become_text_that_can_be_written(label: str, data: bytes) -> None:
    charsets.decode(data, label).encode()


def test_half_a_surrogate_pair_does_not_get_through() -> None:
    assert charsets.decode(b"+2AA-", "utf-7") == "\ufffd"


@pytest.mark.parametrize("label", ["utf-7", "iso-2022-jp", "gb2312", "hz", "utf-8"])
@pytest.mark.parametrize("unit", [b"\xff", b"\x1b$B", b"+", b"~{"])
def test_time_grows_with_the_text_and_no_faster(label: str, unit: bytes) -> None:
    assert growth(lambda data: charsets.decode(data, label), unit, 60_000) <= LINEAR

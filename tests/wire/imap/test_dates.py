from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import dates

YEAR_9999_ENDS = 253_402_300_799


def test_internaldate_is_quoted_and_in_utc() -> None:
    assert dates.internaldate(837_596_665) == b'"17-Jul-1996 09:44:25 +0000"'
    assert dates.internaldate(0) == b'" 1-Jan-1970 00:00:00 +0000"'
    assert dates.internaldate(-1) == b'"31-Dec-1969 23:59:59 +0000"'


def test_moments_beyond_the_calendar_are_written_as_its_ends() -> None:
    assert dates.internaldate(2**60).startswith(b'"31-Dec-9999 ')
    assert dates.internaldate(-(2**60)).startswith(b'" 1-Jan-0001 ')


@pytest.mark.parametrize(
    ("text", "timestamp"),
    [
        (b"17-Jul-1996 02:44:25 -0700", 837_596_665),
        (b" 1-jan-1970 01:00:00 +0100", 0),
        (b"01-JAN-1970 00:00:00 +0000", 0),
        (b"31-Dec-2016 23:59:60 +0000", 1_483_228_799),
        (b"01-Jan-0001 00:00:00 +1400", -62_135_647_200),
    ],
)
def test_a_date_time_is_a_moment(text: bytes, timestamp: int) -> None:
    assert dates.parse_date_time(text) == timestamp


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"1-Jul-1996 02:44:25 -0700",
        b"31-Feb-1996 02:44:25 -0700",
        b"17-Foo-1996 02:44:25 -0700",
        b"17-Jul-1996 24:44:25 -0700",
        b"17-Jul-1996 02:44:61 -0700",
        b"17-Jul-1996 02:44:25 -2400",
        b"17-Jul-1996 02:44:25 -0070",
        b"17-Jul-1996 02:44:25 UTC",
        b"17-Jul-0000 02:44:25 +0000",
    ],
)
def test_what_is_no_moment_is_refused(text: bytes) -> None:
    with pytest.raises(SyntaxFault):
        dates.parse_date_time(text)


def test_a_date_is_a_day() -> None:
    assert dates.parse_date(b"1-Jan-1970") == 0
    assert dates.parse_date(b"01-feb-1994") == 8797
    assert dates.render_date(8797) == b"1-Feb-1994"


@pytest.mark.parametrize("text", [b"", b"30-Feb-2000", b"1-Feb-94", b"1/Feb/1994", b"1-Fub-1994"])
def test_what_is_no_day_is_refused(text: bytes) -> None:
    with pytest.raises(SyntaxFault):
        dates.parse_date(text)


@given(st.integers(-62_135_596_800, YEAR_9999_ENDS))
def test_a_written_moment_reads_back_the_same(timestamp: int) -> None:
    assert dates.parse_date_time(dates.internaldate(timestamp)[1:-1]) == timestamp


@given(st.integers(-719_162, 2_932_896))
def test_a_written_day_reads_back_the_same(day: int) -> None:
    assert dates.parse_date(dates.render_date(day)) == day


@given(st.binary(max_size=30))
def test_any_bytes_are_a_moment_or_a_fault(text: bytes) -> None:
    for parse in (dates.parse_date, dates.parse_date_time):
        try:
            parse(text)
        except SyntaxFault:
            continue

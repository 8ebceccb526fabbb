from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from email.utils import format_datetime, parsedate_to_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from merpati.wire.mime import dates
from tests.support.growth import LINEAR, growth

DATE_BYTES = st.lists(
    st.sampled_from(
        [
            b"Mon, ",
            b"1",
            b"31",
            b"Jan",
            b"Feb ",
            b"2024",
            b"24 ",
            b"10",
            b":",
            b" +0100",
            b"GMT",
            b"(",
        ]
    )
    | st.sampled_from([b")", b" ", b".", b"-", b"PM", b"\0", b"\xff", b"9999"]),
    max_size=20,
).map(b"".join)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"Mon, 1 Jan 2024 10:11:12 +0000", "2024-01-01 10:11:12+00:00"),
        (b"Mon, 01 Jan 2024 10:11:12 -0330", "2024-01-01 10:11:12-03:30"),
        (b"1 Jan 2024 10:11 +0530", "2024-01-01 10:11:00+05:30"),
        (b"mon, 1 JAN 2024 10:11:12 gmt", "2024-01-01 10:11:12+00:00"),
        (b"Mon, 1 Jan 2024 10:11:12 +0100 (CET)", "2024-01-01 10:11:12+01:00"),
        (b"Mon, 1 Jan 2024 10:11:12 -0000", "2024-01-01 10:11:12+00:00"),
        (b"Sat, 30 Jun 2012 23:59:60 +0000", "2012-06-30 23:59:59+00:00"),
        (b"Mon, 1 Jan\r\n 2024 10:11:12\r\n\t+0000", "2024-01-01 10:11:12+00:00"),
    ],
)
def test_dates_of_rfc_5322_are_read(raw: bytes, wanted: str) -> None:
    assert str(dates.parse(raw)) == wanted


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"Fri, 21 Nov 97 09(comment):   55  :  06 -0600", "1997-11-21 09:55:06-06:00"),
        (b"21 Nov 49 09:55 EST", "2049-11-21 09:55:00-05:00"),
        (b"21 Nov 50 09:55 PDT", "1950-11-21 09:55:00-07:00"),
        (b"21 Nov 124 09:55 UT", "2024-11-21 09:55:00+00:00"),
        (b"21 Nov 1997 09:55:06 Z", "1997-11-21 09:55:06+00:00"),
        (b"21 Nov 1997 09:55:06 A", "1997-11-21 09:55:06+00:00"),
        (b"(((x))) Fri(y) , 21 (z) Nov 1997 9:5:6 cst", "1997-11-21 09:05:06-06:00"),
    ],
)
def test_obsolete_dates_are_read(raw: bytes, wanted: str) -> None:
    assert str(dates.parse(raw)) == wanted


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        (b"Mon Jan  1 10:11:12 2024", "2024-01-01 10:11:12+00:00"),
        (b"Mon Jan  1 10:11:12 EST 2024", "2024-01-01 10:11:12-05:00"),
        (b"Mon Jan  1 10:11:12 GMT+02:00 2024", "2024-01-01 10:11:12+02:00"),
        (b"2024-01-01T10:11:12Z", "2024-01-01 10:11:12+00:00"),
        (b"2024-01-01 10:11:12.345+07:00", "2024-01-01 10:11:12+07:00"),
        (b"Mon, 01-Jan-2024 10:11:12 GMT+2", "2024-01-01 10:11:12+02:00"),
        (b"Monday, 1 January 2024 10.11.12 +0100", "2024-01-01 10:11:12+01:00"),
        (b"1Jan2024 10:11:12", "2024-01-01 10:11:12+00:00"),
        (b"Mon, 1 Jan 2024 12:11:12 AM +0000", "2024-01-01 00:11:12+00:00"),
        (b"January 1, 2024 at 10:11 pm", "2024-01-01 22:11:00+00:00"),
        (b"Mon, 1 Jan 2024 10:11:12 Mitteleuropa", "2024-01-01 10:11:12+00:00"),
        (b"Mon, 1 Jan 2024 10:11:12 +9959", "2024-01-01 10:11:12+00:00"),
        (b"Lun, 1 Jan 2024 10:11:12 --0100", "2024-01-01 10:11:12+00:00"),
    ],
)
def test_broken_dates_are_read(raw: bytes, wanted: str) -> None:
    assert str(dates.parse(raw)) == wanted


@pytest.mark.parametrize(
    "raw",
    [
        *(b"", b"yesterday", b"Mon, 32 Jan 2024 10:11:12 +0000", b"29 Feb 2023 10:11:12 +0000"),
        *(b"1 Jan 2024 24:00:00 +0000", b"1 Jan 2024 10:60:00 +0000", b"1 Jan 1899 10:00:00 GMT"),
        *(b"1 Jan 9999 23:00:00 -2300", b"2024-13-01T00:00:00Z", b"2024", b"1 Jan 2024"),
    ],
)
def test_what_names_no_moment_is_none(raw: bytes) -> None:
    assert dates.parse(raw) is None


@pytest.mark.parametrize(
    ("timestamp", "offset", "raw"),
    [
        (0, 0, b"Thu, 01 Jan 1970 00:00:00 +0000"),
        (1_800_000_000.9, 120, b"Fri, 15 Jan 2027 10:00:00 +0200"),
        (1_800_000_000, -210, b"Fri, 15 Jan 2027 04:30:00 -0330"),
    ],
)
def test_dates_are_written(timestamp: float, offset: int, raw: bytes) -> None:
    assert dates.format(timestamp, offset) == raw


@given(st.integers(-2_000_000_000, 250_000_000_000), st.integers(-1439, 1439))
@settings(max_examples=300)
def test_what_is_written_reads_the_same(timestamp: int, offset: int) -> None:
    found = dates.parse(dates.format(timestamp, offset))
    assert found is not None
    assert found == datetime.fromtimestamp(timestamp, UTC)
    assert found.utcoffset() == timedelta(minutes=offset)


@given(st.datetimes(datetime(1950, 1, 1), datetime(2100, 1, 1)), st.integers(-720, 840))  # noqa: DTZ001 -- hypothesis asks for naive bounds
@settings(max_examples=100)
def test_ordinary_dates_read_as_the_standard_library_reads_them(
    naive: datetime, offset: int
) -> None:
    written = format_datetime(naive.replace(tzinfo=timezone(timedelta(minutes=offset))))
    assert dates.parse(written.encode()) == parsedate_to_datetime(written).replace(
        tzinfo=timezone(timedelta(minutes=offset))
    )


@given(DATE_BYTES | st.binary(max_size=60))
@settings(max_examples=400)
def test_any_bytes_give_a_moment_or_none(raw: bytes) -> None:
    found = dates.parse(raw)
    if found is not None:
        assert dates.parse(dates.format(found.timestamp())) == found
        found.astimezone(timezone(timedelta(hours=-23)))


@pytest.mark.parametrize("unit", [b"1", b" ", b"1 Jan ", b"(", b"()", b"1:", b"Jan 1 ", b"2024-"])
def test_time_is_bounded_whatever_the_length(unit: bytes) -> None:
    assert growth(dates.parse, unit, 60_000, most=LINEAR / 2) <= LINEAR / 2


@given(
    st.from_regex(
        rb"\A(?:[A-Z][a-z]{2}, {0,2})?[0-3]?[0-9] (Jan|Feb|Apr|Sep|Dec|Foo|MAY) [0-3]?[0-9]{3}"
        rb" [0-2][0-9]:[0-6][0-9]:[0-6][0-9] ([+-][0-2][0-9][0-9]0|GMT|EST)( \([A-Z]{1,5}\))?\Z"
    )
    | st.from_regex(dates._COMMON, fullmatch=True)
    | DATE_BYTES
)
@settings(max_examples=500)
def test_the_timestamp_is_that_of_the_moment_and_the_day_its_own(raw: bytes) -> None:
    moment = dates.parse(raw)
    assert dates.timestamp(raw) == (moment.timestamp() if moment else None)
    day = (moment.date() - date(1970, 1, 1)).days if moment else None
    assert dates.written(raw) == (dates.timestamp(raw), day)


def test_a_common_date_needs_no_general_reading(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dates, "parse", None)
    assert dates.timestamp(b"Mon, 2 Nov 2026 10:11:12 +0100 (CET)") == 1_793_610_672

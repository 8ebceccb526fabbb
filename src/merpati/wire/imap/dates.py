"""IMAP's dates: `date` in SEARCH, `date-time` in APPEND and FETCH (RFC 3501 9).

A moment is a Unix timestamp in whole seconds, a day the number of days since
1 January 1970. Moments are written in UTC, so the day a client sees in
INTERNALDATE and the day that SEARCH ON compares are the same one.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from merpati.base.faults import SyntaxFault

DAY: Final = 86_400  # seconds

_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTH_NUMBER: Final = {name.lower().encode(): n for n, name in enumerate(_MONTHS, 1)}
_EPOCH: Final = date(1970, 1, 1).toordinal()
_LATEST: Final = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())
_EARLIEST: Final = int(datetime(1, 1, 1, tzinfo=UTC).timestamp())

_DATE: Final = re.compile(rb"([0-9]{1,2})-([A-Za-z]{3})-([0-9]{4})")
_DATE_TIME: Final = re.compile(
    rb"( [0-9]|[0-9]{2})-([A-Za-z]{3})-([0-9]{4}) "
    rb"([0-9]{2}):([0-9]{2}):([0-9]{2}) ([+-])([0-9]{2})([0-9]{2})"
)
_MINUTES: Final = tuple(b"%02d:%02d:" % divmod(minute, 60) for minute in range(1440))
_SECONDS: Final = tuple(b'%02d +0000"' % second for second in range(60))


def parse_date(text: bytes) -> int:
    """The day of a `date` such as `1-Feb-1994`, in days since 1970-01-01.

    Raises:
        SyntaxFault: not a date, or no such day.
    """
    match = _DATE.fullmatch(text)
    month = _MONTH_NUMBER.get(match[2].lower()) if match else None
    if not match or not month:
        raise SyntaxFault("a date looks like 1-Feb-1994")
    try:
        return date(int(match[3]), month, int(match[1])).toordinal() - _EPOCH
    except ValueError:
        raise SyntaxFault("there is no such day") from None


def render_date(day: int) -> bytes:
    """A day, counted from 1970-01-01, as `date`."""
    value = date.fromordinal(day + _EPOCH)
    return f"{value.day}-{_MONTHS[value.month - 1]}-{value.year:04}".encode()


def parse_date_time(text: bytes) -> int:
    """The Unix timestamp of a `date-time` without its quotes: `17-Jul-1996 02:44:25 -0700`.

    A leap second is read as the second before it.

    Raises:
        SyntaxFault: not a date-time, or no such moment.
    """
    match = _DATE_TIME.fullmatch(text)
    month = _MONTH_NUMBER.get(match[2].lower()) if match else None
    if not match or not month:
        raise SyntaxFault('a date and time look like "17-Jul-1996 02:44:25 -0700"')
    zone = timedelta(hours=int(match[8]), minutes=int(match[9]))
    if int(match[9]) > 59 or zone >= timedelta(days=1):
        raise SyntaxFault("there is no such time zone")
    second = min(int(match[6]), 59) if int(match[6]) <= 60 else 99
    try:
        moment = datetime(
            int(match[3]),
            month,
            int(match[1]),
            int(match[4]),
            int(match[5]),
            second,
            tzinfo=timezone(-zone if match[7] == b"-" else zone),
        )
    except ValueError:
        raise SyntaxFault("there is no such day or time") from None
    return int(moment.timestamp())


def internaldate(timestamp: int) -> bytes:
    """A Unix timestamp as a quoted `date-time` in UTC: `"17-Jul-1996 09:44:25 +0000"`.

    Moments outside the years 1 to 9999 are written as the nearest inside.
    """
    day, second = divmod(timestamp, DAY)
    minute = second // 60
    return _day(day) + _MINUTES[minute] + _SECONDS[second - 60 * minute]


@lru_cache(maxsize=4096)
def _day(day: int) -> bytes:
    """The part of `internaldate` that messages of one day share."""
    moment = max(_EARLIEST, min(day * DAY, _LATEST))
    value = date.fromordinal(moment // DAY + _EPOCH)
    return f'"{value.day:2}-{_MONTHS[value.month - 1]}-{value.year:04} '.encode()

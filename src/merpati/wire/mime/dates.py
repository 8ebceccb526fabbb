"""Dates in header fields (RFC 5322 3.3, 4.3), read leniently and written strictly.

    date-time = [day-name [","]] day month year hour ":" minute [":" second] zone

Also read: the order of C's asctime and of Java, ISO 8601, dashes or dots
between the parts, zones by name or with a colon, fractions of a second, a
12-hour clock, and dates without a zone, which are taken as UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, timezone
from functools import lru_cache
from typing import Final

from merpati.wire.mime import comments

MAX_BYTES: Final = 1_000
"""So much of a value is looked at; a date has about 40 bytes, comments may follow."""

YEARS: Final = range(1900, 9999)
"""Years RFC 5322 4.3 can mean, but the last, which another zone could push over the end."""

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS: Final = (
    *("Jan", "Feb", "Mar", "Apr", "May", "Jun"),
    *("Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
)
_MONTH_NUMBERS: Final = {name.lower(): number for number, name in enumerate(_MONTHS, 1)}

_MONTH: Final = "(?P<month>jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6}"
_TIME: Final = (
    r"(?P<hour>\d{1,2})\s*[:.]\s*(?P<minute>\d{1,2})"
    r"(?:\s*[:.]\s*(?P<second>\d{1,2})(?:[.,]\d{1,9})?)?(?:\s*(?P<half>[ap])m\b)?"
)
_OFFSET: Final = (
    r"(?:gmt|utc?)?\s*(?P<sign>[+-])\s*(?P<hours>\d{1,2})(?::?(?P<minutes>\d\d))?(?!\d)"
)
_ZONE: Final = rf"(?:{_OFFSET}|(?P<zone>[a-z]{{1,5}})\b)?"
_DAY: Final = r"(?P<day>\d{1,2})"
_YEAR: Final = r"(?P<year>\d{4})"
_CLOCK: Final = rf"[\s,]{{1,3}}(?:at\s)?{_TIME}\s?{_ZONE}"
# Searched in text whose white space is single spaces. The repeats are bounded, so
# a match costs little whatever the text.
_FORMS: Final = [
    re.compile(form, re.IGNORECASE | re.ASCII)
    for form in (
        rf"{_DAY}[\s./-]{{0,3}}{_MONTH}[\s,./-]{{0,3}}(?P<year>\d{{2,4}}){_CLOCK}",  # RFC 5322
        rf"{_MONTH}\s{_DAY}\s{_TIME}\s{_ZONE}\s?{_YEAR}\b",  # asctime, Java
        rf"{_YEAR}-(?P<month>\d\d)-{_DAY}[t\s]{_TIME}\s?{_ZONE}",  # ISO 8601
        rf"{_MONTH}\s{_DAY}\s?,\s{_YEAR}{_CLOCK}",  # as Americans write
    )
]
# What nearly all senders write, whole and in range, so that numbers are all it takes.
_COMMON: Final = re.compile(
    rb"(?:[A-Z][a-z]{2}, {1,2}+)?([0-3]?[0-9] [A-Z][a-z]{2} (?:19|2[0-9])[0-9]{2})"
    rb" ([01][0-9]|2[0-3]):([0-5][0-9]):([0-5][0-9])"
    rb" (?:([+-])([01][0-9]|2[0-3])([0-5][0-9])|GMT)(?: \([A-Z]{3,4}\))?"
)
_COMMON_MONTHS: Final = {name.encode(): number for number, name in enumerate(_MONTHS, 1)}
_EPOCH: Final = date(1970, 1, 1).toordinal()

# RFC 5322 4.3, in minutes; every other name means nothing certain, so UTC.
_ZONES: Final = {
    "edt": -240, "est": -300, "cdt": -300, "cst": -360,
    "mdt": -360, "mst": -420, "pdt": -420, "pst": -480,
}  # fmt: skip


def parse(raw: bytes) -> datetime | None:
    """The moment a Date value names, with its zone; None when it names none.

    A value without a zone, with an unknown zone, or with "-0000", is in UTC.
    """
    text = comments.mask(raw[:MAX_BYTES]).decode("latin-1")
    text = " ".join(text.split())
    for form in _FORMS:
        if match := form.search(text):
            return _moment(match)
    return None


def timestamp(raw: bytes) -> int | None:
    """The moment a Date value names in Unix seconds, as `parse` finds it."""
    return written(raw)[0]


def written(raw: bytes) -> tuple[int, int] | tuple[None, None]:
    """The moment a Date value names in Unix seconds, and the day in its own zone.

    The day is counted from 1970-01-01. None for both when it names none.
    """
    found = _COMMON.fullmatch(raw)
    if found is None or (days := _day_number(found[1])) is None:
        moment = parse(raw)
        return (int(moment.timestamp()), moment.toordinal() - _EPOCH) if moment else (None, None)
    _, hour, minute, second, sign, hours, minutes = found.groups(b"0")
    east = int(hours) * 60 + int(minutes)
    if sign == b"-":
        east = -east
    return ((days * 24 + int(hour)) * 60 + int(minute) - east) * 60 + int(second), days


@lru_cache(maxsize=1024)
def _day_number(text: bytes) -> int | None:
    """Days from 1970-01-01 to `12 Oct 2026`; None when there is no such day."""
    day, name, year = text.split(b" ")
    try:
        return date(int(year), _COMMON_MONTHS[name], int(day)).toordinal() - _EPOCH
    except (KeyError, ValueError):
        return None


def format(timestamp: float, offset_minutes: int = 0) -> bytes:  # noqa: A001 -- pairs with parse
    """A Date value for Unix seconds, told in a zone so many minutes east of Greenwich.

    Raises:
        ValueError: an offset of a day or more, or a year that has not four digits.
    """
    zone = timezone(timedelta(minutes=offset_minutes))
    at = datetime.fromtimestamp(timestamp, zone)
    sign = "-" if offset_minutes < 0 else "+"
    hours, minutes = divmod(abs(offset_minutes), 60)
    return (
        f"{_DAYS[at.weekday()]}, {at.day:02} {_MONTHS[at.month - 1]} {at.year:04} "
        f"{at.hour:02}:{at.minute:02}:{at.second:02} {sign}{hours:02}{minutes:02}"
    ).encode()


def _moment(match: re.Match[str]) -> datetime | None:
    found = match.groupdict()
    month = found["month"].lower()
    year = int(found["year"])
    if len(found["year"]) < 4:  # RFC 5322 4.3
        year += 2000 if year < 50 and len(found["year"]) == 2 else 1900
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"] in "pP" else 0)
    if year not in YEARS:
        return None
    try:
        return datetime(
            year,
            _MONTH_NUMBERS.get(month) or int(month),
            int(found["day"]),
            hour,
            int(found["minute"]),
            min(int(found["second"] or 0), 59),  # 60 is a leap second
            tzinfo=_zone(found),
        )
    except ValueError:  # no such day or hour
        return None


def _zone(found: dict[str, str | None]) -> timezone:
    if found["sign"]:
        minutes = int(found["hours"] or 0) * 60 + int(found["minutes"] or 0)
        if minutes >= 24 * 60:
            return UTC
        minutes = -minutes if found["sign"] == "-" else minutes
    else:
        minutes = _ZONES.get((found["zone"] or "").lower(), 0)
    return timezone(timedelta(minutes=minutes)) if minutes else UTC

"""The parts of a moment that `date` and `currentdate` look at (RFC 5260 4.2)."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from merpati.wire.mime import dates

PARTS: Final = (
    *("year", "month", "day", "date", "julian", "hour", "minute", "second"),
    *("time", "iso8601", "std11", "zone", "weekday"),
)

_FORMS: Final = {
    "year": "%Y",
    "month": "%m",
    "day": "%d",
    "date": "%Y-%m-%d",
    "hour": "%H",
    "minute": "%M",
    "second": "%S",
    "time": "%H:%M:%S",
    "weekday": "%w",
}
_MODIFIED_JULIAN: Final = 678_576  # days from 0001-01-01 to 1858-11-17
_ZONE: Final = re.compile(r"([+-])([0-9]{2})([0-9]{2})")


def part(moment: datetime, name: str) -> str:
    """One part of a moment, told in the moment's own zone; `name` is one of `PARTS`."""
    if name == "julian":
        return str(moment.astimezone(UTC).toordinal() - _MODIFIED_JULIAN)
    if name == "zone":
        return _offset(moment)
    if name == "iso8601":
        offset = _offset(moment)
        zone = "Z" if offset == "+0000" else f"{offset[:3]}:{offset[3:]}"
        return f"{moment.year:04}-{moment:%m-%dT%H:%M:%S}{zone}"
    if name == "std11":
        minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
        return dates.format(moment.timestamp(), minutes).decode()
    form = _FORMS[name]
    # The C library may leave out the zeros of a year before 1000.
    return moment.strftime(form.replace("%Y", f"{moment.year:04}"))


def zone(text: str) -> timezone | None:
    """The zone that "+hhmm" or "-hhmm" names; None when it names none."""
    found = _ZONE.fullmatch(text)
    if found is None or int(found[2]) > 23 or int(found[3]) > 59:
        return None
    offset = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(-offset if found[1] == "-" else offset)


def iso(text: str) -> datetime | None:
    """The moment an ISO 8601 date and time with its zone names; None when it names none."""
    try:
        moment = datetime.fromisoformat(text.upper())
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


def _offset(moment: datetime) -> str:
    minutes = int((moment.utcoffset() or timedelta()).total_seconds() // 60)
    hours, rest = divmod(abs(minutes), 60)
    return f"{'-' if minutes < 0 else '+'}{hours:02}{rest:02}"

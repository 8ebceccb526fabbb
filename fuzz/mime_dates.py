"""Dates: any bytes name a moment or none, and a moment survives being written."""

from __future__ import annotations

from merpati.wire.mime import dates

SEEDS: list[bytes] = [
    b"Mon, 1 Jan 2024 10:11:12 +0100 (CET)",
    b"Fri, 21 Nov 97 09(comment):   55  :  06 EST",
    b"Mon Jan  1 10:11:12 GMT+02:00 2024",
    b"2024-01-01T10:11:12.345Z",
    b"January 1, 2024 at 10:11 pm",
]
DICTIONARY: list[bytes] = [b"Jan", b"2024", b"+0100", b"GMT", b":", b", ", b"pm", b"9999", b"-"]


def target(data: bytes) -> None:
    found = dates.parse(data)
    if found is not None:
        assert dates.parse(dates.format(found.timestamp())) == found

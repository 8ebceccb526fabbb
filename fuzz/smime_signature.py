"""Signatures of S/MIME: a value or a `SyntaxFault`, in bounded time."""

from __future__ import annotations

from contextlib import suppress

from merpati.base.faults import SyntaxFault
from merpati.wire.smime import ber, signed_data

SEEDS: list[bytes] = [
    bytes.fromhex("30800201052480040161040162000000000000"),
    bytes.fromhex("300b06092a864886f70d010702"),
    bytes.fromhex("302306092a864886f70d010702a01630140201013100300b06092a864886f70d0107013100"),
]
DICTIONARY: list[bytes] = [b"\x30\x80", b"\xa0\x82", b"\x24\x80", b"\0\0", b"\x06\x09"]


def target(data: bytes) -> None:
    with suppress(SyntaxFault):
        ber.parse(data)
    with suppress(SyntaxFault):
        signed_data.parse(data)

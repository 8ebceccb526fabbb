"""Codes of an authenticator app: TOTP (RFC 6238) over HOTP (RFC 4226), and how apps are set up.

Six digits, thirty seconds, HMAC-SHA-1: what every app knows; some ignore the parameters for others.
"""

from __future__ import annotations

import hmac
from base64 import b32decode, b32encode
from typing import Final
from urllib.parse import quote

PERIOD: Final = 30  # seconds
DIGITS: Final = 6
SECRET_SIZE: Final = 20  # bytes, RFC 4226 4 R6
SKEW: Final = 1  # periods that a clock may be early or late (RFC 6238 5.2)


def code(key: bytes, step: int) -> str:
    """The code of a time step (RFC 4226 5.3)."""
    digest = hmac.digest(key, step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    number = int.from_bytes(digest[offset : offset + 4], "big") & 0x7FFFFFFF
    return str(number % 10**DIGITS).zfill(DIGITS)


def find_step(key: bytes, given: str, now: float) -> int | None:
    """The time step that a code is of, among those around `now`, Unix seconds; None: of none."""
    typed = given.replace(" ", "").encode("utf-8", "surrogatepass")
    current = int(now // PERIOD)
    found = None
    for step in range(current - SKEW, current + SKEW + 1):
        if hmac.compare_digest(code(key, step).encode(), typed):
            found = step
    return found


def text(key: bytes) -> str:
    """The secret as people type it, who cannot scan."""
    return b32encode(key).decode().rstrip("=")


def secret(typed: str) -> bytes:
    """The secret that `text` wrote."""
    return b32decode(typed + "=" * (-len(typed) % 8))


def uri(key: bytes, account: str, issuer: str) -> str:
    """The address that apps scan: otpauth://totp/ISSUER:ACCOUNT?..."""
    label = f"{quote(issuer, safe='')}:{quote(account, safe='@')}"
    return (
        f"otpauth://totp/{label}?secret={text(key)}&issuer={quote(issuer, safe='')}"
        f"&algorithm=SHA1&digits={DIGITS}&period={PERIOD}"
    )

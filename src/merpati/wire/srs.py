"""The Sender Rewriting Scheme: a return path of our own for mail that is forwarded.

    SRS0=HASH=DAY=example.com=ani@here.test         ani@example.com, forwarded here
    SRS1=HASH=first.test==HASH=DAY=example.com=ani@here.test   the same, by first.test and by us

A server that forwards mail under its author's return path is not among the hosts which
the author's domain lets send (SPF). So the path is rewritten into our domain, and a
notification that comes back to it is sent on to whom it stands for. The hash keeps others
from making such addresses, which would make us a relay, and the day lets them end.

Of a path that is SRS0 already only the first forwarder is kept (SRS1), so that paths do
not grow from hop to hop: a notification goes from us straight to the first one, which
alone can read, and checks, the rest.

Local parts may come back in another case, so nothing here depends on it: the hash is
base32 over lower case.
"""

from __future__ import annotations

import hmac
import re
from base64 import b32encode
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.paths import Path, parse_address, parse_domain

if TYPE_CHECKING:
    from collections.abc import Sequence

DAYS_VALID: Final = 30  # longer than any queue keeps a message
HASH_LENGTH: Final = 6  # characters of base32: 30 bits, for addresses that live a month
DAYS_CYCLE: Final = 1024  # two characters of base32

_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_SRS: Final = re.compile(r"SRS[01][=+-]", re.IGNORECASE)
_SRS0: Final = re.compile(r"SRS0[=+-]([^=]+)=([A-Z2-7]{2})=([^=]+)=(.*)", re.IGNORECASE | re.DOTALL)
_SRS1: Final = re.compile(r"SRS1[=+-]([^=]+)=([^=]+)=([=+-].*)", re.IGNORECASE | re.DOTALL)


def is_srs(local: str) -> bool:
    """Whether a local part is a rewritten sender, ours or not."""
    return _SRS.match(local) is not None


def forward(sender: Path, domain: str, secret: bytes, day: int) -> Path:
    """The return path under which a message is forwarded.

    Args:
        sender: As it came in; not the null path.
        domain: Ours, whose SPF record lets this host send.
        secret: The key of the hash.
        day: Days since 1970.

    Raises:
        SyntaxFault: the sender's address is too long to be rewritten.
    """
    local = sender.local
    home = sender.ascii_domain()
    if not home or sender.is_literal:
        raise SyntaxFault(f"{sender} cannot be rewritten: it has no domain")
    again = _SRS1.fullmatch(local)
    if again and _is_domain(again[2]):
        first, rest = again[2], again[3]
        rewritten = f"SRS1={_hash(secret, first, rest)}={first}={rest}"
    elif _SRS.match(local) and local[3] == "0":
        rest = local[4:]
        rewritten = f"SRS1={_hash(secret, home, rest)}={home}={rest}"
    else:
        stamp = _BASE32[day % DAYS_CYCLE >> 5] + _BASE32[day & 31]
        rewritten = f"SRS0={_hash(secret, stamp, home, local)}={stamp}={home}={local}"
    return parse_address(str(Path(rewritten, domain)))


def reverse(local: str, secrets: Sequence[bytes], day: int) -> Path:
    """Whom a notification to a rewritten sender of ours is for.

    Args:
        local: Of the address it came to.
        secrets: Every key that may have made it.
        day: Days since 1970.

    Raises:
        SyntaxFault: it is not one, or is forged, or its time is over.
    """
    if found := _SRS0.fullmatch(local):
        code, stamp, home, user = found.groups()
        _check(code, secrets, stamp, home, user)
        high, low = (_BASE32.index(character) for character in stamp.upper())
        if (day - (high << 5 | low)) % DAYS_CYCLE > DAYS_VALID:
            raise SyntaxFault(f"this address was only valid for {DAYS_VALID} days")
        return _path(user, home)
    if found := _SRS1.fullmatch(local):
        code, first, rest = found.groups()
        _check(code, secrets, first, rest)
        return _path(f"SRS0{rest}", first)
    raise SyntaxFault("this is not the address of a forwarded message")


def _is_domain(text: str) -> bool:
    try:
        return not parse_domain(text).startswith("[")
    except SyntaxFault:
        return False


def _path(local: str, domain: str) -> Path:
    """An address that may be written out: what a hash of ours covers was one once."""
    path = Path(local, parse_domain(domain))
    return parse_address(str(path))


def _check(code: str, secrets: Sequence[bytes], *parts: str) -> None:
    given = code.upper().encode("utf-8", "replace")
    if not any(hmac.compare_digest(_hash(key, *parts).encode(), given) for key in secrets):
        raise SyntaxFault("this address was not made here")


def _hash(secret: bytes, *parts: str) -> str:
    text = "=".join(parts).lower().encode("utf-8", "surrogatepass")
    return b32encode(hmac.digest(secret, text, sha256))[:HASH_LENGTH].decode()

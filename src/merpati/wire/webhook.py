"""Webhooks as the Standard Webhooks specification has them: where, signed how.

The signature is HMAC-SHA256 over `id.timestamp.body`, in the field `webhook-signature` as
`v1,BASE64`; a receiver checks it against the field's list, and that the timestamp is near.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from merpati.base.faults import SyntaxFault

URL_MAX: Final = 2048  # characters
SECRET_PREFIX: Final = "whsec_"  # noqa: S105 -- what secrets begin with
SECRET_MIN, SECRET_MAX = 24, 64  # bytes
TOLERANCE: Final = 300  # seconds between the clocks of both sides
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")
LOOPBACK: Final = frozenset({"localhost", "127.0.0.1"})


class Place(NamedTuple):
    """Where a webhook is sent."""

    host: str
    port: int
    path: str
    tls: bool

    @property
    def is_loopback(self) -> bool:
        """Whether it is on this machine."""
        return self.host in LOOPBACK


def place(url: str) -> Place:
    """The parts of an endpoint's URL: https, or http of this machine itself.

    Raises:
        SyntaxFault: it is another.
    """
    if len(url) > URL_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise SyntaxFault("the url is too long, or no URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
    except ValueError as problem:
        raise SyntaxFault("the url is no URL") from problem
    tls = parts.scheme == "https"
    if not tls and not (parts.scheme == "http" and host in LOOPBACK):
        raise SyntaxFault("the url begins with https://")
    if "@" in parts.netloc or parts.fragment:
        raise SyntaxFault("the url has no user, no password, and nothing after a #")
    is_name = _HOST.fullmatch(host) and ".." not in host
    if host not in LOOPBACK and (not is_name or host.rpartition(".")[2].isdigit()):
        raise SyntaxFault("the url has the name of a host")
    path = parts.path or "/"
    whole = f"{path}?{parts.query}" if parts.query else path
    return Place(host, port or (443 if tls else 80), whole, tls)


def read_secret(text: str) -> bytes:
    """The key of a secret as it is shown. Raises SyntaxFault."""
    try:
        key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
    except (binascii.Error, ValueError) as problem:
        raise SyntaxFault("a secret is whsec_ and base64") from problem
    if not text.startswith(SECRET_PREFIX) or not SECRET_MIN <= len(key) <= SECRET_MAX:
        text = f"a secret is whsec_ and base64 of {SECRET_MIN} to {SECRET_MAX} bytes"
        raise SyntaxFault(text)
    return key


def show_secret(key: bytes) -> str:
    """A key as it is shown."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def signature(key: bytes, name: str, timestamp: int, body: bytes) -> str:
    """The value of `webhook-signature`."""
    signed = b"%b.%d.%b" % (name.encode(), timestamp, body)
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def verifies(key: bytes, name: str, timestamp: int, body: bytes, field: str) -> bool:
    """Whether one of the signatures in a field is the right one, as a receiver asks."""
    right = signature(key, name, timestamp, body)
    return any(hmac.compare_digest(right, one) for one in field.split(" "))

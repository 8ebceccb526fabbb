"""Keys to sign with in tests, made once in a run, and the zone that publishes them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from merpati.wire.dkim import keys, signer
from merpati.wire.dkim.keys import SigningKey, generate
from tests.support.zone import Zone

NOW: Final = 1_750_000_000  # Unix seconds; past, for other programs go by the real clock
LETTER: Final = (
    b"From: Ani <ani@example.org>\r\nTo: budi@example.net\r\nSubject: Laporan\r\n"
    b"Date: Thu, 11 Apr 2024 10:00:00 +0000\r\nMessage-ID: <1@example.org>\r\n"
    b"\r\nSelamat pagi,  Budi. \r\n\r\nAni\r\n"
)


@lru_cache
def pem(kind: str, number: int = 1) -> bytes:
    """A private key; another for each number."""
    return generate(kind)


def key(kind: str = "rsa", domain: str = "example.org", number: int = 1) -> SigningKey:
    """The same, loaded; its selector is its kind and number."""
    return keys.load(domain, f"{kind}{number}", pem(kind, number))


def sign(content: bytes = LETTER, *kinds: str) -> bytes:
    """A message with a signature by each kind of key on top."""
    return b"".join(signer.sign(content, key(kind), NOW) for kind in kinds or ("rsa",)) + content


def zone(*published: SigningKey, failing: tuple[str, ...] = ()) -> Zone:
    """A DNS with these keys; without any, with the first of each kind."""
    found = published or (key("rsa"), key("ed25519"))
    return Zone({one.name: {"TXT": keys.record(one)} for one in found}, failing=failing)

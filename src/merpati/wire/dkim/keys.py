"""Keys: the record that publishes one (RFC 6376 3.6.1, RFC 8463), and the private half.

RSA and Ed25519 are the `cryptography` library's. Both sign a SHA-256 digest that is made
here: RSA as a digest, Ed25519 as the message (RFC 8463 3).
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.wire.dkim import tags as tag_list
from merpati.wire.dkim.tags import shown

RSA: Final = "rsa"
ED25519: Final = "ed25519"
KINDS: Final = (RSA, ED25519)

MIN_BITS: Final = 1024
"""RFC 8301 3.2: signatures by shorter RSA keys are not valid."""
GOOD_BITS: Final = 2048
"""RFC 8301 3.2: what signers should use; a shorter key is called weak here."""
MAX_BITS: Final = 4096
"""RFC 8301 3.2: verifiers must know keys up to here; longer ones only cost time."""
MAX_EXPONENT_BITS: Final = 32
"""Keys have 65537 or 3; a long exponent makes a verification 500 times as expensive."""
MAX_RECORD: Final = 4096
"""Octets of a key record; one with RSA-4096 has 740."""
CACHED: Final = 512
"""Key records whose keys a process remembers: 2 KB each, and 30 µs saved each time."""

_PKCS1: Final = padding.PKCS1v15()
_SHA256: Final = Prehashed(hashes.SHA256())
_TEXT: Final = 255  # octets of one string of a TXT record, RFC 1035 3.3.14


class KeyRecord(msgspec.Struct, frozen=True):
    """What a selector's TXT record says.

    Attributes:
        kind: k=, "rsa" or "ed25519".
        public: The key, of `cryptography`; None when it was revoked.
        bits: Of the key.
        hashes: h=, the hash functions allowed; empty: all.
        services: s=.
        testing: t=y, the domain is only trying DKIM out.
        strict: t=s, the identity must be in the very domain.
    """

    kind: str
    public: Any
    bits: int
    hashes: tuple[bytes, ...]
    services: tuple[bytes, ...]
    testing: bool
    strict: bool

    def verifies(self, signature: bytes, digest: bytes) -> bool:
        """Whether the private half made this signature of a SHA-256 digest."""
        try:
            if self.kind == RSA:
                self.public.verify(signature, digest, _PKCS1, _SHA256)
            else:
                self.public.verify(signature, digest)
        except InvalidSignature:
            return False
        return True


@lru_cache(CACHED)
def parse_record(record: bytes) -> KeyRecord:
    """Read a key record; remembered, for it costs as much as a verification.

    Raises:
        SyntaxFault: it is not one, or its key is of no use.
    """
    if len(record) > MAX_RECORD:
        raise SyntaxFault(f"the key record has more than {MAX_RECORD} octets")
    tags = tag_list.parse(record)
    if tags.get(b"v", b"DKIM1") != b"DKIM1" or (b"v" in tags and next(iter(tags)) != b"v"):
        raise SyntaxFault("it does not begin with v=DKIM1")
    if b"p" not in tags:
        raise SyntaxFault('the tag "p" is missing')
    kind = tags.get(b"k", b"rsa").decode("latin-1").lower()
    if kind not in KINDS:
        raise SyntaxFault(f"the key type {shown(tags[b'k'])} is not known")
    flags = tag_list.read_words(tags.get(b"t", b""))
    public = _load_public(kind, tag_list.read_base64(tags[b"p"])) if tags[b"p"] else None
    return KeyRecord(
        kind=kind,
        public=public,
        bits=256 if kind == ED25519 else getattr(public, "key_size", 0),
        hashes=tuple(tag_list.read_words(tags[b"h"])) if b"h" in tags else (),
        services=tuple(tag_list.read_words(tags.get(b"s", b"*"))),
        testing=b"y" in flags,
        strict=b"s" in flags,
    )


def _load_public(kind: str, data: bytes) -> Any:
    """The key of "p": for RSA either of the two forms in use (RFC 6376 errata 3017)."""
    try:
        if kind == ED25519:
            return ed25519.Ed25519PublicKey.from_public_bytes(data)
        public = serialization.load_der_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        raise SyntaxFault("the public key cannot be read") from None
    if not isinstance(public, rsa.RSAPublicKey):
        raise SyntaxFault("the public key is not an RSA key")
    if public.key_size > MAX_BITS:
        raise SyntaxFault(f"an RSA key of {public.key_size} bits is longer than is in use")
    if public.public_numbers().e.bit_length() > MAX_EXPONENT_BITS:
        raise SyntaxFault("the exponent of the RSA key is longer than is in use")
    return public


class SigningKey(msgspec.Struct, frozen=True):
    """The private half of a key, and where its public half is published."""

    domain: str  # A-labels
    selector: str
    kind: str
    private: Any  # of `cryptography`

    @property
    def algorithm(self) -> str:
        """As a= names it."""
        return f"{self.kind}-sha256"

    @property
    def name(self) -> str:
        """Where the DNS has to have the public half."""
        return f"{self.selector}._domainkey.{self.domain}"

    def sign(self, digest: bytes) -> bytes:
        """The signature of a SHA-256 digest: 700 µs with RSA-2048, 40 µs with Ed25519."""
        if self.kind == RSA:
            return bytes(self.private.sign(digest, _PKCS1, _SHA256))
        return bytes(self.private.sign(digest))


def digest_of(parts: Iterable[bytes]) -> bytes:
    """SHA-256 of the parts, one after another."""
    return sha256(b"".join(parts)).digest()


def generate(kind: str) -> bytes:
    """A new private key as PKCS#8 PEM; RSA-2048 takes 50 to 500 ms, so not on a loop."""
    private = (
        ed25519.Ed25519PrivateKey.generate()
        if kind == ED25519
        else rsa.generate_private_key(65537, GOOD_BITS)
    )
    return private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def load(domain: str, selector: str, pem: bytes) -> SigningKey:
    """A signing key from its PEM; 20 µs, for a key of our own is not proved prime again.

    Raises:
        Fault: CORRUPT when it cannot be read; CONFIG for a kind or length not to sign with.
    """
    try:
        private = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        text = f"the signing key {selector} of {domain} cannot be read: {problem}"
        raise Fault(Kind.CORRUPT, text) from problem
    if isinstance(private, ed25519.Ed25519PrivateKey):
        return SigningKey(domain, selector, ED25519, private)
    if not isinstance(private, rsa.RSAPrivateKey):
        raise Fault(Kind.CONFIG, f"the signing key {selector} of {domain} is not RSA or Ed25519")
    if not GOOD_BITS <= private.key_size <= MAX_BITS:
        text = (
            f"the signing key {selector} of {domain} has {private.key_size} bits:"
            f" {GOOD_BITS} to {MAX_BITS} are wanted (RFC 8301 3.2)"
        )
        raise Fault(Kind.CONFIG, text)
    return SigningKey(domain, selector, RSA, private)


def record(key: SigningKey) -> str:
    """What to publish at `key.name`."""
    public = key.private.public_key()
    if key.kind == ED25519:
        data = public.public_bytes_raw()
    else:
        data = public.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    return f"v=DKIM1; k={key.kind}; p={tag_list.base64(data).decode()}"


def quote(text: str) -> str:
    """A record as a zone file writes it: strings of at most 255 octets, in quotes."""
    parts = [text[n : n + _TEXT] for n in range(0, len(text), _TEXT)]
    return " ".join(f'"{part}"' for part in parts)

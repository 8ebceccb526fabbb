"""Who somebody is, signed for programs that ask by OpenID Connect: ID tokens (RFC 7519, RFC 7515).

RS256, because every client has to know it (OpenID Connect Core 15.1). The key is made when it is
first needed, and is the same on every node.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64encode
from hashlib import sha256
from typing import Any, Final

import msgspec
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from merpati.store import credentials
from merpati.store.engine import Store

STORED_AS: Final = "oauth-signing-key"
KEY_BITS: Final = 2048


class IdTokens:
    """Signs them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._key: rsa.RSAPrivateKey | None = None

    async def sign(self, claims: dict[str, Any]) -> str:
        """Claims as a signed token."""
        key = await self._load()
        header = {"alg": "RS256", "typ": "JWT", "kid": _key_id(key)}
        text = f"{_part(msgspec.json.encode(header))}.{_part(msgspec.json.encode(claims))}"
        signature = key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256())
        return f"{text}.{_part(signature)}"

    async def public_keys(self) -> dict[str, Any]:
        """What they are checked with: a key set (RFC 7517 5)."""
        key = await self._load()
        return {"keys": [{**_public(key), "use": "sig", "alg": "RS256", "kid": _key_id(key)}]}

    async def _load(self) -> rsa.RSAPrivateKey:
        if self._key is None:
            pem = await self._store.read(credentials.secret, STORED_AS)
            if pem is None:
                fresh = await asyncio.to_thread(_make)
                pem = await self._store.write(credentials.make_secret, STORED_AS, fresh)
            key = serialization.load_pem_private_key(pem, None)
            assert isinstance(key, rsa.RSAPrivateKey)
            self._key = key
        return self._key


def _make() -> bytes:
    key = rsa.generate_private_key(65537, KEY_BITS)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _public(key: rsa.RSAPrivateKey) -> dict[str, str]:
    numbers = key.public_key().public_numbers()
    e, n = (
        _part(number.to_bytes((number.bit_length() + 7) // 8, "big"))
        for number in (numbers.e, numbers.n)
    )
    return {"e": e, "kty": "RSA", "n": n}


def _key_id(key: rsa.RSAPrivateKey) -> str:
    """RFC 7638 3."""
    return _part(sha256(msgspec.json.encode(_public(key))).digest())


def _part(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")

"""Web push: what is sent to a push service, so that only the program can read it.

Encryption for one recipient (RFC 8291) in the coding aes128gcm (RFC 8188), and the token by
which a push service knows who sends (RFC 8292).
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import re
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from merpati.base.faults import SyntaxFault

URL_MAX: Final = 2048  # characters
KEY_SIZE: Final = 65  # an uncompressed point of P-256
SECRET_SIZE: Final = 16  # RFC 8291 3.2
SALT_SIZE: Final = 16  # RFC 8188 2.1
RECORD: Final = 4096  # RFC 8291 4: one record, and services take no more
PLAIN_MAX: Final = RECORD - SALT_SIZE - 4 - 1 - KEY_SIZE - 1 - 16  # RFC 8030 7.2: 4096 in all
ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_LAST: Final = b"\x02"  # RFC 8188 2: what ends the last record
_HOST: Final = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?")


class Endpoint(NamedTuple):
    """Where a push is sent."""

    host: str
    port: int
    path: str

    @property
    def origin(self) -> str:
        """Of its URL, which a token is made for (RFC 8292 2)."""
        return f"https://{self.host}" + ("" if self.port == 443 else f":{self.port}")


def endpoint(url: str) -> Endpoint:
    """The parts of a subscription's URL.

    Raises:
        SyntaxFault: it is no https URL of a host with a name.
    """
    if len(url) > URL_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise SyntaxFault("the url is too long, or no URL")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or 443
    except ValueError as problem:
        raise SyntaxFault("the url is no URL") from problem
    if parts.scheme != "https" or "@" in parts.netloc or parts.fragment:
        raise SyntaxFault("the url is one of https, without a name and a password")
    last = host.rpartition(".")[2]
    if not _HOST.fullmatch(host) or last.isdigit() or ".." in host:
        raise SyntaxFault("the url has the name of a host")
    path = parts.path or "/"
    return Endpoint(host, port, f"{path}?{parts.query}" if parts.query else path)


def decode_key(text: str, size: int) -> bytes:
    """A key in base64url, with or without padding. Raises SyntaxFault."""
    try:
        raw = base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_", True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != size:
        raise SyntaxFault(f"a key is {size} bytes in base64url")
    return raw


def check_point(raw: bytes) -> None:
    """Raise SyntaxFault when bytes are no point of P-256."""
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), raw)
    except ValueError as problem:
        raise SyntaxFault("p256dh is no point of P-256") from problem


def base64url(raw: bytes) -> str:
    """Without padding (RFC 7515 2)."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def public_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public half of a key, as 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def private_key(chance: bytes) -> ec.EllipticCurvePrivateKey:
    """A key made of 32 unguessable bytes or more, always the same."""
    return ec.derive_private_key(int.from_bytes(chance, "big") % (ORDER - 1) + 1, ec.SECP256R1())


def encrypt(
    plain: bytes, their_key: bytes, secret: bytes, own: ec.EllipticCurvePrivateKey, salt: bytes
) -> bytes:
    """What is posted (RFC 8291 3.4).

    Args:
        plain: at most `PLAIN_MAX` bytes.
        their_key: p256dh.
        secret: auth.
        own: made for this one message.
        salt: the same.
    """
    assert len(plain) <= PLAIN_MAX, "to be cut by the caller"
    theirs = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), their_key)
    shared = own.exchange(ec.ECDH(), theirs)
    own_public = public_bytes(own)
    info = b"WebPush: info\0" + their_key + own_public
    input_key = _one_block(hmac.digest(secret, shared, "sha256"), info)
    pseudo_random = hmac.digest(salt, input_key, "sha256")
    key = _one_block(pseudo_random, b"Content-Encoding: aes128gcm\0")[:16]
    nonce = _one_block(pseudo_random, b"Content-Encoding: nonce\0")[:12]
    head = salt + RECORD.to_bytes(4, "big") + bytes((len(own_public),)) + own_public
    return head + AESGCM(key).encrypt(nonce, plain + _LAST, b"")


def _one_block(key: bytes, info: bytes) -> bytes:
    """HKDF-Expand of at most 32 bytes (RFC 8291 3.4)."""
    return hmac.digest(key, info + b"\x01", "sha256")


def authorization(key: ec.EllipticCurvePrivateKey, origin: str, subject: str, expires: int) -> str:
    """The value of the Authorization field (RFC 8292 3).

    Args:
        key: that signs.
        origin: of the push service.
        subject: where to reach whoever sends, "mailto:...".
        expires: Unix seconds, at most a day from now.
    """
    parts = (
        {"typ": "JWT", "alg": "ES256"},
        {"aud": origin, "exp": expires, "sub": subject},
    )
    signed = ".".join(base64url(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    signature = key.sign(signed.encode(), ec.ECDSA(hashes.SHA256()))
    r, s = utils.decode_dss_signature(signature)
    token = f"{signed}.{base64url(r.to_bytes(32, 'big') + s.to_bytes(32, 'big'))}"
    return f"vapid t={token}, k={base64url(public_bytes(key))}"

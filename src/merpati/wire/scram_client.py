"""The client's side of SCRAM-SHA-256 (RFC 5802, RFC 7677), without channel binding.

Pure: the caller hands in the nonce and carries the messages. The server proves in its last
message that it knows the password too; one that does not is not to be trusted with mail.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import Final

from merpati.base.faults import SyntaxFault

MECHANISM: Final = "SCRAM-SHA-256"
ITERATIONS_MIN: Final = 4096  # RFC 7677 4
ITERATIONS_MAX: Final = 1_000_000  # what a server may make us work: half a second
MESSAGE_MAX: Final = 2048  # octets of a server's message

_FIRST: Final = re.compile(r"r=([!-+\--~]{1,512}),s=([A-Za-z0-9+/=]{1,512}),i=([0-9]{1,7})(?:,.*)?")
_LAST: Final = re.compile(r"v=([A-Za-z0-9+/=]{1,128})(?:,.*)?")


class ScramClient:
    """One exchange."""

    def __init__(self, user: str, password: str, nonce: str) -> None:
        """Begins; `nonce` is printable ASCII without commas, made of 128 bits of chance."""
        self._password = password
        self._nonce = nonce
        name = user.replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name},r={nonce}"
        self._signature = b""

    def first(self) -> bytes:
        """The first message: who we are."""
        return f"n,,{self._bare}".encode()

    def final(self, challenge: bytes) -> bytes:
        """The answer to the server's first message: the proof.

        Raises:
            SyntaxFault: the message is none, or was not made for this exchange.
        """
        found = _FIRST.fullmatch(_text(challenge))
        if found is None:
            raise SyntaxFault("the server's SCRAM challenge is not one")
        nonce, salt, rounds = found[1], found[2], int(found[3])
        if not nonce.startswith(self._nonce) or nonce == self._nonce:
            raise SyntaxFault("the server's SCRAM nonce does not continue ours")
        if not ITERATIONS_MIN <= rounds <= ITERATIONS_MAX:
            raise SyntaxFault(f"the server asks for {rounds} SCRAM rounds")
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), _decode(salt), rounds)
        bare = f"c=biws,r={nonce}"
        message = f"{self._bare},{_text(challenge)},{bare}".encode()
        client_key = _hmac(salted, b"Client Key")
        signature = _hmac(hashlib.sha256(client_key).digest(), message)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._signature = _hmac(_hmac(salted, b"Server Key"), message)
        return f"{bare},p={b64encode(proof).decode()}".encode()

    def check(self, outcome: bytes) -> None:
        """The server's last message proves that it knows the password too.

        Raises:
            SyntaxFault: it does not.
        """
        found = _LAST.fullmatch(_text(outcome))
        if found is None or not hmac.compare_digest(_decode(found[1]), self._signature):
            raise SyntaxFault("the server did not prove that it knows the password")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.digest(key, message, "sha256")


def _text(message: bytes) -> str:
    if len(message) > MESSAGE_MAX or not message.isascii():
        raise SyntaxFault("the server's SCRAM message is too long, or not ASCII")
    return message.decode("ascii")


def _decode(text: str) -> bytes:
    try:
        return a2b_base64(text, strict_mode=True)
    except Base64Error:
        raise SyntaxFault("the server's SCRAM message is not base64") from None

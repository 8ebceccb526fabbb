"""What a client of SCRAM says, worked out from RFC 5802 3 step by step."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode


class ScramSteps:
    """One exchange: `first`, then `final` for the server's challenge, then its `signature`."""

    def __init__(
        self, name: str, password: str, *, kind: str = "", binding: bytes = b"", flag: str = "n"
    ) -> None:
        self._password = password
        self._header = f"p={kind},," if kind else f"{flag},,"
        self._binding = binding
        self._bare = f"n={name},r=clientnonce"
        self.signature = b""

    @property
    def first(self) -> bytes:
        return (self._header + self._bare).encode()

    def final(self, challenge: bytes) -> bytes:
        parts = dict(part.split("=", 1) for part in challenge.decode().split(","))
        salt, count = b64decode(parts["s"]), int(parts["i"])
        salted = hashlib.pbkdf2_hmac("sha256", self._password.encode(), salt, count)
        client_key = hmac.digest(salted, b"Client Key", "sha256")
        bound = b64encode(self._header.encode() + self._binding).decode()
        without_proof = f"c={bound},r={parts['r']}"
        message = f"{self._bare},{challenge.decode()},{without_proof}".encode()
        signed = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
        proof = bytes(a ^ b for a, b in zip(client_key, signed, strict=True))
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        self.signature = b"v=" + b64encode(hmac.digest(server_key, message, "sha256"))
        return f"{without_proof},p={b64encode(proof).decode()}".encode()

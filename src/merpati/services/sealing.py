"""Passwords of other servers, kept so that whoever has the database alone cannot read them.

They are needed in the clear, so a hash will not do. Each is sealed with AES-256-GCM under a key
in a file beside the store, which only encrypted backups hold; and bound to what it is for,
so that a row that was changed to name another server does not open.
"""

from __future__ import annotations

import hmac
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.secrets import Secret, read_key_file, write_key_file

FILE: Final = "sealing.key"  # in the data folder; copied to every node of an installation
KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12


class Sealing:
    """Seals and opens with the key of an installation, which is made when it is first needed."""

    def __init__(self, folder: Path, ids: Ids) -> None:
        """`folder` is the data folder."""
        self._file = folder / FILE
        self._ids = ids
        self._cipher: AESGCM | None = None
        self._secret = b""

    def close(self, secret: Secret, purpose: str) -> bytes:
        """The sealed form. Raises Fault CONFIG when the key cannot be read or made."""
        nonce = self._ids.bytes(NONCE_SIZE)
        sealed = self._key().encrypt(nonce, secret.reveal().encode(), purpose.encode())
        return nonce + sealed

    def open(self, sealed: bytes, purpose: str) -> Secret:
        """What was sealed. Raises Fault CONFIG for another key, or another purpose."""
        try:
            plain = self._key().decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], purpose.encode())
        except (InvalidTag, ValueError) as error:
            text = (
                f"a stored password does not open with {self._file}: bring the right file back,"
                " or set the password again"
            )
            raise Fault(Kind.CONFIG, text) from error
        return Secret(plain.decode())

    def derived(self, purpose: str) -> bytes:
        """32 bytes that only this installation knows, the same every time. Raises as `close`."""
        self._key()
        return hmac.digest(self._secret, b"derived " + purpose.encode(), "sha256")

    def _key(self) -> AESGCM:
        if self._cipher is None:
            if not self._file.exists():
                try:
                    write_key_file(self._file, self._ids.bytes(KEY_SIZE))
                except Fault as fault:  # another process was quicker
                    if fault.kind is not Kind.EXISTS:
                        raise
            key = read_key_file(self._file)
            if len(key) != KEY_SIZE:
                raise Fault(Kind.CONFIG, f"{self._file} is no key of ours")
            self._secret = key
            self._cipher = AESGCM(key)
        return self._cipher

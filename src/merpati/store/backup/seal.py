"""How objects of a repository are packed: compressed, and encrypted when there is a passphrase.

The key of a repository is 32 random bytes, made with it and sealed with what scrypt makes of the
passphrase (RFC 7914). Objects are sealed with AES-256-GCM, bound to their names, so that none can
be put in another's place. A name is the hash of the content; in an encrypted repository it is
keyed, or whoever has a message could see whether it is there.
"""

from __future__ import annotations

import hmac
import sys
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.secrets import Secret

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

KEY_SIZE: Final = 32
NONCE_SIZE: Final = 12
LEVEL: Final = 3
OBJECT_MAX: Final = 64 * 1024 * 1024  # bytes of one object, unpacked; ours have at most 4 MiB
# 128 MiB and half a second for each guess (RFC 7914 2, with N = 2^17).
_COST: Final = {"n": 2**17, "r": 8, "p": 1}
_PLAIN: Final = b"\0"
_ZSTD: Final = b"\1"


class Wrapped(msgspec.Struct, frozen=True):
    """A repository's key, sealed with a passphrase; both parts in hexadecimal."""

    salt: str
    key: str


class Seal:
    """Packs and opens the objects of one repository."""

    def __init__(self, key: bytes = b"") -> None:
        """Without a key nothing is encrypted."""
        self._key = key
        self._cipher = AESGCM(key) if key else None
        self._compress = zstd.ZstdCompressor(level=LEVEL)

    def name(self, digest: bytes) -> bytes:
        """The name of the object whose content has this hash."""
        return hmac.digest(self._key, digest, "sha256") if self._key else digest

    def close(self, name: bytes, data: bytes, nonce: bytes) -> bytes:
        """The packed form of an object; `nonce` is used once only."""
        packed = self._compress.compress(data, zstd.ZstdCompressor.FLUSH_FRAME)
        data = _ZSTD + packed if len(packed) < len(data) else _PLAIN + data
        return data if self._cipher is None else nonce + self._cipher.encrypt(nonce, data, name)

    def open(self, name: bytes, packed: bytes) -> bytes:
        """What `close` took. Raises Fault CORRUPT for anything else."""
        try:
            if self._cipher is not None:
                packed = self._cipher.decrypt(packed[:NONCE_SIZE], packed[NONCE_SIZE:], name)
            if packed[:1] == _ZSTD:
                return zstd.ZstdDecompressor().decompress(packed[1:], max_length=OBJECT_MAX)
        except (InvalidTag, ValueError, zstd.ZstdError) as error:
            raise Fault(Kind.CORRUPT, f"object {name.hex()} is damaged") from error
        return packed[1:]


def new_key(ids: Ids, passphrase: Secret) -> tuple[bytes, Wrapped]:
    """A key for a repository, and its sealed form."""
    key, salt, nonce = ids.bytes(KEY_SIZE), ids.bytes(16), ids.bytes(NONCE_SIZE)
    sealed = nonce + AESGCM(_derive(passphrase, salt)).encrypt(nonce, key, salt)
    return key, Wrapped(salt.hex(), sealed.hex())


def unwrap(wrapped: Wrapped, passphrase: Secret) -> bytes:
    """The key. Raises Fault AUTH_FAILED for another passphrase, CORRUPT for no key of ours."""
    try:
        salt, sealed = bytes.fromhex(wrapped.salt), bytes.fromhex(wrapped.key)
        cipher = AESGCM(_derive(passphrase, salt))
        return cipher.decrypt(sealed[:NONCE_SIZE], sealed[NONCE_SIZE:], salt)
    except InvalidTag as error:
        raise Fault(Kind.AUTH_FAILED, "the passphrase is not that of this backup") from error
    except ValueError as error:
        raise Fault(Kind.CORRUPT, "the key of the backup is damaged") from error


def _derive(passphrase: Secret, salt: bytes) -> bytes:
    return Scrypt(salt=salt, length=KEY_SIZE, **_COST).derive(passphrase.reveal().encode())

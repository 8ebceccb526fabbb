"""SASL SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's side (RFC 5802, RFC 7677).

The client proves that it knows the password, and the server that it knew it once, without
sending it. The server keeps `ScramKeys`, from which the password can only be guessed.

As in `wire.sasl` a mechanism is a generator: it yields a challenge and is sent the
response. Where it needs the keys of a name it yields `KeysWanted` and is sent them; for a
name without keys it must be sent made up ones, so that strangers see no difference.

With -PLUS the proof covers the TLS connection (channel binding, RFC 5056), so nobody in
the middle can pass it on.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import stringprep
import unicodedata
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire import sasl

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

MESSAGE_LIMIT: Final = 4096  # octets of any message of the client's
# RFC 7677 4 asks for 4096 at least; this is the most that clients with Cyrus SASL compute.
ITERATIONS: Final = 65_536
SALT_LENGTH: Final = 16  # octets
TLS_SERVER_END_POINT: Final = "tls-server-end-point"  # RFC 5929 4
PLAIN_NAME: Final = "SCRAM-SHA-256"
PLUS_NAME: Final = "SCRAM-SHA-256-PLUS"

_KEYS: Final = re.compile(
    r"scram-sha-256:([0-9]{1,8}):([A-Za-z0-9+/=]{4,88}):([A-Za-z0-9+/]{43}=):([A-Za-z0-9+/]{43}=)"
)
_FIRST: Final = re.compile(
    r"(?:([ny])|p=([A-Za-z0-9.-]{1,40})),(?:a=([^,\x00]+))?,"
    r"(n=([^,\x00]+),r=([!-+\--~]{1,512})(?:,[A-Za-z]=[^\x00]*)?)"
)
_FINAL: Final = re.compile(
    r"(c=([A-Za-z0-9+/=]+),r=([!-+\--~]{1,1024})(?:,[A-Za-z]=[^\x00]*)?),p=([A-Za-z0-9+/=]+)"
)


class ScramKeys(Struct, frozen=True):
    """What is kept of a password (RFC 5802 3)."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes

    def __str__(self) -> str:
        """One word, for a column; `parse_keys` reads it."""
        parts = (self.salt, self.stored_key, self.server_key)
        salt, stored, server = (b64encode(part).decode() for part in parts)
        return f"scram-sha-256:{self.iterations}:{salt}:{stored}:{server}"

    def __repr__(self) -> str:
        """Without the keys, because values end up in logs."""
        return f"ScramKeys(..., {self.iterations}, ...)"


class KeysWanted(Struct, frozen=True):
    """The question for the keys of a name; answered with `ScramKeys`."""

    name: str


class Proven(Struct, frozen=True):
    """What an exchange came to.

    Attributes:
        authzid: the account to act as, or empty for the name's own.
        name: who it is, or says to be.
        right: whether the proof holds.
    """

    authzid: str
    name: str
    right: bool


def derive(password: str, salt: bytes, iterations: int = ITERATIONS) -> ScramKeys:
    """The keys of a password. With the usual iterations this takes some 35 ms."""
    secret = _prepare(password).encode("utf-8", "surrogatepass")
    salted = hashlib.pbkdf2_hmac("sha256", secret, salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    stored_key = hashlib.sha256(client_key).digest()
    return ScramKeys(salt, iterations, stored_key, hmac.digest(salted, b"Server Key", "sha256"))


def parse_keys(text: str) -> ScramKeys | None:
    """Keys as a column holds them; None when it holds something else."""
    found = _KEYS.fullmatch(text)
    if found is None:
        return None
    salt, stored, server = (a2b_base64(part) for part in found.groups()[1:])
    return ScramKeys(salt, int(found[1]), stored, server)


def server(
    nonce: str, bindings: Mapping[str, bytes], *, plus: bool
) -> Generator[bytes | KeysWanted, bytes | ScramKeys, Proven]:
    """One exchange of the server's.

    Args:
        nonce: ours, fresh; printable and without commas.
        bindings: the channel bindings at hand, by type; with any of them at hand -PLUS
            is offered, and a client that saw none was deceived.
        plus: whether the client chose -PLUS.
    """
    first = _FIRST.fullmatch(_text((yield b"")))
    if first is None:
        raise SyntaxFault("the first message of SCRAM is wrong")
    flag, kind, authzid, bare, name, client_nonce = first.groups()
    binding = _binding(flag, kind, bindings, plus=plus)
    prepared = sasl.prepare_name(_name(name))
    acting = sasl.prepare_name(_name(authzid)) if authzid else ""
    keys = yield KeysWanted(prepared)
    assert isinstance(keys, ScramKeys)
    both = client_nonce + nonce
    challenge = f"r={both},s={b64encode(keys.salt).decode()},i={keys.iterations}"
    final = _FINAL.fullmatch(_text((yield challenge.encode())))
    if final is None:
        raise SyntaxFault("the final message of SCRAM is wrong")
    without_proof, bound, returned, proof = final.groups()
    header = f"{flag or f'p={kind}'},{f'a={authzid}' if authzid else ''},".encode()
    if _decode(bound) != header + binding:
        return Proven(acting, prepared, right=False)  # somebody sits in the middle
    message = f"{bare},{challenge},{without_proof}".encode()
    if returned != both or not _proves(_decode(proof), keys, message):
        return Proven(acting, prepared, right=False)
    signature = hmac.digest(keys.server_key, message, "sha256")
    yield b"v=" + b64encode(signature)
    return Proven(acting, prepared, right=True)


def _binding(
    flag: str | None, kind: str | None, at_hand: Mapping[str, bytes], *, plus: bool
) -> bytes:
    """What the client's first message says of channel binding (RFC 5802 6)."""
    if plus != (kind is not None):
        raise SyntaxFault("SCRAM-SHA-256-PLUS is with channel binding, SCRAM-SHA-256 without")
    if kind is not None:
        if kind not in at_hand:
            raise SyntaxFault(f"the channel bindings are {', '.join(at_hand)}")
        return at_hand[kind]
    if flag == "y" and at_hand:
        raise SyntaxFault("SCRAM-SHA-256-PLUS is offered here; somebody has removed it")
    return b""


def _proves(proof: bytes, keys: ScramKeys, message: bytes) -> bool:
    signature = hmac.digest(keys.stored_key, message, "sha256")
    if len(proof) != len(signature):
        return False
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), keys.stored_key)


def _text(response: bytes | ScramKeys) -> str:
    assert isinstance(response, bytes)
    if len(response) > MESSAGE_LIMIT:
        raise SyntaxFault(f"a message of SCRAM is longer than {MESSAGE_LIMIT} octets")
    try:
        return response.decode()
    except UnicodeDecodeError:
        raise SyntaxFault("names must be in UTF-8") from None


def _decode(text: str) -> bytes:
    try:
        return a2b_base64(text.encode(), strict_mode=True)
    except Base64Error:
        raise SyntaxFault("a part of a SCRAM message is not base64") from None


def _name(text: str) -> str:
    """saslname: "=2C" for a comma, "=3D" for an equals sign (RFC 5802 5.1)."""
    if re.search("=(?!2C|3D)", text):
        raise SyntaxFault("an equals sign in a name must be written =3D")
    return text.replace("=2C", ",").replace("=3D", "=")


def _prepare(password: str) -> str:
    """SASLprep (RFC 4013), as SCRAM's clients do it; what it forbids is taken as it is."""
    if password.isascii():
        return password
    kept = (
        " " if stringprep.in_table_c12(character) else character
        for character in password
        if not stringprep.in_table_b1(character)
    )
    return unicodedata.normalize("NFKC", "".join(kept))

"""SASL PLAIN, LOGIN and EXTERNAL (RFC 4616, RFC 4422), as every protocol carries them.

A mechanism is a generator that yields a challenge and is sent the client's
response; `services/sign_in.py` drives it from base64 lines. An initial response is
the answer to the first challenge, which is then not sent.

Names and passwords are prepared as RFC 8265 says: NFC, so that a password
typed on a telephone and on a laptop is the same one; in passwords every space
that is not ASCII becomes an ASCII one; nothing else is folded or mapped, so
case counts. Whoever hashes a new password prepares it with `prepare_password`
too.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64encode
from binascii import Error as Base64Error
from binascii import a2b_base64
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

RESPONSE_LIMIT: Final = 12288  # octets of base64, RFC 4954 4
NAME_LIMIT: Final = 512  # octets; an address of the longest kind we take
PASSWORD_LIMIT: Final = 1024  # octets; more only feeds the password hash

_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")  # and lone surrogates
_SPACE: Final = re.compile("[\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")  # Zs of Unicode


class Cancelled(SyntaxFault):
    """The client sent `*`: the exchange is over, and it may try another (501)."""


class Credentials(Struct, frozen=True):
    """What the client claims to be; nothing of it has been checked.

    Attributes:
        authzid: the account to act as, or empty for the name's own.
        name: who logs in.
        password: prepared.
    """

    authzid: str
    name: str
    password: str

    def __repr__(self) -> str:
        """Without the password, because values end up in logs."""
        return f"Credentials({self.authzid!r}, {self.name!r}, ...)"


class External(Struct, frozen=True):
    """The client points to what another layer knows of it (RFC 4422 A).

    Attributes:
        authzid: the account to act as, or empty for the one that it is known to be.
    """

    authzid: str


def decode(line: bytes) -> bytes:
    """The octets of a base64 line, which must be canonical: no spaces, whole padding.

    Raises:
        SyntaxFault: it is not, or it is longer than `RESPONSE_LIMIT`.
    """
    if len(line) > RESPONSE_LIMIT:
        raise SyntaxFault(f"the response is longer than {RESPONSE_LIMIT} octets")
    try:
        return a2b_base64(line, strict_mode=True)
    except Base64Error:
        raise SyntaxFault("the response is not base64") from None


def prepare_password(text: str) -> str:
    """A password as it is hashed and compared (OpaqueString, RFC 8265 4.2).

    Raises:
        SyntaxFault: it is empty, too long, or holds control characters.
    """
    prepared = unicodedata.normalize("NFC", _SPACE.sub(" ", text[: PASSWORD_LIMIT + 1]))
    return _checked(prepared, "password", PASSWORD_LIMIT)


def prepare_name(text: str) -> str:
    """A user name in NFC.

    Raises:
        SyntaxFault: it is empty, too long, or holds control characters.
    """
    return _checked(unicodedata.normalize("NFC", text[: NAME_LIMIT + 1]), "user name", NAME_LIMIT)


def plain_response(credentials: Credentials) -> bytes:
    """The client's one response of PLAIN, in base64."""
    fields = (credentials.authzid, credentials.name, credentials.password)
    return b64encode("\0".join(fields).encode())


def login_responses(credentials: Credentials) -> tuple[bytes, bytes]:
    """The client's two responses of LOGIN, name and password, in base64."""
    return b64encode(credentials.name.encode()), b64encode(credentials.password.encode())


def _plain() -> Generator[bytes, bytes, Credentials]:
    """RFC 4616 2: message = [authzid] NUL authcid NUL passwd."""
    fields = _text((yield b"")).split("\0")
    if len(fields) != 3:
        raise SyntaxFault("PLAIN must be three fields with NUL between them")
    authzid, name, password = fields
    return Credentials(
        prepare_name(authzid) if authzid else "", prepare_name(name), prepare_password(password)
    )


def _login() -> Generator[bytes, bytes, Credentials]:
    """Never standardised (draft-murchison-sasl-login); old Outlook and devices know no other."""
    name = prepare_name(_text((yield b"Username:")))
    password = prepare_password(_text((yield b"Password:")))
    return Credentials("", name, password)


def external() -> Generator[bytes, bytes, External]:
    """RFC 4422 A.1: message = [authzid]."""
    authzid = _text((yield b""))
    return External(prepare_name(authzid) if authzid else "")


def _text(response: bytes) -> str:
    try:
        return response.decode()
    except UnicodeDecodeError:
        raise SyntaxFault("names and passwords must be in UTF-8") from None


def _checked(text: str, what: str, limit: int) -> str:
    """`text`, if it may be a name or password: no NUL, no other control characters."""
    if not text:
        raise SyntaxFault(f"the {what} is empty")
    if len(text.encode("utf-8", "replace")) > limit:
        raise SyntaxFault(f"the {what} is longer than {limit} octets")
    if _CONTROL.search(text):
        raise SyntaxFault(f"the {what} has control characters in it")
    return text


EXTERNAL_NAME: Final = "EXTERNAL"

MECHANISMS: Final[dict[str, Callable[[], Generator[bytes, bytes, Credentials]]]] = {
    "PLAIN": _plain,
    "LOGIN": _login,
}

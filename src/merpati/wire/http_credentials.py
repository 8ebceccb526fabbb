"""Who an HTTP request says it comes from: the Authorization field (RFC 7617, RFC 6750)."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as Base64Error
from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.wire.sasl import Credentials

VALUE_MAX: Final = 8192  # characters; tokens are long
CHALLENGE: Final = 'Basic realm="Merpati", charset="UTF-8"'  # RFC 7617 2.1
BEARER_CHALLENGE: Final = 'Bearer error="invalid_token"'  # RFC 6750 3


def challenge(authorization: str | None) -> str:
    """What to answer with a 401 to a request with this Authorization field.

    Who came with a token is not asked for a password: browsers would put up a window of their own.
    """
    is_token = (authorization or "").lstrip()[:7].lower() == "bearer "
    return BEARER_CHALLENGE if is_token else CHALLENGE


class Token(str):
    """A bearer token."""

    __slots__ = ()


def read(value: str) -> Credentials | Token:
    """A name with its password, or a bearer token.

    Raises:
        SyntaxFault: neither of both.
    """
    scheme, _, rest = value.strip().partition(" ")
    rest = rest.strip()
    if len(value) > VALUE_MAX or not rest:
        raise SyntaxFault("the Authorization field says nothing")
    if scheme.lower() == "bearer":
        return Token(rest)
    if scheme.lower() != "basic":
        raise SyntaxFault("sign in with Basic or Bearer")
    try:
        name, colon, password = b64decode(rest, validate=True).decode().partition(":")
    except (Base64Error, UnicodeError):
        raise SyntaxFault("the Authorization field is not base64 of UTF-8") from None
    if not colon:
        raise SyntaxFault("there is no colon between name and password")
    return Credentials("", name, password)

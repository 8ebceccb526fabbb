"""SASL OAUTHBEARER (RFC 7628) and XOAUTH2, the server's side: a token instead of a password.

As in `wire.sasl` a mechanism is a generator. Whether a token is good it asks by yielding
`TokenWanted`, and is sent the address that the token opens, or nothing. A client
whose token is refused is told so in a last challenge, and answers it with nothing of
interest.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire import sasl
from merpati.wire.scram import Proven

if TYPE_CHECKING:
    from collections.abc import Generator

MESSAGE_LIMIT: Final = 8192  # octets; a token is 1 to 4 KB
BEARER_NAME: Final = "OAUTHBEARER"
XOAUTH2_NAME: Final = "XOAUTH2"

_REFUSED: Final = b'{"status":"invalid_token","schemes":"bearer"}'  # RFC 7628 3.2.2
_XOAUTH2_REFUSED: Final = b'{"status":"401","schemes":"Bearer"}'
_TOKEN: Final = re.compile(r"[Bb]earer +([A-Za-z0-9._~+/-]+=*)")  # RFC 6750 2.1
_HEADER: Final = re.compile(r"[ny],(?:a=([^,\x00]*))?,")  # gs2-header, RFC 7628 3.1
_PAIR: Final = re.compile(r"([A-Za-z]+)=([\t\r\n -~\u0080-\U0010ffff]*)")


class TokenWanted(Struct, frozen=True):
    """The question whose a token is, said to be that of a name, which may be empty."""

    name: str
    token: str

    def __repr__(self) -> str:
        """Without the token, because values end up in logs."""
        return f"TokenWanted({self.name!r}, ...)"


def bearer() -> Generator[bytes | TokenWanted, bytes | str, Proven]:
    """RFC 7628 3.1: gs2-header ^A, pairs each with ^A, ^A."""
    header, *pairs = _text((yield b"")).split("\x01")
    found = _HEADER.fullmatch(header)
    if found is None:
        raise SyntaxFault("OAUTHBEARER begins with n,a=name,")
    name = (found[1] or "").replace("=2C", ",").replace("=3D", "=")
    return (yield from _asked(name, pairs, _REFUSED))


def xoauth2() -> Generator[bytes | TokenWanted, bytes | str, Proven]:
    """As Google and Microsoft document it: user=name ^A auth=Bearer token ^A ^A."""
    first, *pairs = _text((yield b"")).split("\x01")
    if not first.lower().startswith("user="):
        raise SyntaxFault("XOAUTH2 begins with user=name")
    return (yield from _asked(first[5:], pairs, _XOAUTH2_REFUSED))


def _asked(
    name: str, pairs: list[str], refused: bytes
) -> Generator[bytes | TokenWanted, bytes | str, Proven]:
    if pairs[-2:] != ["", ""]:
        raise SyntaxFault("the pairs must end with two octets 1")
    values: dict[str, str] = {}
    for pair in pairs[:-2]:
        found = _PAIR.fullmatch(pair)
        if found is None:
            raise SyntaxFault("between octets 1 there must be key=value")
        values[found[1].lower()] = found[2]
    token = _TOKEN.fullmatch(values.get("auth", ""))
    if token is None:
        raise SyntaxFault("auth must be Bearer and a token")
    prepared = sasl.prepare_name(name) if name else ""
    address = yield TokenWanted(prepared, token[1])
    assert isinstance(address, str)
    if address:
        return Proven("", address, right=True)
    yield refused
    return Proven("", prepared, right=False)


def _text(response: bytes | str) -> str:
    assert isinstance(response, bytes)
    if len(response) > MESSAGE_LIMIT:
        raise SyntaxFault(f"the message is longer than {MESSAGE_LIMIT} octets")
    try:
        return response.decode()
    except UnicodeDecodeError:
        raise SyntaxFault("the message must be in UTF-8") from None

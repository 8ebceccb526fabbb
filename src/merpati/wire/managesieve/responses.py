"""The responses of ManageSieve (RFC 5804 1.2, 1.3): conditions with their codes, and lists."""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire.managesieve.strings import Token, Word, literal, quote, tokens

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

TEXT_LIMIT: Final = 16_384  # octets of what is said to a person, such as all errors of a script

_CODE: Final = re.compile(
    rb"\(([A-Za-z][A-Za-z0-9/-]{0,63})(?: (\"(?:[^\"\\]|\\.){0,2048}\"))?\)[ ]?"
)


class Condition(Enum):
    """How a command ended, or the session."""

    OK = "OK"
    NO = "NO"
    BYE = "BYE"


class Code(Enum):
    """Response codes (RFC 5804 1.3)."""

    NONE = ""
    ACTIVE = "ACTIVE"
    ALREADYEXISTS = "ALREADYEXISTS"
    AUTH_TOO_WEAK = "AUTH-TOO-WEAK"
    ENCRYPT_NEEDED = "ENCRYPT-NEEDED"
    NONEXISTENT = "NONEXISTENT"
    QUOTA = "QUOTA"
    QUOTA_MAXSCRIPTS = "QUOTA/MAXSCRIPTS"
    QUOTA_MAXSIZE = "QUOTA/MAXSIZE"
    SASL = "SASL"
    TAG = "TAG"
    TRYLATER = "TRYLATER"
    WARNINGS = "WARNINGS"


class Response(Struct, frozen=True):
    """A condition as a client reads it; `argument` is that of the code, `text` for people."""

    condition: Condition
    code: str = ""
    argument: str = ""
    text: str = ""


def condition(
    kind: Condition, text: str = "", code: Code = Code.NONE, argument: str | None = None
) -> bytes:
    """The line that ends the answer to a command."""
    parts = [kind.value.encode()]
    if code is not Code.NONE:
        value = b"" if argument is None else b" " + quote(argument)
        parts.append(b"(%b%b)" % (code.value.encode(), value))
    if text:
        parts.append(quote(text.encode()[:TEXT_LIMIT].decode("utf-8", "ignore")))
    return b" ".join(parts) + b"\r\n"


def ok(text: str = "", code: Code = Code.NONE, argument: str | None = None) -> bytes:
    """The command is done."""
    return condition(Condition.OK, text, code, argument)


def no(text: str, code: Code = Code.NONE) -> bytes:
    """The command has failed."""
    return condition(Condition.NO, text, code)


def bye(text: str, code: Code = Code.NONE) -> bytes:
    """The session ends."""
    return condition(Condition.BYE, text, code)


def capabilities(rows: Iterable[tuple[str, str | None]]) -> bytes:
    """Names with their values, a line each (RFC 5804 1.7)."""
    return b"".join(
        quote(name) + (b"" if value is None else b" " + quote(value)) + b"\r\n"
        for name, value in rows
    )


def listing(rows: Iterable[tuple[str, bool]]) -> bytes:
    """Names of scripts, the active one marked (RFC 5804 2.7)."""
    return b"".join(
        quote(name) + (b" ACTIVE" if active else b"") + b"\r\n" for name, active in rows
    )


def script(content: bytes) -> bytes:
    """A script, as a literal (RFC 5804 2.9)."""
    return literal(content) + b"\r\n"


def challenge(data: bytes) -> bytes:
    """A step of AUTHENTICATE; `data` is in base64 already (RFC 5804 2.1)."""
    return quote(data.decode("ascii")) + b"\r\n"


def parse(pieces: Sequence[bytes]) -> Response | list[Token]:
    """A line of a server's: a condition, or the tokens of any other.

    Args:
        pieces: As for `strings.tokens`.

    Raises:
        SyntaxFault: it is no such line.
    """
    first = pieces[0]
    word, _, rest = first.partition(b" ")
    name = word.upper()
    if name not in {b"OK", b"NO", b"BYE"}:
        return tokens(pieces)
    code = argument = ""
    found = _CODE.match(rest)
    if found is not None:
        code = found[1].decode("ascii").upper()
        rest = rest[found.end() :]
        if found[2] is not None:
            argument = _text(tokens([found[2]]))
    text = tokens([rest, *pieces[1:]])
    return Response(Condition(name.decode()), code, argument, _text(text) if text else "")


def _text(found: list[Token]) -> str:
    if len(found) != 1 or isinstance(found[0], int | Word):
        raise SyntaxFault("expected one string")
    one = found[0]
    return one.decode("utf-8", "replace") if isinstance(one, bytes) else one

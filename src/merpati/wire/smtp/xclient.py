"""XCLIENT: a trusted proxy tells whose connection it carries on (Postfix's XCLIENT_README).

`XCLIENT ADDR=192.0.2.7 HELO=laptop` makes the session go on as if that client had
connected by itself. Values are xtext; `[UNAVAILABLE]` and `[TEMPUNAVAIL]` say that the
proxy does not know.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.parameters import parse_xtext, to_xtext

# All that is understood; LOGIN is left out, for nobody signs in by hearsay.
ATTRIBUTES: Final = ("NAME", "ADDR", "PORT", "PROTO", "HELO", "DESTADDR", "DESTPORT")

_UNKNOWN: Final = frozenset({"[UNAVAILABLE]", "[TEMPUNAVAIL]"})
_PORT: Final = re.compile(r"[0-9]{1,5}")
_NAME: Final = re.compile(r"[A-Za-z0-9._:\u0080-\U0010ffff-]{1,255}|\[[A-Za-z0-9.:]{1,60}\]")


class Xclient(Struct, frozen=True):
    """What a proxy said; an attribute it did not know has the value ""."""

    attributes: tuple[tuple[str, str], ...]

    def get(self, name: str) -> str:
        """An attribute's value, empty when it was not given or not known."""
        return dict(self.attributes).get(name, "")


def parse(argument: str) -> Xclient:
    """The attributes behind the verb.

    Raises:
        SyntaxFault: one is not understood, wrong, or stands there twice.
    """
    found: dict[str, str] = {}
    for word in argument.split():
        name, equals, value = word.partition("=")
        name = name.upper()
        if not equals or name not in ATTRIBUTES or name in found:
            raise SyntaxFault(f"XCLIENT takes {', '.join(ATTRIBUTES)}, each once, with a value")
        found[name] = "" if value.upper() in _UNKNOWN else _checked(name, value)
    if not found:
        raise SyntaxFault("XCLIENT needs an attribute, such as ADDR=192.0.2.7")
    return Xclient(tuple(found.items()))


def encode(command: Xclient) -> str:
    """The argument again."""
    return " ".join(f"{name}={_written(name, value)}" for name, value in command.attributes)


def _checked(name: str, value: str) -> str:
    text = parse_xtext(value, name)
    if name in {"ADDR", "DESTADDR"}:
        bare = text[5:] if text[:5].upper() == "IPV6:" else text
        try:
            return str(ipaddress.ip_address(bare if "%" not in bare else ""))
        except ValueError:
            raise SyntaxFault(f"{name} must be an IP address, IPv6 ones with IPV6: ahead") from None
    if name in {"PORT", "DESTPORT"}:
        if _PORT.fullmatch(text) and int(text) <= 65_535:
            return str(int(text))
        raise SyntaxFault(f"{name} must be a port")
    if name == "PROTO":
        if text.upper() in {"SMTP", "ESMTP"}:
            return text.upper()
        raise SyntaxFault("PROTO must be SMTP or ESMTP")
    if _NAME.fullmatch(text):
        return text
    raise SyntaxFault(f"{name} must be a name")


def _written(name: str, value: str) -> str:
    if not value:
        return "[UNAVAILABLE]"
    return f"IPV6:{value}" if ":" in value and name in {"ADDR", "DESTADDR"} else to_xtext(value)

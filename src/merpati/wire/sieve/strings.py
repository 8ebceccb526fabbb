"""Strings that mean more than they say: encoded characters and variables.

RFC 5228 2.4.2.4 lets a string hold `${hex: 40}` and `${unicode: 1F600}`; RFC 5229 3 lets it
hold `${name}`. The first is replaced once, when a script is compiled; the second becomes
pieces that are joined whenever the string is used.
"""

from __future__ import annotations

import re
from typing import Final

from merpati.wire.sieve.program import Text, Variable

MAX_MATCH: Final = 99
"""The highest match variable; RFC 5229 6 wants 9 at least."""

_ENCODED: Final = re.compile(
    r"\$\{(?:(hex):((?:[ \t\r\n]*+[0-9A-Fa-f]{1,2}(?![0-9A-Fa-f]))+[ \t\r\n]*+)"
    r"|(unicode):((?:[ \t\r\n]*+[0-9A-Fa-f]++)+[ \t\r\n]*+))\}",
    re.IGNORECASE,
)
_REFERENCE: Final = re.compile(r"\$\{((?:[A-Za-z_][A-Za-z0-9_]*+(?:\.[A-Za-z0-9_]++)*)|[0-9]++)\}")


class Unreadable(Exception):  # noqa: N818 -- caught at once, and told as a Problem
    """What is wrong in a string, as a sentence."""


def decode(text: str) -> str:
    """A string without encoded characters.

    Raises:
        Unreadable: a character that does not exist, or bytes that are no UTF-8.
    """
    return _ENCODED.sub(_decoded, text) if "${" in text else text


def _decoded(found: re.Match[str]) -> str:
    if found[1]:
        try:
            return bytes(int(pair, 16) for pair in found[2].split()).decode()
        except UnicodeDecodeError:
            raise Unreadable(f"{found[0][:60]} is not UTF-8; encode whole characters") from None
    numbers = [int(number, 16) for number in found[4].split()]
    if any(number > 0x10FFFF or 0xD800 <= number <= 0xDFFF for number in numbers):
        raise Unreadable(f"{found[0][:60]} names a character that does not exist")
    return "".join(map(chr, numbers))


def template(text: str, namespaces: frozenset[str]) -> Text:
    """A string cut at its variables; itself when it holds none.

    Args:
        text: with encoded characters already decoded.
        namespaces: those that may be used, such as "global".

    Raises:
        Unreadable: another namespace, or too high a match variable.
    """
    if "${" not in text:
        return text
    pieces: list[str | Variable] = []
    at = 0
    for found in _REFERENCE.finditer(text):
        if found.start() > at:
            pieces.append(text[at : found.start()])
        pieces.append(_variable(found[1].lower(), namespaces))
        at = found.end()
    if not pieces:
        return text
    if at < len(text):
        pieces.append(text[at:])
    return pieces


def _variable(name: str, namespaces: frozenset[str]) -> Variable:
    if name.isdigit():
        number = int(name.lstrip("0")[:4] or "0")
        if number > MAX_MATCH:
            raise Unreadable(f"${{{name[:20]}}} is too high; match variables go up to {MAX_MATCH}")
        return Variable(number)
    space, dot, rest = name.partition(".")
    if dot and (space not in namespaces or "." in rest or rest[:1].isdigit()):
        raise Unreadable(f"${{{name[:60]}}} is of a namespace that is not known here")
    return Variable(name)

"""Macros in SPF records: `%{i}`, `%{l1r-}`, `%%` (RFC 7208 7), and the names they make.

A macro string is checked once, when the record is read; expanding it never fails. The name
that comes out may still be none that the DNS can have: `question_name` gives "" then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp import paths

NAME_LIMIT: Final = 253
"""Octets of a name made by macros; longer ones lose labels from the left (RFC 7208 7.3)."""
LABEL_LIMIT: Final = 63  # octets, RFC 1035 2.3.4

# macro-expand, with the letters of explanations; digits beyond nine mean nothing.
_EXPAND: Final = re.compile(
    r"%(?:([%_-])|\{([slodiphcrtv])([0-9]{0,9})(r?)([-.+,/_=]*)\})", re.IGNORECASE
)
_LITERAL_PERCENT: Final = {"%": "%", "_": " ", "-": "%20"}
_ONLY_IN_EXPLANATIONS: Final = frozenset("crt")
_VISIBLE: Final = re.compile(r"[!-~]*")
_VISIBLE_OR_SPACE: Final = re.compile(r"[ -~]*")
# toplabel = ( *alphanum ALPHA *alphanum ) / ( 1*alphanum "-" *( alphanum / "-" ) alphanum )
_HYPHENATED: Final = re.compile(r"[A-Za-z0-9]+-[A-Za-z0-9-]*")
_DOTTED: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_VALIDATED: Final = re.compile(r"%\{p", re.IGNORECASE)


def check_macro_string(text: str, *, explanation: bool = False) -> int:
    """Where the last macro of a macro-string ends; 0 without one.

    Args:
        text: The string as the record has it.
        explanation: Spaces and the letters c, r, t are allowed too (RFC 7208 7.2).

    Raises:
        SyntaxFault: It is none.
    """
    if not (_VISIBLE_OR_SPACE if explanation else _VISIBLE).fullmatch(text):
        raise SyntaxFault("it has a character that is not printable ASCII")
    start = text.find("%")
    end = 0
    while start >= 0:
        match = _EXPAND.match(text, start)
        if match is None:
            raise SyntaxFault(f'"{text[start : start + 8]}" is no macro; a lone % is written %%')
        letter = match[2]
        if letter:
            if not explanation and letter.lower() in _ONLY_IN_EXPLANATIONS:
                raise SyntaxFault(f"the macro {match[0]} is only allowed in explanations")
            if match[3] and not int(match[3]):
                raise SyntaxFault(f"the macro {match[0]} keeps no label")
        end = match.end()
        start = text.find("%", end)
    return end


def check_domain_spec(text: str) -> None:
    """Holds a domain-spec to its grammar: a macro-string that ends in a top label or a macro.

    Raises:
        SyntaxFault: It does not.
    """
    if not text:
        raise SyntaxFault("the name of a domain is missing")
    if check_macro_string(text) == len(text):
        return
    _, dot, label = text.removesuffix(".").rpartition(".")
    if not dot:
        raise SyntaxFault(f'"{text}" is no domain name: it has no dot')
    if label.isdigit():
        meant = f"; an address is written ip4:{text}" if _DOTTED.fullmatch(text) else ""
        raise SyntaxFault(f'"{text}" is no domain name: "{label}" cannot be its end{meant}')
    alphanumeric = label.isascii() and label.isalnum()
    hyphenated = not label.endswith("-") and _HYPHENATED.fullmatch(label)
    if not (alphanumeric or hyphenated) or len(label) > LABEL_LIMIT:
        raise SyntaxFault(f'"{text}" is no domain name: "{label}" cannot be its end')


def asks_for_name(text: str) -> bool:
    """True when the string has `%{p}`, which costs questions to the DNS."""
    return _VALIDATED.search(text) is not None


def expand(text: str, values: Mapping[str, str]) -> str:
    """A checked macro-string with its macros replaced by `values`, keyed by their small letter."""

    def one(match: re.Match[str]) -> str:
        literal, letter, keep, reverse, delimiters = match.groups()
        if literal:
            return _LITERAL_PERCENT[literal]
        value = values[letter.lower()]
        if keep or reverse or delimiters:
            parts = re.split(f"[{re.escape(delimiters or '.')}]", value)
            if reverse:
                parts.reverse()
            value = ".".join(parts[-int(keep) :] if keep else parts)
        return quote(value, safe="-._~") if letter.isupper() else value

    return _EXPAND.sub(one, text)


def question_name(text: str) -> str:
    """A domain name as the DNS is asked for it; "" for what cannot be one.

    Lower case, A-labels, no dot at the end; too long a name loses labels from the left
    (RFC 7208 7.3).
    """
    name = text.removesuffix(".").lower()
    if not name.isascii():
        try:
            name = paths.Path("", paths.parse_domain(name)).ascii_domain()
        except SyntaxFault:
            return ""
    if len(name) > NAME_LIMIT:
        name = name[-NAME_LIMIT - 1 :].partition(".")[2]
    if not name or not all(0 < len(label) <= LABEL_LIMIT for label in name.split(".")):
        return ""
    return name

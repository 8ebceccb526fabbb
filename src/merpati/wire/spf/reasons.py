"""Why SPF came to its verdict, in words.

The sentences name the address, the domain and the term, so that a postmaster can see what
to change without reading the record.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.wire.spf.record import Directive, Record
from merpati.wire.spf.verdict import SpfVerdict

SHOWN: Final = 6  # terms of a record that a sentence lists

VERDICTS: Final = {
    "+": SpfVerdict.PASS,
    "-": SpfVerdict.FAIL,
    "~": SpfVerdict.SOFTFAIL,
    "?": SpfVerdict.NEUTRAL,
}
_REST: Final = {
    "+": "it allows all hosts (+all)",
    "-": "it forbids all other hosts (-all)",
    "~": "it doubts all other hosts (~all)",
    "?": "it says nothing about other hosts (?all)",
    "": 'it says nothing about other hosts (it has no "all")',
}
_BY_NAME: Final = {"-": "forbids it", "~": "doubts it", "?": "says nothing about it"}


class Outcome(msgspec.Struct, frozen=True):
    """How the evaluation of one domain ended.

    Attributes:
        domain: Whose record decided; another than was asked for after `redirect=`.
        record: The record.
        term: The directive that fits; None when none does.
        inner: For `include`, how the included domain's evaluation ended.
    """

    domain: str
    record: Record
    term: Directive | None
    inner: Outcome | None = None

    @property
    def verdict(self) -> SpfVerdict:
        """Without a fitting directive, neutral (RFC 7208 4.7)."""
        return SpfVerdict.NEUTRAL if self.term is None else VERDICTS[self.term.qualifier]


def tell(outcome: Outcome, ip: str, asked: str) -> str:
    """The sentence for an evaluation that came to its end."""
    whose = f"the SPF record of {outcome.domain}"
    if outcome.domain != asked:
        whose += f", to which {asked} redirects,"
    term = outcome.term
    if term is None or term.mechanism == "all":
        return _by_default(outcome, ip, whose)
    path = [f'"{term}"']
    inner = outcome.inner
    while inner is not None:
        path.append(f'"{inner.term}" of {inner.domain}')
        inner = inner.inner
    by = ", through ".join(path)
    if term.qualifier == "+":
        return f"{whose} allows {ip} by {by}"
    return f"{whose} {_BY_NAME[term.qualifier]}: {ip} fits {by}"


def _by_default(outcome: Outcome, ip: str, whose: str) -> str:
    """No directive but `all` fits, or none at all."""
    rest = _REST["" if outcome.term is None else outcome.term.qualifier]
    listed = [
        str(one)
        for one in outcome.record.directives
        if one.qualifier == "+" and one.mechanism != "all"
    ]
    if not listed:
        none = "no host may send for it" if rest is _REST["-"] else rest
        return f"{whose} lists no host: {none}"
    if len(listed) > SHOWN:
        listed[SHOWN:] = [f"{len(listed) - SHOWN} more"]
    if len(listed) == 1:
        return f"{whose} lists {listed[0]}; {ip} does not fit, and {rest}"
    names = f"{', '.join(listed[:-1])} and {listed[-1]}"
    return f"{whose} lists {names}; {ip} is not among them, and {rest}"

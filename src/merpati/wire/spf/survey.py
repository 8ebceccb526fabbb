"""What a domain's SPF record costs whoever evaluates it to its end.

`check_host` stops at the term that fits. A survey walks through every `include` and
`redirect`, so that a domain's owner hears of the eleventh look-up (RFC 7208 4.6.4) before a
receiver does. Names made by macros depend on the message and are counted, not followed.
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Asking, Question
from merpati.wire.spf import macros
from merpati.wire.spf.record import Record, is_record, parse

MAX_WALK: Final = 60  # terms that ask; a record beyond ten is broken, however far beyond
COSTLY: Final = frozenset({"include", "a", "mx", "ptr", "exists"})


class Survey(msgspec.Struct, frozen=True):
    """A domain's policy as a whole.

    Attributes:
        record: The record itself; None when there is none, or none that can be read.
        lookups: Terms that ask the DNS, in all records it leads to.
        costs: Each term of the record itself that asks, and how many look-ups it comes to.
        faults: What is wrong, each a sentence without a full stop.
        failure: Why the DNS could not tell; empty when it could.
    """

    record: Record | None = None
    lookups: int = 0
    costs: tuple[tuple[str, int], ...] = ()
    faults: tuple[str, ...] = ()
    failure: str = ""


def survey(domain: str) -> Asking[Survey]:
    """Walks through the whole policy of `domain` (A-labels or U-labels)."""
    walk = _Walk()
    name = macros.question_name(domain)
    record = (yield from walk.read(name)) if name else None
    if record is None:
        return Survey(None, 0, (), tuple(walk.faults), walk.failure)
    costs: list[tuple[str, int]] = []
    for term, other in _asking_terms(record):
        before = walk.lookups
        yield from walk.follow(term, other, name)
        costs.append((term, walk.lookups - before))
    return Survey(record, walk.lookups, tuple(costs), tuple(walk.faults), walk.failure)


class _Walk:
    """The walk so far."""

    def __init__(self) -> None:
        self.lookups = 0
        self.faults: list[str] = []
        self.failure = ""

    def read(self, name: str) -> Asking[Record | None]:
        """The record at a name; None, perhaps with a fault noted, without one."""
        answer = yield Question(name, "TXT")
        if answer.failure:
            self.failure = self.failure or answer.failure
            return None
        found = [text for text in answer.records if is_record(text)]
        if len(found) > 1:
            self.faults.append(
                f"{name} publishes {len(found)} SPF records, and only one is allowed"
            )
            return None
        try:
            return parse(found[0]) if found else None
        except SyntaxFault as fault:
            self.faults.append(f"the SPF record of {name} is broken: {fault.text}")
            return None

    def follow(self, term: str, other: str, owner: str) -> Asking[None]:
        """Counts one term and all that it leads to; `other` is "" when it leads to no record."""
        waiting = [(term, other, owner)]
        while waiting and self.lookups < MAX_WALK:
            term, other, owner = waiting.pop()
            self.lookups += 1
            if not other or "%" in other:
                continue
            name = macros.question_name(other)
            known = len(self.faults)
            record = (yield from self.read(name)) if name else None
            if record is not None:
                waiting += [(*one, name) for one in _asking_terms(record)]
            elif len(self.faults) == known and not self.failure:
                self.faults.append(
                    f'the SPF record of {owner} has "{term}", and {other} publishes no SPF record'
                )


def _asking_terms(record: Record) -> list[tuple[str, str]]:
    """The terms that ask, each with the domain-spec of the record it leads to."""
    terms = [
        (str(one), one.domain if one.mechanism == "include" else "")
        for one in record.directives
        if one.mechanism in COSTLY
    ]
    if record.redirect and all(one.mechanism != "all" for one in record.directives):
        terms.append((f"redirect={record.redirect}", record.redirect))
    return terms

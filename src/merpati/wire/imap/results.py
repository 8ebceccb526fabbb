"""What a search is to tell, and telling it: RETURN options and the answers to them.

RFC 4731 (ESEARCH), 5182 (SAVE), 5267 (PARTIAL, UPDATE, CONTEXT), 6203 (RELEVANCY), 7377
(several mailboxes), 9394 (PARTIAL from the end).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import fetch, names, strings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from merpati.wire.imap.arguments import Arguments
    from merpati.wire.imap.fetch import FetchItem

NUMBER_MAX: Final = 2**32 - 1  # RFC 3501 9, number

_SPACED: Final = bytes(range(256)).replace(b",", b" ")
_PARTIAL: Final = re.compile(rb"(-?)([1-9][0-9]{0,9}):(-?)([1-9][0-9]{0,9})")


class Option(Enum):
    """A RETURN option; the value is its name on the wire."""

    MIN = b"MIN"
    MAX = b"MAX"
    ALL = b"ALL"
    COUNT = b"COUNT"
    SAVE = b"SAVE"
    PARTIAL = b"PARTIAL"
    UPDATE = b"UPDATE"
    CONTEXT = b"CONTEXT"
    RELEVANCY = b"RELEVANCY"


OPTIONS: Final = {option.value: option for option in Option}


class Partial(msgspec.Struct, frozen=True):
    """A range of results, counted from 1; from the end when `backwards` (RFC 9394 3.1)."""

    first: int
    last: int
    backwards: bool = False

    def of(self, found: Sequence[int]) -> Sequence[int]:
        """That range of the results, in their order."""
        if not self.backwards:
            return found[self.first - 1 : self.last]
        return found[max(0, len(found) - self.last) : max(0, len(found) - self.first + 1)]

    def render(self) -> bytes:
        """As the client writes it, the lower number first."""
        sign = b"-" if self.backwards else b""
        return b"%b%d:%b%d" % (sign, self.first, sign, self.last)


class Returns(msgspec.Struct, frozen=True):
    """The options of a RETURN; an empty one has become ALL.

    `items`: what UPDATE wants fetched of each message that is new to the results (RFC 5465 7).
    """

    options: frozenset[Option]
    partial: Partial | None = None
    items: tuple[FetchItem, ...] = ()


class Answer(msgspec.Struct):
    """What an ESEARCH response says. Sets are made by `sets.compress`.

    `mailbox` with its UIDVALIDITY: whose results these are, when several were searched.
    `added` and `removed`: positions and sets (RFC 5267 4.3).
    """

    tag: bytes
    uid: bool
    mailbox: tuple[str, int] | None = None
    lowest: int | None = None
    highest: int | None = None
    count: int | None = None
    all: bytes = b""
    partial: tuple[Partial, bytes] | None = None
    relevancy: Sequence[int] = ()
    modseq: int | None = None
    added: Sequence[tuple[int, bytes]] = ()
    removed: Sequence[tuple[int, bytes]] = ()


def read_returns(a: Arguments) -> Returns | None:
    """`RETURN (...) ` if it comes next.

    Raises:
        SyntaxFault: as every reader of this package.
    """
    if not a.take_word(b"RETURN "):
        return None
    partial: Partial | None = None
    items: tuple[FetchItem, ...] = ()

    def option() -> Option:
        nonlocal partial, items
        found = a.option(OPTIONS, "a return option of SEARCH")
        if found is Option.PARTIAL:
            if partial is not None:
                raise SyntaxFault("PARTIAL is given twice")
            a.space()
            partial = _partial(a)
        elif found is Option.UPDATE and (a.comes(b" (") or a.comes(b"(")):
            a.take(b" ")  # the grammar of RFC 5465 8 has no space, its example has one
            items = fetch.read_items(a)
        return found

    options = frozenset(a.list_of(option) or (Option.ALL,))
    if partial is not None and Option.ALL in options:  # RFC 5267 4.4
        raise SyntaxFault("PARTIAL and ALL exclude each other")
    a.space()
    return Returns(options, partial, items)


def render_returns(returns: Returns) -> bytes:
    """`RETURN (...)`, in the order of `Option`; without what UPDATE wants fetched."""
    partial = returns.partial
    words = [
        b"PARTIAL " + partial.render() if partial and option is Option.PARTIAL else option.value
        for option in Option
        if option in returns.options
    ]
    return b"RETURN (" + b" ".join(words) + b")"


def _partial(a: Arguments) -> Partial:
    match = a.match(_PARTIAL, "a range such as 1:100 or -1:-100")
    first, last = sorted((int(match[2]), int(match[4])))
    if last > NUMBER_MAX:
        raise SyntaxFault(f"a place in a range is at most {NUMBER_MAX}")
    if match[1] != match[3]:
        raise SyntaxFault("both ends of a range count from the same side")
    return Partial(first, last, match[1] == b"-")


def esearch(answer: Answer, *, utf8: bool = False) -> bytes:
    """`* ESEARCH (TAG "a") UID MIN 1 ...` (RFC 4731 3.1)."""
    correlator = b"TAG " + strings.quoted(answer.tag)
    if answer.mailbox is not None:
        name, uidvalidity = answer.mailbox
        written = strings.string(names.encode(name, utf8), utf8=utf8)
        correlator += b" MAILBOX %b UIDVALIDITY %d" % (written, uidvalidity)
    parts = [b"* ESEARCH (%b)" % correlator]
    if answer.uid:
        parts.append(b"UID")
    if answer.lowest is not None:
        parts.append(b"MIN %d" % answer.lowest)
    if answer.highest is not None:
        parts.append(b"MAX %d" % answer.highest)
    if answer.all:
        parts.append(b"ALL " + answer.all)
    if answer.count is not None:
        parts.append(b"COUNT %d" % answer.count)
    if answer.partial is not None:
        range_, found = answer.partial
        parts.append(b"PARTIAL (%b %b)" % (range_.render(), found or b"NIL"))
    if answer.relevancy:
        parts.append(b"RELEVANCY (%b)" % b" ".join([b"%d" % each for each in answer.relevancy]))
    if answer.modseq is not None:
        parts.append(b"MODSEQ %d" % answer.modseq)
    for word, moves in ((b"REMOVEFROM", answer.removed), (b"ADDTO", answer.added)):
        if moves:
            pairs = b" ".join([b"%d %b" % (place, found) for place, found in moves])
            parts.append(b"%b (%b)" % (word, pairs))
    return b" ".join(parts) + b"\r\n"


def numbers(kind: bytes, found: Sequence[int], modseq: int | None = None) -> bytes:
    """`* SEARCH 1 2 ...` or `* SORT ...`; `modseq` when MODSEQ was a key (RFC 7162 3.1.5)."""
    return b"* " + kind + spaced(found) + end_of_numbers(modseq)


def spaced(found: Sequence[int]) -> bytes:
    """Numbers, a space before each: a piece of a long `numbers`."""
    return b" " + _listed(found).translate(_SPACED) if found else b""


def digits(found: Sequence[int]) -> list[bytes]:
    """Each of some numbers as it is written; there is one at least."""
    return _listed(found).split(b",")


def _listed(found: Sequence[int]) -> bytes:
    """Numbers with commas between them, in one call for all."""
    return msgspec.json.encode(list(found))[1:-1]


def end_of_numbers(modseq: int | None) -> bytes:
    """What ends `numbers`."""
    return b"\r\n" if modseq is None else b" (MODSEQ %d)\r\n" % modseq

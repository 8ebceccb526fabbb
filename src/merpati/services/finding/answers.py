"""Orders and threads of mailboxes as they were told last.

What a message says never changes, so an answer about the same messages is the same: nothing
has to be made invalid. Clients that show a mailbox in order ask for it again and again, for
each page that they show and after each look for new mail.
"""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Sequence
from typing import Final

import msgspec

from merpati.services.finding.shelf import Shelf

ROOM: Final = 8 << 20  # bytes; an order of 100,000 messages has 400 KB


class Answer(msgspec.Struct, frozen=True):
    """Columns of numbers about ascending UIDs."""

    uids: Sequence[int]
    columns: tuple[array[int], ...]


class Answers:
    """The last answers, by account, mailbox and question."""

    __slots__ = ("_shelf",)

    def __init__(self) -> None:
        self._shelf: Shelf[tuple[int, int, Hashable], Answer] = Shelf(ROOM)

    def get(
        self, mailbox: tuple[int, int], question: Hashable, uids: Sequence[int]
    ) -> tuple[array[int], ...] | None:
        """The answer to a question about just these messages, if it is still here."""
        known = self._shelf.get((*mailbox, question))
        return known.columns if known is not None and same(known.uids, uids) else None

    def put(
        self,
        mailbox: tuple[int, int],
        question: Hashable,
        uids: Sequence[int],
        columns: tuple[array[int], ...],
    ) -> None:
        """Keep an answer. The UIDs are copied, for a session's own list changes."""
        held = dense(uids)
        size = sum(4 * len(each) for each in columns)
        size += 4 * len(uids) if isinstance(held, array) else 0
        self._shelf.put((*mailbox, question), Answer(held, columns), size)


def dense(uids: Sequence[int]) -> Sequence[int]:
    """A copy of ascending UIDs that takes little room: a range if there are no gaps."""
    if uids and uids[-1] - uids[0] + 1 == len(uids):
        return range(uids[0], uids[-1] + 1)
    return array("I", uids)


def same(held: Sequence[int], uids: Sequence[int]) -> bool:
    """Whether two are the same ascending UIDs; where there are no gaps, without looking."""
    if len(held) != len(uids) or not uids or held[0] != uids[0] or held[-1] != uids[-1]:
        return False
    if held[-1] - held[0] + 1 == len(held):
        return True
    kind = type(held)
    return held == uids if isinstance(uids, kind) else list(held) == list(uids)

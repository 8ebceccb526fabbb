"""State strings, and what changed between them.

A state is the account's modseq: what changed since is what bears a greater one. Should one
/changes have more to tell than was asked for, the state between says how far it came: all
that last changed before a modseq, and of what changed with it the objects up to an id. One
of those that changes again has a greater modseq then, and is told later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Final, NamedTuple

from merpati.servers.jmap.kind import CANNOT, Changes
from merpati.wire.jmap.faults import MethodFault

_STATE: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([1-9][0-9]{0,19}))?")


class State(NamedTuple):
    """All changes with a smaller modseq are known, and with this one those up to an id.

    `up_to` is None when all with this modseq are known.
    """

    modseq: int
    up_to: int | None = None

    def __str__(self) -> str:
        return str(self.modseq) if self.up_to is None else f"{self.modseq}.{self.up_to}"


class Fate(IntEnum):
    """What became of an object."""

    CREATED = 0
    UPDATED = 1
    DESTROYED = 2


class Changed(NamedTuple):
    """An object that changed: with which modseq at last, its number, and what became of it."""

    modseq: int
    id: int
    fate: Fate


def parse(text: str) -> State:
    """The state of a string. Raises MethodFault cannotCalculateChanges for one never given."""
    match = _STATE.fullmatch(text)
    if match is None:
        raise MethodFault(CANNOT, "that is no state of this server")
    return State(int(match[1]), None if match[2] is None else int(match[2]))


def page(
    changed: Iterable[Changed],
    since: State,
    current: int,
    limit: int,
    name: Callable[[int], str],
) -> Changes:
    """As much as may be told at once, the oldest changes first.

    Args:
        changed: Each object that changed with `since.modseq` or later, once.
        since: What the client knows.
        current: The account's modseq now.
        limit: How many ids may be told.
        name: The id of a number, of `model.object_ids`.

    Raises:
        MethodFault: cannotCalculateChanges for a state of the future.
    """
    if since.modseq > current:
        raise MethodFault(CANNOT, "that is no state of this server")
    known = (since.modseq, since.up_to if since.up_to is not None else 1 << 64)
    new = sorted(one for one in changed if one[:2] > known)
    told = new[:limit]
    fates: tuple[list[str], list[str], list[str]] = ([], [], [])
    for one in told:
        fates[one.fate].append(name(one.id))
    more = len(new) > limit
    state = State(told[-1].modseq, told[-1].id) if more else State(current)
    return Changes(str(state), *fates, has_more=more)

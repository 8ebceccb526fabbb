"""State strings, and what changed between them.

A state is the account's modseq: what changed since is what bears a greater one. Should one
/changes have more to tell than was asked for, the state between says how far it came: all
that came, or last changed, before a modseq, and of what did with it the objects up to an id. One
of those that changes again has a greater modseq then, and is told later.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from merpati.servers.jmap.kind import CANNOT, Changes
from merpati.wire.jmap.faults import MethodFault

CREATED, UPDATED, GONE = range(3)
_STATE: Final = re.compile(r"(0|[1-9][0-9]{0,17})(?:\.([1-9][0-9]{0,19}))?")


class State(NamedTuple):
    """All changes with a smaller modseq are known, and with this one those up to an id.

    `up_to` is None when all with this modseq are known.
    """

    modseq: int
    up_to: int | None = None

    def __str__(self) -> str:
        return str(self.modseq) if self.up_to is None else f"{self.modseq}.{self.up_to}"


class Changed(NamedTuple):
    """An object that changed: with which modseq at last, its number, and whether it is gone.

    `created` is the modseq that it came with, 0 when that was long ago.
    """

    modseq: int
    id: int
    created: int = 0
    is_gone: bool = False


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
    new: list[tuple[int, int, int]] = []
    for one in changed:
        # What came is told as such first, however often it changed since.
        is_new = (one.created, one.id) > known and not one.is_gone
        at = one.created if is_new else one.modseq
        if (at, one.id) > known:
            new.append((at, one.id, GONE if one.is_gone else CREATED if is_new else UPDATED))
    new.sort()
    told = new[:limit]
    fates: tuple[list[str], list[str], list[str]] = ([], [], [])
    for _, id_, fate in told:
        fates[fate].append(name(id_))
    more = len(new) > limit
    state = State(*told[-1][:2]) if more else State(current)
    return Changes(str(state), *fates, has_more=more)

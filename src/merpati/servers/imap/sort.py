"""SORT (RFC 5256), with what RETURN adds (RFC 5267), SORT=DISPLAY and RELEVANCY."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from merpati.base.faults import Fault
from merpati.model import criteria as c
from merpati.servers.imap import context
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.matching import is_fuzzy
from merpati.servers.imap.search import Outcome, check, check_charset, find, source, tell, unsave
from merpati.services.finding import sorting
from merpati.wire.imap.finding import Sort, SortBy, SortKey

KEYS: Final = {
    SortBy.ARRIVAL: c.SortBy.ARRIVAL,
    SortBy.CC: c.SortBy.CC,
    SortBy.DATE: c.SortBy.DATE,
    SortBy.DISPLAYFROM: c.SortBy.DISPLAY_FROM,
    SortBy.DISPLAYTO: c.SortBy.DISPLAY_TO,
    SortBy.FROM: c.SortBy.FROM,
    SortBy.RELEVANCY: c.SortBy.RELEVANCY,
    SortBy.SIZE: c.SortBy.SIZE,
    SortBy.SUBJECT: c.SortBy.SUBJECT,
    SortBy.TO: c.SortBy.TO,
}


async def sort(client: Client, command: Sort) -> Done:
    """SORT and UID SORT."""
    returns = command.returns
    check_charset(client, wrong=not command.is_utf8)
    check(command.key, returns)
    if any(key.by is SortBy.RELEVANCY for key in command.order) and not is_fuzzy(command.key):
        raise Refused("RELEVANCY needs FUZZY", bad=True)
    context.check(client, command.tag, returns)
    try:
        wanted, found, by_modseq = await find(client, command.tag, command.key)
        keys = order_of(command.order)
        where = source(client.selected)
        uids = await sorting.sort(client.services.finder, where, found.uids, keys, found.scores)
    except Fault as fault:
        unsave(client, returns, fault)
        raise
    outcome = Outcome(uids, found.scores, by_modseq)
    await tell(client, command, b"SORT", outcome, returns)
    context.begin(client, command, wanted, uids, keys)
    return Done("SORT completed")


def order_of(keys: Sequence[SortKey]) -> tuple[c.SortKey, ...]:
    """Sort keys in the terms of `services/finding`."""
    return tuple([c.SortKey(KEYS[key.by], key.reverse) for key in keys])

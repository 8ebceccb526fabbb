"""SEARCH (RFC 3501 6.4.4), with ESEARCH (RFC 4731) and MODSEQ (RFC 7162 3.1.5).

A tree of keys is taken apart: sets of numbers and UIDs at its top narrow what is looked
at; what rows tell is looked up in chunks on the event loop; only the messages these leave
are read whole and searched in a thread, a few at a time. So no search holds up anybody
else, and one whose client has gone stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.servers.imap import rows
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.matching import (
    COLUMNS,
    CONTENT_COLUMNS,
    Predicate,
    asks_modseq,
    matching,
    needs_content,
    predicate,
)
from merpati.servers.imap.view import View
from merpati.store import emails
from merpati.wire.imap import commands, responses, sets
from merpati.wire.imap import search as keys
from merpati.wire.imap.commands import SearchReturn

CHUNK: Final = 1000  # rows looked at in one turn of the event loop
CHUNK_CONTENT: Final = 40  # messages read whole at once


class Found(msgspec.Struct):
    """Messages that met the keys, and the modseq of each if it is wanted."""

    selection: rows.Selection
    modseqs: list[int]


async def search(client: Client, command: commands.Search) -> Done:
    """SEARCH and UID SEARCH."""
    view = client.selected
    await view.load(client.services.store)
    with_modseq = asks_modseq(command.key)
    if with_modseq:
        client.enable_condstore()
    selection, rest = narrow(view, command.key)
    cheap = [key for key in rest if not needs_content(key)]
    costly = [key for key in rest if needs_content(key)]
    found = Found(selection, [])
    if cheap or with_modseq:
        found = await _sift(client, view, found.selection, _all(cheap, view), content=False)
    if costly:
        found = await _sift(client, view, found.selection, _all(costly, view), content=True)
    shown: Sequence[int] = (
        found.selection.uids if command.uid else [place + 1 for place in found.selection.places]
    )
    modseq = _modseq(command.returns, found.modseqs) if with_modseq and shown else None
    if command.returns is None:
        line = responses.search(shown, modseq)
    else:
        values = _extended(command.returns, shown)
        line = responses.esearch(command.tag, values, uid=command.uid, modseq=modseq)
    client.connection.write(line)
    return Done("SEARCH completed")


def narrow(view: View, key: keys.SearchKey) -> tuple[rows.Selection, list[keys.SearchKey]]:
    """The messages that the sets at the top of a tree leave, and the keys that remain."""
    parts = key.keys if isinstance(key, keys.And) else (key,)
    selection: rows.Selection | None = None
    rest: list[keys.SearchKey] = []
    for part in parts:
        if isinstance(part, keys.Numbers | keys.Uids) and part.set.saved:
            raise Refused("results of searches are not kept", bad=True)
        if isinstance(part, keys.Uids) and selection is None:
            selection = rows.named(view, part.set, uid=True)
        elif isinstance(part, keys.Numbers) and selection is None:
            selection = rows.spread(view, part.set.numbers(view.count))
        elif not isinstance(part, keys.All):
            rest.append(part)
    if selection is None:
        selection = rows.Selection(range(view.count), view.uids)
    return selection, rest


def _all(parts: list[keys.SearchKey], view: View) -> Predicate:
    return predicate(keys.And(tuple(parts)), view)


async def _sift(
    client: Client, view: View, wanted: rows.Selection, test: Predicate, *, content: bool
) -> Found:
    """The messages among these that pass a test."""
    store, blob_store = client.services.store, client.services.blob_store
    columns, size = (CONTENT_COLUMNS, CHUNK_CONTENT) if content else (COLUMNS, CHUNK)
    places: list[int] = []
    uids: list[int] = []
    modseqs: list[int] = []
    for part in wanted.chunks(size):
        found = await store.read(emails.fetch, view.account_id, view.mailbox_id, part.uids, columns)
        numbers = part.numbers(found)
        if content:
            passed = await asyncio.to_thread(matching, test, found, numbers, blob_store)
        else:
            passed = matching(test, found, numbers, blob_store)
        for at in passed:
            places.append(numbers[at] - 1)
            uids.append(found[at][0])
            modseqs.append(found[at][4])
        await client.connection.drain()  # which ends the search of a client that has gone
        await asyncio.sleep(0)
    return Found(rows.Selection(places, uids), modseqs)


def _modseq(returns: frozenset[SearchReturn] | None, modseqs: list[int]) -> int:
    """The highest of all found, or of those that MIN and MAX show alone (RFC 7162 3.1.10)."""
    if returns and returns <= {SearchReturn.MIN, SearchReturn.MAX}:
        ends = {SearchReturn.MIN: modseqs[0], SearchReturn.MAX: modseqs[-1]}
        return max(ends[each] for each in returns)
    return max(modseqs)


def _extended(
    returns: frozenset[SearchReturn], shown: Sequence[int]
) -> dict[SearchReturn, int | bytes]:
    """What ESEARCH tells (RFC 4731 3.1)."""
    values: dict[SearchReturn, int | bytes] = {}
    if shown:
        whole: dict[SearchReturn, int | bytes] = {
            SearchReturn.MIN: shown[0],
            SearchReturn.MAX: shown[-1],
            SearchReturn.ALL: sets.compress(shown),
        }
        values.update({item: value for item, value in whole.items() if item in returns})
    if SearchReturn.COUNT in returns:
        values[SearchReturn.COUNT] = len(shown)
    return values

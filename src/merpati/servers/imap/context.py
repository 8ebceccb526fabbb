"""Searches that stay: UPDATE and CANCELUPDATE (CONTEXT=SEARCH, CONTEXT=SORT, RFC 5267).

A context knows what it has told its client. When the view is brought up to date, only what
changed is looked at again, whatever the size of the mailbox; the difference is told as
ADDTO and REMOVEFROM. Messages are told as removed while their numbers still mean something.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Sequence
from typing import Final

from merpati.model import criteria as c
from merpati.servers.imap import fetch
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.view import Context, View
from merpati.services.finding import sorting
from merpati.services.finding.finder import Source
from merpati.wire.imap import responses, results, sets, strings
from merpati.wire.imap.commands import Search
from merpati.wire.imap.fetch import FetchItem
from merpati.wire.imap.finding import CancelUpdate, MultiSearch, Sort
from merpati.wire.imap.responses import Code, Condition
from merpati.wire.imap.results import Answer, Option, Returns

CONTEXTS_MAX: Final = 10  # of one session; RFC 5267 4.1 lets a server have its limits
SORTED_MAX: Final = 20_000  # messages in a sorted one, which is sorted anew when some come


def check(client: Client, tag: bytes, returns: Returns | None) -> None:
    """Refuse to keep a search up to date whose tag another has (RFC 5267 4.3). Raises Refused."""
    if returns is None or Option.UPDATE not in returns.options or client.view is None:
        return
    if any(each.tag == tag for each in client.view.contexts):
        raise Refused("another search with this tag is kept up to date", bad=True)


def begin(
    client: Client,
    command: Search | Sort | MultiSearch,
    wanted: c.Criterion,
    found: Sequence[int],
    order: tuple[c.SortKey, ...] = (),
) -> None:
    """Keep a search up to date from now on if it wants that, or say that it is not (NOUPDATE)."""
    view, returns, tag = client.selected, command.returns, command.tag
    if returns is None or Option.UPDATE not in returns.options:
        return
    if len(view.contexts) >= CONTEXTS_MAX or (order and len(found) > SORTED_MAX):
        code = Code(b"NOUPDATE " + strings.quoted(tag))
        text = client.said("this search is not kept up to date")
        client.connection.write(responses.untagged(Condition.NO, text, code))
        return
    uid = isinstance(command, MultiSearch) or command.uid
    held = list(found) if order else []
    view.contexts.append(Context(tag, uid, wanted, order, held, set(found), returns.items))


async def cancel(client: Client, command: CancelUpdate) -> Done:
    """CANCELUPDATE; a search that is not kept up to date is none to complain about."""
    view = client.selected
    view.contexts = [each for each in view.contexts if each.tag not in command.tags]
    return Done("CANCELUPDATE completed")


def tell_gone(client: Client, view: View, gone: Collection[int]) -> None:
    """Tell what messages leave the contexts because they are about to be told as expunged."""
    for context in view.contexts:
        left = sorted(context.members.intersection(gone))
        if left:
            _tell(client, context, removed=_take_out(view, context, left))


async def tell_changed(
    client: Client, view: View, touched: Collection[int], new: Collection[int]
) -> set[int]:
    """Look again at messages that are new or changed, and tell what this means.

    What the searches want to see of `new` ones is fetched first, together with what NOTIFY
    wants (RFC 5465 5.2, 7).

    Returns:
        The new ones of which that was told.
    """
    uids = sorted(touched)
    finder = client.services.finder
    moves: list[tuple[Context, list[int], list[int]]] = []
    wanted: dict[int, tuple[FetchItem, ...]] = {}
    for context in view.contexts:
        here = Source(view.account_id, view.mailbox_id, uids)
        now = set((await finder.find(here, context.wanted)).uids)
        left = sorted(context.members.intersection(uids) - now)
        come = sorted(now - context.members)
        moves.append((context, left, come))
        if context.items:
            wanted |= {uid: wanted.get(uid, ()) + context.items for uid in come if uid in new}
    await _fetch(client, view, wanted)
    for context, left, come in moves:
        if left:
            _tell(client, context, removed=_take_out(view, context, left))
        if not come:
            continue
        context.members.update(come)
        if not context.order:
            _tell(client, context, added=[(0, _set(view, context, come))])
            continue
        here = Source(view.account_id, view.mailbox_id, view.uids)
        context.uids = await sorting.sort(finder, here, sorted(context.members), context.order)
        fresh = set(come)
        added = [
            (place, _set(view, context, [uid]))
            for place, uid in enumerate(context.uids, 1)
            if uid in fresh
        ]
        _tell(client, context, added=added)
    return set(wanted)


async def _fetch(client: Client, view: View, wanted: dict[int, tuple[FetchItem, ...]]) -> None:
    """Tell items of messages, those that NOTIFY wants of all new ones before them."""
    group = client.watch.selected if client.watch is not None else None
    first = () if group is None else group.items
    alike: dict[tuple[FetchItem, ...], list[int]] = {}
    for uid, items in sorted(wanted.items()):
        alike.setdefault(first + items, []).append(uid)
    for items, uids in alike.items():
        await fetch.send_unasked(client, view, items, uids)


def _take_out(view: View, context: Context, left: list[int]) -> list[tuple[int, bytes]]:
    """Let messages go; from which position each (0: in the order of the mailbox)."""
    context.members.difference_update(left)
    if not context.order:
        return [(0, _set(view, context, left))]
    gone = set(left)
    places = [(place, uid) for place, uid in enumerate(context.uids, 1) if uid in gone]
    context.uids = [uid for uid in context.uids if uid not in gone]
    return [(place, _set(view, context, [uid])) for place, uid in reversed(places)]


def _set(view: View, context: Context, uids: Sequence[int]) -> bytes:
    """Ascending UIDs as the context names messages."""
    if context.uid:
        return sets.compress(uids)
    known = view.uids
    return sets.compress([bisect_left(known, uid) + 1 for uid in uids])


def _tell(
    client: Client,
    context: Context,
    *,
    added: Sequence[tuple[int, bytes]] = (),
    removed: Sequence[tuple[int, bytes]] = (),
) -> None:
    answer = Answer(context.tag, context.uid, added=added, removed=removed)
    client.connection.write(results.esearch(answer, utf8=client.utf8))

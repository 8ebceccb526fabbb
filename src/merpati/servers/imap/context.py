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
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.view import Context, View
from merpati.services.finding import sorting
from merpati.services.finding.finder import Source
from merpati.wire.imap import responses, results, sets, strings
from merpati.wire.imap.finding import CancelUpdate
from merpati.wire.imap.responses import Code, Condition
from merpati.wire.imap.results import Answer

CONTEXTS_MAX: Final = 10  # of one session; RFC 5267 4.1 lets a server have its limits
SORTED_MAX: Final = 20_000  # messages in a sorted one, which is sorted anew when some come


def begin(
    client: Client,
    tag: bytes,
    uid: bool,
    wanted: c.Criterion,
    found: Sequence[int],
    order: tuple[c.SortKey, ...] = (),
) -> None:
    """Keep a search up to date from now on, or say that it is not (NOUPDATE)."""
    view = client.selected
    too_many = len(view.contexts) >= CONTEXTS_MAX or (order and len(found) > SORTED_MAX)
    if too_many or any(each.tag == tag for each in view.contexts):
        code = Code(b"NOUPDATE " + strings.quoted(tag))
        text = client.said("this search is not kept up to date")
        client.connection.write(responses.untagged(Condition.OK, text, code))
        return
    view.contexts.append(Context(tag, uid, wanted, order, list(found) if order else [], set(found)))


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


async def tell_changed(client: Client, view: View, touched: Collection[int]) -> None:
    """Look again at messages that are new or changed, and tell what this means."""
    uids = sorted(touched)
    finder = client.services.finder
    for context in view.contexts:
        here = Source(view.account_id, view.mailbox_id, uids)
        now = set((await finder.find(here, context.wanted)).uids)
        left = sorted(context.members.intersection(uids) - now)
        come = sorted(now - context.members)
        if left:
            _tell(client, context, removed=_take_out(view, context, left))
        if not come:
            continue
        context.members.update(come)
        if not context.order:
            _tell(client, context, added=[(0, _set(view, context, come))])
            continue
        here = Source(view.account_id, view.mailbox_id, sorted(context.members))
        context.uids = await sorting.sort(finder, here, here.uids, context.order)
        new = set(come)
        added = [
            (place, _set(view, context, [uid]))
            for place, uid in enumerate(context.uids, 1)
            if uid in new
        ]
        _tell(client, context, added=added)


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

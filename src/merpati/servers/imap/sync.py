"""Telling a client what has changed in its mailbox: EXPUNGE, EXISTS, RECENT, FETCH.

All of it comes from the account's change log, so it does not matter which session, worker
or protocol made the change. RFC 3501 5.2, 7.3 and 7.4.1 say what may be told when.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

import msgspec

from merpati.model import uids as uid_sets
from merpati.model.change import Change, ChangeKind
from merpati.model.mailbox import Mailbox
from merpati.servers.imap import context, fetch, rights, rows
from merpati.servers.imap.client import Client
from merpati.servers.imap.view import View
from merpati.store import changes, mailboxes
from merpati.store.engine import Transaction
from merpati.wire.imap import responses, sets
from merpati.wire.imap.fetch import Attribute

REMOVED: Final = ChangeKind.EMAILS_REMOVED
DELETED: Final = "the mailbox was deleted"
UNSHARED: Final = "this mailbox is no longer shared with you"


class Said(NamedTuple):
    """A mailbox (None: it is gone), the account's modseq, and what happened since another."""

    mailbox: Mailbox | None
    modseq: int
    changes: list[Change]


class News(msgspec.Struct):
    """What the log says of a mailbox since some modseq, put together."""

    added: list[int]
    removed: list[int]
    flagged: list[int]


async def sync(client: Client, *, expunge: bool, uid: bool = False) -> None:
    """Bring the view up to date and tell the client.

    Args:
        client: The client, with a mailbox selected.
        expunge: Whether messages may be told gone now.
        uid: Whether FETCH responses name the UID too.
    """
    view = client.selected
    client.changed = False
    store = client.services.store
    said = await store.read(_since, view.account_id, view.mailbox_id, view.modseq)
    if said is not None and said.mailbox is None:
        client.end(DELETED)
        return
    if view.account_id != client.account_id and not await rights.still_readable(client):
        client.end(UNSHARED)
        return
    if said is None and not view.held:
        return
    modseq, found = (view.modseq, []) if said is None else (said.modseq, said.changes)
    if not found and not (expunge and view.held):
        view.modseq = modseq
        return
    news = put_together(found, view.own)
    gone = {*view.held, *(each for each in news.removed if each < view.uidnext)}
    flagged = [each for each in news.flagged if each < view.uidnext and each not in gone]
    if gone or flagged or view.contexts:
        await view.load(store)  # before the view's modseq moves on
    view.modseq = modseq
    view.own = ()
    if gone and expunge:
        context.tell_gone(client, view, gone)
        _tell_gone(client, view, gone)
        view.held, view.safe = (), 0
    else:
        view.held = gone
        if gone and not view.safe:
            view.safe = min(each.modseq for each in found if each.kind == REMOVED) - 1
    new = [each for each in news.added if each >= view.uidnext]
    if new and said is not None and said.mailbox is not None:
        await _tell_new(client, view, new, said.mailbox)
    if flagged and (client.watch is None or client.watch.tells_flags):
        await _tell_flags(client, view, flagged, uid=uid)
    others = [each for each in new if each not in view.made]
    view.made = frozenset()
    if view.contexts:
        touched = put_together(found)
        known = {*touched.flagged, *touched.added}.difference(view.held)
        seen = await context.tell_changed(
            client, view, [each for each in known if view.number(each)], others
        )
        others = [each for each in others if each not in seen]
    await _fetch_new(client, view, others)


def put_together(found: Iterable[Change], own: Collection[int] = ()) -> News:
    """What changes of one mailbox come to; `own` are modseqs whose flags do not count."""
    kinds: dict[int, list[str]] = {}
    for change in found:
        if change.kind != ChangeKind.KEYWORDS_CHANGED or change.modseq not in own:
            kinds.setdefault(change.kind, []).append(change.uids)
    removed = uid_sets.union(kinds.get(ChangeKind.EMAILS_REMOVED, ()))
    without = set(removed)
    added = uid_sets.union(kinds.get(ChangeKind.EMAILS_ADDED, ()))
    flagged = uid_sets.union(kinds.get(ChangeKind.KEYWORDS_CHANGED, ()))
    return News(
        added=[uid for uid in added if uid not in without],
        removed=removed,
        flagged=[uid for uid in flagged if uid not in without],
    )


async def claim(client: Client, view: View, mailbox: Mailbox) -> None:
    r"""Take what is \Recent in a mailbox for this session (RFC 3501 2.3.2).

    IMAP4rev2 knows no \Recent.
    """
    first = mailbox.recent_from
    if first >= mailbox.uidnext or client.rev2:
        return
    if not view.read_only:
        first = await client.services.store.write(
            _claim, view.account_id, view.mailbox_id, mailbox.uidnext
        )
    view.claim(first, mailbox.uidnext)


def _tell_gone(client: Client, view: View, gone: Collection[int]) -> None:
    if client.qresync or client.uidonly:  # RFC 7162 3.2.10, RFC 9586 3.5
        view.expunge(gone)
        client.connection.write(responses.vanished(sets.compress(sorted(gone))))
    else:
        client.connection.write(responses.expunge(view.expunge(gone)))


async def _tell_new(client: Client, view: View, new: list[int], mailbox: Mailbox) -> None:
    view.add(new, max(mailbox.uidnext, new[-1] + 1))
    await claim(client, view, mailbox)
    client.connection.write(responses.exists(view.count))
    if not client.rev2:
        client.connection.write(responses.recent(await view.recent(client.services.store)))


async def _fetch_new(client: Client, view: View, new: list[int]) -> None:
    """What NOTIFY wants of messages that others have put here (RFC 5465 5.2)."""
    group = client.watch.selected if client.watch is not None else None
    if new and group is not None and group.items:
        await fetch.send_unasked(client, view, group.items, new)


async def _tell_flags(client: Client, view: View, flagged: list[int], *, uid: bool) -> None:
    items = [Attribute.FLAGS]
    # RFC 9051 7.5.2, RFC 7162 3.2.4, RFC 5465 5.1
    if (uid or client.rev2 or client.condstore or client.watch) and not client.uidonly:
        items.append(Attribute.UID)
    if client.condstore:
        items.append(Attribute.MODSEQ)
    await rows.send(client, view, rows.plan(tuple(items)), rows.selection(view, flagged))


async def _since(tx: Transaction, account_id: int, mailbox_id: int, modseq: int) -> Said | None:
    """What is said of a mailbox after a modseq; None when nothing happened in its account."""
    current = await changes.current(tx, account_id)
    if current == modseq:
        return None
    mailbox = await mailboxes.counters(tx, account_id, mailbox_id)
    return Said(mailbox, current, await changes.since(tx, account_id, mailbox_id, modseq))


async def _claim(tx: Transaction, account_id: int, mailbox_id: int, uidnext: int) -> int:
    """The first UID that no session has claimed, up to which now all are."""
    before = await mailboxes.counters(tx, account_id, mailbox_id)
    await mailboxes.claim_recent(tx, account_id, mailbox_id, uidnext)
    return before.recent_from if before is not None else uidnext

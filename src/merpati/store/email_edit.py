"""Changing one email wherever it lies: its keywords, the mailboxes that hold it, its end.

Keywords belong to the email, so all its rows bear the same ones (RFC 8621 4.1.1); only
$deleted is each row's own, for it is IMAP's mark on a row. What takes an email out of one of
several mailboxes leaves the others, and says so in the log by one of those.
"""

from __future__ import annotations

from collections.abc import Collection

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.message import DELETED
from merpati.store import blobs, changes, email_places, emails, quota
from merpati.store.email_places import Held
from merpati.store.engine import Transaction

COLUMNS = ("thread_id", "blob_id", "received_at", "size", "keywords", "added")


async def set_keywords(
    tx: Transaction, account_id: int, places: Collection[Held], keywords: Collection[str]
) -> None:
    """Give an email these keywords, in all its mailboxes; rows with `COLUMNS`."""
    for mailbox_id, row in places:
        own = {DELETED} if DELETED in row[6].split() else set()
        await emails.set_keywords(
            tx, account_id, mailbox_id, [row[0]], emails.Change.SET,
            frozenset(keywords) - {DELETED} | own,
        )  # fmt: skip


async def set_mailboxes(
    tx: Transaction, account_id: int, places: Collection[Held], wanted: Collection[int], now: int
) -> None:
    """Let exactly these mailboxes, at least one, hold an email; rows with `COLUMNS`.

    Raises:
        Fault: NOT_FOUND for a mailbox that is gone, OVER_QUOTA.
    """
    held = {place.mailbox_id: place for place in places}
    new = [one for one in wanted if one not in held]
    old = [place for place in places if place.mailbox_id not in wanted]
    staying = [place for place in places if place.mailbox_id in wanted]
    if new and old:  # IMAP calls that a move
        leaving = old.pop()
        target = new.pop()
        _, _, uids = await emails.move(
            tx, account_id, leaving.mailbox_id, target, [leaving.row[0]], now
        )
        staying.append(Held(target, (uids[0], *leaving.row[1:])))
    for target in new:
        await _link(tx, account_id, staying[0], target, now)
    for leaving in old:
        await _unlink(tx, account_id, leaving)
    if old and staying:
        await _touch(tx, account_id, staying[0])


async def destroy(tx: Transaction, account_id: int, email_id: int, now: int) -> bool:
    """Remove an email from all mailboxes; whether there was one."""
    places = (await email_places.find(tx, account_id, [email_id], COLUMNS)).get(email_id)
    if not places:
        return False
    for leaving in places[1:]:
        await _unlink(tx, account_id, leaving)
    last = places[0]
    await emails.remove(tx, account_id, last.mailbox_id, [last.row[0]], now)
    return True


async def _link(tx: Transaction, account_id: int, place: Held, target: int, now: int) -> None:
    """Let one mailbox more hold an email."""
    uid, email_id, thread_id, blob_id, received_at, size, keywords, added = place.row
    modseq, _ = await quota.take(tx, account_id, size, 1)
    unseen = int(not emails.is_seen(keywords))
    [new] = await emails.count_in(tx, account_id, target, modseq, 1, unseen, size)
    row = (new, email_id, thread_id, blob_id, received_at, size, keywords)
    await emails.insert_rows(tx, account_id, target, modseq, [row], now)
    await blobs.retain(tx, [blob_id])
    born = added
    if email_id != emails.first_id(place.mailbox_id, uid):
        known = await email_places.created(tx, account_id, [email_id])
        born = known.get(email_id, added)
    if email_id != emails.first_id(target, new):
        await email_places.add(tx, account_id, [(email_id, target, new, born)])


async def _unlink(tx: Transaction, account_id: int, place: Held) -> None:
    """Take an email out of a mailbox while others hold it."""
    uid, email_id, _, blob_id, _, size, keywords, _ = place.row
    await tx.run(
        "DELETE FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
        account_id, place.mailbox_id, uid,
    )  # fmt: skip
    await emails.forget_places(tx, account_id, place.mailbox_id, [(uid, email_id)])
    await blobs.release(tx, [blob_id])
    modseq = await quota.give_back(tx, account_id, size, 1)
    unseen = int(not emails.is_seen(keywords))
    await emails.count_out(tx, account_id, place.mailbox_id, modseq, 1, unseen, size)
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.EMAILS_REMOVED, place.mailbox_id,
        uid_sets.compress([uid]),
    )  # fmt: skip


async def _touch(tx: Transaction, account_id: int, place: Held) -> None:
    """Log that an email changed, by one of its rows."""
    modseq = await changes.next_modseq(tx, account_id)
    changed = await tx.run(
        "UPDATE mailbox_email SET modseq = $4 WHERE account_id = $1 AND mailbox_id = $2"
        " AND uid = $3",
        account_id, place.mailbox_id, place.row[0], modseq,
    )  # fmt: skip
    if not changed:
        raise Fault(Kind.NOT_FOUND, "the email is gone")
    await tx.run(
        "UPDATE mailbox SET modseq = $3 WHERE account_id = $1 AND id = $2",
        account_id, place.mailbox_id, modseq,
    )  # fmt: skip
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.KEYWORDS_CHANGED, place.mailbox_id,
        uid_sets.compress([place.row[0]]),
    )  # fmt: skip

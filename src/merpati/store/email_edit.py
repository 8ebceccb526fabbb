"""Changing emails wherever they lie: their keywords, the mailboxes that hold them, their end.

Keywords belong to the email, so all its rows bear the same ones (RFC 8621 4.1.1); only
$deleted is each row's own, for it is IMAP's mark on a row. What takes an email out of one of
several mailboxes leaves the others, and says so in the log by one of those.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from merpati.base.faults import Fault, Kind
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.message import DELETED
from merpati.store import blobs, changes, email_keywords, email_marks, email_places, emails, quota
from merpati.store.email_places import Held
from merpati.store.engine import Row, Transaction, id_list, one_of

COLUMNS = ("thread_id", "blob_id", "received_at", "size", "keywords", "sent_day", "delay", "added")


async def set_keywords(
    tx: Transaction, account_id: int, places: Collection[Held], keywords: Collection[str]
) -> None:
    """Give an email these keywords, in all its mailboxes; rows with `COLUMNS`."""
    for mailbox_id, row in places:
        await email_keywords.change(
            tx, account_id, mailbox_id, [row[0]], email_keywords.Change.SET,
            frozenset(keywords) - {DELETED},
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
        _, _, uids = await move(tx, account_id, leaving.mailbox_id, target, [leaving.row[0]], now)
        staying.append(Held(target, (uids[0], *leaving.row[1:])))
    for target in new:
        await _link(tx, account_id, staying[0], target, now)
    for leaving in old:
        await _unlink(tx, account_id, leaving)
    if old and staying:
        await touch(tx, account_id, staying[0])


async def move(
    tx: Transaction, account_id: int, source: int, target: int, uids: Sequence[int],
    now: int | None = None,
) -> tuple[int, list[int], list[int]]:  # fmt: skip
    """Move emails to another mailbox of the account; they keep their identity.

    One that the target holds already has the new row there, and no other.

    Returns:
        The modseq, the old UIDs and, in the same order, the new ones.
    """
    rows = await emails.fetch(tx, account_id, source, sorted(uids), ("uid", "email_id", *COLUMNS))
    if not rows:
        return 0, [], []
    old = [row[0] for row in rows]
    await emails.delete_rows(tx, account_id, source, old)
    await _drop_doubles(tx, account_id, target, [row[1] for row in rows])
    modseq = await changes.next_modseq(tx, account_id)
    size = sum(row[5] for row in rows)
    unseen = sum(not emails.is_seen(row[6]) for row in rows)
    await emails.count_out(tx, account_id, source, modseq, len(rows), unseen, size)
    new = await emails.count_in(tx, account_id, target, modseq, len(rows), unseen, size)
    moved = [(uid, *row[1:9]) for uid, row in zip(new, rows, strict=True)]
    await emails.insert_rows(tx, account_id, target, modseq, moved, now)
    await _move_places(tx, account_id, source, target, rows, new)
    await changes.log(
        tx, account_id, modseq, 0, ChangeKind.EMAILS_REMOVED, source, uid_sets.compress(old)
    )
    marked = [uid for uid, row in zip(new, rows, strict=True) if email_marks.is_marked(row[6])]
    await email_marks.log(tx, account_id, target, modseq, uid_sets.compress(marked))
    return modseq, old, new


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
    uid, email_id, thread_id, blob_id, received_at, size, keywords, *sent, added = place.row
    await _drop_doubles(tx, account_id, target, [email_id])  # one that IMAP has marked
    modseq = await quota.take(tx, account_id, size, 1)
    unseen = int(not emails.is_seen(keywords))
    [new] = await emails.count_in(tx, account_id, target, modseq, 1, unseen, size)
    row = (new, email_id, thread_id, blob_id, received_at, size, keywords, *sent)
    await emails.insert_rows(tx, account_id, target, modseq, [row], now)
    await blobs.retain(tx, [blob_id])
    await tx.run("UPDATE account SET has_linked = 1 WHERE id = $1", account_id)
    born = added
    if email_id != emails.first_id(place.mailbox_id, uid):
        known = await email_places.created(tx, account_id, [email_id])
        born = known.get(email_id, added)
    if email_id != emails.first_id(target, new):
        await email_places.add(tx, account_id, [(email_id, target, new, born)])


async def _unlink(tx: Transaction, account_id: int, place: Held) -> None:
    """Take an email out of a mailbox while others hold it."""
    uid, email_id, _, blob_id, _, size, keywords, *_ = place.row
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


async def touch(tx: Transaction, account_id: int, place: Held) -> None:
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


async def _drop_doubles(tx: Transaction, account_id: int, target: int, ids: Sequence[int]) -> None:
    """Take emails out of a mailbox that is to get them once more, by a move."""
    rows = await tx.rows(
        "SELECT email_id, uid FROM email_place WHERE account_id = $1 AND mailbox_id = $2"
        f" AND {one_of(tx, 'email_id', 3)}",
        account_id, target, id_list(tx, ids),
    )  # fmt: skip
    uids = {uid: email_id for email_id, uid in rows}
    for one in ids:
        mailbox_id, uid = email_places.first_place(one)
        if mailbox_id == target:
            uids[uid] = one
    if not uids:
        return
    for row in await emails.fetch(
        tx, account_id, target, sorted(uids), ("uid", "email_id", *COLUMNS)
    ):
        if uids[row[0]] == row[1]:
            await _unlink(tx, account_id, Held(target, row))


async def _move_places(
    tx: Transaction, account_id: int, source: int, target: int, rows: Sequence[Row],
    new: Sequence[int],
) -> None:  # fmt: skip
    """Note where moved emails are now, unless they came back to where they first were."""
    others = [row[1] for row in rows if row[1] != emails.first_id(source, row[0])]
    born: dict[int, int] = {}
    if others:
        known = await tx.rows(
            "SELECT email_id, created FROM email_place WHERE account_id = $1"
            f" AND mailbox_id = $2 AND {one_of(tx, 'email_id', 3)}",
            account_id, source, id_list(tx, others),
        )  # fmt: skip
        born = dict(known)
        await emails.forget_places(tx, account_id, source, rows)
    await tx.run_many(
        "INSERT INTO email_place (account_id, email_id, mailbox_id, uid, created)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (account_id, email_id, mailbox_id)"
        " DO UPDATE SET uid = excluded.uid",
        [
            (account_id, row[1], target, uid, born.get(row[1], row[9]))
            for uid, row in zip(new, rows, strict=True)
        ],
    )

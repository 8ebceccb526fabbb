"""Keywords of emails: reading and changing those of many in a few statements."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from enum import Enum
from typing import Final, NamedTuple

from merpati.model import rights as letters
from merpati.model import uids as uid_sets
from merpati.model.change import ChangeKind
from merpati.model.message import DELETED, SYSTEM
from merpati.store import changes, email_marks, emails, marked
from merpati.store.engine import Dialect, Transaction, among

MANY: Final = 8  # as one in so many: these are found by walking over all


class Change(Enum):
    """How keywords are combined with those an email has."""

    SET = "set"
    ADD = "add"
    REMOVE = "remove"


class Changed(NamedTuple):
    """What became of the keywords of emails.

    `modseq`: of the act, 0 when nothing changed. `uids`: ascending, of those that were found and
    might be changed. `keywords`: theirs now. `modified`: UIDs of those that changed too lately.
    """

    modseq: int
    uids: Sequence[int]
    keywords: Sequence[str]
    modified: Sequence[int]


async def between(
    tx: Transaction, account_id: int, mailbox_id: int, first: int, last: int
) -> list[str]:
    """The keywords of each email from one UID to another, in the order of their UIDs.

    The engine makes one text of them: an object for each row would cost twice as much.
    """
    if tx.dialect is Dialect.SQLITE:  # which keeps the order, as group_concat depends on it
        wanted = "group_concat(keywords, '\n') FROM (SELECT keywords"
        end = " ORDER BY uid)"
    else:
        wanted, end = "string_agg(keywords, '\n' ORDER BY uid)", ""
    text: str | None = await tx.value(
        f"SELECT {wanted} FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
        f" AND uid BETWEEN $3 AND $4{end}",
        account_id, mailbox_id, first, last,
    )  # fmt: skip
    return [] if text is None else text.split("\n")


async def change(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    how: Change,
    keywords: frozenset[str],
    unchanged_since: int | None = None,
    rights: str = letters.ALL,
) -> tuple[int, dict[int, str], list[int]]:
    """Change the keywords of emails; those that `rights` do not let somebody change stay.

    Returns:
        The modseq of the act (0 when nothing changed); by ascending UID the keywords of each
        email that was found and, with `unchanged_since`, was not changed later; and the UIDs
        of those that were.
    """
    found = await change_many(
        tx, account_id, mailbox_id, uids, how, keywords, unchanged_since, rights
    )
    return (found.modseq, dict(zip(found.uids, found.keywords, strict=True)), list(found.modified))


async def change_many(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    how: Change,
    keywords: frozenset[str],
    unchanged_since: int | None = None,
    rights: str = letters.ALL,
) -> Changed:
    """As `change`, for those who want no mapping of thousands."""
    if len(uids) == 1:
        return await _change_one(
            tx, account_id, mailbox_id, uids[0], how, keywords, unchanged_since, rights
        )
    if _is_claim(how, keywords, unchanged_since):
        found, held, modified = await _without(tx, account_id, mailbox_id, uids, keywords)
    else:
        found, held, modified = await _keywords(tx, account_id, mailbox_id, uids, unchanged_since)
    combine = _combination(how, keywords, rights)
    counts = Counter(held)
    table = {old: combine(old) for old in counts}
    different = {old: new for old, new in table.items() if new != old}
    if not different:
        return Changed(0, found, held, modified)
    modseq, has_linked = await changes.next_modseq_and_links(tx, account_id)
    changed = found
    if len(different) < len(table):
        changed = [uid for uid, old in zip(found, held, strict=True) if old in different]
    await _rewrite(tx, account_id, mailbox_id, modseq, found, held, different, counts)
    unseen = sum(
        (emails.is_seen(old) - emails.is_seen(new)) * counts[old] for old, new in different.items()
    )
    which = uid_sets.compress(changed)
    await _count(tx, account_id, mailbox_id, modseq, which, unseen)
    if DELETED in keywords or how is Change.SET:
        await email_marks.log_turned(
            tx, account_id, mailbox_id, modseq, found, held, different, which
        )
    if marked.are_turned(different):
        await marked.note(tx, account_id, mailbox_id, found, held, different, which)
    if has_linked:
        await _spread(tx, account_id, mailbox_id, modseq, changed)
    return Changed(modseq, found, list(map(table.__getitem__, held)), modified)


async def _change_one(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uid: int,
    how: Change,
    keywords: frozenset[str],
    unchanged_since: int | None,
    rights: str,
) -> Changed:
    """As `change_many`, of one email, as most clients do: in as few steps as it takes."""
    row = await tx.row(
        "SELECT e.keywords, e.modseq, a.modseq, a.has_linked FROM mailbox_email e"
        " JOIN account a ON a.id = e.account_id"
        " WHERE e.account_id = $1 AND e.mailbox_id = $2 AND e.uid = $3",
        account_id, mailbox_id, uid,
    )  # fmt: skip
    if row is None:
        return Changed(0, (), (), ())
    old, at, modseq, has_linked = row
    if _is_claim(how, keywords, unchanged_since):
        if not keywords.isdisjoint(old.split()):
            return Changed(0, (), (), (uid,))
    elif unchanged_since is not None and at > unchanged_since:
        return Changed(0, (), (), (uid,))
    new = _combination(how, keywords, rights)(old)
    if new == old:
        return Changed(0, (uid,), (old,), ())
    modseq += 1
    await tx.run("UPDATE account SET modseq = $2 WHERE id = $1", account_id, modseq)
    await tx.run(
        "UPDATE mailbox_email SET keywords = $4, modseq = $5"
        " WHERE account_id = $1 AND mailbox_id = $2 AND uid = $3",
        account_id, mailbox_id, uid, new, modseq,
    )  # fmt: skip
    unseen = emails.is_seen(old) - emails.is_seen(new)
    which = str(uid)
    await _count(tx, account_id, mailbox_id, modseq, which, unseen)
    is_marked = email_marks.is_marked(new)
    if is_marked is not email_marks.is_marked(old):
        turned = (which, "") if is_marked else ("", which)
        await email_marks.log(tx, account_id, mailbox_id, modseq, *turned)
    if (marked.SIGN in old) is not (marked.SIGN in new):
        await marked.note(tx, account_id, mailbox_id, (uid,), (old,), {old: new}, which)
    if has_linked:
        await _spread(tx, account_id, mailbox_id, modseq, (uid,))
    return Changed(modseq, (uid,), (new,), ())


def _is_claim(how: Change, keywords: frozenset[str], unchanged_since: int | None) -> bool:
    """Whether keywords are added only to emails that have none of them: see `_without`."""
    if unchanged_since != 0 or how is not Change.ADD or not keywords:
        return False
    return keywords.isdisjoint(SYSTEM)


async def _count(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, which: str, unseen: int
) -> None:
    """Note in the mailbox and in the log that keywords of emails were changed, a set of UIDs."""
    await tx.run(
        "UPDATE mailbox SET modseq = $3, unseen = unseen + $4 WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id, modseq, unseen,
    )  # fmt: skip
    await changes.log(tx, account_id, modseq, 0, ChangeKind.KEYWORDS_CHANGED, mailbox_id, which)


async def _keywords(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    unchanged_since: int | None,
) -> tuple[Sequence[int], list[str], list[int]]:
    """Those of the emails that are there, their keywords, and those that were changed later."""
    if unchanged_since is None and len(uids) > 1 and _is_run(uids):
        held = await between(tx, account_id, mailbox_id, uids[0], uids[-1])
        if len(held) == len(uids):
            return uids, held, []
    rows = await emails.fetch(tx, account_id, mailbox_id, uids, ("uid", "keywords", "modseq"))
    modified: list[int] = []
    if unchanged_since is not None:
        modified = [row[0] for row in rows if row[2] > unchanged_since]
        rows = [row for row in rows if row[2] <= unchanged_since]
    return [row[0] for row in rows], [row[1] for row in rows], modified


async def _without(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    uids: Sequence[int],
    keywords: frozenset[str],
) -> tuple[Sequence[int], list[str], list[int]]:
    """As `_keywords`, of emails that must have none of these keywords (RFC 7162 3.1.3, example 8).

    So a client can say that it does something, such as sending a receipt, and nobody else has.
    """
    rows = await emails.fetch(tx, account_id, mailbox_id, uids, ("uid", "keywords"))
    free = [row for row in rows if keywords.isdisjoint(row[1].split())]
    having = [row[0] for row in rows if not keywords.isdisjoint(row[1].split())]
    return [row[0] for row in free], [row[1] for row in free], having


def _is_run(uids: Sequence[int]) -> bool:
    """Whether ascending UIDs leave none out."""
    return uids[-1] - uids[0] + 1 == len(uids)


async def _rewrite(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    modseq: int,
    uids: Sequence[int],
    held: Sequence[str],
    different: Mapping[str, str],
    counts: Mapping[str, int],
) -> None:
    """Write keywords in place of those that emails have: those of many in one walk over all."""
    is_run = _is_run(uids)
    common = [old for old in different if is_run and counts[old] * MANY >= len(uids)]
    if common:
        await _walk(
            tx,
            account_id,
            mailbox_id,
            modseq,
            uids,
            {old: different[old] for old in common},
            is_all=sum(map(counts.__getitem__, common)) == len(uids),
        )
    scattered: dict[str, list[int]] = {old: [] for old in different if old not in common}
    if not scattered:
        return
    for uid, old in zip(uids, held, strict=True):
        if old in scattered:
            scattered[old].append(uid)
    for old, group in scattered.items():
        which, some = among(tx, "uid", 5, group)
        await tx.run(
            "UPDATE mailbox_email SET keywords = $3, modseq = $4"
            f" WHERE account_id = $1 AND mailbox_id = $2 AND {which}",
            account_id, mailbox_id, different[old], modseq, some,
        )  # fmt: skip


async def _walk(
    tx: Transaction, account_id: int, mailbox_id: int, modseq: int, uids: Sequence[int],
    different: Mapping[str, str], *, is_all: bool,
) -> None:  # fmt: skip
    """Write keywords in place of a few that emails of a run have; `is_all`: no email has others."""
    values = [word for pair in different.items() for word in pair]
    cases = "".join([f" WHEN ${n} THEN ${n + 1}" for n in range(6, 6 + len(values), 2)])
    held = ", ".join([f"${n}" for n in range(6, 6 + len(values), 2)])
    others = "" if is_all else f" AND keywords IN ({held})"
    # SQLite then keeps no copies of pages to undo this alone; whoever fails undoes all he did.
    update = "UPDATE OR FAIL" if tx.dialect is Dialect.SQLITE else "UPDATE"
    await tx.run(
        f"{update} mailbox_email SET keywords = CASE keywords{cases} END, modseq = $3"
        f" WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $4 AND $5{others}",
        account_id, mailbox_id, modseq, uids[0], uids[-1], *values,
    )  # fmt: skip


async def _spread(
    tx: Transaction,
    account_id: int,
    mailbox_id: int,
    modseq: int,
    uids: Sequence[int],
) -> None:
    """Give the other rows of emails that lie in several mailboxes the same keywords.

    $deleted is each row's own.
    """
    rows = await emails.fetch(tx, account_id, mailbox_id, uids, ("uid", "email_id", "keywords"))
    changed = {email_id: (uid, keywords) for uid, email_id, keywords in rows}
    which, ids = among(tx, "email_id", 2, list(changed))
    others = await tx.rows(
        f"SELECT email_id, mailbox_id, uid FROM email_place WHERE account_id = $1 AND {which}",
        account_id, ids,
    )  # fmt: skip
    if not others:
        return
    places = {(one, box, uid) for one, box, uid in others}
    places |= {(one, one >> emails.UID_BITS, one & (1 << emails.UID_BITS) - 1) for one in changed}
    places -= {(one, mailbox_id, uid) for one, (uid, _) in changed.items()}
    for n, (email_id, box, uid) in enumerate(sorted(places), email_marks.ROW + 1):
        row = await tx.row(
            "SELECT keywords FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2"
            " AND uid = $3 AND email_id = $4",
            account_id, box, uid, email_id,
        )  # fmt: skip
        if row is None:
            continue
        old = row[0]
        new = " ".join(sorted(
            {one for one in changed[email_id][1].split() if one != DELETED}
            | {one for one in old.split() if one == DELETED}
        ))  # fmt: skip
        await tx.run(
            "UPDATE mailbox_email SET keywords = $4, modseq = $5 WHERE account_id = $1"
            " AND mailbox_id = $2 AND uid = $3",
            account_id, box, uid, new, modseq,
        )  # fmt: skip
        await tx.run(
            "UPDATE mailbox SET modseq = $3, unseen = unseen + $4"
            " WHERE account_id = $1 AND id = $2",
            account_id, box, modseq, emails.is_seen(old) - emails.is_seen(new),
        )  # fmt: skip
        if marked.are_turned({old: new}):
            await marked.note(tx, account_id, box, (uid,), (old,), {old: new}, str(uid))
        await changes.log(
            tx, account_id, modseq, n, ChangeKind.KEYWORDS_CHANGED, box, uid_sets.compress([uid])
        )


def _combination(
    how: Change, keywords: frozenset[str], rights: str = letters.ALL
) -> Callable[[str], str]:
    """A function from stored keywords to stored keywords."""
    if rights != letters.ALL:
        keywords = frozenset(letters.settable(" ".join(keywords), rights).split())

    def combine(old: str) -> str:
        held = set(old.split())
        if how is Change.SET:
            fixed = {one for one in held if letters.for_keyword(one) not in rights}
            held = {*keywords, *fixed}
        elif how is Change.ADD:
            held |= keywords
        else:
            held -= keywords
        return " ".join(sorted(held))

    return combine

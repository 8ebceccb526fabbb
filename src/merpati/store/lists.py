"""Mailing lists: their rules, the people they know, held posts, and how far a post has come."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model.mailing_list import (
    Audience,
    HeldPost,
    Joining,
    MailingList,
    Others,
    Person,
    Posting,
    Replies,
    Request,
)
from merpati.store import blobs, directory
from merpati.store.directory import ACCOUNT_JOIN
from merpati.store.engine import Row, Topic, Transaction

LIST_COLUMNS: Final = (
    "l.id, l.domain_id, l.local, d.name, l.name, l.language, l.posting, l.others, l.moderated,"
    " l.joining, l.audience, l.replies, l.archive_id"
)
LIST_JOIN: Final = "FROM mailing_list l JOIN domain d ON d.id = l.domain_id"
PERSON_COLUMNS: Final = (
    "id, address, is_member, is_owner, may_post, token, suspended, bounces, bounced_at"
)
HELD_COLUMNS: Final = (
    "id, list_id, token, trace, blob_id, sender, account_id, smtputf8, author, subject, received_at"
)
SETTABLE: Final = frozenset({
    "name", "language", "posting", "others", "moderated", "joining", "audience", "replies",
    "archive_id",
})  # fmt: skip
MEMBERS_MAX: Final = 100_000  # of one list
DAY: Final = 86_400_000  # ms
BOUNCE_MEMORY: Final = 14 * DAY  # after so long without one, bounces are counted anew


class Reached(msgspec.Struct, frozen=True):
    """Somebody a post goes to.

    Attributes:
        id: of the person, or of the account in a dynamic list; ascending.
        address: where it goes.
        token: names the member; empty in a dynamic list.
    """

    id: int
    address: str
    token: str


# Lists


async def create(tx: Transaction, address: str, name: str, language: str, now: int) -> MailingList:
    """Make a list. Raises Fault NOT_FOUND for an unknown domain, EXISTS for an address in use."""
    local, domain_name = directory.split_address(address)
    home = await directory.domain(tx, domain_name)
    await directory.check_free(tx, home.id, local, address)
    if await tx.row("SELECT 1 FROM address WHERE domain_id = $1 AND local = $2", home.id, local):
        raise Fault(Kind.EXISTS, f"{address} is the address of an account")
    await tx.run(
        "INSERT INTO mailing_list (domain_id, local, name, language, posting, others, moderated,"
        " joining, audience, replies, archive_id, created_at)"
        " VALUES ($1, $2, $3, $4, $5, $6, 0, $7, $8, $9, 0, $10)",
        home.id, local, name, language, Posting.MEMBERS.value, Others.HOLD.value,
        Joining.CLOSED.value, Audience.NAMED.value, Replies.AUTHOR.value, now,
    )  # fmt: skip
    tx.announce(Topic.DIRECTORY, 0)
    return await named(tx, address)


async def named(tx: Transaction, address: str) -> MailingList:
    """A list by its address. Raises Fault NOT_FOUND."""
    local, domain_name = directory.split_address(address)
    row = await tx.row(
        f"SELECT {LIST_COLUMNS} {LIST_JOIN} WHERE l.local = $1 AND d.name = $2", local, domain_name
    )
    if row is None:
        raise Fault(Kind.NOT_FOUND, f"there is no list {address}; see: merpati list list")
    return _list(row)


async def by_id(tx: Transaction, list_id: int) -> MailingList | None:
    """A list by its stable id, or None."""
    row = await tx.row(f"SELECT {LIST_COLUMNS} {LIST_JOIN} WHERE l.id = $1", list_id)
    return None if row is None else _list(row)


async def all_lists(tx: Transaction) -> list[tuple[MailingList, int, int]]:
    """Every list by address, with the numbers of its members and of posts held."""
    rows = await tx.rows(
        f"SELECT {LIST_COLUMNS},"
        " (SELECT count(*) FROM list_person p WHERE p.list_id = l.id AND p.is_member = 1),"
        f" (SELECT count(*) FROM held_post h WHERE h.list_id = l.id) {LIST_JOIN}"
        " ORDER BY d.name, l.local"
    )
    return [(_list(row[:-2]), row[-2], row[-1]) for row in rows]


async def set_rules(tx: Transaction, list_id: int, /, **changes: str | int) -> None:
    """Change rules of a list, columns of `SETTABLE`."""
    if not changes or not set(changes) <= SETTABLE:
        raise ValueError(f"not columns to set: {sorted(set(changes) - SETTABLE)}")
    columns = ", ".join(f"{column} = ${n}" for n, column in enumerate(changes, 2))
    await tx.run(f"UPDATE mailing_list SET {columns} WHERE id = $1", list_id, *changes.values())
    tx.announce(Topic.DIRECTORY, 0)


async def remove(tx: Transaction, list_id: int) -> None:
    """Remove a list with its members and held posts."""
    rows = await tx.rows("DELETE FROM held_post WHERE list_id = $1 RETURNING blob_id", list_id)
    await blobs.release(tx, [row[0] for row in rows])
    for table in ("list_person", "list_request"):
        await tx.run(f"DELETE FROM {table} WHERE list_id = $1", list_id)
    await tx.run("DELETE FROM mailing_list WHERE id = $1", list_id)
    tx.announce(Topic.DIRECTORY, 0)


# People


async def people(tx: Transaction, list_id: int) -> list[Person]:
    """Everybody a list knows, by address."""
    rows = await tx.rows(
        f"SELECT {PERSON_COLUMNS} FROM list_person WHERE list_id = $1 ORDER BY address", list_id
    )
    return [_person(row) for row in rows]


async def person(tx: Transaction, list_id: int, address: str) -> Person | None:
    """What a list knows of an address."""
    row = await tx.row(
        f"SELECT {PERSON_COLUMNS} FROM list_person WHERE list_id = $1 AND address = $2",
        list_id, address.lower(),
    )  # fmt: skip
    return None if row is None else _person(row)


async def by_token(tx: Transaction, token: str) -> tuple[int, Person] | None:
    """The list and the person that a token names."""
    row = await tx.row(f"SELECT list_id, {PERSON_COLUMNS} FROM list_person WHERE token = $1", token)
    return None if row is None else (row[0], _person(row[1:]))


async def set_person(
    tx: Transaction, list_id: int, address: str, token: str, now: int, /, **flags: bool
) -> bool:
    """Set flags of somebody: is_member, is_owner, may_post; whether anything changed.

    Whoever has none left is forgotten. Becoming a member ends a suspension.

    Args:
        tx: The transaction.
        list_id: The list.
        address: Whom.
        token: Their name, should they be new: unguessable, of letters and digits.
        now: Unix milliseconds.
        flags: What is to be true or false; others stay.
    """
    directory.split_address(address)
    old = await person(tx, list_id, address)
    if old is None and not any(flags.values()):
        return False
    if old is None:
        count = await tx.value("SELECT count(*) FROM list_person WHERE list_id = $1", list_id)
        if count >= MEMBERS_MAX:
            raise Fault(Kind.TOO_MANY, f"a list has at most {MEMBERS_MAX} members")
        await tx.run(
            "INSERT INTO list_person (list_id, address, is_member, is_owner, may_post, token,"
            " suspended, bounces, bounced_at, added_at) VALUES ($1, $2, 0, 0, 0, $3, 0, 0, 0, $4)",
            list_id, address.lower(), token, now,
        )  # fmt: skip
    elif all(getattr(old, flag) == value for flag, value in flags.items()) and not old.suspended:
        return False
    columns = ", ".join(f"{flag} = ${n}" for n, flag in enumerate(flags, 3))
    if flags.get("is_member"):
        columns += ", suspended = 0, bounces = 0"
    await tx.run(
        f"UPDATE list_person SET {columns} WHERE list_id = $1 AND address = $2",
        list_id, address.lower(), *map(int, flags.values()),
    )  # fmt: skip
    await tx.run(
        "DELETE FROM list_person WHERE list_id = $1 AND address = $2"
        " AND is_member = 0 AND is_owner = 0 AND may_post = 0",
        list_id, address.lower(),
    )  # fmt: skip
    tx.announce(Topic.DIRECTORY, 0)
    return True


async def owners(tx: Transaction, list_id: int) -> list[str]:
    """The addresses of a list's owners."""
    rows = await tx.rows(
        "SELECT address FROM list_person WHERE list_id = $1 AND is_owner = 1 ORDER BY id", list_id
    )
    return [row[0] for row in rows]


async def count_bounce(tx: Transaction, person_id: int, now: int, limit: int) -> bool:
    """Mail to a member came back; whether that has just suspended the member.

    Bounces of one day count as one, so that a busy list does not suspend a whole domain
    over one bad night; and they are counted anew after `BOUNCE_MEMORY` without any.
    """
    row = await tx.row(
        "UPDATE list_person SET bounced_at = $2, bounces ="
        " CASE WHEN bounced_at < $3 THEN 1 WHEN bounced_at / $4 = $2 / $4 THEN bounces"
        " ELSE bounces + 1 END WHERE id = $1 AND is_member = 1 AND suspended = 0 RETURNING bounces",
        person_id, now, now - BOUNCE_MEMORY, DAY,
    )  # fmt: skip
    if row is None or row[0] < limit:
        return False
    await tx.run("UPDATE list_person SET suspended = 1 WHERE id = $1", person_id)
    return True


async def audience(tx: Transaction, one: MailingList, after: int, limit: int) -> list[Reached]:
    """Whom a post goes to, in steps: the next `limit` after an id."""
    if one.audience is Audience.NAMED:
        rows = await tx.rows(
            "SELECT id, address, token FROM list_person WHERE list_id = $1 AND id > $2"
            " AND is_member = 1 AND suspended = 0 ORDER BY id LIMIT $3",
            one.id, after, limit,
        )  # fmt: skip
    else:
        rows = await tx.rows(
            f"SELECT a.id, r.local || '@' || d.name, '' {ACCOUNT_JOIN}"
            " WHERE a.id > $1 AND a.disabled = 0 AND (a.domain_id = $3 OR $3 = 0)"
            " AND a.is_admin >= $4 ORDER BY a.id LIMIT $2",
            after, limit, one.domain_id if one.audience is Audience.DOMAIN else 0,
            int(one.audience is Audience.ADMINS),
        )  # fmt: skip
    return [Reached(*row) for row in rows]


async def reaches(tx: Transaction, one: MailingList, addresses: Sequence[str]) -> bool:
    """Whether any of these addresses belongs to a member."""
    for address in addresses:
        if one.audience is Audience.NAMED:
            found = await person(tx, one.id, address)
            if found is not None and found.is_member:
                return True
            continue
        account = await directory.find_account(tx, address)
        if account is None or account.disabled:
            continue
        if one.audience is Audience.EVERYONE or (
            account.is_admin
            if one.audience is Audience.ADMINS
            else account.address.endswith(f"@{one.domain}")
        ):
            return True
    return False


# Held posts


async def hold(tx: Transaction, post: HeldPost) -> int:
    """Keep a post until an owner decides; it counts as a holder of its blob."""
    await blobs.retain(tx, [post.blob_id])
    number: int = await tx.value(
        "INSERT INTO held_post (list_id, token, trace, blob_id, sender, account_id, smtputf8,"
        " author, subject, received_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
        " RETURNING id",
        post.list_id, post.token, post.trace, post.blob_id, post.sender, post.account_id,
        int(post.smtputf8), post.author, post.subject, post.received_at,
    )  # fmt: skip
    return number


async def held(tx: Transaction, list_id: int) -> list[HeldPost]:
    """The posts of a list that wait for an owner, the oldest first."""
    rows = await tx.rows(
        f"SELECT {HELD_COLUMNS} FROM held_post WHERE list_id = $1 ORDER BY id", list_id
    )
    return [_held(row) for row in rows]


async def find_held(tx: Transaction, *, token: str = "", number: int = 0) -> HeldPost | None:
    """One of them by its token or its number."""
    row = await tx.row(
        f"SELECT {HELD_COLUMNS} FROM held_post WHERE token = $1 OR id = $2", token, number
    )
    return None if row is None else _held(row)


async def let_go(tx: Transaction, post: HeldPost, *, keep_blob: bool = False) -> bool:
    """A post waits no longer; False when somebody was faster.

    With `keep_blob` its reference passes on to the caller.
    """
    if not await tx.run("DELETE FROM held_post WHERE id = $1", post.id):
        return False
    if not keep_blob:
        await blobs.release(tx, [post.blob_id])
    return True


async def forget(tx: Transaction, before: int) -> int:
    """Drop held posts and requests that nobody has decided for so long; how many posts.

    And what is known of steps whose recipient was deleted by hand.
    """
    rows = await tx.rows("DELETE FROM held_post WHERE received_at < $1 RETURNING blob_id", before)
    await blobs.release(tx, [row[0] for row in rows])
    await tx.run("DELETE FROM list_request WHERE created_at < $1", before)
    await tx.run(
        "DELETE FROM step_progress WHERE NOT EXISTS (SELECT 1 FROM queue_recipient q"
        " WHERE q.message_id = step_progress.message_id AND q.n = step_progress.n)"
    )
    return len(rows)


# Requests by mail


async def ask(
    tx: Transaction, list_id: int, action: Request, address: str, token: str, now: int, again: int
) -> bool:
    """Remember what somebody asked for; False when the same was asked since `again`."""
    row = await tx.row(
        "SELECT created_at FROM list_request WHERE list_id = $1 AND action = $2 AND address = $3",
        list_id, action.value, address.lower(),
    )  # fmt: skip
    if row is not None and row[0] > again:
        return False
    await tx.run(
        "INSERT INTO list_request (list_id, action, address, token, created_at)"
        " VALUES ($1, $2, $3, $4, $5) ON CONFLICT (list_id, action, address)"
        " DO UPDATE SET token = excluded.token, created_at = excluded.created_at",
        list_id, action.value, address.lower(), token, now,
    )  # fmt: skip
    return True


async def answer(tx: Transaction, list_id: int, token: str) -> tuple[Request, str] | None:
    """What a token stands for, and of whom; it does so once."""
    row = await tx.row(
        "DELETE FROM list_request WHERE token = $1 AND list_id = $2 RETURNING action, address",
        token, list_id,
    )  # fmt: skip
    return None if row is None else (Request(row[0]), row[1])


# How far a post has come


async def progress(tx: Transaction, message_id: int, n: int) -> tuple[bool, int] | None:
    """Whether a post was begun or allowed, and who was served last; None: it is finished."""
    row = await tx.row(
        "SELECT p.person_id FROM queue_recipient q LEFT JOIN step_progress p"
        " ON p.message_id = q.message_id AND p.n = q.n WHERE q.message_id = $1 AND q.n = $2",
        message_id, n,
    )  # fmt: skip
    return None if row is None else (row[0] is not None, row[0] or 0)


async def set_progress(tx: Transaction, message_id: int, n: int, person_id: int) -> None:
    """A post has been given to everybody up to here; 0: it may begin."""
    await tx.run(
        "INSERT INTO step_progress (message_id, n, person_id) VALUES ($1, $2, $3)"
        " ON CONFLICT (message_id, n) DO UPDATE SET person_id = excluded.person_id",
        message_id, n, person_id,
    )  # fmt: skip


async def end_progress(tx: Transaction, message_id: int, n: int) -> None:
    """A post has been given to everybody."""
    await tx.run("DELETE FROM step_progress WHERE message_id = $1 AND n = $2", message_id, n)


def _list(row: Row) -> MailingList:
    number, domain_id, local, domain, name, language, posting, others, moderated, *rest = row
    joining, audience_word, replies, archive_id = rest
    return MailingList(
        id=number,
        domain_id=domain_id,
        local=local,
        domain=domain,
        name=name,
        language=language,
        posting=Posting(posting),
        others=Others(others),
        moderated=bool(moderated),
        joining=Joining(joining),
        audience=Audience(audience_word),
        replies=Replies(replies),
        archive_id=archive_id,
    )


def _person(row: Row) -> Person:
    number, address, is_member, is_owner, may_post, token, suspended, *rest = row
    return Person(
        number, address, bool(is_member), bool(is_owner), bool(may_post), token, bool(suspended),
        *rest,
    )  # fmt: skip


def _held(row: Row) -> HeldPost:
    number, list_id, token, trace, blob_id, sender, account_id, smtputf8, *rest = row
    return HeldPost(
        number, list_id, token, trace, blob_id, sender, account_id, bool(smtputf8), *rest
    )

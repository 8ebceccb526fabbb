"""Who belongs to an account that several people share, and what they may do with it.

A member's rights stand in the list of each mailbox, as anybody's do (store/rights.py), and
in the member's own row, from which new mailboxes at the top take them. Sending with the
account's addresses is no right of RFC 4314, and only in that row.
"""

from __future__ import annotations

from enum import Enum

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import rights as letters
from merpati.model.account import Account, AccountKind
from merpati.model.mailbox import SEPARATOR
from merpati.store import directory, mailboxes, places, rights
from merpati.store.engine import Topic, Transaction


class Send(Enum):
    """How a member may send with the account's addresses."""

    NOT = ""
    AS = "as"  # as if it were their own address
    BEHALF = "behalf"  # the message says who really sent it: RFC 5322 3.6.2, Sender


class Member(msgspec.Struct, frozen=True):
    """One who belongs to a shared account.

    Attributes:
        subject: An account, or below 0 everybody in that domain.
        name: The subject as shown: an address, `anyone`, or `@domain`.
        rights: In mailboxes that will be made at the top; in those there are they may differ.
    """

    subject: int
    name: str
    rights: str
    send: Send


async def add_shared(
    tx: Transaction, address: str, *, name: str, now: int, quota: int = 0, language: str = "en"
) -> Account:
    """Make a shared account: nobody signs in to it, its members see it as `Shared/<name>`.

    Raises:
        Fault: SYNTAX for a name that cannot be a level of a path; EXISTS for one that another
            shared account of the domain has; as `directory.add_account`.
    """
    await check_name(tx, address, name)
    return await directory.add_account(
        tx, address, name=name, password="", now=now, quota=quota, language=language,
        kind=AccountKind.SHARED,
    )  # fmt: skip


async def rename_shared(tx: Transaction, account: Account, name: str) -> None:
    """Give a shared account another name; whoever subscribes to it still does.

    Raises as `add_shared`.
    """
    if name != account.name:
        await check_name(tx, account.address, name)
        before = await places.seen_as(tx, account.id)
        await directory.set_account(tx, account.id, name=name)
        await places.follow(tx, account.id, before)


async def shared(tx: Transaction, address: str) -> Account:
    """The shared account of an address. Raises Fault NOT_FOUND."""
    found = await directory.find_account(tx, address)
    if found is None or found.kind is not AccountKind.SHARED:
        text = f"there is no shared mailbox {address}; see: merpati shared list"
        raise Fault(Kind.NOT_FOUND, text)
    return found


async def listing(tx: Transaction, account_id: int) -> list[Member]:
    """The members of an account, by name."""
    rows = await tx.rows(
        "SELECT m.subject, coalesce(r.local || '@' || d.name,"
        " CASE WHEN m.subject = -a.domain_id THEN 'anyone' ELSE '@' || x.name END) AS who,"
        " m.rights, m.send FROM member m JOIN account a ON a.id = m.account_id"
        " LEFT JOIN address r ON r.account_id = m.subject AND r.is_primary = 1"
        " LEFT JOIN domain d ON d.id = r.domain_id LEFT JOIN domain x ON x.id = -m.subject"
        " WHERE m.account_id = $1 ORDER BY who",
        account_id,
    )
    return [Member(subject, name or "?", held, Send(send)) for subject, name, held, send in rows]


async def put(
    tx: Transaction,
    account_id: int,
    identifier: str,
    *,
    held: str | None = None,
    send: Send | None = None,
) -> None:
    """Make somebody a member, or change what a member may do; None: as it is.

    The rights replace whatever they had in any mailbox of the account.

    Raises:
        Fault: NOT_FOUND for an unknown identifier; DENIED for the account itself.
    """
    subject = await rights.subject(tx, account_id, identifier)
    if subject == account_id:
        raise Fault(Kind.DENIED, "an account is no member of itself")
    row = await tx.row(
        "SELECT rights, send FROM member WHERE account_id = $1 AND subject = $2",
        account_id, subject,
    )  # fmt: skip
    before, sent = row or (letters.NONE, "")
    now_held = before if held is None else held
    now_sent = sent if send is None else send.value
    await tx.run(
        "INSERT INTO member (account_id, subject, rights, send) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT (account_id, subject) DO UPDATE SET rights = $3, send = $4",
        account_id, subject, now_held, now_sent,
    )  # fmt: skip
    if held is not None:
        await _grant(tx, account_id, subject, held)
    tx.announce(Topic.DIRECTORY, 0)


async def remove(tx: Transaction, account_id: int, identifier: str) -> None:
    """Let somebody be a member no longer. Raises Fault NOT_FOUND."""
    subject = await rights.subject(tx, account_id, identifier)
    gone = await tx.run(
        "DELETE FROM member WHERE account_id = $1 AND subject = $2", account_id, subject
    )
    if not gone:
        raise Fault(Kind.NOT_FOUND, f"{identifier} is no member")
    await _grant(tx, account_id, subject, letters.NONE)
    tx.announce(Topic.DIRECTORY, 0)


async def senders(tx: Transaction, user_id: int) -> dict[str, Send]:
    """The addresses of other accounts that a user may send with, and how."""
    rows = await tx.rows(
        "SELECT account_id, max(CASE WHEN send = 'as' THEN 1 ELSE 0 END) FROM member"
        " WHERE send <> '' AND subject IN"
        " ($1, (SELECT -domain_id FROM account WHERE id = $1)) GROUP BY account_id",
        user_id,
    )
    found: dict[str, Send] = {}
    for account_id, plainly in rows:
        how = Send.AS if plainly else Send.BEHALF
        found.update(dict.fromkeys(await directory.addresses(tx, account_id), how))
    return found


async def _grant(tx: Transaction, account_id: int, subject: int, held: str) -> None:
    ids = [box.id for box in await mailboxes.listing(tx, account_id)]
    await rights.grant(tx, account_id, ids, subject, held)


async def check_name(tx: Transaction, address: str, name: str) -> None:
    """Whether a shared account of that domain may be called so; raises as `add_shared`."""
    if SEPARATOR in name or "@" in name or mailboxes.levels(name) != (name,):
        raise Fault(Kind.SYNTAX, f"{name!r}: a shared mailbox is named without / and @")
    domain = await directory.domain(tx, address.rpartition("@")[2])
    if await tx.row(
        "SELECT 1 FROM account WHERE domain_id = $1 AND kind = 'shared' AND name = $2",
        domain.id, name,
    ):  # fmt: skip
        raise Fault(Kind.EXISTS, f"{domain.name} has a shared mailbox called {name} already")

"""The audit: who changed what, when, from what, into what. It is only ever added to."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model.administration import Actor
from merpati.store.engine import Dialect, Row, Transaction
from merpati.store.suppression import like

LISTED_MAX: Final = 500  # entries of one page

_encode: Final = msgspec.json.encode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """One change.

    Attributes:
        at: Unix milliseconds.
        who: An address, or a user of the machine for a command.
        via: "api", "command", or "imap".
        peer: The client's address; empty: this machine.
        action: What was done: "account.change".
        subject: To what: an address, a domain, "queue".
        domain: The subject's; empty: the whole installation.
        before: What changed, as it was.
        after: The same, as it is.
        undoes: The change that this one takes back; 0: none.
        undone_by: The latest change that takes this one back; 0: none.
    """

    id: int
    at: int
    who: str
    via: str
    peer: str
    action: str
    subject: str
    domain: str
    before: dict[str, Any]
    after: dict[str, Any]
    undoes: int = 0
    undone_by: int = 0


_COLUMNS: Final = (
    "a.id, a.at, a.who, a.via, a.peer, a.action, a.subject, a.domain, a.before, a.after, a.undoes,"
    " coalesce((SELECT max(u.id) FROM audit u WHERE u.undoes > 0 AND u.undoes = a.id), 0)"
)


async def record(
    tx: Transaction,
    actor: Actor,
    now: int,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add a change, in the transaction that makes it. Of both sides only what differs is kept."""
    old, new = dict(before or {}), dict(after or {})
    same = [name for name in old if name in new and old[name] == new[name]]
    for name in same:
        del old[name], new[name]
    domain = subject.rpartition("@")[2] if "." in subject else ""
    await tx.run(
        "INSERT INTO audit (at, account_id, who, via, peer, action, subject, domain, before, after,"
        " undoes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        now, actor.account_id, actor.name, actor.via, actor.peer, action, subject, domain.lower(),
        _encode(old).decode(), _encode(new).decode(), actor.undoes,
    )  # fmt: skip


async def listing(
    tx: Transaction,
    *,
    domains: Collection[str] | None = None,
    search: str = "",
    before: int = 0,
    limit: int = 50,
) -> list[Entry]:
    """Changes, the latest first.

    Args:
        tx: The transaction.
        domains: Only of these; None for all, and for those of the whole installation.
        search: A part of who, what or which action; `*` stands for anything.
        before: Only those before this id; 0: from the latest on.
        limit: At most so many.
    """
    args: list[Any] = [min(limit, LISTED_MAX), before]
    where = "($2 = 0 OR id < $2)"
    if domains is not None:
        args.append(text_list(domains))
        where += f" AND {one_of_texts(tx, 'domain', len(args))}"
    if search:
        args.append(like(f"*{search.lower()}*"))
        pattern = f"LIKE ${len(args)} ESCAPE '\\'"
        where += f" AND (lower(who) {pattern} OR lower(subject) {pattern} OR action {pattern})"
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM audit a WHERE {where} ORDER BY id DESC LIMIT $1", *args
    )
    return [_entry(row) for row in rows]


async def find(tx: Transaction, number: int) -> Entry:
    """One change. Raises Fault NOT_FOUND."""
    row = await tx.row(f"SELECT {_COLUMNS} FROM audit a WHERE a.id = $1", number)
    if row is None:
        raise Fault(Kind.NOT_FOUND, f"there is no change {number}; see: merpati audit list")
    return _entry(row)


async def act(tx: Transaction, entry: Entry) -> list[Entry]:
    """The changes that were one act with this one, the latest first.

    Taking one change back may take several: a list comes back with its rules and its people.
    """
    if not entry.undoes:
        return [entry]
    rows = await tx.rows(
        f"SELECT {_COLUMNS} FROM audit a WHERE a.undoes > 0 AND a.undoes = $1 AND a.at = $2"
        " ORDER BY a.id DESC",
        entry.undoes, entry.at,
    )  # fmt: skip
    return [_entry(row) for row in rows]


def _entry(row: Row) -> Entry:
    return Entry(
        id=row[0], at=row[1], who=row[2], via=row[3], peer=row[4], action=row[5],
        subject=row[6], domain=row[7], before=_decode(row[8]), after=_decode(row[9]),
        undoes=row[10], undone_by=row[11],
    )  # fmt: skip


def text_list(texts: Collection[str]) -> str:
    """Texts as the one parameter that `one_of_texts` expects."""
    return _encode(sorted(texts)).decode()


def one_of_texts(tx: Transaction, column: str, parameter: int) -> str:
    """SQL for "column is one of the texts of this parameter"; pass it `text_list(...)`."""
    if tx.dialect is Dialect.SQLITE:
        return f"{column} IN (SELECT value FROM json_each(${parameter}))"
    return f"{column} IN (SELECT json_array_elements_text(${parameter}::json))"

"""Every mailbox that a user may see, under the path they see it by: their own and those of others.

Protocols ask here, never `mailboxes`, when the name of a mailbox comes from a user. The
answer says whose account the mailbox is in, which all further questions to the store take,
and what this user may do there. Paths of others' mailboxes begin with one of two names:

    Other Users/<address>/<path there>      mailboxes that a person shares
    Shared/<name>/<path there>              mailboxes of an account of kind "shared"

A shared account of another domain is named by its address, since names of accounts are
unique within their domain only.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.model.account import AccountKind
from merpati.model.mailbox import OTHER_USERS, RESERVED, SEPARATOR, SHARED, Mailbox
from merpati.store import changes, mailboxes, rights
from merpati.store.engine import Transaction, id_list, one_of


class Place(msgspec.Struct, frozen=True):
    """A mailbox as one user sees it.

    Attributes:
        account_id: Whose it is.
        mailbox: As `mailboxes` has it: its name is the path in that account.
        rights: What the user may do there: letters of model/rights.py.
        path: By which the user names it.
    """

    account_id: int
    mailbox: Mailbox
    rights: str
    path: str

    def require(self, needed: str) -> None:
        """Raise Fault unless the user has all of these rights.

        NOT_FOUND when they may not even know of it (RFC 4314 6), else DENIED.
        """
        if self.rights == letters.ALL:
            return
        missing = letters.without(needed, self.rights)
        if not missing:
            return
        if letters.LOOKUP not in self.rights:
            raise _none(self.path)
        raise Fault(Kind.DENIED, f"that takes the right {missing!r} in {self.path}")


class Spot(msgspec.Struct, frozen=True):
    """Where a path leads, whether or not a mailbox is there: an account, and the path in it."""

    account_id: int
    path: str


async def find(tx: Transaction, user_id: int, path: str) -> Place | None:
    """The mailbox of a path; None when there is none, or the user has no right in it."""
    if path.partition(SEPARATOR)[0] not in RESERVED:
        mailbox = await mailboxes.find(tx, user_id, path)
        return None if mailbox is None else Place(user_id, mailbox, letters.ALL, mailbox.name)
    spot = await locate(tx, user_id, path)
    if spot is None:
        return None
    mailbox = await mailboxes.find(tx, spot.account_id, spot.path)
    if mailbox is None:
        return None
    held = await rights.held(tx, spot.account_id, mailbox.id, user_id)
    return Place(spot.account_id, mailbox, held, path) if held else None


async def get(tx: Transaction, user_id: int, path: str, needed: str = letters.LOOKUP) -> Place:
    """As `find`, for one who needs rights there. Raises Fault NOT_FOUND, DENIED."""
    found = await find(tx, user_id, path)
    if found is None:
        raise _none(path)
    found.require(needed)
    return found


async def get_now(
    tx: Transaction, user_id: int, path: str, needed: str = letters.LOOKUP
) -> tuple[Place, int]:
    """As `get`, with the modseq that the mailbox's account has now."""
    if path.partition(SEPARATOR)[0] in RESERVED:
        place = await get(tx, user_id, path, needed)
        return place, await changes.current(tx, place.account_id)
    found = await mailboxes.find_now(tx, user_id, path)
    if found is None:
        raise _none(path)
    return Place(user_id, found[0], letters.ALL, found[0].name), found[1]


async def listing(tx: Transaction, user_id: int) -> list[Place]:
    """Every mailbox that a user sees in listings: own ones, then others', parents first."""
    own = [
        Place(user_id, mailbox, letters.ALL, mailbox.name)
        for mailbox in await mailboxes.listing(tx, user_id)
    ]
    found: list[Place] = []
    for owner_id, (prefix, held) in (await of_others(tx, user_id)).items():
        for mailbox in await mailboxes.listing(tx, owner_id):
            its = held.get(mailbox.id, letters.NONE)
            if letters.LOOKUP in its:
                found.append(Place(owner_id, mailbox, its, prefix + mailbox.name))
    return own + found


async def of_others(tx: Transaction, user_id: int) -> dict[int, tuple[str, dict[int, str]]]:
    """Other accounts in which a user has a right: what stands before its paths, and the rights."""
    held = await rights.all_held(tx, user_id)
    prefixes = await _prefixes(tx, user_id, list(held))
    return {owner_id: (prefix, held[owner_id]) for owner_id, prefix in prefixes.items()}


async def locate(tx: Transaction, user_id: int, path: str) -> Spot | None:
    """Where a path leads to; None when it leads to nobody's tree."""
    root, _, rest = path.partition(SEPARATOR)
    if root not in RESERVED:
        return Spot(user_id, path)
    if root == OTHER_USERS:
        local, at, rest = rest.partition("@")
        domain, _, below = rest.partition(SEPARATOR)
        owner = await _account(tx, local + at + domain, AccountKind.PERSON)
    else:
        name, _, below = rest.partition(SEPARATOR)
        if "@" in name:
            owner = await _account(tx, name, AccountKind.SHARED)
        else:
            owner = await tx.value(
                "SELECT id FROM account WHERE kind = 'shared' AND name = $2"
                " AND domain_id = (SELECT domain_id FROM account WHERE id = $1)",
                user_id, name,
            )  # fmt: skip
    return Spot(owner, below) if owner and below else None


async def above(tx: Transaction, user_id: int, path: str, needed: str) -> Spot:
    """Where a mailbox may be made: the nearest one above it must give these rights.

    Raises:
        Fault: NOT_FOUND, DENIED.
    """
    spot = await locate(tx, user_id, path)
    if spot is not None and spot.account_id == user_id:
        return spot
    held = letters.NONE if spot is None else await _held_above(tx, user_id, spot)
    missing = letters.without(needed, held)
    if spot is None or missing:  # alike, so that nobody finds out which accounts there are
        raise Fault(Kind.DENIED, f"that takes the right {missing!r} above {path}")
    return spot


async def _held_above(tx: Transaction, user_id: int, spot: Spot) -> str:
    """What a user may do in the nearest mailbox above a path, or at the top of its tree."""
    parent = spot.path
    while parent := parent.rpartition(SEPARATOR)[0]:
        mailbox = await mailboxes.find(tx, spot.account_id, parent)
        if mailbox is not None:
            return await rights.held(tx, spot.account_id, mailbox.id, user_id)
    return await rights.at_top(tx, spot.account_id, user_id)


async def prefix(tx: Transaction, user_id: int, owner_id: int) -> str:
    """What stands before the paths of an account's mailboxes when this user names them."""
    if user_id == owner_id:
        return ""
    return (await _prefixes(tx, user_id, [owner_id])).get(owner_id, "")


async def seen_as(tx: Transaction, owner_id: int) -> dict[int, str]:
    """What stands before an account's paths, for each user who may subscribe to some of them.

    To be asked before the account gets another name, and handed to `follow` after that.
    """
    subjects = [
        row[0]
        for row in await tx.rows(
            "SELECT DISTINCT subject FROM mailbox_right WHERE account_id = $1", owner_id
        )
    ]
    if not subjects:
        return {}
    users = await tx.rows(
        "SELECT DISTINCT s.account_id FROM subscription s JOIN account u ON u.id = s.account_id"
        f" WHERE ({one_of(tx, 'u.id', 1)} OR {one_of(tx, '-u.domain_id', 1)})"
        " AND (s.name LIKE $2 OR s.name LIKE $3)",
        id_list(tx, subjects), f"{OTHER_USERS}/%", f"{SHARED}/%",
    )  # fmt: skip
    return {user_id: await prefix(tx, user_id, owner_id) for (user_id,) in users}


async def follow(tx: Transaction, owner_id: int, before: Mapping[int, str]) -> None:
    """Let subscriptions to an account's mailboxes be of the paths that those have now."""
    for user_id, old in before.items():
        new = await prefix(tx, user_id, owner_id)
        if new != old:
            await mailboxes.follow(tx, user_id, old[: -len(SEPARATOR)], new[: -len(SEPARATOR)])


def object_id(user_id: int, place: Place) -> str:
    """The MAILBOXID of RFC 8474, unlike that of any other mailbox this user may see."""
    found = object_ids.mailbox(place.mailbox.id)
    return found if place.account_id == user_id else found + object_ids.account(place.account_id)


async def _prefixes(tx: Transaction, user_id: int, owners: list[int]) -> dict[int, str]:
    if not owners:
        return {}
    rows = await tx.rows(
        "SELECT a.id, a.kind, a.name, r.local || '@' || d.name, a.domain_id ="
        " (SELECT domain_id FROM account WHERE id = $1) FROM account a"
        " JOIN address r ON r.account_id = a.id AND r.is_primary = 1"
        f" JOIN domain d ON d.id = r.domain_id WHERE {one_of(tx, 'a.id', 2)}"
        " ORDER BY a.kind, a.name, d.name, r.local",
        user_id, id_list(tx, owners),
    )  # fmt: skip
    found = {}
    for owner_id, kind, name, address, near in rows:
        if kind == AccountKind.SHARED.value:
            found[owner_id] = f"{SHARED}/{name if near else address}/"
        else:
            found[owner_id] = f"{OTHER_USERS}/{address}/"
    return found


async def _account(tx: Transaction, address: str, kind: AccountKind) -> int | None:
    local, _, domain = address.lower().rpartition("@")
    found: int | None = await tx.value(
        "SELECT a.id FROM domain d JOIN address r ON r.domain_id = d.id AND r.local = $1"
        " JOIN account a ON a.id = r.account_id WHERE d.name = $2 AND a.kind = $3",
        local, domain, kind.value,
    )  # fmt: skip
    return found


def _none(path: str) -> Fault:
    return Fault(Kind.NOT_FOUND, f"there is no mailbox {path}")

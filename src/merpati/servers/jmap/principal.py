"""Principals (RFC 9670 2): with whom a user may share, themself among them.

Those are the people of the user's domain, its shared mailboxes, the domain as a whole, and
whoever of elsewhere shares something with them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zlib import crc32

from merpati.model import object_ids
from merpati.model.account import Account, AccountKind
from merpati.servers.jmap import resource
from merpati.servers.jmap.call import PRINCIPALS, Access, Call
from merpati.servers.jmap.kind import CANNOT, Changes, Found, Got, Property, server_set
from merpati.servers.jmap.rows import Rows
from merpati.store import directory, rights
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.values import Check, is_id, is_text, list_of

if TYPE_CHECKING:
    from merpati.store.engine import Transaction

_ID: Final = re.compile(r"([pd])([1-9][0-9]{0,17})")
_TEXTS: Final = ("name", "email")


def principal_id(subject: int) -> str:
    """Of an account, or below 0 of everybody in a domain."""
    return f"p{subject}" if subject > 0 else f"d{-subject}"


def read_principal(text: str) -> int | None:
    """The subject of an id, or None."""
    match = _ID.fullmatch(text)
    if match is None:
        return None
    return int(match[2]) if match[1] == "p" else -int(match[2])


async def known(tx: Transaction, user: Account) -> dict[int, Account | None]:
    """Whom a user may share with, by subject; None: everybody in their domain."""
    home = await directory.domain(tx, user.address.rpartition("@")[2])
    found: dict[int, Account | None] = {-home.id: None}
    for one in await directory.accounts(tx, home.name):
        if not one.disabled:
            found[one.id] = one
    for owner_id in await rights.all_held(tx, user.id):
        if owner_id not in found:
            owner = await directory.account_by_id(tx, owner_id)
            if owner is not None:
                found[owner_id] = owner
    return found


class Principals(Rows):
    """The data type. Administrators make principals, nobody else changes them."""

    name: ClassVar[str] = "Principal"
    capability: ClassVar[str] = PRINCIPALS
    properties: ClassVar[Mapping[str, Property]] = dict.fromkeys(
        ("id", "type", "name", "description", "email", "timeZone", "capabilities", "accounts"),
        server_set(),
    )
    conditions: ClassVar[Mapping[str, Check]] = {
        "accountIds": list_of(is_id),
        **dict.fromkeys(("email", "name", "text", "type", "timeZone"), is_text),
    }
    sorts: ClassVar[frozenset[str]] = frozenset({"name", "email"})

    def __init__(self, each: Mapping[str, Mapping[str, Any]]) -> None:
        """`each`: the capabilities of an own account."""
        self._each = each

    async def every(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """RFC 9670 2.1, without the accounts, which depend on who asks."""
        user = await directory.account_by_id(tx, access.user_id)
        if user is None:
            return []
        domain = user.address.rpartition("@")[2]
        return [_object(subject, one, domain) for subject, one in (await known(tx, user)).items()]

    def state_of(self, modseq: int, found: Sequence[Mapping[str, Any]]) -> str:
        """A mark of all of them: they are changed by no act of this account."""
        return f"{crc32(repr(found).encode()):08x}"

    async def get(
        self,
        call: Call,
        access: Access,
        ids: Sequence[str] | None,
        properties: frozenset[str],
        arguments: Mapping[str, Any],
    ) -> Got:
        """RFC 9670 2.1."""
        got = await super().get(call, access, ids, properties, arguments)
        if "accounts" in properties:
            for one in got.objects:
                one["accounts"] = self._accounts(call, one["id"], one.get("name", ""))
        return got

    def _accounts(self, call: Call, id_: str, name: str) -> dict[str, Any] | None:
        account = object_ids.account(read_principal(id_) or 0)
        access = call.accounts.get(account)
        return None if access is None else {account: resource.account(access, name, self._each)}

    async def changes(self, call: Call, access: Access, since: str, limit: int) -> Changes:
        """RFC 9670 2.2: whether there are any."""
        state = await call.services.store.read(self.state, access)
        if since != state:
            raise MethodFault(CANNOT)
        return Changes(state)

    async def query(
        self,
        call: Call,
        access: Access,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        arguments: Mapping[str, Any],
    ) -> Found:
        """RFC 9670 2.4."""
        found = await super().query(call, access, filter_, sort, arguments)
        return found._replace(can_calculate_changes=False)

    def meets(self, one: Mapping[str, Any], name: str, value: Any) -> bool:
        """RFC 9670 2.4.1."""
        if name == "accountIds":
            return object_ids.account(read_principal(one["id"]) or 0) in value
        if name in ("type", "timeZone"):
            return bool(one[name] == value)
        names = _TEXTS if name == "text" else (name,)
        return any(value.casefold() in (one[each] or "").casefold() for each in names)

    def sorted_by(self, one: Mapping[str, Any], name: str) -> Any:
        """By text, in any case."""
        return (one[name] or "").casefold()


def _object(subject: int, one: Account | None, domain: str) -> dict[str, Any]:
    type_ = "group" if one is None else "individual"
    if one is not None and one.kind is AccountKind.SHARED:
        type_ = "other"
    return {
        "id": principal_id(subject),
        "type": type_,
        "name": domain if one is None else one.name or one.address,
        "description": None,
        "email": None if one is None else one.address,
        "timeZone": None,
        "capabilities": {},
        "accounts": None,
    }

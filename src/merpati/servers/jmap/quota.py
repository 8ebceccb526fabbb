"""Quotas (RFC 9425): what an account may hold, and what all accounts of its domain may."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final
from zlib import crc32

from merpati.servers.jmap.call import QUOTA, Access, Call
from merpati.servers.jmap.kind import CANNOT, Changes, Property, server_set
from merpati.servers.jmap.rows import Rows
from merpati.store import changes, directory, quota
from merpati.store.quota import Usage
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.values import Check, is_text

if TYPE_CHECKING:
    from merpati.store.engine import Transaction

_STATE: Final = re.compile(r"([0-9]{1,18})-([0-9a-f]{8})")
_NAMES: Final = {"account": "Account", "domain": "Domain"}


class Quotas(Rows):
    """The data type. A limit that there is not has no object."""

    name: ClassVar[str] = "Quota"
    capability: ClassVar[str] = QUOTA
    properties: ClassVar[Mapping[str, Property]] = dict.fromkeys(
        (
            "id", "resourceType", "used", "hardLimit", "scope", "name", "types", "warnLimit",
            "softLimit", "description",
        ),
        server_set(),
    )  # fmt: skip
    conditions: ClassVar[Mapping[str, Check]] = dict.fromkeys(
        ("name", "scope", "resourceType", "type"), is_text
    )
    sorts: ClassVar[frozenset[str]] = frozenset({"name", "used"})

    async def every(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """RFC 9425 4.2."""
        return await _every(tx, access)

    def state_of(self, modseq: int, found: Sequence[Mapping[str, Any]]) -> str:
        """The account's modseq, and a mark of the limits, which change without it."""
        limits = repr([(one["id"], one["hardLimit"]) for one in found])
        return f"{modseq}-{crc32(limits.encode()):08x}"

    def meets(self, one: Mapping[str, Any], name: str, value: Any) -> bool:
        """RFC 9425 4.4."""
        if name == "name":
            return value.casefold() in one["name"].casefold()
        if name == "type":
            return value in one["types"]
        return bool(one[name] == value)

    async def changes(self, call: Call, access: Access, since: str, limit: int) -> Changes:
        """RFC 9425 4.3: with any mail, what is used is another."""
        match = _STATE.fullmatch(since)

        async def look(tx: Transaction) -> tuple[str, list[dict[str, Any]], int]:
            found = await _every(tx, access)
            modseq = await changes.current(tx, access.account_id)
            return self.state_of(modseq, found), found, modseq

        state, found, modseq = await call.services.store.read(look)
        if match is None or int(match[1]) > modseq or match[2] != state.rpartition("-")[2]:
            raise MethodFault(CANNOT)
        updated = [] if since == state else [one["id"] for one in found]
        more = {"updatedProperties": ["used"] if updated else None}
        return Changes(state, updated=updated, more=more)


async def _every(tx: Transaction, access: Access) -> list[dict[str, Any]]:
    """All limits that hold for an account."""
    usages: dict[str, Usage | None] = {"account": await quota.of_account(tx, access.account_id)}
    account = await directory.account_by_id(tx, access.account_id)
    if account is not None and access.is_own:
        home = await directory.domain(tx, account.address.rpartition("@")[2])
        usages["domain"] = await quota.of_domain(tx, home.id)
    found = []
    for scope, usage in usages.items():
        if usage is None:
            continue
        for kind, limit, used in (
            ("octets", usage.quota, usage.used), ("count", usage.quota_emails, usage.emails),
        ):  # fmt: skip
            if limit:
                found.append(_object(scope, kind, limit, used))
    return found


def _object(scope: str, kind: str, limit: int, used: int) -> dict[str, Any]:
    what = "bytes of mail" if kind == "octets" else "emails"
    return {
        "id": f"{scope}-{kind}",
        "resourceType": kind,
        "used": used,
        "hardLimit": limit,
        "scope": scope,
        "name": f"{_NAMES[scope]}: {what}",
        "types": ["Email"],
        "warnLimit": None,
        "softLimit": None,
        "description": None,
    }

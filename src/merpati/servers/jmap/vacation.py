"""VacationResponse (RFC 8621 8): the one answer of an account to everybody."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from merpati.servers.jmap.call import VACATION, Access, Call
from merpati.servers.jmap.kind import Got, Kind, Property, Update, server_set
from merpati.store import changes, sieve
from merpati.store.sieve import AutoReply
from merpati.wire.jmap.faults import SetFault
from merpati.wire.jmap.values import (
    is_bool,
    is_text,
    is_utc_date,
    milliseconds,
    nullable,
    utc_date,
)

if TYPE_CHECKING:
    from merpati.store.engine import Transaction

SINGLETON: Final = "singleton"
TEXT_MAX: Final = 100_000  # characters


def _is_body(value: Any) -> bool:
    return value is None or (is_text(value) and len(value) <= TEXT_MAX)


class VacationResponse(Kind):
    """The data type."""

    name: ClassVar[str] = "VacationResponse"
    capability: ClassVar[str] = VACATION
    is_singleton: ClassVar[bool] = True
    properties: ClassVar[Mapping[str, Property]] = {
        "id": server_set(),
        "isEnabled": Property(is_bool, default=False),
        "fromDate": Property(nullable(is_utc_date), None),
        "toDate": Property(nullable(is_utc_date), None),
        "subject": Property(_is_body, None),
        "textBody": Property(_is_body, None),
        "htmlBody": Property(_is_body, None),
    }

    async def state(self, tx: Transaction, access: Access) -> str:
        """The account's modseq."""
        return str(await changes.current(tx, access.account_id))

    async def get(
        self,
        call: Call,
        access: Access,
        ids: Sequence[str] | None,
        properties: frozenset[str],
        arguments: Mapping[str, Any],
    ) -> Got:
        """RFC 8621 8.1."""

        async def look(tx: Transaction) -> Got:
            one = _object(await sieve.auto_reply(tx, access.account_id))
            told = {name: one[name] for name in one if name in properties}
            wanted = ids is None or SINGLETON in ids
            return Got(await self.state(tx, access), [told] if wanted else [])

        return await call.services.store.read(look)

    async def prepare(
        self, call: Call, access: Access, given: dict[str, Any], arguments: Mapping[str, Any]
    ) -> Any:
        """RFC 8620 5.3: there is one, and no other."""
        raise SetFault("singleton")

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 8620 5.3: it stays, and there is no other."""
        raise SetFault("singleton" if id_ == SINGLETON else "notFound")

    async def current(
        self, tx: Transaction, call: Call, access: Access, id_: str
    ) -> dict[str, Any] | None:
        """It as it is."""
        if id_ != SINGLETON:
            return None
        return _object(await sieve.auto_reply(tx, access.account_id))

    async def update(
        self, tx: Transaction, call: Call, access: Access, update: Update
    ) -> dict[str, Any] | None:
        """RFC 8621 8.2."""
        new = update.new
        reply = AutoReply(
            is_enabled=new["isEnabled"],
            from_date=milliseconds(new["fromDate"]) if new["fromDate"] else 0,
            to_date=milliseconds(new["toDate"]) if new["toDate"] else 0,
            subject=new["subject"] or "",
            text=new["textBody"] or "",
            html=new["htmlBody"] or "",
        )
        await sieve.set_auto_reply(tx, access.account_id, reply)
        return None


def _object(one: AutoReply) -> dict[str, Any]:
    return {
        "id": SINGLETON,
        "isEnabled": one.is_enabled,
        "fromDate": utc_date(one.from_date) if one.from_date else None,
        "toDate": utc_date(one.to_date) if one.to_date else None,
        "subject": one.subject or None,
        "textBody": one.text or None,
        "htmlBody": one.html or None,
    }

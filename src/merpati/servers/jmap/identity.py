"""Identities (RFC 8621 6): as whom a person writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.servers.jmap.call import SUBMISSION, Access, Call
from merpati.servers.jmap.kind import Property, Update, server_set
from merpati.servers.jmap.rows import Rows
from merpati.services import authorship
from merpati.services.route import AddressSettings
from merpati.store import identities, object_changes
from merpati.store.identities import Address, Identity
from merpati.wire.jmap.faults import SetFault, wrong
from merpati.wire.jmap.values import is_bool, is_text, nullable
from merpati.wire.smtp.paths import parse_address

if TYPE_CHECKING:
    from merpati.model.senders import Senders
    from merpati.store.engine import Transaction
    from merpati.store.object_changes import Kinds

IDENTITIES_MAX: Final = 200  # of one account
SIGNATURE_MAX: Final = 100_000  # characters


def _are_addresses(value: Any) -> bool:
    return isinstance(value, list) and all(
        isinstance(one, dict)
        and one.keys() <= {"name", "email"}
        and is_text(one.get("email"))
        and nullable(is_text)(one.get("name"))
        for one in value
    )


def _is_signature(value: Any) -> bool:
    return is_text(value) and len(value) <= SIGNATURE_MAX


class Identities(Rows):
    """The data type."""

    name: ClassVar[str] = "Identity"
    capability: ClassVar[str] = SUBMISSION
    kinds: ClassVar[Kinds | None] = object_changes.IDENTITIES
    letter: ClassVar[str] = "I"
    properties: ClassVar[Mapping[str, Property]] = {
        "id": server_set(),
        "name": Property(_is_signature, ""),
        "email": Property(is_text, immutable=True),
        "replyTo": Property(nullable(_are_addresses), None),
        "bcc": Property(nullable(_are_addresses), None),
        "textSignature": Property(_is_signature, ""),
        "htmlSignature": Property(_is_signature, ""),
        "mayDelete": server_set(is_bool),
    }

    async def refresh(self, call: Call, access: Access) -> None:
        """Each own address has an identity from the beginning."""
        if await call.services.store.read(identities.are_missing, access.account_id):
            await call.services.store.write(identities.complete, access.account_id)

    async def every(
        self, tx: Transaction, access: Access, ids: Sequence[str] | None = None
    ) -> list[dict[str, Any]]:
        """RFC 8621 6.1."""
        return [_object(one) for one in await identities.listing(tx, access.account_id)]

    async def create(
        self, tx: Transaction, call: Call, access: Access, new: dict[str, Any]
    ) -> dict[str, Any]:
        """RFC 8621 6.3."""
        try:
            path = parse_address(new["email"])
        except SyntaxFault:
            raise wrong("that is no address", "email") from None
        if path.is_null or not (await senders(tx, call)).may(str(path)):
            raise SetFault("forbiddenFrom", f"you may not send mail as {path}", ["email"])
        if len(await identities.listing(tx, access.account_id)) >= IDENTITIES_MAX:
            raise SetFault("overQuota", f"an account has at most {IDENTITIES_MAX} identities")
        number = await identities.add(tx, access.account_id, _identity(0, str(path), new))
        return {"id": self.id_of(number), "mayDelete": True}

    async def update(
        self, tx: Transaction, call: Call, access: Access, update: Update
    ) -> dict[str, Any] | None:
        """RFC 8621 6.3."""
        if update.new != update.old:
            number = self.number_of(update.id)
            changed = _identity(number, update.old["email"], update.new)
            await identities.change(tx, access.account_id, changed)
        return None

    async def destroy(
        self, tx: Transaction, call: Call, access: Access, id_: str, arguments: Mapping[str, Any]
    ) -> None:
        """RFC 8621 6.3."""
        found = await find(tx, access, id_)
        if found is None:
            raise SetFault("notFound")
        if found.is_own:
            raise SetFault("forbidden", "the identity of an own address stays")
        await identities.remove(tx, access.account_id, found.id)


async def find(tx: Transaction, access: Access, id_: str) -> Identity | None:
    """An identity by its id."""
    number = Identities.number_of(id_)
    found = await identities.listing(tx, access.account_id)
    return next((one for one in found if one.id == number), None)


async def senders(tx: Transaction, call: Call) -> Senders:
    """The addresses that the user may write under."""
    sending = call.services.sending
    settings = sending.router.settings if sending is not None else AddressSettings()
    return await authorship.senders_of(tx, call.user, settings)


def _object(one: Identity) -> dict[str, Any]:
    return {
        "id": Identities.id_of(one.id),
        "name": one.name,
        "email": one.email,
        "replyTo": msgspec.to_builtins(one.reply_to, builtin_types=()),
        "bcc": msgspec.to_builtins(one.bcc, builtin_types=()),
        "textSignature": one.text_signature,
        "htmlSignature": one.html_signature,
        "mayDelete": not one.is_own,
    }


def _addresses(value: Any) -> tuple[Address, ...] | None:
    if value is None:
        return None
    return tuple(Address(one.get("name"), one["email"]) for one in value)


def _identity(number: int, email: str, new: Mapping[str, Any]) -> Identity:
    return Identity(
        id=number, name=new["name"], email=email, reply_to=_addresses(new["replyTo"]),
        bcc=_addresses(new["bcc"]), text_signature=new["textSignature"],
        html_signature=new["htmlSignature"],
    )  # fmt: skip

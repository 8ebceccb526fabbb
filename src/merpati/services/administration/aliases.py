"""Addresses that send on to others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Annotated

from msgspec import Meta, Struct

from merpati.base.faults import Fault, Kind
from merpati.model.account import Alias
from merpati.model.administration import Actor
from merpati.services.administration.accounts import Address
from merpati.store import audit, directory
from merpati.store.engine import Transaction
from merpati.wire.smtp.paths import parse_address

TARGETS_MAX = 1000  # of one alias


class AliasView(Struct, frozen=True, rename="camel"):
    """An alias and where it leads; "@domain" is a domain's catch-all."""

    address: str
    targets: tuple[str, ...]


class AliasTargets(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """Where an alias leads."""

    targets: Annotated[list[Address], Meta(max_length=TARGETS_MAX)]


async def views(tx: Transaction, only: Collection[str] | None = None) -> list[AliasView]:
    """All aliases, or those of some domains."""
    return [
        AliasView(one.address, one.targets)
        for one in await directory.aliases(tx)
        if only is None or one.address.rpartition("@")[2] in only
    ]


async def put(
    tx: Transaction, actor: Actor, now: int, address: str, targets: Sequence[str]
) -> AliasView:
    """Let an alias lead to these targets and no others; none of them removes it.

    Raises:
        Fault: SYNTAX for a target that is no address; as `directory.add_alias`.
    """
    for target in targets:
        parse_address(target)
    before = await leads_to(tx, address)
    for target in before:
        if target not in targets:
            await directory.remove_alias(tx, address, target)
    for target in targets:
        await directory.add_alias(tx, address, target)
    await _note(tx, actor, now, address, before)
    return AliasView(address.lower(), tuple(targets))


async def add(
    tx: Transaction, actor: Actor, now: int, address: str, targets: Sequence[str]
) -> None:
    """Let an alias lead to more targets. Raises as `directory.add_alias`."""
    before = await leads_to(tx, address)
    for target in targets:
        await directory.add_alias(tx, address, target)
    await _note(tx, actor, now, address, before)


async def remove(
    tx: Transaction, actor: Actor, now: int, address: str, targets: Sequence[str] = ()
) -> None:
    """Remove an alias, or some of its targets. Raises Fault NOT_FOUND."""
    before = await leads_to(tx, address)
    if not before:
        raise Fault(Kind.NOT_FOUND, f"there is no alias {address}; see: merpati alias list")
    for target in targets or [""]:
        await directory.remove_alias(tx, address, target)
    await _note(tx, actor, now, address, before)


async def leads_to(tx: Transaction, address: str) -> tuple[str, ...]:
    """Where an alias leads; nowhere when there is none."""
    found: list[Alias] = await directory.aliases(tx)
    return next((one.targets for one in found if one.address == address.lower()), ())


async def _note(
    tx: Transaction, actor: Actor, now: int, address: str, before: tuple[str, ...]
) -> None:
    after = await leads_to(tx, address)
    await audit.record(
        tx, actor, now, "alias.change", address.lower(),
        before={"targets": list(before)}, after={"targets": list(after)},
    )  # fmt: skip

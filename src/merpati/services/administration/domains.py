"""Domains, their second names, and what their accounts may hold together."""

from __future__ import annotations

from collections.abc import Collection
from typing import Annotated

from msgspec import UNSET, Meta, Struct, UnsetType

from merpati.model.account import Domain
from merpati.model.administration import Actor
from merpati.services.administration import aliases
from merpati.services.administration.accounts import Bytes, Number
from merpati.store import audit, directory, quota
from merpati.store.engine import Transaction

DomainName = Annotated[str, Meta(min_length=1, max_length=253)]


class DomainView(Struct, frozen=True, rename="camel", kw_only=True):
    """A domain that is served here."""

    name: str
    aliases: list[str]
    accounts: int
    used: int
    emails: int
    quota: int
    quota_emails: int


class NewDomain(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A domain to be served."""

    name: DomainName


class DomainChange(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What the accounts of a domain may hold together; what is left out stays."""

    quota: Bytes | UnsetType = UNSET
    quota_emails: Number | UnsetType = UNSET


class NewDomainAlias(Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    """A second name of a domain."""

    name: DomainName


async def views(tx: Transaction, only: Collection[str] | None = None) -> list[DomainView]:
    """The domains served here, by name; `only` these."""
    found = [one for one in await directory.domains(tx) if only is None or one.name in only]
    second: dict[str, list[str]] = {}
    for alias, target in await directory.domain_aliases(tx):
        second.setdefault(target, []).append(alias)
    return [await _view(tx, one, second.get(one.name, [])) for one in found]


async def view(tx: Transaction, name: str) -> DomainView:
    """One domain. Raises Fault NOT_FOUND."""
    home = await directory.domain(tx, name)
    return (await views(tx, {home.name}))[0]


async def add(tx: Transaction, actor: Actor, now: int, name: str) -> Domain:
    """Serve a domain. Its keys are made after this, by `rotation.make_keys`."""
    made = await directory.add_domain(tx, name, now)
    await audit.record(tx, actor, now, "domain.add", made.name)
    return made


async def change(
    tx: Transaction, actor: Actor, now: int, name: str, wanted: DomainChange
) -> Domain:
    """Limit what a domain's accounts hold together. Raises Fault NOT_FOUND."""
    home = await directory.domain(tx, name)
    known = await quota.of_domain(tx, home.id) or quota.Usage(0, 0, 0, 0)
    size = known.quota if wanted.quota is UNSET else wanted.quota
    emails = known.quota_emails if wanted.quota_emails is UNSET else wanted.quota_emails
    await quota.limit_domain(tx, home.id, size, emails)
    await audit.record(
        tx, actor, now, "domain.change", home.name,
        before={"quota": known.quota, "quota_emails": known.quota_emails},
        after={"quota": size, "quota_emails": emails},
    )  # fmt: skip
    return home


async def remove(tx: Transaction, actor: Actor, now: int, name: str) -> None:
    """Serve a domain no longer. Raises Fault NOT_FOUND, IN_USE while it has addresses."""
    known = await view(tx, name)
    own = await aliases.views(tx, {known.name})
    before = {
        "second_names": known.aliases, "quota": known.quota, "quota_emails": known.quota_emails,
        "aliases": {one.address: list(one.targets) for one in own},
    }  # fmt: skip
    await directory.remove_domain(tx, name)
    await audit.record(tx, actor, now, "domain.remove", name.lower(), before=before)


async def add_alias(tx: Transaction, actor: Actor, now: int, alias: str, target: str) -> None:
    """Let every address of `alias` be the same one of `target`."""
    await directory.add_domain_alias(tx, alias, target, now)
    await audit.record(
        tx, actor, now, "domain.alias", target.lower(), after={"alias": alias.lower()}
    )


async def remove_alias(tx: Transaction, actor: Actor, now: int, alias: str) -> None:
    """Serve a second domain no longer. Raises Fault NOT_FOUND."""
    target = dict(await directory.domain_aliases(tx)).get(alias.lower(), "")
    await directory.remove_domain_alias(tx, alias)
    await audit.record(
        tx, actor, now, "domain.unalias", target or alias, before={"alias": alias.lower()}
    )


async def _view(tx: Transaction, home: Domain, aliases: list[str]) -> DomainView:
    row = await tx.row(
        "SELECT count(*), CAST(coalesce(sum(used), 0) AS BIGINT),"
        " CAST(coalesce(sum(emails), 0) AS BIGINT) FROM account WHERE domain_id = $1",
        home.id,
    )
    assert row is not None
    limits = await quota.of_domain(tx, home.id)
    return DomainView(
        name=home.name, aliases=sorted(aliases), accounts=row[0], used=row[1], emails=row[2],
        quota=limits.quota if limits else 0, quota_emails=limits.quota_emails if limits else 0,
    )  # fmt: skip

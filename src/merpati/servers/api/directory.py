"""Operations on domains, aliases and delegated administrators."""

from __future__ import annotations

from msgspec import Struct, structs

from merpati.model.administration import Right
from merpati.servers.api.operation import Call, Operation, Who
from merpati.servers.api.queries import Told
from merpati.services.administration import aliases, delegating, domains
from merpati.services.administration.aliases import AliasTargets, AliasView
from merpati.services.administration.delegating import Rights
from merpati.services.administration.domains import (
    DomainChange,
    DomainView,
    NewDomain,
    NewDomainAlias,
)
from merpati.services.diagnose.marks import Marked
from merpati.services.indonesian import say
from merpati.services.rotation import make_keys
from merpati.store import delegates, directory


class Records(Struct, frozen=True, rename="camel", kw_only=True):
    """The DNS records of a domain with their marks, and what is to be done besides."""

    records: list[Marked]
    notes: list[str]


class DelegateView(Struct, frozen=True, rename="camel", kw_only=True):
    """What somebody may look after in a domain."""

    address: str
    domain: str
    rights: list[Right]


async def list_domains(call: Call) -> list[DomainView]:
    """By name."""
    return await call.store.scan(domains.views, call.domains)


async def show_domain(call: Call) -> DomainView:
    """One domain."""
    return await call.store.read(domains.view, call.domain)


async def add_domain(call: Call) -> DomainView:
    """Its keys are made at once, so that all its records can be published together."""
    new: NewDomain = call.body
    home = await call.store.write(domains.add, call.actor, call.now, new.name)
    await make_keys(call.store, home.name, call.now)
    return await call.store.read(domains.view, home.name)


async def change_domain(call: Call) -> DomainView:
    """Limits."""
    await call.store.write(domains.change, call.actor, call.now, call.domain, call.body)
    return await call.store.read(domains.view, call.domain)


async def remove_domain(call: Call) -> None:
    """Let go of it."""
    await call.store.write(domains.remove, call.actor, call.now, call.domain)


async def add_domain_alias(call: Call) -> DomainView:
    """A second name."""
    alias: NewDomainAlias = call.body
    await call.store.write(domains.add_alias, call.actor, call.now, alias.name, call.domain)
    return await call.store.read(domains.view, call.domain)


async def remove_domain_alias(call: Call) -> None:
    """A second name no longer."""
    await call.store.write(domains.remove_alias, call.actor, call.now, call.path["alias"])


async def list_records(call: Call) -> Records:
    """The DNS is asked now."""
    await call.store.read(directory.served, call.domain)
    found, notes = await call.services.surroundings.marks(call.domain)
    told = [
        structs.replace(
            one, value=say(one.value, call.language), purpose=say(one.purpose, call.language)
        )
        for one in found
    ]
    return Records(records=told, notes=[say(note, call.language) for note in notes])


async def list_aliases(call: Call) -> list[AliasView]:
    """By address."""
    return await call.store.scan(aliases.views, call.domains)


async def put_alias(call: Call) -> AliasView:
    """These targets and no others."""
    wanted: AliasTargets = call.body
    return await call.store.write(aliases.put, call.actor, call.now, call.address, wanted.targets)


async def remove_alias(call: Call) -> None:
    """With all its targets."""
    await call.store.write(aliases.remove, call.actor, call.now, call.address)


async def list_delegates(call: Call) -> list[DelegateView]:
    """By address."""
    found = await call.store.read(delegates.listing)
    return [
        DelegateView(address=one.address, domain=one.domain, rights=list(one.rights))
        for one in found
    ]


async def put_delegate(call: Call) -> list[DelegateView]:
    """These rights and no others."""
    given: Rights = call.body
    await call.store.write(
        delegating.put, call.actor, call.now, call.address, call.path["domain"], given
    )
    return await list_delegates(call)


_ACCOUNTS = Right.ACCOUNTS
OPERATIONS = (
    Operation(
        method="GET", path="/domains", name="listDomains", topic="domains", does=list_domains,
        who=Who.DELEGATE, right=_ACCOUNTS, answer=list[DomainView],
        text="The domains served here.",
    ),
    Operation(
        method="POST", path="/domains", name="addDomain", topic="domains", does=add_domain,
        status=201, body=NewDomain, answer=DomainView, text="Serve a domain, and make its keys.",
    ),
    Operation(
        method="GET", path="/domains/{domain}", name="showDomain", topic="domains",
        does=show_domain, who=Who.DELEGATE, right=_ACCOUNTS, answer=DomainView,
        text="One domain.",
    ),
    Operation(
        method="PATCH", path="/domains/{domain}", name="changeDomain", topic="domains",
        does=change_domain, body=DomainChange, answer=DomainView,
        text="Limit what the accounts of a domain hold together.",
    ),
    Operation(
        method="DELETE", path="/domains/{domain}", name="removeDomain", topic="domains",
        does=remove_domain, text="Serve a domain no longer; it must have no addresses left.",
    ),
    Operation(
        method="GET", path="/domains/{domain}/records", name="listRecords", topic="domains",
        does=list_records, who=Who.DELEGATE, right=Right.REPORTS, query=Told, answer=Records,
        text="The DNS records to publish, each with how it stands now.",
    ),
    Operation(
        method="POST", path="/domains/{domain}/aliases", name="addDomainAlias", topic="domains",
        does=add_domain_alias, status=201, body=NewDomainAlias, answer=DomainView,
        text="Let every address of a second domain be the same one of this.",
    ),
    Operation(
        method="DELETE", path="/domains/{domain}/aliases/{alias}", name="removeDomainAlias",
        topic="domains", does=remove_domain_alias, text="Serve a second domain no longer.",
    ),
    Operation(
        method="GET", path="/aliases", name="listAliases", topic="aliases", does=list_aliases,
        who=Who.DELEGATE, right=_ACCOUNTS, answer=list[AliasView],
        text="Addresses that send on to others; @domain is a domain's catch-all.",
    ),
    Operation(
        method="PUT", path="/aliases/{address}", name="putAlias", topic="aliases",
        does=put_alias, who=Who.DELEGATE, right=_ACCOUNTS, body=AliasTargets, answer=AliasView,
        text="Let an alias lead to these targets and no others.",
    ),
    Operation(
        method="DELETE", path="/aliases/{address}", name="removeAlias", topic="aliases",
        does=remove_alias, who=Who.DELEGATE, right=_ACCOUNTS, text="Remove an alias.",
    ),
    Operation(
        method="GET", path="/delegates", name="listDelegates", topic="delegates",
        does=list_delegates, answer=list[DelegateView],
        text="Who may look after what of which domain.",
    ),
    Operation(
        method="PUT", path="/delegates/{address}/{domain}", name="putDelegate",
        topic="delegates", does=put_delegate, body=Rights, answer=list[DelegateView],
        text="Give somebody these rights in a domain; none takes all away.",
    ),
)  # fmt: skip

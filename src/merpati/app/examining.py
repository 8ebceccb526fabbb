"""Looks at this installation as the doctor does: for the commands, and for the administration.

A `Place` is whatever has the installation open: a command, or a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Final, Protocol

from merpati.app.installation import Config, DnsSettings, ServerSettings, TlsSettings
from merpati.app.listeners import EVERYWHERE, LOOPBACK, Listener
from merpati.base.clock import Clock
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.net.tls import client_context
from merpati.services import mta_sts
from merpati.services.backup import desk
from merpati.services.backup.keep import BackupSettings
from merpati.services.certificates import LETS_ENCRYPT, AcmeSettings
from merpati.services.diagnose import doctor, gather
from merpati.services.diagnose.findings import Finding, Machine
from merpati.services.diagnose.gather import DoctorSettings, Shown
from merpati.services.diagnose.local import Local
from merpati.services.diagnose.publish import Home, SigningRecord
from merpati.services.mta_sts import own_id, own_policy
from merpati.services.outbound import OutboundSettings
from merpati.store import certificates, directory, signing, transport
from merpati.store.engine import Store, Transaction
from merpati.wire.mta_sts import Policy

TRIES: Final = 2  # rounds over the name servers; a person waits


class Place(Protocol):
    """An open installation."""

    @property
    def config(self) -> Config:
        """What its file says."""

    @property
    def store(self) -> Store:
        """Its store."""

    @property
    def clock(self) -> Clock:
        """The time."""


async def examine(one: Place, names: Sequence[str]) -> dict[str, list[Finding]]:
    """What the doctor finds: of the machine first, then of each of these domains.

    Raises:
        Fault: NOT_FOUND, for a domain that is not served here.
    """
    shown = await shown_certificates(one)
    homes = [await find_home(one, name, shown) for name in names]
    resolver = Resolver(one.config[DnsSettings].endpoints() or None, one.clock, attempts=TRIES)
    itself = machine(one.config, shown)
    https = Https(resolver, Reaper(), client_context(verify=True))

    def fetch(domain: str) -> Awaitable[Policy]:
        return mta_sts.fetch(https, domain)

    try:
        gathered = await _gather(one, resolver)
        found = {itself.hostname: await doctor.examine_machine(itself, gathered, resolver)}
        for home in () if gathered.resolver else homes:
            found[home.domain] = await doctor.examine_domain(home, itself, resolver, fetch)
    finally:
        await resolver.close()
    return found


async def shown_certificates(one: Place) -> list[Shown]:
    """The certificates that the server shows: those it ordered, and those in files.

    Files signed by nobody else only stand in until an ordered one has come.
    """
    ordered = [
        gather.read_certificate(
            each.chain.encode(), f"The certificate of {each.name}", automatic=True
        )
        for each in await one.store.read(certificates.certificates)
        if each.chain
    ]
    files = gather.read_certificates(one.config[TlsSettings].certificate)
    return ordered + [each for each in files if not (ordered and each.certificate.self_signed)]


async def find_home(one: Place, domain: str, shown: Sequence[Shown]) -> Home:
    """A domain with what this installation has for it.

    Raises:
        Fault: NOT_FOUND, when it is not served here.
    """

    async def unit(tx: Transaction) -> Home:
        name = await directory.served(tx, domain)
        hosted = await transport.hosted_policy(tx, name)
        hostname = one.config[ServerSettings].hostname.lower()
        policy = None if hosted is None else own_policy(hosted, hostname)
        return Home(
            domain=name,
            hostname=hostname,
            ports=ports(one.config),
            keys=await signing_records(tx, name),
            policy=policy,
            policy_id="" if policy is None else own_id(policy),
            tlsa=tuple(dict.fromkeys(each.tlsa for each in shown)),
            issuer=issuer(one.config, shown),
        )

    return await one.store.read(unit)


async def signing_records(tx: Transaction, domain: str) -> tuple[SigningRecord, ...]:
    """The public halves of the keys that sign for a domain now, or will next."""
    return tuple(
        SigningRecord(key.name, key.record, key.state == signing.ACTIVE)
        for key in await signing.keys(tx, domain)
        if key.state != signing.RETIRED
    )


def issuer(config: Config, shown: Sequence[Shown]) -> str:
    """The domain of the authority that certifies this server, as CAA records name it."""
    acme = config[AcmeSettings]
    if acme.enabled and acme.directory == LETS_ENCRYPT:
        return "letsencrypt.org"
    return next((each.issuer for each in shown if each.issuer), "")


def ports(config: Config) -> dict[str, int]:
    """The TCP port of each service offered."""
    return {one.service: one.port for one in config.listeners if one.port}


def machine(config: Config, shown: Sequence[Shown]) -> Machine:
    """What is known of this machine and its server."""
    asked = config[DoctorSettings]
    return Machine(
        hostname=config[ServerSettings].hostname.lower(),
        sources=gather.sources(),
        issuer=issuer(config, shown),
        certificates=tuple(one.certificate for one in shown),
        tlsa=tuple(dict.fromkeys(one.tlsa for one in shown)),
        block_lists=asked.block_lists,
        domain_block_lists=asked.domain_block_lists,
    )


async def _gather(one: Place, resolver: Resolver) -> Local:
    """What is to be known of this machine, all asked at once."""
    config = one.config
    asked = config[DoctorSettings]
    reaper = Reaper()
    resolves, clock, outgoing, server = await asyncio.gather(
        gather.resolver_failure(resolver),
        gather.clock_offset(asked.time_server, resolver, one.clock),
        gather.outgoing(asked.outgoing, resolver, reaper, port=config[OutboundSettings].port),
        _try_server(config, reaper),
    )
    return Local(
        now=one.clock.now(),
        clock_offset=clock[0],
        clock_failure=clock[1],
        disks=gather.disks([config.database.parent, config.blobs]),
        outgoing=outgoing,
        listening=server[0],
        relayed=server[1],
        resolver=resolves,
        backup=await desk.standing(one.store, config[BackupSettings]),
    )


async def _try_server(config: Config, reaper: Reaper) -> tuple[str | None, str]:
    """A dialogue with our own SMTP service, at the address by which strangers reach it."""
    for listener in config.listeners:
        if listener.service == "smtp" and listener.port:
            hostname = config[ServerSettings].hostname
            return await gather.try_server(_address(listener), listener.port, hostname, reaper)
    return None, ""


def _address(listener: Listener) -> str:
    if listener.host not in {EVERYWHERE, "0.0.0.0", "::"}:  # noqa: S104 -- it is compared
        return listener.host
    return next(iter(gather.sources()), LOOPBACK)

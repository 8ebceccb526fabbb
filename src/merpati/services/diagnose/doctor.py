"""Runs the checks of a machine and of its domains, all at once, and gathers their findings."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from merpati.base.faults import Fault
from merpati.net.asking import answer
from merpati.net.dns import Resolver
from merpati.services.diagnose import (
    authenticity,
    block_lists,
    local,
    reachability,
    transport,
)
from merpati.services.diagnose.findings import Case, Finding, Machine, Served
from merpati.services.diagnose.local import Local
from merpati.services.diagnose.publish import Home
from merpati.wire.asking import Answer, Asking, Question, RecordType
from merpati.wire.mta_sts import Policy

MACHINE_CHECKS: Final[tuple[Callable[[Machine], Asking[list[Finding]]], ...]] = (
    reachability.check_host,
    reachability.check_pointers,
    authenticity.check_greeting,
    transport.check_tlsa,
    reachability.check_issuers,
    block_lists.check_addresses,
)
DOMAIN_CHECKS: Final[tuple[Callable[[Case], Asking[list[Finding]]], ...]] = (
    reachability.check_exchangers,
    authenticity.check_policy,
    authenticity.check_keys,
    authenticity.check_dmarc,
    transport.check_sts,
    transport.check_tls_reports,
    reachability.check_services,
    block_lists.check_domain,
)
Fetch = Callable[[str], Awaitable[Policy]]
FETCH: Final = 15.0  # seconds for a policy
SECONDS: Final = 60.0  # for one check; name servers that are silent cost 15 each


async def examine_machine(machine: Machine, gathered: Local, resolver: Resolver) -> list[Finding]:
    """The findings about this machine, in the order of the checks."""
    if gathered.resolver:
        return local.judge(machine, gathered)
    asked = await _run((check(machine) for check in MACHINE_CHECKS), resolver)
    return [*local.judge(machine, gathered), *asked]


async def examine_domain(
    home: Home, machine: Machine, resolver: Resolver, fetch: Fetch | None = None
) -> list[Finding]:
    """The findings about one domain; a domain that does not exist has one alone.

    `fetch` gets the MTA-STS policy that a domain serves to others, and raises Fault.
    """
    case = Case(home, machine)
    if not (await answer(_ask(home.zone, "MX"), resolver)).exists:
        return await answer(reachability.check_exchangers(case), resolver)
    announced = (await answer(_ask(f"_mta-sts.{home.zone}", "TXT"), resolver)).records
    if announced and fetch is not None:
        case = Case(home, machine, await _served(home.zone, fetch))
    return await _run((check(case) for check in DOMAIN_CHECKS), resolver)


async def _served(domain: str, fetch: Fetch) -> Served:
    try:
        async with asyncio.timeout(FETCH):
            return Served(await fetch(domain))
    except TimeoutError:
        return Served(failure=f"mta-sts.{domain} did not answer within {FETCH:g} s.")
    except Fault as fault:
        return Served(failure=fault.text)


async def _run(checks: Iterable[Asking[list[Finding]]], resolver: Resolver) -> list[Finding]:
    found = await asyncio.gather(*(answer(one, resolver, seconds=SECONDS) for one in checks))
    return [finding for findings in found for finding in findings]


def _ask(name: str, kind: RecordType) -> Asking[Answer]:
    return (yield Question(name, kind))

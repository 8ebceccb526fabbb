"""See whether the world sees this server as it should: DNS, ports, certificates, clock, disks.

Each finding says what is wrong, why it matters, and what to type. Without DOMAIN, every domain
of this installation is looked at. The exit status is 1 when there is a problem.
"""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final

from merpati.app.cli import DONE, FAILED
from merpati.app.commands import dns, session
from merpati.app.commands.session import Session, say
from merpati.app.installation import Config, DnsSettings, ServerSettings
from merpati.app.listeners import EVERYWHERE, LOOPBACK, Listener
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.net.tls import client_context
from merpati.services import mta_sts
from merpati.services.diagnose import doctor, gather
from merpati.services.diagnose.findings import Finding, Machine, Severity
from merpati.services.diagnose.gather import DoctorSettings, Shown
from merpati.services.diagnose.local import Local
from merpati.services.outbound import OutboundSettings
from merpati.store import directory
from merpati.wire.mta_sts import Policy

TRIES: Final = 2  # rounds over the name servers; a person waits
MARKS: Final = {Severity.OK: "ok", Severity.WARNING: "warning", Severity.PROBLEM: "PROBLEM"}
MARK_WIDTH: Final = max(map(len, MARKS.values()))


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati doctor [DOMAIN ...]`."""
    parser.add_argument("domain", nargs="*", help="all domains served here when not given")
    parser.add_argument("--quiet", "-q", action="store_true", help="only what is to be mended")
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    return session.with_session(args, lambda one: _doctor(one, args))


async def _doctor(one: Session, args: argparse.Namespace) -> int:
    names = args.domain or [found.name for found in await one.store.read(directory.domains)]
    shown = await dns.shown_certificates(one)
    homes = [await dns.find_home(one, name, shown) for name in names]
    resolver = Resolver(one.config[DnsSettings].endpoints() or None, one.clock, attempts=TRIES)
    machine = _machine(one.config, shown)
    https = Https(resolver, Reaper(), client_context(verify=True))

    def fetch(domain: str) -> Awaitable[Policy]:
        return mta_sts.fetch(https, domain)

    try:
        gathered = await _gather(one, resolver)
        found = {machine.hostname: await doctor.examine_machine(machine, gathered, resolver)}
        for home in () if gathered.resolver else homes:
            found[home.domain] = await doctor.examine_domain(home, machine, resolver, fetch)
    finally:
        await resolver.close()
    if args.json:
        session.print_json(_plain(found))
    else:
        for line in tell(found, quiet=args.quiet):
            say(line)
    return FAILED if _count(found, Severity.PROBLEM) else DONE


def _machine(config: Config, shown: Sequence[Shown]) -> Machine:
    asked = config[DoctorSettings]
    return Machine(
        hostname=config[ServerSettings].hostname.lower(),
        sources=gather.sources(),
        issuer=dns.issuer(config, shown),
        certificates=tuple(one.certificate for one in shown),
        tlsa=tuple(dict.fromkeys(one.tlsa for one in shown)),
        block_lists=asked.block_lists,
        domain_block_lists=asked.domain_block_lists,
    )


async def _gather(one: Session, resolver: Resolver) -> Local:
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


def tell(found: dict[str, list[Finding]], *, quiet: bool = False) -> list[str]:
    """The findings for people, by machine and domain."""
    lines: list[str] = []
    for subject, findings in found.items():
        shown = [one for one in findings if not quiet or one.severity is not Severity.OK]
        if not shown:
            continue
        lines += ["", subject] if lines else [subject]
        width = max(len(one.check) for one in shown)
        for one in shown:
            lead = f"  {MARKS[one.severity]:{MARK_WIDTH}}  {one.check:{width}}  "
            lines.append(lead + one.what)
            if one.severity is not Severity.OK:
                indent = " " * len(lead)
                lines += [f"{indent}Why: {one.why}", f"{indent}Do:  {one.do}"]
    lines += [""] if lines else []
    return [*lines, _summary(found)]


def _summary(found: dict[str, list[Finding]]) -> str:
    problems, warnings = (_count(found, one) for one in (Severity.PROBLEM, Severity.WARNING))
    if not problems and not warnings:
        return "All is well."
    parts = [
        f"{number} {word}{'' if number == 1 else 's'}"
        for number, word in ((problems, "problem"), (warnings, "warning"))
        if number
    ]
    return " and ".join(parts) + "."


def _count(found: dict[str, list[Finding]], severity: Severity) -> int:
    return sum(one.severity is severity for findings in found.values() for one in findings)


def _plain(found: dict[str, list[Finding]]) -> dict[str, Any]:
    return {
        "problems": _count(found, Severity.PROBLEM),
        "warnings": _count(found, Severity.WARNING),
        "findings": [
            {
                "subject": subject,
                "check": one.check,
                "severity": one.severity.value,
                "what": one.what,
                "why": one.why,
                "do": one.do,
            }
            for subject, findings in found.items()
            for one in findings
        ],
    }

"""The DNS records to publish for a domain, as a table or as a zone file.

Mail reaches the domain by MX; SPF, DKIM, DMARC and PTR make others believe it; MTA-STS and
TLSA keep it encrypted; SRV records let mail programs find the server by themselves.
"""

from __future__ import annotations

import argparse

import msgspec

from merpati.app import examining, protection
from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.language import tell
from merpati.base.faults import Fault, Kind
from merpati.net.asking import answer
from merpati.net.dns import Resolver
from merpati.services import dns_push
from merpati.services.diagnose import publish, update
from merpati.services.diagnose.publish import Home


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati dns DOMAIN [--zone|--push]`."""
    parser.add_argument("domain")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--zone", action="store_true", help="print a zone file")
    how.add_argument(
        "--push", action="store_true", help="put them into the zone, by the server of [dns_update]"
    )
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: _dns(one, args))


async def _dns(one: Session, args: argparse.Namespace) -> None:
    home = await examining.find_home(one, args.domain, await examining.shown_certificates(one))
    if args.push:
        await _push(one, home)
        return
    if args.json:
        found = [msgspec.structs.asdict(record) for record in publish.records(home)]
        session.print_json({"records": found, "notes": publish.notes(home)})
        return
    for line in map(_comment, publish.zone_file(home)) if args.zone else table(home):
        say(line)


def _comment(line: str) -> str:
    """A line of a zone file, whose comments are for people."""
    return f"; {tell(line[2:])}" if line.startswith("; ") else line


async def _push(one: Session, home: Home) -> None:
    """Put the records into the zone; what a person should decide is left and told."""
    server = protection.name_server(one.config)
    if server is None:
        raise Fault(
            Kind.CONFIG,
            "no name server takes updates: set server in [dns_update] of merpati.toml",
        )
    resolver = Resolver([server[0]], one.clock)  # what the zone has, not what is remembered of it
    try:
        planned = await answer(update.plan(home), resolver)
    finally:
        await resolver.close()
    records = [(each.name, each.type, each.value) for each in planned.put]
    for zone, number in (await dns_push.push(records, *server, publish.TTL)).items():
        say(f"{number} records were put into the zone {zone}.")
    for each in planned.left:
        say(f"Left as it is in the DNS; wanted: {each.name} {each.type} {each.value}")
    say(f"See what is missing: merpati doctor {home.domain}")


def table(home: Home) -> list[str]:
    """The records as lines for a terminal, then what is to be done besides."""
    found = publish.records(home)
    widths = [max(len(getattr(one, field)) for one in found) for field in ("name", "type")]
    lines = [
        f"{one.name:{widths[0]}}  {one.type:{widths[1]}}  {tell(one.value)}".rstrip()
        for one in found
    ]
    return [*lines, "", *publish.notes(home)]

"""The DNS records to publish for a domain, as a table or as a zone file.

Mail reaches the domain by MX; SPF, DMARC and PTR make others believe it; SRV records let
mail programs find the server by themselves. Signing with DKIM is not there yet, so there is
no key to publish.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.installation import ServerSettings
from merpati.store import directory
from merpati.wire.smtp.paths import Path, parse_domain

TTL: Final = 3600  # seconds
ADDRESS: Final = "<IPv4 address of this server>"
ADDRESS_6: Final = "<IPv6 address of this server, if it has one>"

# Name of RFC 6186 3 and RFC 8314 5.1: service, priority, port when no listener has another.
# The priority says that IMAP is to be preferred to POP3 (RFC 6186 3.4).
SERVICES: Final = {
    "_submissions._tcp": ("submissions", 0, 465),
    "_submission._tcp": ("submission", 0, 587),
    "_imaps._tcp": ("imaps", 0, 993),
    "_imap._tcp": ("imap", 0, 143),
    "_pop3s._tcp": ("pop3s", 10, 995),
}


class Record(msgspec.Struct, frozen=True):
    """One record: its full name with the final dot, as in a zone file, and what it is for."""

    name: str
    type: str
    value: str
    purpose: str


def records(domain: str, hostname: str, ports: Mapping[str, int] | None = None) -> list[Record]:
    """What to publish for a domain.

    Args:
        domain: Whose mail is at home here.
        hostname: This server's name.
        ports: The port of each service offered; all of them on their standard port if None.
    """
    zone = Path("", parse_domain(domain)).ascii_domain() + "."
    host = Path("", parse_domain(hostname)).ascii_domain() + "."
    found = [
        Record(host, "A", ADDRESS, "where this server is"),
        Record(host, "AAAA", ADDRESS_6, "where this server is"),
        Record(zone, "MX", f"10 {host}", "mail for the domain comes here"),
        Record(zone, "TXT", '"v=spf1 mx -all"', "SPF: only this server sends for the domain"),
        Record(host, "TXT", '"v=spf1 a -all"', "SPF for bounces, which have no sender"),
        Record(
            f"_dmarc.{zone}", "TXT", f'"v=DMARC1; p=none; rua=mailto:postmaster@{zone[:-1]}"',
            "DMARC: reports only at first; p=quarantine once they look right",
        ),
    ]  # fmt: skip
    for name, (service, priority, standard) in SERVICES.items():
        port = standard if ports is None else ports.get(service)
        if port:
            found.append(
                Record(f"{name}.{zone}", "SRV", f"{priority} 1 {port} {host}",
                       "lets mail programs find the server")
            )  # fmt: skip
    return found


def notes(domain: str, hostname: str) -> list[str]:
    """What is to be done besides."""
    pointer = f"PTR: whoever gave you the address must let it lead back to {hostname};"
    issuers = f"CAA: if {domain} has CAA records, they must allow the issuer of your certificate,"
    return [
        pointer + " without that, large providers refuse your mail.",
        issuers + ' such as 0 issue "letsencrypt.org".',
        "DKIM: Merpati does not sign yet; there is nothing to publish for it.",
    ]


def table(domain: str, hostname: str, ports: Mapping[str, int] | None = None) -> list[str]:
    """The records as lines for a terminal, then what is to be done besides."""
    found = records(domain, hostname, ports)
    widths = [max(len(getattr(one, field)) for one in found) for field in ("name", "type")]
    lines = [
        f"{one.name:{widths[0]}}  {one.type:{widths[1]}}  {one.value}".rstrip() for one in found
    ]
    return [*lines, "", *notes(domain, hostname)]


def zone_file(domain: str, hostname: str, ports: Mapping[str, int] | None = None) -> list[str]:
    """The records as a zone file (RFC 1035 5.1), to be pasted once the addresses are filled in."""
    lines = [f"; {note}" for note in notes(domain, hostname)]
    lines.append(f"$TTL {TTL}")
    for one in records(domain, hostname, ports):
        # A placeholder must not load: the line is a comment until it is filled in.
        mark = "; " if one.value.startswith("<") else ""
        lines.append(f"{mark}{one.name}\tIN\t{one.type}\t{one.value}")
    return lines


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati dns DOMAIN [--zone]`."""
    parser.add_argument("domain")
    parser.add_argument("--zone", action="store_true", help="print a zone file")
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: _dns(one, args))


async def _dns(one: Session, args: argparse.Namespace) -> None:
    domain = (await one.store.read(directory.domain, args.domain)).name
    hostname = one.config[ServerSettings].hostname
    ports = {listener.service: listener.port or 0 for listener in one.config.listeners}
    if args.json:
        found = [_plain(record) for record in records(domain, hostname, ports)]
        session.print_json({"records": found, "notes": notes(domain, hostname)})
        return
    for line in (zone_file if args.zone else table)(domain, hostname, ports):
        say(line)


def _plain(record: Record) -> dict[str, Any]:
    return msgspec.structs.asdict(record)

"""Certificates, MTA-STS policies, and what other domains demand of mail sent to them.

tls list                        certificates, their end, and the TLSA record of each
tls renew NAME                  order the next certificate of a name now
tls policy DOMAIN               what is verified when mail goes to a domain, and why
tls mta-sts DOMAIN MODE         host an MTA-STS policy: testing, enforce, none, or remove
tls reports [DOMAIN]            what others report about TLS with our domains
"""

from __future__ import annotations

import argparse
from typing import Any, Final

import msgspec

from merpati.app import certificates as shown
from merpati.app.commands import session
from merpati.app.commands.session import Session, say
from merpati.app.installation import DnsSettings, ServerSettings
from merpati.app.language import tell
from merpati.app.protection import secured
from merpati.base.faults import Fault, Kind
from merpati.base.log import Level, Log, Sink
from merpati.net import mx
from merpati.net.dns import Resolver
from merpati.net.reaper import Reaper
from merpati.net.tls import CertificateStore
from merpati.services.certificates import tlsa_of
from merpati.services.mta_sts import own_id, own_policy
from merpati.store import certificates, directory, transport
from merpati.wire import tls_advice, tls_report
from merpati.wire.mta_sts import Mode, encode_record

DAY_MS: Final = 86_400_000
AGES: Final = {"testing": 86_400, "enforce": 604_800, "none": 86_400}  # seconds, RFC 8461 3.2
REMOVE: Final = "remove"


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati tls list|renew|policy|mta-sts|reports`."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, text in (
        ("list", "certificates, their end, and the TLSA record of each"),
        ("renew", "order the next certificate of a name now"),
        ("policy", "what is verified when mail goes to a domain, and why"),
        ("mta-sts", "host an MTA-STS policy for a domain of yours"),
        ("reports", "what others report about TLS with your domains"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        session.add_config_option(action)
        if name in {"list", "policy", "reports"}:
            session.add_json_option(action)
        if name == "renew":
            action.add_argument("name")
        elif name == "reports":
            action.add_argument("domain", nargs="?", default="")
            action.add_argument("--last", type=int, default=20, help="at most so many reports")
            languages = tls_advice.LANGUAGES
            action.add_argument("--language", choices=languages, default="", help="to tell them in")
        elif name != "list":
            action.add_argument("domain")
        if name == "mta-sts":
            action.add_argument("mode", choices=[*AGES, REMOVE])
            action.add_argument("--max-age", type=int, default=0, metavar="SECONDS")


def run(args: argparse.Namespace) -> None:
    """Do it."""
    session.with_session(args, lambda one: ACTIONS[args.action](one, args))


async def _list(one: Session, args: argparse.Namespace) -> None:
    ordered = {each.name: each for each in await one.store.read(certificates.certificates)}
    found: list[dict[str, Any]] = []
    files = shown.files(one.config)
    for each in CertificateStore(files).certificates if files else ():
        name = each.names[0] if each.names else str(each.files.certificate)
        known = ordered.pop(name, None)
        found.append(
            {
                "name": name,
                "names": each.names,
                "ends": int(each.not_after * 1000),
                "renewed": known.renew_at if known else None,
                "tlsa": str(tlsa_of(each.files)),
                "problem": known.problem if known else "",
            }
        )
    found += [
        {"name": each.name, "names": each.names, "ends": each.not_after, "renewed": each.renew_at,
         "tlsa": "", "problem": each.problem}
        for each in ordered.values()
    ]  # fmt: skip
    if args.json:
        session.print_json(found)
        return
    rows = [
        (
            row["name"],
            session.show_time(row["ends"]) if row["ends"] else tell("none yet"),
            session.show_time(row["renewed"]) if row["renewed"] else tell("by hand"),
        )
        for row in found
    ]
    session.print_table(("name", "ends", "next order"), rows, "No certificate: see [tls].")
    for row in found:
        if row["problem"]:
            say(f"{row['name']}: {tell(row['problem'])}")
    for row in found:
        if row["tlsa"]:
            say(f"_25._tcp.{row['name']}. IN TLSA {row['tlsa']}")


async def _renew(one: Session, args: argparse.Namespace) -> None:
    if not await one.store.write(certificates.renew_now, args.name.lower(), 0):
        text = f"no certificate of {args.name} was ever ordered; see: merpati tls list"
        raise Fault(Kind.NOT_FOUND, text)
    say(f"The next certificate of {args.name} is ordered now, if the server runs.")


async def _policy(one: Session, args: argparse.Namespace) -> None:
    log = Log(Sink(one.clock, level=Level.ERROR))
    resolver = Resolver(one.config[DnsSettings].endpoints() or None, one.clock)
    judge, _, _ = secured(one.config, one.store, resolver, Reaper(), one.clock, log)
    own = {one.config[ServerSettings].hostname.lower()}
    found = []
    try:
        for target in await mx.targets(resolver, args.domain.lower(), own, _First()):
            security = await judge.policy(args.domain.lower(), target.host)
            refused = security.refused
            words = refused.text if refused else security.tls.trust
            found.append({"host": target.host, "mode": security.tls.mode.value, "why": words})
    finally:
        await resolver.close()
    if args.json:
        session.print_json(found)
        return
    for each in found:
        say(f"{each['host']}: {tell(each['why'])}")


async def _mta_sts(one: Session, args: argparse.Namespace) -> None:
    domain = await one.store.read(directory.domain, args.domain)
    if args.mode == REMOVE:
        if not await one.store.write(transport.unhost_policy, domain.id):
            raise Fault(Kind.NOT_FOUND, f"no policy is hosted for {domain.name}")
        say(f"No policy is hosted for {domain.name} any more. Take its record away too, but")
        say("first host one with the mode none for as long as the last one was to be kept.")
        return
    age = args.max_age or AGES[args.mode]
    await one.store.write(transport.host_policy, domain.id, Mode(args.mode).value, age)
    hosted = transport.Hosted(domain.name, args.mode, age)
    hostname = one.config[ServerSettings].hostname
    policy_id = own_id(own_policy(hosted, hostname))
    say(f"The MTA-STS policy of {domain.name} is served. Publish:")
    say(f"mta-sts.{domain.name}. IN CNAME {hostname}.")
    say(f'_mta-sts.{domain.name}. IN TXT "{encode_record(policy_id).decode()}"')


async def _reports(one: Session, args: argparse.Namespace) -> None:
    domains = (args.domain.lower(),) if args.domain else ()
    found = await one.store.read(transport.reports, domains, args.last)
    if args.json:
        read = [msgspec.to_builtins(tls_report.parse(each.report)) for each in found]
        session.print_json(read)
        return
    if not found:
        say("No report yet. Domains get them once they publish _smtp._tls: see merpati dns")
    language = args.language or one.config[ServerSettings].language
    for number, each in enumerate(found):
        if number:
            say("")
        for line in tls_advice.sentences(tls_report.parse(each.report), language):
            say(line)


class _First:
    """No chance: hosts of equal preference in the order of the DNS."""

    def random(self) -> float:
        return 0.0


ACTIONS = {
    "list": _list,
    "renew": _renew,
    "policy": _policy,
    "mta-sts": _mta_sts,
    "reports": _reports,
}

"""Whether others find this server and know it again: addresses, PTR, MX, SRV, CAA."""

from __future__ import annotations

import ipaddress
from typing import Final

from merpati.services.diagnose.findings import (
    Case,
    Finding,
    Machine,
    ask_addresses,
    ask_own_addresses,
    is_private,
    listed,
    ok,
    problem,
    unknown,
    warning,
)
from merpati.services.diagnose.publish import SERVICES
from merpati.wire.asking import Asking, Question

# Ends of names that the public DNS never has (RFC 6762, RFC 6761, ICANN's private use).
_EXAMPLE: Final = "mail.example.org"
_LOCAL_ENDS: Final = (".local", ".localdomain", ".localhost", ".internal", ".lan", ".invalid")


def check_host(machine: Machine) -> Asking[list[Finding]]:
    """The server's name leads to its addresses, and these are where mail leaves."""
    name = machine.hostname
    if "." not in name or name.endswith(_LOCAL_ENDS):
        return [
            problem(
                "host",
                f"{name} is no name of the public DNS.",
                "Other servers look up the name this server greets with, and refuse its mail when"
                " there is none.",
                f'Set hostname in [server] of merpati.toml to a name of yours, as in "{_EXAMPLE}".',
            )
        ]
    alias = yield Question(name, "CNAME")
    found = yield from ask_addresses(name)
    if found.failure:
        return [unknown("host", name, found.failure)]
    if not found.addresses:
        return [
            problem(
                "host",
                f"{name} has no address in the DNS.",
                "Nobody can connect to this server by its name, and many servers refuse mail from"
                " a host whose name leads nowhere.",
                f"Publish: {name}. A <IPv4 address of this server>",
            )
        ]
    findings = _alias_finding(name, alias.records)
    hidden = [one for one in found.addresses if is_private(one)]
    if hidden:
        findings.append(
            problem(
                "host",
                f"{name} leads to {listed(hidden)}, which is of a private network.",
                "Other servers cannot connect there.",
                f"Publish the address that others see instead: {name}. A <public address>",
            )
        )
    for source in machine.sources:
        if source not in found.addresses:
            kind = "AAAA" if ":" in source else "A"
            findings.append(
                problem(
                    "host",
                    f"This machine sends from {source}, but {name} leads to"
                    f" {listed(found.addresses)}.",
                    "Receivers compare the name in the greeting with the address that mail comes"
                    " from, and distrust a server where they differ.",
                    f"Publish: {name}. {kind} {source}",
                )
            )
    return findings or [ok("host", f"{name} leads to {listed(found.addresses)}.")]


def _alias_finding(name: str, targets: tuple[str, ...]) -> list[Finding]:
    if not targets:
        return []
    return [
        warning(
            "host",
            f"{name} is an alias (CNAME) of {targets[0]}.",
            "An MX record must not lead to an alias (RFC 2181 10.3); some servers do not deliver"
            " then.",
            f"Replace the CNAME by the addresses: {name}. A <IPv4 address of this server>",
        )
    ]


def check_pointers(machine: Machine) -> Asking[list[Finding]]:
    """Each address has a name, which is ours and leads back (PTR)."""
    own = yield from ask_own_addresses(machine)
    findings = []
    for address in own.addresses:
        answer = yield Question(ipaddress.ip_address(address).reverse_pointer, "PTR")
        if answer.failure:
            findings.append(unknown("ptr", f"the name of {address}", answer.failure))
        else:
            findings.append((yield from _pointer(machine.hostname, address, answer.records)))
    return findings


def _pointer(hostname: str, address: str, names: tuple[str, ...]) -> Asking[Finding]:
    do = (
        f"Ask whoever gave you {address} to let it lead to {hostname}; providers call it reverse"
        " DNS, PTR or rDNS."
    )
    if not names:
        return problem(
            "ptr",
            f"{address} has no name (no PTR record).",
            "Gmail, Outlook and many others refuse mail from an address without a name.",
            do,
        )
    confirmed = []
    for name in names[:10]:
        back = yield from ask_addresses(name)
        if address in back.addresses:
            confirmed.append(name)
    if hostname in confirmed:
        return ok("ptr", f"{address} leads back to {hostname}.")
    if confirmed:
        return warning(
            "ptr",
            f"{address} leads to {listed(confirmed)}, not to {hostname}.",
            "The name of the address and the name in the greeting should be one; some servers"
            " take the difference for a sign of spam.",
            do,
        )
    return problem(
        "ptr",
        f"{address} leads to {listed(names)}, which does not lead back to {address}.",
        "Anybody can give an address any name; one that does not lead back counts as none, and"
        " many servers refuse mail then.",
        do,
    )


def check_exchangers(case: Case) -> Asking[list[Finding]]:
    """Mail for the domain is led here (MX)."""
    domain, host = case.home.zone, case.home.host
    answer = yield Question(domain, "MX")
    if answer.failure:
        return [unknown("mx", f"the MX records of {domain}", answer.failure)]
    hosts = [name for _, name in sorted(answer.records)]
    if host not in hosts or "" in hosts:
        return [_led_elsewhere(domain, host, hosts, exists=answer.exists)]
    findings = []
    for name in hosts[:10]:
        findings += yield from _exchanger(domain, host, name)
    if hosts[0] != host:
        findings.append(
            warning(
                "mx",
                f"Mail for {domain} goes to {hosts[0]} first, and to this server, {host}, only"
                " when that does not answer.",
                "Unless that host passes it on, mail does not arrive here.",
                "Give the MX record of this server the lowest number, if it is to come first.",
            )
        )
    return findings or [ok("mx", f"Mail for {domain} goes to {listed(hosts)}.")]


def _led_elsewhere(domain: str, host: str, hosts: list[str], *, exists: bool) -> Finding:
    """No MX record leads to this server."""
    publish = f"Publish: {domain}. MX 10 {host}."
    if not exists:
        return problem(
            "mx",
            f"{domain} does not exist in the DNS.",
            "No mail can come or go for a domain that nobody finds.",
            f"See whether {domain} is registered and paid for, and its name servers are set.",
        )
    if not hosts:
        return problem(
            "mx",
            f"{domain} has no MX record.",
            "Other servers do not know where its mail goes; some try the address of its web server"
            " instead.",
            publish,
        )
    if "" in hosts:
        return problem(
            "mx",
            f'{domain} declares that it takes no mail (MX 0 ".").',
            "Other servers return every message for it to its sender at once (RFC 7505).",
            f"Remove that record. {publish}",
        )
    if any(_is_address(name) for name in hosts):
        return problem(
            "mx",
            f"An MX record of {domain} leads to {listed(hosts)}, an address where a name must"
            " stand.",
            "Other servers look for a host of that name and find none.",
            f"{publish} Remove the other one.",
        )
    return problem(
        "mx",
        f"Mail for {domain} goes to {listed(hosts)}, not to this server, {host}.",
        "It does not arrive here.",
        f"{publish} Remove the other MX records once mail is to come here.",
    )


def _exchanger(domain: str, host: str, name: str) -> Asking[list[Finding]]:
    """One of the hosts that an MX record names; ourselves are checked as the host."""
    if name == host:
        return []
    found = yield from ask_addresses(name)
    if found.addresses or found.failure:
        return []
    return [
        problem(
            "mx",
            f"An MX record of {domain} leads to {name}, which has no address.",
            "Mail that is sent there is delayed, or returned when no other host takes it.",
            f"Remove that MX record, or publish an address for {name}.",
        )
    ]


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def check_services(case: Case) -> Asking[list[Finding]]:
    """Mail programs find the server by themselves (SRV, RFC 6186)."""
    home = case.home
    missing = []
    findings = []
    for prefix, (service, _, standard) in SERVICES.items():
        name = f"{prefix}.{home.zone}"
        port = standard if home.ports is None else home.ports.get(service, 0)
        answer = yield Question(name, "SRV")
        wrong = [one for one in answer.records if one[2:] != (port, home.host) and one[3]]
        if wrong:
            findings.append(
                _wrong_service(name, service, f"{home.host}:{port}" * bool(port), wrong)
            )
        elif port and not answer.records and not answer.failure:
            missing.append(service)
    if missing:
        findings.append(
            warning(
                "srv",
                f"{home.domain} has no SRV records for {listed(missing)}.",
                "Mail programs then ask people for the name and port of the server.",
                f"Publish the SRV lines of: merpati dns {home.domain}",
            )
        )
    return findings or [ok("srv", f"Mail programs find the services of {home.domain}.")]


def _wrong_service(
    name: str, service: str, place: str, wrong: list[tuple[int, int, int, str]]
) -> Finding:
    """An SRV record leads to another place than the service's; "" when it is not offered."""
    _, _, port, host = wrong[0]
    offered = f"{service} is at {place}" if place else f"{service} is not offered"
    ours, _, our_port = place.rpartition(":")
    return warning(
        "srv",
        f"The SRV record {name} leads to {host}:{port}, but {offered}.",
        "Mail programs that follow it cannot connect.",
        f"Publish: {name}. SRV 0 1 {our_port} {ours}."
        if place
        else f"Remove the SRV record {name}.",
    )


def check_issuers(machine: Machine) -> Asking[list[Finding]]:
    """CAA records allow the authority that certifies this server (RFC 8659 3)."""
    if not machine.issuer:
        return []
    labels = machine.hostname.split(".")
    for n in range(len(labels)):
        name = ".".join(labels[n:])
        answer = yield Question(name, "CAA")
        if not answer.records:
            continue
        allowed = [
            value.partition(";")[0].strip().lower()
            for _, tag, value in answer.records
            if tag == "issue"
        ]
        if not allowed or machine.issuer in allowed:
            return [ok("caa", f"The CAA records of {name} allow {machine.issuer}.")]
        others = [one for one in allowed if one]
        only = f"only {listed(others)}" if others else "nobody"
        return [
            problem(
                "caa",
                f"The CAA records of {name} allow {only} to issue certificates, and this server's"
                f" are of {machine.issuer}.",
                "The next certificate of this server cannot be issued, and mail programs refuse to"
                " connect once the present one has ended.",
                f'Publish: {machine.hostname}. CAA 0 issue "{machine.issuer}"',
            )
        ]
    return []

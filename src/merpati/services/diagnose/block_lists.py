"""Whether our addresses and domains are on block lists of the DNS (RFC 5782)."""

from __future__ import annotations

import ipaddress
from typing import Final

from merpati.services.diagnose.findings import (
    Case,
    Finding,
    Machine,
    ask_own_addresses,
    ok,
    problem,
    warning,
)
from merpati.wire.asking import Asking, Question

ADDRESS_LISTS: Final = (
    "zen.spamhaus.org",
    "bl.spamcop.net",
    "psbl.surriel.com",
)
DOMAIN_LISTS: Final = ("dbl.spamhaus.org",)

MAX_REASON: Final = 200  # characters of a list's own words
_REMOVAL: Final = {
    "zen.spamhaus.org": "https://check.spamhaus.org/",
    "dbl.spamhaus.org": "https://check.spamhaus.org/",
    "bl.spamcop.net": "https://www.spamcop.net/bl.shtml",
    "psbl.surriel.com": "https://psbl.org/",
}
# Spamhaus and others answer 127.255.255.x to resolvers that they do not serve.
_REFUSED: Final = "127.255.255."
_LISTED: Final = "127."  # RFC 5782 2.1


def check_addresses(machine: Machine) -> Asking[list[Finding]]:
    """Our addresses on the lists of addresses."""
    own = yield from ask_own_addresses(machine)
    findings: list[Finding] = []
    for address in own.addresses:
        pointer = ipaddress.ip_address(address).reverse_pointer
        labels = pointer.removesuffix(".in-addr.arpa").removesuffix(".ip6.arpa")
        for zone in machine.block_lists:
            findings += yield from _listing(address, f"{labels}.{zone}", zone)
    if own.addresses and machine.block_lists and not findings:
        findings.append(ok("block-list", "No block list has the addresses of this server."))
    return findings


def check_domain(case: Case) -> Asking[list[Finding]]:
    """Our domain on the lists of domains."""
    findings: list[Finding] = []
    for zone in case.machine.domain_block_lists:
        findings += yield from _listing(case.home.zone, f"{case.home.zone}.{zone}", zone)
    return findings


def _listing(subject: str, name: str, zone: str) -> Asking[list[Finding]]:
    answer = yield Question(name, "A")
    refused = any(one.startswith(_REFUSED) for one in answer.records)
    if refused or answer.failure:
        reason = "" if refused else f": {answer.failure.rstrip('.')}"
        return [
            warning(
                "block-list",
                f"The block list {zone} does not answer your resolver{reason}.",
                f"Whether {subject} is on it cannot be told from here.",
                "Use a resolver of your own (nameservers in [dns]) instead of a public one, or take"
                " the list out of [doctor].",
            )
        ]
    if not any(one.startswith(_LISTED) for one in answer.records):
        return []
    words = yield Question(name, "TXT")
    reason = words.records[0].decode("utf-8", "replace")[:MAX_REASON] if words.records else ""
    said = f': "{reason}"' if reason.isprintable() and reason else ""
    where = _REMOVAL.get(zone, f"see the pages of {zone}")
    return [
        problem(
            "block-list",
            f"{subject} is on the block list {zone}{said}.",
            "Servers that use this list refuse your mail.",
            "Find what sent spam and stop it (merpati queue list, merpati trace), then ask for"
            f" removal: {where}",
        )
    ]

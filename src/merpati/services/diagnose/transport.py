"""Whether mail reaches this server encrypted: MTA-STS, TLS-RPT, TLSA."""

from __future__ import annotations

from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.services.diagnose.findings import (
    Case,
    Finding,
    Machine,
    ask_addresses,
    covers,
    listed,
    ok,
    problem,
    unknown,
    warning,
)
from merpati.wire import mta_sts, tls_report
from merpati.wire.asking import Asking, Question
from merpati.wire.mta_sts import Mode, encode_record

WHY_NO_POLICY: Final = "Senders act as if there were no policy; an attacker can have mail in clear."
WHY_NOT_NAMED: Final = "Gmail and others deliver nothing to a host that the policy does not name."


def check_sts(case: Case) -> Asking[list[Finding]]:
    """The MTA-STS record, the host of the policy and the MX records agree with our policy."""
    home = case.home
    place = f"_mta-sts.{home.zone}"
    answer = yield Question(place, "TXT")
    if answer.failure:
        return [unknown("mta-sts", f"the MTA-STS record of {home.zone}", answer.failure)]
    try:
        announced = mta_sts.read_record(answer.records)
    except SyntaxFault as fault:
        return [
            problem(
                "mta-sts",
                f"{place} is broken: {fault.text}",
                WHY_NO_POLICY,
                f'Publish: {place}. TXT "{_record(case)}"',
            )
        ]
    policy = home.policy
    if policy is None or policy.mode is Mode.NONE:
        return _hosted_elsewhere(case, place, announced)
    if announced != home.policy_id:
        what = (
            f"announces the policy {announced}, and the one here is {home.policy_id}"
            if announced
            else "is missing"
        )
        return [
            problem(
                "mta-sts",
                f"The MTA-STS record at {place} {what}.",
                "Senders keep to an old policy." if announced else WHY_NO_POLICY,
                f'Publish: {place}. TXT "{_record(case)}"',
            )
        ]
    findings = yield from _policy_host(case)
    findings = findings or _served_here(case, policy)
    findings += yield from _covered(case, policy)
    findings += _certified(case, policy)
    return findings or [
        ok("mta-sts", f"{home.domain} publishes its MTA-STS policy, {policy.mode.value}.")
    ]


def _record(case: Case) -> str:
    return encode_record(case.home.policy_id or "1").decode()


def _hosted_elsewhere(case: Case, place: str, announced: str) -> list[Finding]:
    """This server hosts no policy; there may be a record all the same."""
    if not announced:
        return []
    domain, host = case.home.zone, case.home.host
    do = (
        f"Remove the record {place}, or let this server host the policy:"
        f" merpati tls mta-sts {domain} testing"
    )
    served = case.served
    if served is None or served.policy is None:
        reason = f": {served.failure}" if served and served.failure else "."
        return [
            warning(
                "mta-sts",
                f"{place} announces an MTA-STS policy that this server does not host, and that"
                f" cannot be fetched{reason}",
                "Senders ask for it in vain, and those who know an old one keep to it.",
                do,
            )
        ]
    if served.policy.mode is Mode.NONE or served.policy.allows(host):
        return [ok("mta-sts", f"The MTA-STS policy of {domain}, served elsewhere, names {host}.")]
    return [
        (problem if served.policy.mode is Mode.ENFORCE else warning)(
            "mta-sts",
            f"The MTA-STS policy of {domain}, served elsewhere, does not name {host}.",
            WHY_NOT_NAMED,
            do,
        )
    ]


def _served_here(case: Case, policy: mta_sts.Policy) -> list[Finding]:
    """What others fetch is the policy of this server."""
    served, domain = case.served, case.home.zone
    if served is None or served.policy == policy:
        return []
    if served.policy is None:
        return [
            problem(
                "mta-sts",
                f"The MTA-STS policy of {domain} cannot be fetched: {served.failure}",
                WHY_NO_POLICY,
                "See that port 443 of this server can be reached, and that a certificate names"
                f" mta-sts.{domain}: merpati tls list",
            )
        ]
    mode, hosts = served.policy.mode.value, listed(served.policy.mx or ("no host",))
    return [
        problem(
            "mta-sts",
            f"Others fetch another MTA-STS policy of {domain}: {mode}, for {hosts}.",
            "Senders keep to that one, and deliver nothing here once it says enforce.",
            f"See which web server answers for mta-sts.{domain}; it must be this one.",
        )
    ]


def _policy_host(case: Case) -> Asking[list[Finding]]:
    """`mta-sts.DOMAIN` leads here."""
    host = f"mta-sts.{case.home.zone}"
    found = yield from ask_addresses(host)
    own = yield from ask_addresses(case.home.host)
    do = f"Publish: {host}. CNAME {case.home.host}."
    if found.failure:
        return [unknown("mta-sts", host, found.failure)]
    if not found.addresses:
        return [
            problem(
                "mta-sts",
                f"{host} has no address, so the policy cannot be fetched.",
                WHY_NO_POLICY,
                do,
            )
        ]
    if not set(found.addresses) & set(own.addresses):
        return [
            problem(
                "mta-sts",
                f"{host} leads to {listed(found.addresses)}, not to this server.",
                "Senders fetch another policy than yours, or none.",
                do,
            )
        ]
    return []


def _covered(case: Case, policy: mta_sts.Policy) -> Asking[list[Finding]]:
    """Every host that takes mail is one the policy allows (RFC 8461 4.1)."""
    answer = yield Question(case.home.zone, "MX")
    outside = [host for _, host in sorted(answer.records) if host and not policy.allows(host)]
    if not outside:
        return []
    strict = policy.mode is Mode.ENFORCE
    return [
        (problem if strict else warning)(
            "mta-sts",
            f"The MTA-STS policy of {case.home.domain} does not name {listed(outside)}, to which"
            " its MX records lead.",
            WHY_NOT_NAMED
            if strict
            else "Once the policy is enforced, Gmail and others deliver nothing there.",
            "Remove those MX records, or name the hosts in the policy.",
        )
    ]


def _certified(case: Case, policy: mta_sts.Policy) -> list[Finding]:
    """Who enforces a policy shows a certificate that others believe (RFC 8461 4.2)."""
    believed = [
        one
        for one in case.machine.certificates
        if not one.self_signed and covers(one.names, case.home.host)
    ]
    if believed or policy.mode is not Mode.ENFORCE:
        return []
    return [
        problem(
            "mta-sts",
            f"The MTA-STS policy of {case.home.domain} is enforced, and no authority certifies"
            f" {case.home.host}.",
            "Gmail and others deliver nothing to a server whose certificate they cannot verify.",
            "Set enabled = true in [acme] of merpati.toml; until there is a certificate, type:"
            f" merpati tls mta-sts {case.home.domain} testing",
        )
    ]


def check_tls_reports(case: Case) -> Asking[list[Finding]]:
    """Whoever promises encryption wants to hear when it fails (RFC 8460 3)."""
    place = f"_smtp._tls.{case.home.zone}"
    do = f'Publish: {place}. TXT "v=TLSRPTv1; rua=mailto:postmaster@{case.home.zone}"'
    why = "You do not hear when others cannot deliver because of your certificate or policy."
    answer = yield Question(place, "TXT")
    if answer.failure:
        return [unknown("tls-rpt", f"the TLS-RPT record of {case.home.zone}", answer.failure)]
    claims = [raw for raw in answer.records if raw.startswith(b"v=TLSRPTv1")]
    if not claims:
        if case.home.policy is None:
            return []
        return [warning("tls-rpt", f"{case.home.domain} asks for no reports about TLS.", why, do)]
    try:
        found = tls_report.read_record(answer.records)
    except SyntaxFault as fault:
        return [warning("tls-rpt", f"{place} is broken: {fault.text}", why, do)]
    if not found:
        return [warning("tls-rpt", f"{len(claims)} records stand at {place}.", why, do)]
    return [ok("tls-rpt", f"Reports about TLS go to {listed(found)}.")]


def check_tlsa(machine: Machine) -> Asking[list[Finding]]:
    """TLSA records, when there are any, fit the key this server shows (RFC 7672)."""
    place = f"_25._tcp.{machine.hostname}"
    answer = yield Question(place, "TLSA")
    if not answer.records or not machine.tlsa:
        return []
    shown = {
        f"{usage} {selector} {kind} {data.hex()}" for usage, selector, kind, data in answer.records
    }
    do = f"Publish: {place}. TLSA {machine.tlsa[0]}"
    if not shown & set(machine.tlsa):
        return [
            problem(
                "dane",
                f"The TLSA record at {place} does not fit the key of this server's certificate.",
                "Senders that check it (Outlook, Comcast, many in Germany and the Netherlands)"
                " deliver nothing.",
                do,
            )
        ]
    if not answer.secure:
        return [
            warning(
                "dane",
                f"The TLSA record at {place} is not vouched for by DNSSEC, as far as your resolver"
                " says.",
                "Senders pass over a TLSA record without DNSSEC.",
                f"Switch DNSSEC on for the zone of {machine.hostname}; or ask a resolver that"
                " validates (nameservers in [dns]).",
            )
        ]
    return [ok("dane", f"The TLSA record at {place} fits this server's key.")]

"""Whether others believe that mail of a domain is the domain's: SPF, DKIM, DMARC."""

from __future__ import annotations

import re
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.services.diagnose.findings import (
    Case,
    Finding,
    Machine,
    ask_own_addresses,
    listed,
    ok,
    problem,
    sentence,
    unknown,
    warning,
)
from merpati.services.diagnose.publish import SigningRecord, quote
from merpati.wire.asking import Asking, Question
from merpati.wire.dkim import keys
from merpati.wire.dmarc import destinations
from merpati.wire.dmarc import record as dmarc_record
from merpati.wire.dmarc.discovery import DnsFailure, Records
from merpati.wire.dmarc.record import Policy
from merpati.wire.spf.check import MAX_LOOKUPS, check_host
from merpati.wire.spf.record import Directive, Record
from merpati.wire.spf.survey import Survey, survey
from merpati.wire.spf.verdict import SpfVerdict

NEARLY: Final = 9  # look-ups of SPF from which on one more included service breaks the record
_PUBLIC: Final = re.compile(r"(?:^|;)\s*p\s*=([^;]*)")

WHY_SPF: Final = (
    "Gmail, Outlook and others refuse or mark mail of domains that do not say which servers may"
    " send for them."
)
WHY_UNLISTED: Final = "Receivers refuse or mark what your people send."
WHY_UNSIGNED: Final = (
    "Gmail, Yahoo and others want a signature of the domain, and DMARC then rests on SPF alone,"
    " which forwarding breaks."
)
WHY_BAD_KEY: Final = "The signature of every message is taken for a forged one."
WHY_BAD_NEXT_KEY: Final = "Once it signs, every signature is taken for a forged one."
WHY_FORGED: Final = "Mail that others send in your name is neither refused nor marked."


def check_policy(case: Case) -> Asking[list[Finding]]:
    """The domain's SPF record is sound, allows what it must, and costs no more than it may."""
    domain = case.home.zone
    found = yield from survey(domain)
    if found.failure:
        return [unknown("spf", f"the SPF record of {domain}", found.failure)]
    broken = [
        problem(
            "spf",
            sentence(fault),
            "Receivers cannot use a broken record, and treat mail as if SPF had failed.",
            f"Mend the record; a sound one for this server alone is: {_publish(domain, Record())}",
        )
        for fault in found.faults
    ]
    if found.record is None:
        return broken or [
            problem(
                "spf", f"{domain} has no SPF record.", WHY_SPF, f'Publish: {domain}. TXT "{_PLAIN}"'
            )
        ]
    findings = [*broken, *_judge_terms(domain, found.record), *_judge_costs(domain, found)]
    if not broken and found.lookups <= MAX_LOOKUPS:
        findings += yield from _check_addresses(case, found.record)
    return findings


_PLAIN: Final = "v=spf1 mx -all"


def _publish(domain: str, record: Record) -> str:
    """The line to publish: the record as it should be; our own when it is empty."""
    text = str(record) if record.directives else _PLAIN
    return f"{domain}. TXT {quote(text)}"


def _judge_terms(domain: str, record: Record) -> list[Finding]:
    """What a record of sound grammar should not say."""
    findings = []
    rest = [one for one in record.directives if one.mechanism == "all"]
    others = tuple(one for one in record.directives if one.mechanism not in {"all", "ptr"})
    better = msgspec.structs.replace(record, directives=(*others, Directive("~", "all")))
    if rest and rest[0].qualifier == "+":
        findings.append(
            problem(
                "spf",
                f"The SPF record of {domain} allows everybody to send for it (+all).",
                f"{WHY_FORGED} Many receivers distrust the domain for it.",
                f"Publish: {_publish(domain, better)}",
            )
        )
    elif (rest and rest[0].qualifier == "?") or not (rest or record.redirect):
        what = "ends in ?all" if rest else 'has no "all" at its end'
        findings.append(
            warning(
                "spf",
                f"The SPF record of {domain} {what}: it says nothing about other servers.",
                WHY_FORGED,
                f"Publish: {_publish(domain, better)}",
            )
        )
    if any(one.mechanism == "ptr" for one in record.directives):
        findings.append(
            warning(
                "spf",
                f'The SPF record of {domain} uses "ptr".',
                "It is slow, unreliable, and ignored by large receivers (RFC 7208 5.5).",
                "Name the servers by mx, a, ip4 or ip6 instead, and remove ptr.",
            )
        )
    return findings


def _judge_costs(domain: str, found: Survey) -> list[Finding]:
    """The ten look-ups of RFC 7208 4.6.4."""
    dearest = sorted(found.costs, key=lambda cost: -cost[1])
    costs = listed([f"{term} ({number})" for term, number in dearest]) if dearest else ""
    do = (
        f"They come from {costs}. Remove services that no longer send for you, or name their"
        " servers by ip4 and ip6."
    )
    if found.lookups > MAX_LOOKUPS:
        return [
            problem(
                "spf",
                f"The SPF record of {domain} needs {found.lookups} DNS look-ups;"
                f" {MAX_LOOKUPS} are allowed.",
                "Receivers give up at the eleventh, and treat mail as if SPF had failed.",
                do,
            )
        ]
    if found.lookups >= NEARLY:
        return [
            warning(
                "spf",
                f"The SPF record of {domain} needs {found.lookups} of the {MAX_LOOKUPS} DNS"
                " look-ups that are allowed.",
                "One more, added by any service that the record includes, breaks it.",
                do,
            )
        ]
    return []


def _check_addresses(case: Case, record: Record) -> Asking[list[Finding]]:
    """What the record says of each address from which mail leaves."""
    domain = case.home.zone
    own = yield from ask_own_addresses(case.machine)
    refused: list[str] = []
    why = ""
    for address in own.addresses:
        sender = f"postmaster@{domain}"
        result = yield from check_host(address, domain, sender, case.machine.hostname)
        if result.verdict is SpfVerdict.TEMPERROR:
            return [unknown("spf", f"the SPF record of {domain}", result.reason)]
        if result.verdict is not SpfVerdict.PASS:
            refused.append(address)
            why = why or result.reason
    if not own.addresses:
        return []
    if not refused:
        return [ok("spf", f"The SPF record of {domain} allows {listed(own.addresses)}.")]
    terms = " ".join(f"{'ip6' if ':' in one else 'ip4'}:{one}" for one in refused)
    text = str(record).replace("v=spf1", f"v=spf1 {terms}", 1)
    return [
        problem(
            "spf",
            f"SPF of {domain} does not allow {listed(refused)}, from which this server sends:"
            f" {why}.",
            WHY_UNLISTED,
            f"Publish: {domain}. TXT {quote(text)}",
        )
    ]


def check_greeting(machine: Machine) -> Asking[list[Finding]]:
    """SPF of the server's own name, by which mail without a sender is judged (RFC 7208 2.3)."""
    host = machine.hostname
    own = yield from ask_own_addresses(machine)
    for address in own.addresses:
        result = yield from check_host(address, host, "", host)
        if result.verdict is SpfVerdict.NONE:
            return [
                warning(
                    "spf",
                    f"{host} has no SPF record.",
                    "Bounces and receipts have no sender; receivers then look at the name in the"
                    " greeting.",
                    f'Publish: {host}. TXT "v=spf1 a -all"',
                )
            ]
        if result.verdict not in {SpfVerdict.PASS, SpfVerdict.TEMPERROR}:
            return [
                problem(
                    "spf",
                    f"SPF of {host}, the name in the greeting, does not allow {address}:"
                    f" {result.reason}.",
                    "Receivers refuse bounces and receipts, which have no other sender.",
                    f'Publish: {host}. TXT "v=spf1 a -all"',
                )
            ]
    return []


def check_keys(case: Case) -> Asking[list[Finding]]:
    """The published DKIM keys are those that sign; a key signs once it is published."""
    home = case.home
    if not home.keys:
        return [
            problem(
                "dkim",
                f"Mail of {home.domain} is not signed (DKIM): there is no key.",
                WHY_UNSIGNED,
                "Set sign = true in [dkim] of merpati.toml and start the server, which makes the"
                f" keys; then publish what is shown by: merpati dns {home.domain}",
            )
        ]
    signed = any(key.active for key in home.keys)
    findings = []
    for key in home.keys:
        one = yield from _key(home.domain, key, signed=signed)
        findings.append(one)
    return findings


def _key(domain: str, key: SigningRecord, *, signed: bool) -> Asking[Finding]:
    publish = f"Publish: {key.name}. TXT {quote(key.text)}"
    answer = yield Question(key.name, "TXT")
    if answer.failure:
        return unknown("dkim", f"the DKIM key at {key.name}", answer.failure)
    if len(answer.records) > 1:
        return problem(
            "dkim",
            f"{len(answer.records)} records are published at {key.name}, and one is allowed.",
            "Receivers pick any of them, and find the signature wrong.",
            f"Remove them all but one. {publish}",
        )
    if answer.records:
        return _published_key(key, answer.records[0], publish)
    if key.active:
        what = f"No key is published at {key.name}, and mail is signed with it."
        return problem("dkim", what, WHY_BAD_KEY, publish)
    if not signed:
        what = f"Mail of {domain} is not signed (DKIM): no key is published at {key.name}."
        return problem("dkim", what, WHY_UNSIGNED, publish)
    return warning(
        "dkim",
        f"The next DKIM key is not published at {key.name}.",
        "Until it is, the present key cannot be replaced.",
        publish,
    )


def _published_key(key: SigningRecord, record: bytes, publish: str) -> Finding:
    """What is published against what signs, or will."""
    bad, why = (problem, WHY_BAD_KEY) if key.active else (warning, WHY_BAD_NEXT_KEY)
    try:
        found = keys.parse_record(record)
    except SyntaxFault as fault:
        return bad("dkim", f"The DKIM key at {key.name} is broken: {fault.text}.", why, publish)
    if found.public is None:
        return bad("dkim", f"The DKIM key at {key.name} was revoked (p=).", why, publish)
    if _public(record.decode("latin-1")) != _public(key.text):
        signs = "signs with" if key.active else "will sign with next"
        what = f"The DKIM key at {key.name} is not the one that this server {signs}."
        return bad("dkim", what, why, publish)
    if found.testing:
        return warning(
            "dkim",
            f"The DKIM key at {key.name} is marked as a test (t=y).",
            "Receivers may treat signed mail as if it were not signed.",
            publish,
        )
    return ok(
        "dkim",
        f"The key at {key.name} is published and {'signs' if key.active else 'is ready to sign'}.",
    )


def _public(text: str) -> str:
    match = _PUBLIC.search(text)
    return "".join(match[1].split()) if match else ""


def check_dmarc(case: Case) -> Asking[list[Finding]]:
    """The DMARC record is there, sound, and its reports can be sent."""
    domain = case.home.zone
    place = f"_dmarc.{domain}"
    example = f'"v=DMARC1; p=none; rua=mailto:postmaster@{domain}"'
    answer = yield Question(place, "TXT")
    claims = [raw for raw in answer.records if dmarc_record.is_record(raw)]
    if len(claims) > 1:
        return [
            problem(
                "dmarc",
                f"{len(claims)} DMARC records are published at {place}, and one is allowed.",
                "Receivers then act as if there were none.",
                "Remove all but one.",
            )
        ]
    try:
        found = yield from Records().discover(domain)
    except DnsFailure as failure:
        return [unknown("dmarc", f"the DMARC record of {domain}", str(failure))]
    if found.record is None:
        return [
            problem(
                "dmarc",
                f"{domain} has no DMARC record.",
                "Gmail and Yahoo want one of every domain that sends much mail, and without it"
                " nobody acts on forged mail in your name.",
                f"Publish: {place}. TXT {example}",
            )
        ]
    return (yield from _judge_dmarc(found.found_at, found.record, example))


def _judge_dmarc(place: str, record: dmarc_record.Record, example: str) -> Asking[list[Finding]]:
    findings = [
        (warning if record.usable else problem)(
            "dmarc",
            f"The DMARC record of {place} has a mistake: {trouble}.",
            "Receivers pass over what they cannot read."
            if record.usable
            else "Receivers act as if there were no record.",
            f"Mend it; a sound record is: _dmarc.{place}. TXT {example}",
        )
        for trouble in record.problems
    ]
    reached = yield from destinations.verified(record.rua, place)
    findings += [
        warning(
            "dmarc",
            f"DMARC reports are not sent to {refusal}.",
            "You do not hear who sends in your name, and whose mail fails.",
            "Name an address of your own domain in rua, or ask its owner to publish the record"
            " that allows it.",
        )
        for refusal in reached.refused
    ]
    if not record.rua:
        findings.append(
            warning(
                "dmarc",
                f"The DMARC record of {place} asks for no reports (rua).",
                "You do not hear who sends in your name, and whose mail fails.",
                f"Add to it: rua=mailto:postmaster@{place}",
            )
        )
    if findings:
        return findings
    policy = record.p.value
    advice = "; make it quarantine once the reports look right" if record.p is Policy.NONE else ""
    return [ok("dmarc", f"The DMARC policy of {place} is {policy}{advice}.")]

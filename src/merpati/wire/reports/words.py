"""What DMARC reports say about a domain of ours, told in sentences, English and Indonesian."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

SHOWN: Final = 10  # addresses that are told apart
READY: Final = 0.99
"""Share of mail that passes from which on a stricter policy hurts nobody to speak of."""


class Failing(msgspec.Struct, frozen=True, kw_only=True):
    """Messages from one address that did not pass.

    Attributes:
        source_ip: the address.
        messages: how many.
        signer: the domain of a valid signature of somebody else; empty without one.
        envelope: the domain of MAIL FROM, if known.
        refused: how many were refused.
        junked: how many were set aside.
    """

    source_ip: str
    messages: int
    signer: str = ""
    envelope: str = ""
    refused: int = 0
    junked: int = 0


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a domain's mail over some days.

    Attributes:
        domain: the domain.
        days: how many days it is about.
        organizations: how many made reports.
        policy: p of the record, as they last saw it.
        messages: how many.
        passed: how many of them passed.
        failing: the rest by address, the most first.
    """

    domain: str
    days: int
    organizations: int = 0
    policy: str = "none"
    messages: int = 0
    passed: int = 0
    failing: Sequence[Failing] = ()


def sentences(summary: Summary, language: str = "en") -> list[str]:
    """The summary, a sentence or two to a line; English for a language we do not have."""
    words = _WORDS["id" if language == "id" else "en"]
    names = {"domain": summary.domain, "days": summary.days}
    if not summary.messages:
        return [words["nothing"].format(**names), words["ask"].format(**names)]
    number = _Numbers(words["thousands"])
    counts = {"messages": number(summary.messages), "passed": number(summary.passed)}
    whole = summary.passed == summary.messages
    told = [
        words["all" if whole else "some"].format(**names, **counts)
        + " "
        + words["organization" if summary.organizations == 1 else "organizations"].format(
            organizations=number(summary.organizations)
        )
    ]
    told += [_told(one, words, number) for one in summary.failing[:SHOWN]]
    rest = summary.failing[SHOWN:]
    if rest:
        messages = number(sum(one.messages for one in rest))
        told.append(words["rest"].format(messages=messages, addresses=number(len(rest))))
    return told + _advice(summary, words)


def _told(one: Failing, words: dict[str, str], number: _Numbers) -> str:
    lacking = words["signed"].format(signer=one.signer) if one.signer else words["unsigned"]
    envelope = words["envelope"].format(envelope=one.envelope) if one.envelope else ""
    delivered = one.messages - one.refused - one.junked
    fates = [
        words["all " + name] if count == one.messages else words[name].format(count=number(count))
        for name, count in (("refused", one.refused), ("junked", one.junked),
                            ("delivered", delivered))
        if count > 0
    ]  # fmt: skip
    came = words["came"].format(messages=number(one.messages), address=one.source_ip)
    return f"{came} {lacking}{envelope}: {', '.join(fates)}."


def _advice(summary: Summary, words: dict[str, str]) -> list[str]:
    names = {"domain": summary.domain, "policy": summary.policy}
    advice = [words["who"].format(**names)] if summary.failing else []
    if summary.policy != "reject" and summary.passed >= READY * summary.messages:
        advice.append(words["ready"].format(**names))
    return advice


class _Numbers:
    """Writes numbers with the language's mark between thousands."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def __call__(self, count: int) -> str:
        return f"{count:,}".replace(",", self._mark)


_WORDS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "thousands": ",",
        "nothing": "No report about {domain} has come in the last {days} days.",
        "ask": (
            "Others send reports only where the DMARC record asks for them:"
            " merpati dns {domain} shows it."
        ),
        "all": "In the last {days} days all {messages} messages from {domain} passed,",
        "some": "In the last {days} days {passed} of {messages} messages from {domain} passed,",
        "organization": "by the report of 1 organization.",
        "organizations": "by the reports of {organizations} organizations.",
        "came": "{messages} came from {address}",
        "unsigned": "without a valid signature",
        "signed": "with a signature of {signer} only",
        "envelope": " (returned to {envelope})",
        "all refused": "all were refused",
        "all junked": "all were put into Junk",
        "all delivered": "all were delivered all the same",
        "refused": "{count} were refused",
        "junked": "{count} put into Junk",
        "delivered": "{count} delivered all the same",
        "rest": "{messages} more came from {addresses} other addresses.",
        "who": (
            "An address that is yours must stand in the SPF record of {domain}, or sign its mail."
            " Any other is somebody who uses your name."
        ),
        "ready": (
            "Nearly all of your mail passes. The policy is {policy}: you can ask for a stricter"
            " one, first quarantine and then reject."
        ),
    },
    "id": {
        "thousands": ".",
        "nothing": "Dalam {days} hari terakhir tidak ada laporan tentang {domain}.",
        "ask": (
            "Pihak lain hanya mengirim laporan bila catatan DMARC memintanya:"
            " merpati dns {domain} menampilkannya."
        ),
        "all": "Dalam {days} hari terakhir semua {messages} pesan dari {domain} lolos,",
        "some": "Dalam {days} hari terakhir {passed} dari {messages} pesan dari {domain} lolos,",
        "organization": "menurut laporan 1 organisasi.",
        "organizations": "menurut laporan {organizations} organisasi.",
        "came": "{messages} pesan datang dari {address}",
        "unsigned": "tanpa tanda tangan yang sah",
        "signed": "hanya dengan tanda tangan {signer}",
        "envelope": " (alamat baliknya {envelope})",
        "all refused": "semua ditolak",
        "all junked": "semua masuk Junk",
        "all delivered": "semua tetap disampaikan",
        "refused": "{count} ditolak",
        "junked": "{count} masuk Junk",
        "delivered": "{count} tetap disampaikan",
        "rest": "{messages} pesan lagi datang dari {addresses} alamat lain.",
        "who": (
            "Alamat milik Anda harus tercantum dalam catatan SPF {domain}, atau menandatangani"
            " suratnya. Alamat lain berarti ada yang memakai nama Anda."
        ),
        "ready": (
            "Hampir semua surat Anda lolos. Kebijakannya kini {policy}: Anda dapat meminta yang"
            " lebih ketat, mula-mula quarantine lalu reject."
        ),
    },
}

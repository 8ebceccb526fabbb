"""What a TLS report means for whoever looks after a domain, in their language.

`sentences` tells a received report in a handful of lines: who counted, how much mail came over
good TLS, and for each reason of failure what is wrong and what mends it.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from msgspec import Struct

from merpati.wire.tls_report import MAX_TEXT, FailureDetails, Report, ResultType

LANGUAGES: Final = ("en", "id")
MAX_FAILURES: Final = 20  # reasons told one by one

_UNPRINTABLE: Final = re.compile("[\x00-\x20\x7f-\x9f\u2028\u2029\ud800-\udfff]+")


class _Words(Struct, frozen=True):
    """The fixed words in one language."""

    opening: str
    good: str
    bad: str
    nothing: str
    failed: str
    anywhere: str
    unknown: str
    more: str


_WORDS: Final = {
    "en": _Words(
        "{who} reports on mail to {domain} from {start} to {end}.",
        "All {good} connections were encrypted as promised; there is nothing to do.",
        "{bad} of {all} connections were not as promised.",
        "No connection was counted.",
        "{count} times at {host}: {reason} {advice}",
        "any server",
        'the reason given is "{reason}".',
        "Besides, there are {count} more reasons; see the report itself.",
    ),
    "id": _Words(
        "{who} melaporkan surat ke {domain} dari {start} sampai {end}.",
        "Semua {good} koneksi terenkripsi seperti yang dijanjikan; tidak ada yang perlu dilakukan.",
        "{bad} dari {all} koneksi tidak seperti yang dijanjikan.",
        "Tidak ada koneksi yang dihitung.",
        "{count} kali di {host}: {reason} {advice}",
        "sembarang server",
        'alasan yang diberikan adalah "{reason}".',
        "Selain itu masih ada {count} alasan lain; lihat laporannya sendiri.",
    ),
}

# What is wrong, and what to do.
_REASONS: Final[dict[str, dict[ResultType, tuple[str, str]]]] = {
    "en": {
        ResultType.STARTTLS_NOT_SUPPORTED: (
            "the server did not offer STARTTLS.",
            "Give it a certificate, or take it out of the policy and the MX records.",
        ),
        ResultType.CERTIFICATE_HOST_MISMATCH: (
            "the certificate is for another name.",
            "Order one for the name that the MX record uses.",
        ),
        ResultType.CERTIFICATE_EXPIRED: (
            "the certificate has expired.",
            "Renew it; with ACME this happens by itself.",
        ),
        ResultType.CERTIFICATE_NOT_TRUSTED: (
            "the certificate is of no known authority, or its chain is incomplete.",
            "Install the whole chain of a public authority's certificate.",
        ),
        ResultType.VALIDATION_FAILURE: (
            "the certificate could not be checked.",
            "Look at what the server shows: openssl s_client -starttls smtp -connect HOST:25",
        ),
        ResultType.TLSA_INVALID: (
            "the TLSA record does not fit the certificate.",
            "Publish the record of the present key; publish the next one before changing keys.",
        ),
        ResultType.DNSSEC_INVALID: (
            "the DNS answers did not pass DNSSEC.",
            "Have whoever runs the DNS mend the signatures of the zone.",
        ),
        ResultType.DANE_REQUIRED: (
            "the sender insists on DANE, and there are no TLSA records it can use.",
            "Publish TLSA records in a signed zone, or ask the sender to drop the demand.",
        ),
        ResultType.STS_POLICY_FETCH_ERROR: (
            "the MTA-STS policy could not be fetched.",
            "Check that https://mta-sts.DOMAIN/.well-known/mta-sts.txt can be reached.",
        ),
        ResultType.STS_POLICY_INVALID: (
            "the MTA-STS policy cannot be read.",
            "Correct the policy, or let this server host it.",
        ),
        ResultType.STS_WEBPKI_INVALID: (
            "the web server of the MTA-STS policy has a bad certificate.",
            "Order a certificate for the name mta-sts.DOMAIN.",
        ),
    },
    "id": {
        ResultType.STARTTLS_NOT_SUPPORTED: (
            "server tidak menawarkan STARTTLS.",
            "Beri sertifikat, atau keluarkan dari kebijakan dan catatan MX.",
        ),
        ResultType.CERTIFICATE_HOST_MISMATCH: (
            "sertifikatnya untuk nama lain.",
            "Pesan sertifikat untuk nama yang dipakai catatan MX.",
        ),
        ResultType.CERTIFICATE_EXPIRED: (
            "sertifikatnya sudah kedaluwarsa.",
            "Perbarui; dengan ACME hal ini terjadi sendiri.",
        ),
        ResultType.CERTIFICATE_NOT_TRUSTED: (
            "sertifikatnya bukan dari otoritas yang dikenal, atau rantainya tidak lengkap.",
            "Pasang seluruh rantai sertifikat dari otoritas umum.",
        ),
        ResultType.VALIDATION_FAILURE: (
            "sertifikatnya tidak dapat diperiksa.",
            "Lihat apa yang ditunjukkan: openssl s_client -starttls smtp -connect HOST:25",
        ),
        ResultType.TLSA_INVALID: (
            "catatan TLSA tidak cocok dengan sertifikatnya.",
            "Terbitkan catatan kunci sekarang; terbitkan yang berikut sebelum mengganti kunci.",
        ),
        ResultType.DNSSEC_INVALID: (
            "jawaban DNS tidak lolos DNSSEC.",
            "Minta pengelola DNS memperbaiki tanda tangan zona.",
        ),
        ResultType.DANE_REQUIRED: (
            "pengirim mewajibkan DANE, dan tidak ada catatan TLSA yang dapat dipakai.",
            "Terbitkan catatan TLSA di zona bertanda tangan, atau minta pengirim melonggarkannya.",
        ),
        ResultType.STS_POLICY_FETCH_ERROR: (
            "kebijakan MTA-STS tidak dapat diambil.",
            "Periksa apakah https://mta-sts.DOMAIN/.well-known/mta-sts.txt dapat dibuka.",
        ),
        ResultType.STS_POLICY_INVALID: (
            "kebijakan MTA-STS tidak dapat dibaca.",
            "Perbaiki kebijakannya, atau biarkan server ini menyajikannya.",
        ),
        ResultType.STS_WEBPKI_INVALID: (
            "server web kebijakan MTA-STS bersertifikat buruk.",
            "Pesan sertifikat untuk nama mta-sts.DOMAIN.",
        ),
    },
}


def sentences(report: Report, language: str = "en") -> list[str]:
    """A report in words, the most frequent failure first; each line stands alone."""
    words = _WORDS.get(language, _WORDS["en"])
    good = sum(one.summary.total_successful_session_count for one in report.policies)
    bad = sum(one.summary.total_failure_session_count for one in report.policies)
    domains = dict.fromkeys(one.policy.policy_domain for one in report.policies)
    lines = [
        words.opening.format(
            who=_text(report.organization_name) or "?",
            domain=_text(", ".join(domains)) or "?",
            start=_text(report.date_range.start_datetime)[:10] or "?",
            end=_text(report.date_range.end_datetime)[:10] or "?",
        )
    ]
    if bad:
        lines.append(words.bad.format(bad=bad, all=good + bad))
    else:
        lines.append(words.good.format(good=good) if good else words.nothing)
    failures: Counter[tuple[str, str]] = Counter()
    for one in report.policies:
        for detail in one.failure_details or ():
            failures[detail.result_type, _host(detail)] += detail.failed_session_count
    told = failures.most_common(MAX_FAILURES)
    lines += [_failure(words, language, kind, host, count) for (kind, host), count in told]
    if len(failures) > len(told):
        lines.append(words.more.format(count=len(failures) - len(told)))
    return lines


def explain(result: ResultType, language: str = "en") -> tuple[str, str]:
    """What a kind of failure is, and what mends it."""
    return _REASONS.get(language, _REASONS["en"])[result]


def _failure(words: _Words, language: str, kind: str, host: str, count: int) -> str:
    try:
        reason, advice = explain(ResultType(kind), language)
    except ValueError:  # a later RFC's, or the sender's own
        reason, advice = words.unknown.format(reason=_text(kind)), ""
    where = host or words.anywhere
    return words.failed.format(count=count, host=where, reason=reason, advice=advice).rstrip()


def _host(detail: FailureDetails) -> str:
    return _text(detail.receiving_mx_hostname or detail.receiving_ip)


def _text(text: str) -> str:
    """A stranger's text on one line, cut."""
    return _UNPRINTABLE.sub(" ", text[:MAX_TEXT]).strip()

"""SMTP TLS reports (RFC 8460): how often mail reached a domain over good TLS, and what failed.

A domain asks for reports by a TXT record; each sender answers once a day with a JSON document,
by mail or by HTTPS POST. What is read comes from strangers: it is bounded in every direction,
fields nobody has seen before are ignored, and a report is either whole or a `SyntaxFault`.
"""

from __future__ import annotations

import mmap
import re
import zlib
from base64 import encodebytes
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import Enum
from typing import Final

import msgspec
from msgspec import Struct

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import text, tree
from merpati.wire.smtp.paths import Path, parse_address
from merpati.wire.trace import date_time

RECORD_NAME: Final = "_smtp._tls"  # RFC 8460 3: before the domain
MEDIA_TYPE: Final = "application/tlsrpt+json"
MEDIA_TYPE_GZIP: Final = "application/tlsrpt+gzip"
MAX_RECORD: Final = 4096  # octets
MAX_URIS: Final = 10  # places one report is sent to
MAX_PACKED: Final = 1_048_576  # octets of a report as it comes
MAX_REPORT: Final = 8_388_608  # octets of it unpacked
MAX_POLICIES: Final = 1000  # in one report
MAX_DETAILS: Final = 10_000  # failure details of one policy
MAX_TEXT: Final = 500  # characters of a stranger's words that are kept

# Neither comma nor semicolon: they part places and fields.
_URI: Final = re.compile(
    r"mailto:[!-+\--:<-?A-~]+@[!-+\--:<-~]+|https://[!-+\--:<-~]+", re.IGNORECASE
)


class PolicyType(Enum):
    """What kind of promise a domain makes about TLS (RFC 8460 4.4)."""

    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


class ResultType(Enum):
    """Why a session was not as promised (RFC 8460 4.3)."""

    STARTTLS_NOT_SUPPORTED = "starttls-not-supported"
    CERTIFICATE_HOST_MISMATCH = "certificate-host-mismatch"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_TRUSTED = "certificate-not-trusted"
    VALIDATION_FAILURE = "validation-failure"
    TLSA_INVALID = "tlsa-invalid"
    DNSSEC_INVALID = "dnssec-invalid"
    DANE_REQUIRED = "dane-required"
    STS_POLICY_FETCH_ERROR = "sts-policy-fetch-error"
    STS_POLICY_INVALID = "sts-policy-invalid"
    STS_WEBPKI_INVALID = "sts-webpki-invalid"


class DateRange(Struct, frozen=True, rename="kebab"):
    """Which time a report is about, as `2026-01-31T00:00:00Z`."""

    start_datetime: str = ""
    end_datetime: str = ""


class AppliedPolicy(Struct, frozen=True, rename="kebab", omit_defaults=True):
    """What the domain had published."""

    policy_type: str = PolicyType.NONE.value
    policy_domain: str = ""
    policy_string: tuple[str, ...] | str | None = ()
    mx_host: tuple[str, ...] | str | None = ()


class Summary(Struct, frozen=True, rename="kebab"):
    """How many sessions were as promised, and how many were not."""

    total_successful_session_count: int = 0
    total_failure_session_count: int = 0


class FailureDetails(Struct, frozen=True, rename="kebab", omit_defaults=True):
    """Sessions that failed for one reason at one host."""

    result_type: str
    failed_session_count: int = 0
    sending_mta_ip: str = ""
    receiving_mx_hostname: str = ""
    receiving_mx_helo: str = ""
    receiving_ip: str = ""
    additional_information: str = ""
    failure_reason_code: str = ""


class PolicyReport(Struct, frozen=True, rename="kebab", omit_defaults=True):
    """The sessions under one policy."""

    policy: AppliedPolicy = AppliedPolicy()
    summary: Summary = Summary()
    failure_details: tuple[FailureDetails, ...] | None = ()


class Report(Struct, frozen=True, rename="kebab"):
    """One sender's report of one day."""

    organization_name: str = ""
    date_range: DateRange = DateRange()
    contact_info: str = ""
    report_id: str = ""
    policies: tuple[PolicyReport, ...] = ()


class Letter(Struct, frozen=True, kw_only=True):
    """A report on its way by mail: whom it is about, from whom, to whom.

    Attributes:
        domain: The domain reported on, A-labels.
        submitter: The domain that reports, A-labels.
        sender: Whom the letter is from.
        recipient: An address of the record's `rua`.
        message_id: Without angle brackets.
        date: Unix seconds.
    """

    domain: str
    submitter: str
    sender: Path
    recipient: Path
    message_id: str
    date: float


# The record


def read_record(records: Sequence[bytes]) -> tuple[str, ...]:
    """Where a domain wants reports sent, from the TXT records at `_smtp._tls.DOMAIN`.

    Empty when it wants none; of more than one record there is none (RFC 8460 3).

    Raises:
        SyntaxFault: The one record does not follow the grammar.
    """
    found = [record for record in records if re.match(rb"v=TLSRPTv1[ \t]*;", record)]
    return parse_record(found[0]) if len(found) == 1 else ()


def parse_record(record: bytes) -> tuple[str, ...]:
    """The places of one record, `v=TLSRPTv1; rua=mailto:tls@example.org,https://...`.

    Raises:
        SyntaxFault: It does not follow the grammar, or names no place that can be used.
    """
    if len(record) > MAX_RECORD or not record.isascii():
        raise SyntaxFault("The TLS reporting record is too long, or not in ASCII.")
    version, *fields = (field.strip(" \t") for field in record.decode("ascii").split(";"))
    if version != "v=TLSRPTv1":
        raise SyntaxFault("A TLS reporting record begins with v=TLSRPTv1.")
    for field in fields:
        name, _, value = field.partition("=")
        if name.rstrip(" \t") == "rua":
            places = [place.strip(" \t") for place in value.split(",")]
            usable = tuple(place for place in places if _URI.fullmatch(place))
            if usable:
                return usable[:MAX_URIS]
    raise SyntaxFault("The TLS reporting record has no rua with mailto: or https:.")


def encode_record(places: Sequence[str]) -> bytes:
    """The TXT record that asks for reports."""
    return f"v=TLSRPTv1; rua={','.join(places)}".encode()


def mail_address(place: str) -> Path | None:
    """The address of a `mailto:` place; None for one of another kind.

    Raises:
        SyntaxFault: It is no address.
    """
    if place[:7].lower() != "mailto:":
        return None
    address = place[7:].partition("?")[0]
    return parse_address(re.sub("%([0-9A-Fa-f]{2})", lambda m: chr(int(m[1], 16)), address))


# The document


def encode(report: Report) -> bytes:
    """The report as JSON."""
    return msgspec.json.encode(report)


def pack(report: Report) -> bytes:
    """The report as JSON in gzip; the same report gives the same bytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return packer.compress(encode(report)) + packer.flush()


def attached(message: bytes | mmap.mmap) -> bytes | None:
    """The report that a mail message carries, still packed; None without any (RFC 8460 5.3)."""
    waiting = [tree.parse(message)]
    while waiting:
        part = waiting.pop()
        if part.type == "application" and part.subtype in {"tlsrpt+gzip", "tlsrpt+json"}:
            # Base64 is a third longer than what it stands for, line ends included.
            return text.content(message, part) if part.size <= 2 * MAX_PACKED else None
        waiting.extend(part.children)
    return None


def parse(content: bytes) -> Report:
    """A report, JSON as it is or in gzip.

    Raises:
        SyntaxFault: It is none, or larger than any honest one.
    """
    if len(content) > MAX_PACKED:
        raise SyntaxFault(f"The TLS report is larger than {MAX_PACKED} bytes.")
    document = _unpacked(content) if content[:2] == b"\x1f\x8b" else content
    try:
        report = msgspec.json.decode(document, type=Report, strict=False)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise SyntaxFault(f"The TLS report cannot be read: {str(problem)[:200]}.") from None
    if len(report.policies) > MAX_POLICIES:
        raise SyntaxFault(f"The TLS report has more than {MAX_POLICIES} policies.")
    for one in report.policies:
        _check(one)
    return report


def _unpacked(content: bytes) -> bytes:
    unpacker = zlib.decompressobj(31)
    try:
        document = unpacker.decompress(content, MAX_REPORT)
    except zlib.error as problem:
        raise SyntaxFault(f"The TLS report cannot be unpacked: {problem}.") from None
    if not unpacker.eof:
        raise SyntaxFault(f"The TLS report is cut short, or larger than {MAX_REPORT} bytes.")
    return document


def _check(one: PolicyReport) -> None:
    counts = [
        one.summary.total_successful_session_count,
        one.summary.total_failure_session_count,
        *(detail.failed_session_count for detail in one.failure_details or ()),
    ]
    if min(counts) < 0 or max(counts) >= 2**53 or len(counts) > MAX_DETAILS:
        raise SyntaxFault("The TLS report counts fewer than no sessions, or more than exist.")


def hosts(policy: AppliedPolicy) -> tuple[str, ...]:
    """The hosts of a policy: some senders write one as plain text (RFC 8460 4.4 has a list)."""
    return (policy.mx_host,) if isinstance(policy.mx_host, str) else policy.mx_host or ()


def day(start: float, end: float) -> DateRange:
    """A time span, Unix seconds, as a report states it."""
    return DateRange(_time(start), _time(end))


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(int(seconds), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def file_name(letter: Letter, report: Report, start: float, end: float) -> str:
    """What the attached file is called (RFC 8460 5.1)."""
    name = f"{letter.submitter}!{letter.domain}!{int(start)}!{int(end)}!{report.report_id}.json.gz"
    return re.sub(r"[^A-Za-z0-9.!_-]", "_", name)


def compose(letter: Letter, packed: bytes, name: str, report_id: str) -> bytes:
    """The letter that carries a report (RFC 8460 5.3): a plain line for people, then the file.

    It may go in clear text (RFC 8689 5), for it may have to tell that nothing else is left.
    It must be signed with DKIM by the submitter's domain, or nobody will believe it.
    """
    subject = f"Report Domain: {letter.domain}\r\n Submitter: {letter.submitter}"
    boundary = f"=_tlsrpt-{zlib.crc32(packed):08x}"
    head = (
        f"From: <{letter.sender}>\r\n"
        f"To: <{letter.recipient}>\r\n"
        f"Subject: {subject}\r\n Report-ID: <{report_id}>\r\n"
        f"Date: {date_time(letter.date)}\r\n"
        f"Message-ID: <{letter.message_id}>\r\n"
        f"TLS-Report-Domain: {letter.domain}\r\n"
        f"TLS-Report-Submitter: {letter.submitter}\r\n"
        "TLS-Required: No\r\n"
        "Auto-Submitted: auto-generated\r\n"
        "MIME-Version: 1.0\r\n"
        f'Content-Type: multipart/report; report-type="tlsrpt";\r\n boundary="{boundary}"\r\n'
        "\r\n"
        f"--{boundary}\r\n"
        "Content-Type: text/plain; charset=us-ascii\r\n"
        "\r\n"
        f"This is an aggregate TLS report from {letter.submitter} about {letter.domain}.\r\n"
        f"\r\n--{boundary}\r\n"
        f"Content-Type: {MEDIA_TYPE_GZIP}\r\n"
        "Content-Transfer-Encoding: base64\r\n"
        f'Content-Disposition: attachment;\r\n filename="{name}"\r\n'
        "\r\n"
    )
    body = encodebytes(packed).replace(b"\n", b"\r\n")
    return head.encode() + body + f"\r\n--{boundary}--\r\n".encode()

"""DMARC aggregate reports: what a domain's mail of one day came to, as XML (RFC 9990 3).

Reading follows no schema to the letter: reports of the older form (RFC 7489 appendix C) and
with elements of others are taken too. But a report is XML of strangers: a document type is
refused (it is where entities, and so bombs, are declared), and depth, size and the number of
records are bounded.
"""

from __future__ import annotations

import re
from html import escape
from ipaddress import ip_address
from typing import Any, Final
from xml.parsers import expat

import msgspec

from merpati.base.faults import SyntaxFault

NAMESPACE: Final = "urn:ietf:params:xml:ns:dmarc-2.0"
MAX_XML: Final = 32 * 1024 * 1024
"""Bytes of a report; those about the largest senders have some MB."""
MAX_RECORDS: Final = 50_000
MAX_ELEMENTS: Final = 1_500_000
"""Elements of a report: 30 for each record. More take seconds to read."""
MAX_DEPTH: Final = 20  # of elements; the schema has 6
MAX_TEXT: Final = 1_000  # characters of one element that are kept
MAX_SIGNATURES: Final = 100  # of one record (RFC 9990 3.1.4)
MAX_COUNT: Final = 10**12  # messages of one record

_ILLEGAL: Final = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")  # XML 1.0 2.2
_NUMBER: Final = re.compile(r"[0-9]{1,13}")


class Signature(msgspec.Struct, frozen=True):
    """What DKIM said of one signature."""

    domain: str
    selector: str
    result: str
    text: str = ""  # for people


class SpfCheck(msgspec.Struct, frozen=True):
    """What SPF said of MAIL FROM."""

    domain: str
    result: str
    text: str = ""


class Reason(msgspec.Struct, frozen=True):
    """Why the policy was not followed."""

    type: str
    comment: str = ""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """Messages that came to the same.

    Attributes:
        source_ip: the client's address.
        count: how many.
        disposition: none, pass, quarantine, reject.
        dkim_aligned: DKIM passed for an aligned domain.
        spf_aligned: the same for SPF.
        reasons: why the policy was not followed.
        header_from: the author's domain.
        envelope_from: the domain of MAIL FROM; empty for the null path.
        signatures: of DKIM.
        spf: of MAIL FROM; None when it was not checked.
    """

    source_ip: str
    count: int
    disposition: str = "none"
    dkim_aligned: bool = False
    spf_aligned: bool = False
    reasons: tuple[Reason, ...] = ()
    header_from: str = ""
    envelope_from: str = ""
    signatures: tuple[Signature, ...] = ()
    spf: SpfCheck | None = None

    @property
    def passed(self) -> bool:
        """DMARC passed."""
        return self.dkim_aligned or self.spf_aligned


class Published(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that was found; letters as in the record, empty where it says nothing."""

    domain: str
    p: str = "none"
    sp: str = ""
    np: str = ""
    adkim: str = ""
    aspf: str = ""
    fo: str = ""
    testing: str = ""
    discovery_method: str = ""


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """One report.

    Attributes:
        org_name: who made it.
        email: whom to ask about it.
        report_id: the same when it is sent again.
        begin: Unix seconds of the first moment it is about.
        end: of the last.
        published: the policy.
        rows: at least one.
        error: what was wrong with the record, in words.
        generator: the program that made it.
    """

    org_name: str
    email: str
    report_id: str
    begin: int
    end: int
    published: Published
    rows: tuple[Row, ...]
    error: str = ""
    generator: str = ""


# Writing


def render(report: Report) -> bytes:
    """The report as XML, in the order of the schema; whatever the values hold."""
    published = report.published
    policy = [(name, getattr(published, name)) for name in Published.__struct_fields__]
    parts = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<feedback xmlns="{NAMESPACE}">\n',
        "<version>1.0</version>\n<report_metadata>",
        _element("org_name", report.org_name),
        _element("email", report.email),
        _element("report_id", report.report_id),
        f"<date_range><begin>{report.begin}</begin><end>{report.end}</end></date_range>",
        _optional("error", report.error),
        _optional("generator", report.generator),
        "</report_metadata>\n<policy_published>",
        *(_optional(name, value) for name, value in policy),
        "</policy_published>\n",
        *map(_record, report.rows),
        "</feedback>\n",
    ]
    return "".join(parts).encode("utf-8", "replace")


def _record(row: Row) -> str:
    reasons = "".join(
        f"<reason>{_element('type', one.type)}{_optional('comment', one.comment)}</reason>"
        for one in row.reasons
    )
    checks = "".join(
        f"<dkim>{_element('domain', one.domain)}{_element('selector', one.selector)}"
        f"{_element('result', one.result)}{_optional('human_result', one.text)}</dkim>"
        for one in row.signatures[:MAX_SIGNATURES]
    )
    if row.spf is not None:
        checks += (
            f"<spf>{_element('domain', row.spf.domain)}<scope>mfrom</scope>"
            f"{_element('result', row.spf.result)}{_optional('human_result', row.spf.text)}</spf>"
        )
    return (
        f"<record><row>{_element('source_ip', row.source_ip)}<count>{row.count}</count>"
        f"<policy_evaluated>{_element('disposition', row.disposition)}"
        f"<dkim>{_word(row.dkim_aligned)}</dkim><spf>{_word(row.spf_aligned)}</spf>"
        f"{reasons}</policy_evaluated></row>"
        f"<identifiers>{_element('header_from', row.header_from)}"
        f"{_element('envelope_from', row.envelope_from)}</identifiers>"
        f"<auth_results>{checks}</auth_results></record>\n"
    )


def _word(aligned: bool) -> str:
    return "pass" if aligned else "fail"


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(_ILLEGAL.sub('?', text[:MAX_TEXT]), quote=False)}</{name}>"


def _optional(name: str, text: str) -> str:
    return _element(name, text) if text else ""


# Reading


def parse(data: bytes) -> Report:
    """A report, from XML without compression.

    Raises:
        SyntaxFault: it is not XML, has a document type, or lacks what a report must have.
    """
    if len(data) > MAX_XML:
        raise SyntaxFault(f"the report is larger than {MAX_XML} bytes")
    reader = _Reader()
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartDoctypeDeclHandler = reader.doctype
    parser.StartElementHandler = reader.start
    parser.EndElementHandler = reader.end
    parser.CharacterDataHandler = reader.text
    try:
        # As a whole: in pieces, expat reads a long token again with each of them.
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as problem:
        raise SyntaxFault(f"the report is not XML: {problem}") from None
    return reader.report()


class _Reader:
    """Collects the leaves of the element that is being read.

    What repeats (record, reason, dkim and spf among auth_results) is made into a value when
    it ends; until then its leaves lie in `_leaves` by name, or by "parent/name" where a name
    stands twice in the schema.
    """

    def __init__(self) -> None:
        self._elements = 0
        self._path: list[str] = []
        self._pieces: list[str] = []
        self._length = 0
        self._leaves: dict[str, str] = {}
        self._head: dict[str, str] = {}
        self._reasons: list[Reason] = []
        self._signatures: list[Signature] = []
        self._spf: SpfCheck | None = None
        self._rows: list[Row] = []

    def doctype(self, *_: object) -> None:
        raise SyntaxFault("the report has a document type, which no report needs")

    def start(self, name: str, _attributes: object) -> None:
        self._elements += 1
        if self._elements > MAX_ELEMENTS:
            raise SyntaxFault(f"the report has more than {MAX_ELEMENTS} elements")
        if len(self._path) >= MAX_DEPTH:
            raise SyntaxFault(f"elements of the report are nested more than {MAX_DEPTH} deep")
        if not self._path and _bare(name) != "feedback":
            raise SyntaxFault("it is no report: its first element is not feedback")
        self._path.append(_bare(name))
        if self._path[-1] == "record" and len(self._path) == 2:
            self._head = self._head or self._leaves
            self._leaves = {}
        self._pieces.clear()
        self._length = 0

    def text(self, data: str) -> None:
        if self._length < MAX_TEXT:
            self._pieces.append(data[: MAX_TEXT - self._length])
            self._length += len(data)

    def end(self, _name: str) -> None:
        name = self._path.pop()
        text = "".join(self._pieces).strip()
        self._pieces.clear()
        self._length = 0
        parent = self._path[-1] if self._path else ""
        if name == "record" and len(self._path) == 1:
            self._end_record()
        elif name == "reason" and parent == "policy_evaluated":
            kind = self._leaves.pop("reason/type", "")
            if kind and len(self._reasons) < MAX_SIGNATURES:
                self._reasons.append(Reason(kind, self._leaves.pop("reason/comment", "")))
        elif parent == "auth_results":
            self._end_check(name)
        else:
            self._leaves.setdefault(f"{parent}/{name}", text)

    def _end_check(self, name: str) -> None:
        domain, selector, result, text = (
            self._leaves.pop(f"{name}/{leaf}", "")
            for leaf in ("domain", "selector", "result", "human_result")
        )
        scope = self._leaves.pop(f"{name}/scope", "")
        if name == "dkim" and len(self._signatures) < MAX_SIGNATURES:
            self._signatures.append(Signature(domain.lower(), selector, result.lower(), text))
        elif name == "spf" and self._spf is None and scope.lower() != "helo":
            self._spf = SpfCheck(domain.lower(), result.lower(), text)

    def _end_record(self) -> None:
        if len(self._rows) >= MAX_RECORDS:
            raise SyntaxFault(f"the report has more than {MAX_RECORDS} records")
        leaf = self._leaves.get
        self._rows.append(
            Row(
                source_ip=_address(leaf("row/source_ip", "")),
                count=_number(leaf("row/count", ""), "count"),
                disposition=leaf("policy_evaluated/disposition", "none").lower(),
                dkim_aligned=leaf("policy_evaluated/dkim", "").lower() == "pass",
                spf_aligned=leaf("policy_evaluated/spf", "").lower() == "pass",
                reasons=tuple(self._reasons),
                header_from=leaf("identifiers/header_from", "").lower(),
                envelope_from=leaf("identifiers/envelope_from", "").lower(),
                signatures=tuple(self._signatures),
                spf=self._spf,
            )
        )
        self._leaves = {}
        self._reasons.clear()
        self._signatures.clear()
        self._spf = None

    def report(self) -> Report:
        """What was read.

        Raises:
            SyntaxFault: something is missing.
        """
        head = self._head
        values: dict[str, Any] = {
            name: head.get(f"report_metadata/{name}", "")
            for name in ("org_name", "email", "report_id", "error", "generator")
        }
        published = {
            name: head.get(f"policy_published/{name}", "") for name in Published.__struct_fields__
        }
        published["domain"] = published["domain"].lower().rstrip(".")
        published["p"] = published["p"].lower() or "none"
        if not self._rows or not published["domain"] or not values["report_id"]:
            raise SyntaxFault("the report lacks its domain, its id or its records")
        return Report(
            **values,
            begin=_number(head.get("date_range/begin", ""), "begin"),
            end=_number(head.get("date_range/end", ""), "end"),
            published=Published(**published),
            rows=tuple(self._rows),
        )


def _bare(name: str) -> str:
    """The name of an element without the prefix of its namespace."""
    return name.rpartition(":")[2]


def _number(text: str, name: str) -> int:
    if not _NUMBER.fullmatch(text) or int(text) > MAX_COUNT:
        raise SyntaxFault(f"{name} in the report is not a number")
    return int(text)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise SyntaxFault("source_ip in the report is not an address") from None

"""BIMI: the logo that a domain wants shown beside its mail (draft-brand-indicators, 2.0 form).

    default._bimi.example.org  TXT  "v=BIMI1; l=https://example.org/logo.svg; a=https://..."

A logo is for mail whose author is certain: DMARC has passed, and its owner would have had
the rest refused or set aside. Only then is a record looked for, at the author's domain and
then at its organization's. Whoever shows the logo fetches it through a place that does not
tell the sender who reads what.
"""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Asking, Question
from merpati.wire.dmarc.evaluation import DmarcResult, DmarcVerdict
from merpati.wire.dmarc.record import Policy

DEFAULT_SELECTOR: Final = "default"
MAX_RECORD: Final = 4_096  # bytes
MAX_URL: Final = 1_024  # characters

_VERSION: Final = re.compile(r"\s*v\s*=\s*BIMI1\s*(?:;|\Z)")
_SELECTOR: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


class Bimi(msgspec.Struct, frozen=True):
    """What a domain wants shown.

    Attributes:
        logo: https URL of an SVG; empty when it declines to have one.
        evidence: https URL of a mark certificate; empty without one.
        found_at: the domain whose record it is.
    """

    logo: str
    evidence: str = ""
    found_at: str = ""


def parse(raw: bytes) -> Bimi:
    """A record.

    Raises:
        SyntaxFault: it is none, or its addresses are not such as may be fetched.
    """
    if len(raw) > MAX_RECORD:
        raise SyntaxFault(f"the BIMI record is longer than {MAX_RECORD} bytes")
    tags = _tags(raw.decode("latin-1"))
    if "l" not in tags:
        raise SyntaxFault("the BIMI record has no tag l")
    return Bimi(_https(tags["l"]), _https(tags.get("a", "")))


def selector(value: bytes) -> str:
    """The selector of a `BIMI-Selector` field's value, `v=BIMI1; s=brand`, else the default.

    The field counts only when a signature that DMARC passed by covers it.
    """
    try:
        chosen = _tags(value[:MAX_RECORD].decode("latin-1")).get("s", "")
    except SyntaxFault:
        return DEFAULT_SELECTOR
    return chosen.lower() if _SELECTOR.fullmatch(chosen) else DEFAULT_SELECTOR


def look_up(dmarc: DmarcResult, chosen: str = DEFAULT_SELECTOR) -> Asking[Bimi | None]:
    """The logo for a message's author, or None.

    Args:
        dmarc: What DMARC came to for the message.
        chosen: From `selector`.
    """
    if not _certain(dmarc):
        return None
    for domain in dict.fromkeys((dmarc.domain, dmarc.found_at)):
        answer = yield Question(f"{chosen}._bimi.{domain}", "TXT")
        records = [raw for raw in answer.records if _VERSION.match(raw[:100].decode("latin-1"))]
        if len(records) != 1:
            continue
        try:
            found = parse(records[0])
        except SyntaxFault:
            return None
        return Bimi(found.logo, found.evidence, domain) if found.logo else None
    return None


def _certain(dmarc: DmarcResult) -> bool:
    """DMARC passed, under a policy that is enforced for the organization and below it."""
    record = dmarc.record
    if dmarc.verdict is not DmarcVerdict.PASS or record is None or record.testing:
        return False
    return Policy.NONE not in {record.p, record.for_subdomains(exists=True)}


def _tags(text: str) -> dict[str, str]:
    version = _VERSION.match(text)
    if version is None:
        raise SyntaxFault("a BIMI record must begin with v=BIMI1")
    tags: dict[str, str] = {}
    for piece in text[version.end() :].split(";"):
        name, equals, value = piece.partition("=")
        if equals:
            tags.setdefault(name.strip().lower(), value.strip())
    return tags


def _https(url: str) -> str:
    """A URL that may be fetched; an empty one says that there is none."""
    if not url:
        return ""
    try:
        parts = urlsplit(url)
        plain = parts.scheme == "https" and parts.hostname and parts.port in {None, 443}
    except ValueError:
        plain = False
    if not plain or len(url) > MAX_URL or not url.isascii() or not url.isprintable() or "@" in url:
        raise SyntaxFault("the addresses of a BIMI record must be https URLs")
    return url

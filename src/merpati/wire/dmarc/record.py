"""The DMARC policy record as it stands in the DNS (RFC 9989 4.7, 4.8).

    dmarc-record = "v" "=" %s"DMARC1" *(";" dmarc-tag) [";"]
    dmarc-tag    = 1*ALPHA "=" 1*dmarc-value

What does not begin with the version is no record. After it nothing fails: a tag that is
unknown is passed over, one with a wrong value counts as absent. What was passed over is
kept in words, for the owner of the record to be told.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault

MAX_RECORD: Final = 8_192
"""Bytes of a record that are read; the TXT records of real domains stay below 1,000."""

MAX_URIS: Final = 20
"""Report addresses of one record that are kept; RFC 7489 6.2 asked for two at least."""

CACHED: Final = 1_024  # records remembered; most are under 200 bytes

_VERSION: Final = re.compile(rb"v[ \t]*=[ \t]*DMARC1[ \t]*(?:;|\Z)")
_TAG: Final = re.compile(r"([A-Za-z]+)[ \t]*=[ \t]*([ -:<-~]*)")
_URI: Final = re.compile(r'([A-Za-z][A-Za-z0-9+.-]*:["-+\--~]+)(?:![0-9]+[kmgtKMGT]?)?')
_FAILURE_OPTIONS: Final = re.compile(r"[01ds](?::[01ds]){0,3}")
_PROBLEM_SHOWN: Final = 40  # characters of a wrong value that a problem repeats


class Policy(Enum):
    """What the owner of a domain wants done with mail that fails."""

    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"

    @property
    def milder(self) -> Policy:
        """One level below: what a policy under test comes to (RFC 9989 4.7, tag t)."""
        return Policy.QUARANTINE if self is Policy.REJECT else Policy.NONE


class Psd(Enum):
    """Whether a record stands at a public suffix."""

    YES = "y"
    NO = "n"  # and this is the organizational domain
    UNKNOWN = "u"


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """A policy record.

    Attributes:
        p: for the domain itself; NONE when it is absent or wrong.
        sp: for subdomains that exist; None: as p.
        np: for subdomains that do not exist; None: as sp.
        strict_dkim: DKIM's domain must be the author's domain itself (adkim=s).
        strict_spf: the same for SPF (aspf=s).
        testing: policies are under test and count one level less (t=y).
        psd: whether it stands at a public suffix.
        fo: when failure reports are wanted, as written.
        rua: URIs that aggregate reports are to go to, without the sizes of RFC 7489.
        ruf: the same for failure reports.
        usable: False when p, sp or np is wrong and nobody wants reports: then DMARC
            does not apply to mail of this domain (RFC 9989 4.10.1).
        problems: what is wrong with it, in words.
    """

    p: Policy = Policy.NONE
    sp: Policy | None = None
    np: Policy | None = None
    strict_dkim: bool = False
    strict_spf: bool = False
    testing: bool = False
    psd: Psd = Psd.UNKNOWN
    fo: str = "0"
    rua: tuple[str, ...] = ()
    ruf: tuple[str, ...] = ()
    usable: bool = True
    problems: tuple[str, ...] = ()

    def for_subdomains(self, *, exists: bool) -> Policy:
        """The policy for a subdomain that has no record of its own (RFC 9989 4.10.1)."""
        if not exists and self.np is not None:
            return self.np
        return self.sp if self.sp is not None else self.p


def is_record(raw: bytes) -> bool:
    """True for a TXT record that claims to be a DMARC policy."""
    return len(raw) <= MAX_RECORD and _VERSION.match(raw) is not None


@lru_cache(CACHED)
def parse(raw: bytes) -> Record:
    """The record that a TXT record holds, its strings joined; remembered.

    Raises:
        SyntaxFault: it does not begin with `v=DMARC1`, or is too long.
    """
    if len(raw) > MAX_RECORD:
        raise SyntaxFault(f"the DMARC record is longer than {MAX_RECORD} bytes")
    version = _VERSION.match(raw)
    if version is None:
        raise SyntaxFault("a DMARC record must begin with v=DMARC1")
    problems: list[str] = []
    tags = _tags(raw[version.end() :].decode("latin-1"), problems)
    policies: dict[str, Policy | None] = {
        name: _policy(name, tags[name], problems) for name in ("p", "sp", "np") if name in tags
    }
    rua = _uris("rua", tags.get("rua"), problems)
    wrong = policies.get("p") is None or None in policies.values()
    if "p" not in tags:
        problems.append("the tag p is missing")
    if wrong:  # then it counts as p=none, or not at all
        policies = {}
    return Record(
        p=policies.get("p") or Policy.NONE,
        sp=policies.get("sp"),
        np=policies.get("np"),
        strict_dkim=_one_of("adkim", tags, "rs", problems) == "s",
        strict_spf=_one_of("aspf", tags, "rs", problems) == "s",
        testing=_one_of("t", tags, "ny", problems) == "y",
        psd=Psd(_one_of("psd", tags, "uny", problems)),
        fo=_failure_options(tags.get("fo", "0"), problems),
        rua=rua,
        ruf=_uris("ruf", tags.get("ruf"), problems),
        usable=bool(rua) or not wrong,
        problems=tuple(problems),
    )


def encode(record: Record) -> str:
    """The text to publish; defaults are left out. `parse` reads it back."""
    tags = ["v=DMARC1", f"p={record.p.value}"]
    tags += [
        f"{name}={policy.value}"
        for name, policy in (("sp", record.sp), ("np", record.np))
        if policy is not None
    ]
    tags += ["adkim=s"] * record.strict_dkim + ["aspf=s"] * record.strict_spf
    tags += ["t=y"] * record.testing
    tags += [f"psd={record.psd.value}"] if record.psd is not Psd.UNKNOWN else []
    tags += [f"fo={record.fo}"] if record.fo != "0" else []
    tags += ["rua=" + ",".join(record.rua)] if record.rua else []
    tags += ["ruf=" + ",".join(record.ruf)] if record.ruf else []
    return "; ".join(tags)


def _tags(text: str, problems: list[str]) -> dict[str, str]:
    """Tags by name in lower case; of one that is repeated, the first counts."""
    tags: dict[str, str] = {}
    for piece in text.split(";"):
        if not (bare := piece.strip(" \t")):
            continue
        match = _TAG.fullmatch(bare)
        if match is None:
            problems.append(f"{_shown(bare)} is no tag with a value")
        elif match[1].lower() in tags:
            problems.append(f"the tag {match[1][:_PROBLEM_SHOWN]} stands there twice")
        else:
            tags[match[1].lower()] = match[2].rstrip(" \t")
    return tags


def _policy(name: str, value: str, problems: list[str]) -> Policy | None:
    try:
        return Policy(value.lower())
    except ValueError:
        problems.append(f"{name}={_shown(value)} is not none, quarantine or reject")
        return None


def _one_of(name: str, tags: dict[str, str], letters: str, problems: list[str]) -> str:
    """The letter that a tag has; the first one is the default."""
    value = tags.get(name, letters[0]).lower()
    if len(value) == 1 and value in letters:
        return value
    problems.append(f"{name}={_shown(value)} is not {' or '.join(letters)}")
    return letters[0]


def _failure_options(value: str, problems: list[str]) -> str:
    if _FAILURE_OPTIONS.fullmatch(value):
        return value
    problems.append(f"fo={_shown(value)} is not a list of 0, 1, d and s")
    return "0"


def _uris(name: str, value: str | None, problems: list[str]) -> tuple[str, ...]:
    if value is None:
        return ()
    found: list[str] = []
    for piece in value.split(","):
        match = _URI.fullmatch(piece.strip(" \t"))
        if match is None:
            problems.append(f"{name} holds {_shown(piece)}, which is no URI")
        elif len(found) < MAX_URIS:
            found.append(match[1])
    return tuple(found)


def _shown(text: str) -> str:
    clean = "".join(one if " " <= one <= "~" else "?" for one in text[:_PROBLEM_SHOWN])
    return f'"{clean}"'

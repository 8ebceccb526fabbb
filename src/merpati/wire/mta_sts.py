"""MTA-STS (RFC 8461): a domain says which hosts take its mail and that they have certificates.

Two texts: a TXT record that names the present policy by an id, and the policy itself, which
is fetched over HTTPS when the id is a new one. A receiver that has read either badly protects
nobody, so both grammars are strict, and a policy that cannot be read counts as none.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault

RECORD_NAME: Final = "_mta-sts"  # RFC 8461 3.1: before the domain
POLICY_HOST: Final = "mta-sts"  # RFC 8461 3.3: before the domain
POLICY_PATH: Final = "/.well-known/mta-sts.txt"
MAX_RECORD: Final = 4096  # octets; real ones have 40
MAX_POLICY: Final = 65_536  # octets, RFC 8461 3.3
MAX_AGE: Final = 31_557_600  # seconds, RFC 8461 3.2
MAX_HOSTS: Final = 256  # patterns; large providers have ten

# sts-text-record = sts-version 1*(sts-field-delim sts-field) [sts-field-delim], RFC 8461 3.1
_FIELD: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})=([!-:<>-~]+)")
_ID: Final = re.compile(r"[A-Za-z0-9]{1,32}")

# sts-policy-field = name *WSP ":" *WSP value, one a line, RFC 8461 3.2
_LINE: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9_.-]{0,31})[ \t]*+:[ \t]*+([^\x00-\x1f\x7f]*+)")
_AGE: Final = re.compile(r"[0-9]{1,10}")
_LABEL: Final = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_PATTERN: Final = re.compile(rf"(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.IGNORECASE)


class Mode(Enum):
    """What a sender does with a host that the policy does not vouch for (RFC 8461 5)."""

    ENFORCE = "enforce"  # it gets no mail
    TESTING = "testing"  # it gets the mail, and the domain a report
    NONE = "none"  # as if there were no policy


class Policy(msgspec.Struct, frozen=True):
    """One policy.

    Attributes:
        mode: What becomes of mail that would go elsewhere.
        max_age: Seconds it may be kept.
        mx: Patterns of its hosts, lower case: `mx.example.org`, or `*.example.org`, which
            stands for one label. Empty only with `Mode.NONE`.
    """

    mode: Mode
    max_age: int
    mx: tuple[str, ...] = ()

    def allows(self, host: str) -> bool:
        """Whether a pattern covers this host name (RFC 8461 4.1)."""
        host = host.lower().removesuffix(".")
        return host in self.mx or "*." + host.partition(".")[2] in self.mx


def read_record(records: Sequence[bytes]) -> str:
    """The policy id among the TXT records at `_mta-sts.DOMAIN`; "" when there is no policy.

    What is no MTA-STS record is passed over; of more than one there is none (RFC 8461 3.1).

    Raises:
        SyntaxFault: The one record does not follow the grammar.
    """
    found = [record for record in records if re.match(rb"v=STSv1[ \t]*;", record)]
    return parse_record(found[0]) if len(found) == 1 else ""


def parse_record(record: bytes) -> str:
    """The policy id of one record, `v=STSv1; id=20160831085700Z;`.

    Raises:
        SyntaxFault: It does not follow the grammar of RFC 8461 3.1.
    """
    if len(record) > MAX_RECORD or not record.isascii():
        raise SyntaxFault("The MTA-STS record is too long, or not in ASCII.")
    version, *fields = (field.strip(" \t") for field in record.decode("ascii").split(";"))
    if version != "v=STSv1":
        raise SyntaxFault("An MTA-STS record begins with v=STSv1.")
    if fields and not fields[-1]:
        fields.pop()
    found = ""
    for field in fields:
        match = _FIELD.fullmatch(field)
        if match is None:
            raise SyntaxFault(f"The MTA-STS record has a field that is none: {field[:60]!r}.")
        if match[1] == "id" and not found:
            found = match[2]
    if not _ID.fullmatch(found):
        raise SyntaxFault("The MTA-STS record has no id of 1 to 32 letters and digits.")
    return found


def encode_record(policy_id: str) -> bytes:
    """The TXT record that announces the policy of this id."""
    assert _ID.fullmatch(policy_id), policy_id
    return f"v=STSv1; id={policy_id};".encode()


def parse_policy(text: bytes) -> Policy:
    """The policy that a domain's policy host serves.

    Of a field that stands twice the first counts, but for `mx` (RFC 8461 3.2). An age beyond
    what is allowed is cut to it: that protects more mail than having no policy at all.

    Raises:
        SyntaxFault: It does not follow the grammar, or lacks a field.
    """
    if len(text) > MAX_POLICY:
        raise SyntaxFault(f"The MTA-STS policy is longer than {MAX_POLICY} bytes.")
    try:
        lines = text.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise SyntaxFault("The MTA-STS policy is not in UTF-8.") from None
    fields: dict[str, str] = {}
    hosts: list[str] = []
    for line in lines:
        row = line.rstrip(" \t")
        match = _LINE.fullmatch(row)
        if match is not None:
            name, value = match[1], match[2]
            if name == "mx":
                hosts.append(_pattern(value))
            else:
                fields.setdefault(name, value)
        elif row:
            raise SyntaxFault(f"The MTA-STS policy has a line that is no field: {row[:60]!r}.")
    return _policy(fields, hosts)


def _policy(fields: dict[str, str], hosts: list[str]) -> Policy:
    if fields.get("version") != "STSv1":
        raise SyntaxFault("The MTA-STS policy lacks the line version: STSv1.")
    try:
        mode = Mode(fields.get("mode", ""))
    except ValueError:
        raise SyntaxFault("The MTA-STS policy has no mode enforce, testing or none.") from None
    age = fields.get("max_age", "")
    if not _AGE.fullmatch(age):
        raise SyntaxFault("The MTA-STS policy has no max_age in seconds.")
    if not hosts and mode is not Mode.NONE:
        raise SyntaxFault("The MTA-STS policy names no mx.")
    patterns = tuple(dict.fromkeys(hosts))
    if len(patterns) > MAX_HOSTS:
        raise SyntaxFault(f"The MTA-STS policy names more than {MAX_HOSTS} hosts.")
    return Policy(mode, min(int(age), MAX_AGE), patterns)


def _pattern(value: str) -> str:
    if len(value) > 255 or not _PATTERN.fullmatch(value):
        raise SyntaxFault(f"The MTA-STS policy has an mx that is no host: {value[:60]!r}.")
    return value.lower()


def encode_policy(policy: Policy) -> bytes:
    """The policy as it is served."""
    rows = ["version: STSv1", f"mode: {policy.mode.value}"]
    rows += [f"mx: {pattern}" for pattern in policy.mx]
    rows.append(f"max_age: {policy.max_age}")
    return "".join(f"{row}\r\n" for row in rows).encode()

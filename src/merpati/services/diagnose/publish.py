"""The DNS records to publish for a domain.

Mail reaches the domain by MX; SPF, DKIM, DMARC and PTR make others believe it; MTA-STS and
TLSA keep it encrypted; SRV records let mail programs find the server by themselves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from merpati.wire.mta_sts import Mode, Policy, encode_record
from merpati.wire.smtp.paths import Path, parse_domain

TTL: Final = 3600  # seconds
ADDRESS: Final = "<IPv4 address of this server>"
ADDRESS_6: Final = "<IPv6 address of this server, if it has one>"
STRING_LIMIT: Final = 255  # octets of one string of a TXT record, RFC 1035 3.3.14
SMTP_PORT: Final = 25
_TO_ESCAPE: Final = re.compile(r'(["\\])')
_ESCAPED: Final = r"\\\1"

# Name of RFC 6186 3, RFC 8314 5.1 and RFC 5804 1.8: service, priority, and the port when no
# listener has another.
# The priority says that IMAP is to be preferred to POP3 (RFC 6186 3.4).
SERVICES: Final = {
    "_submissions._tcp": ("submissions", 0, 465),
    "_submission._tcp": ("submission", 0, 587),
    "_imaps._tcp": ("imaps", 0, 993),
    "_imap._tcp": ("imap", 0, 143),
    "_pop3s._tcp": ("pop3s", 10, 995),
    "_sieve._tcp": ("managesieve", 0, 4190),
}


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate that this server shows, as far as a diagnosis needs it.

    Attributes:
        file: Where it is, for people.
        names: Host names in it, lower case.
        not_before: Unix seconds.
        not_after: Unix seconds.
        self_signed: Whether nobody else vouches for it.
        automatic: Whether this server orders the next one itself.
    """

    file: str
    names: tuple[str, ...]
    not_before: float
    not_after: float
    self_signed: bool = False
    automatic: bool = False


class SigningRecord(msgspec.Struct, frozen=True):
    """The public half of a DKIM key.

    Attributes:
        name: Where to publish it, without a dot at the end.
        text: What to publish there.
        active: Whether mail is signed with it now; else it is the next one.
    """

    name: str
    text: str
    active: bool = True


class Home(msgspec.Struct, frozen=True, kw_only=True):
    """A domain that is at home here, and what this installation has for it.

    Attributes:
        domain: Its name.
        hostname: This server's name.
        ports: The port of each service offered; None for all on their standard ports.
        keys: Its DKIM keys that sign now or next.
        policy: The MTA-STS policy hosted here; None without.
        policy_id: The id that announces it.
        tlsa: TLSA records for this server's key.
        issuer: The domain of the authority that issues its certificates; "" for none.
    """

    domain: str
    hostname: str
    ports: Mapping[str, int] | None = None
    keys: tuple[SigningRecord, ...] = ()
    policy: Policy | None = None
    policy_id: str = ""
    tlsa: tuple[str, ...] = ()
    issuer: str = ""

    @property
    def zone(self) -> str:
        """The domain in A-labels."""
        return Path("", parse_domain(self.domain)).ascii_domain()

    @property
    def host(self) -> str:
        """The server's name in A-labels."""
        return Path("", parse_domain(self.hostname)).ascii_domain()


class Record(msgspec.Struct, frozen=True):
    """One record: its full name with the final dot, as in a zone file, and what it is for."""

    name: str
    type: str
    value: str
    purpose: str


def records(home: Home) -> list[Record]:
    """What to publish for a domain."""
    zone, host = f"{home.zone}.", f"{home.host}."
    reports = f"mailto:postmaster@{home.zone}"
    found = [
        Record(host, "A", ADDRESS, "where this server is"),
        Record(host, "AAAA", ADDRESS_6, "where this server is"),
        Record(zone, "MX", f"10 {host}", "mail for the domain comes here"),
        Record(zone, "TXT", '"v=spf1 mx -all"', "SPF: only this server sends for the domain"),
    ]
    if host != zone:
        text = '"v=spf1 a -all"'
        found.append(Record(host, "TXT", text, "SPF for bounces, which have no sender"))
    found += [
        Record(f"{key.name}.", "TXT", quote(key.text),
               f"DKIM: the key that {'signs now' if key.active else 'signs next'}")
        for key in home.keys
    ]  # fmt: skip
    found += [
        Record(f"_dmarc.{zone}", "TXT", f'"v=DMARC1; p=none; rua={reports}"',
               "DMARC: reports only at first; p=quarantine once they look right"),
        Record(f"_smtp._tls.{zone}", "TXT", f'"v=TLSRPTv1; rua={reports}"',
               "TLS-RPT: others report when encryption failed"),
    ]  # fmt: skip
    return [*found, *_transport(home, zone, host), *_services(home, zone, host)]


def _transport(home: Home, zone: str, host: str) -> list[Record]:
    """MTA-STS, TLSA and CAA."""
    found = []
    if home.policy is not None and home.policy.mode is not Mode.NONE:
        found = [
            Record(f"_mta-sts.{zone}", "TXT", quote(encode_record(home.policy_id).decode()),
                   "MTA-STS: announces the policy that this server hosts"),
            Record(f"mta-sts.{zone}", "CNAME", host, "MTA-STS: where the policy is fetched"),
        ]  # fmt: skip
    found += [
        Record(f"_{SMTP_PORT}._tcp.{host}", "TLSA", one,
               "DANE: this server's key; counts in zones with DNSSEC only")
        for one in home.tlsa
    ]  # fmt: skip
    if home.issuer:
        found.append(
            Record(
                host, "CAA", f'0 issue "{home.issuer}"', "only this authority certifies the host"
            )
        )
    return found


def _services(home: Home, zone: str, host: str) -> list[Record]:
    found = []
    for name, (service, priority, standard) in SERVICES.items():
        port = standard if home.ports is None else home.ports.get(service)
        if port:
            found.append(
                Record(f"{name}.{zone}", "SRV", f"{priority} 1 {port} {host}",
                       "lets mail programs find the server")
            )  # fmt: skip
    if home.ports is not None and (port := home.ports.get("https")):
        found += [
            Record(f"autoconfig.{zone}", "CNAME", host, "settings for Thunderbird and its kin"),
            Record(f"_autodiscover._tcp.{zone}", "SRV", f"0 1 {port} {host}",
                   "settings for Outlook and phones"),
        ]  # fmt: skip
    return found


def notes(home: Home) -> list[str]:
    """What is to be done besides."""
    pointer = f"PTR: whoever gave you the address must let it lead back to {home.hostname};"
    found = [pointer + " without that, large providers refuse your mail."]
    if not home.issuer:
        found.append(
            f"CAA: if {home.domain} has CAA records, they must allow the issuer of your"
            ' certificate, such as 0 issue "letsencrypt.org".'
        )
    if not home.keys:
        found.append(
            "DKIM: the server makes its keys when it first runs; publish them too, they are shown"
            f" then by: merpati dns {home.domain}"
        )
    return found


def zone_file(home: Home) -> list[str]:
    """The records as a zone file (RFC 1035 5.1), to be pasted once the addresses are filled in."""
    lines = [f"; {note}" for note in notes(home)]
    lines.append(f"$TTL {TTL}")
    for one in records(home):
        # A placeholder must not load: the line is a comment until it is filled in.
        mark = "; " if one.value.startswith("<") else ""
        lines.append(f"{mark}{one.name}\tIN\t{one.type}\t{one.value}")
    return lines


def quote(text: str) -> str:
    """The value of a TXT record as a zone file writes it: strings of 255 octets at most."""
    strings = (text[n : n + STRING_LIMIT] for n in range(0, len(text) or 1, STRING_LIMIT))
    return " ".join(f'"{_TO_ESCAPE.sub(_ESCAPED, string)}"' for string in strings)

"""Where reports about a domain may be sent: addresses elsewhere must agree (RFC 9990 4).

Without that, a record could have the reports of the whole world sent to somebody who never
asked for them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from urllib.parse import unquote

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Asking, Question
from merpati.wire.dmarc import record
from merpati.wire.dmarc.discovery import DnsFailure, Records
from merpati.wire.smtp.paths import Path, parse_address

MAX_DESTINATIONS: Final = 5
"""Addresses that one report is sent to; most records have one, few three."""
MAX_NAME: Final = 253  # octets of a name that can be asked for (RFC 1035 2.3.4)


class Destinations(msgspec.Struct, frozen=True):
    """Who gets a report.

    Attributes:
        addresses: to send it to.
        refused: URIs left out, each with its reason in words.
        failure: why some could not be checked at the moment; empty when all were.
    """

    addresses: tuple[str, ...]
    refused: tuple[str, ...]
    failure: str = ""


def mailbox(uri: str) -> Path:
    """The address of a `mailto:` URI (RFC 6068 2).

    Raises:
        SyntaxFault: it is none, or has no domain that can be asked for.
    """
    scheme, _, rest = uri.partition(":")
    if scheme.lower() != "mailto":
        raise SyntaxFault(f"reports are sent by mail only, not to {scheme[:20]}:")
    try:
        path = parse_address(unquote(rest.partition("?")[0], errors="strict"))
    except UnicodeDecodeError:
        raise SyntaxFault("the address is not UTF-8") from None
    if not path.domain or path.is_literal:
        raise SyntaxFault("the address has no domain")
    path.ascii_domain()
    return path


def verified(uris: Sequence[str], found_at: str) -> Asking[Destinations]:
    """The addresses among `uris` that reports may be sent to.

    Args:
        uris: The record's rua or ruf.
        found_at: The domain at which that record stands.
    """
    records = Records()
    addresses: dict[str, None] = {}
    refused: list[str] = []
    failure = ""
    for uri in uris:
        if len(addresses) >= MAX_DESTINATIONS:
            refused.append(f"{uri}: a report is sent to {MAX_DESTINATIONS} addresses at most")
            continue
        try:
            path = mailbox(uri)
            addresses.update(dict.fromkeys((yield from _allowed(path, found_at, records))))
        except SyntaxFault as fault:
            refused.append(f"{uri}: {fault.text}")
        except DnsFailure as unknown:
            failure = f"{uri}: {unknown}"
    return Destinations(tuple(addresses), tuple(refused), failure)


def _allowed(path: Path, found_at: str, records: Records) -> Asking[list[str]]:
    """The address itself, or those its domain wants instead."""
    host = path.ascii_domain()
    if host == found_at or (yield from _same_organization(host, found_at, records)):
        return [str(path)]
    name = f"{found_at}._report._dmarc.{host}"
    if len(name) > MAX_NAME:
        raise SyntaxFault("its name is too long to ask whether the address agrees")
    answer = yield Question(name, "TXT")
    if answer.failure:
        raise DnsFailure(answer.failure)
    agreed = [record.parse(raw) for raw in answer.records if record.is_record(raw)]
    if not agreed:
        raise SyntaxFault(f"{host} does not say that it wants reports about {found_at}")
    instead = [mailbox(uri) for one in agreed for uri in one.rua]
    if any(other.ascii_domain() != host for other in instead):
        raise SyntaxFault(f"{host} sends its reports on to another domain")
    return [str(other) for other in instead] or [str(path)]


def _same_organization(host: str, found_at: str, records: Records) -> Asking[bool]:
    if host.rpartition(".")[2] != found_at.rpartition(".")[2]:
        return False
    ours = yield from records.organization(found_at)
    return (yield from records.organization(host)) == ours

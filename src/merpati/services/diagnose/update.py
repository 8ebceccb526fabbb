"""Which records of a domain may be put into its zone without a person's decision.

An update replaces all records of one name and type (RFC 2136 3.4.2.2). What is ours alone,
such as a DKIM key or a TLSA record, is replaced. What somebody may have made on purpose, the
MX records or a DMARC policy, is only added where there is none; and SPF goes beside the
other texts at its name.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.services.diagnose import publish
from merpati.services.diagnose.publish import Home, Record
from merpati.wire.asking import Asking, Question, RecordType
from merpati.wire.spf.record import is_record

_OURS: Final = ("_domainkey", "_mta-sts")  # second or first label of names that are ours alone


class Update(msgspec.Struct, frozen=True):
    """What to put into the zone, and what to leave as it is.

    Attributes:
        put: Records; all of one name and type together replace those in the zone.
        left: Records that the zone has in another form, which a person should look at.
    """

    put: tuple[Record, ...]
    left: tuple[Record, ...]


def plan(home: Home) -> Asking[Update]:
    """The update of a domain's zone, from what the DNS has now.

    Raises:
        Fault: UNAVAILABLE, when the DNS cannot tell what it has.
    """
    put: list[Record] = []
    left: list[Record] = []
    for one in publish.records(home):
        if one.value.startswith("<"):
            continue  # an address, which only a person knows
        name = one.name.removesuffix(".")
        if one.type in {"TLSA", "SRV"} or any(label in _OURS for label in name.split(".")[:2]):
            put.append(one)
            continue
        live = yield from _live(name, one.type)
        have = _values(one.type, live)
        if one.value in have:
            continue
        if _is_policy(one.value):
            if any(is_record(text) for text in live):
                left.append(one)
            else:
                put += [*(_kept(one, text) for text in live), one]
        elif have or (one.type == "CNAME" and (yield from _live(name, "A"))):
            left.append(one)
        else:
            put.append(one)
    return Update(tuple(put), tuple(left))


def _kept(one: Record, text: bytes) -> Record:
    """Another text at the same name, which the update has to carry along."""
    plain = text.decode("latin-1")
    if not plain.isascii() or not plain.isprintable():
        raise Fault(
            Kind.UNSUPPORTED,
            f"{one.name} has a TXT record that an update cannot carry along; publish by hand:"
            f" {one.name} TXT {one.value}",
        )
    return msgspec.structs.replace(one, value=publish.quote(plain))


def _is_policy(value: str) -> bool:
    return is_record(value.strip('"').encode())


def _values(kind: str, live: tuple[Any, ...]) -> set[str]:
    """Live records as a zone file writes them."""
    if kind == "TXT":
        return {publish.quote(text.decode("latin-1")) for text in live}
    if kind == "MX":
        return {f"{preference} {host}." for preference, host in live}
    if kind == "CAA":
        return {f'{flags} {tag} "{value}"' for flags, tag, value in live}
    return {f"{name}." for name in live}


def _live(name: str, kind: str) -> Asking[tuple[Any, ...]]:
    asked: RecordType = kind  # type: ignore[assignment]  # publish makes no other types
    answer = yield Question(name, asked)
    if answer.failure:
        raise Fault(Kind.UNAVAILABLE, answer.failure)
    return answer.records

"""Whether the records of a domain are published: a live mark for each."""

from __future__ import annotations

import asyncio
from enum import Enum
from typing import Any

import msgspec

from merpati.net.asking import answer
from merpati.net.dns import Resolver
from merpati.services.diagnose import publish
from merpati.services.diagnose.publish import Home, Record
from merpati.wire.asking import Answer, Asking, Question, RecordType

SECONDS = 15.0  # for one record


class Mark(Enum):
    """How a record stands in the DNS."""

    PUBLISHED = "published"
    MISSING = "missing"
    OTHER = "other"  # there is one, and it says something else
    UNKNOWN = "unknown"  # the DNS does not answer


class Marked(msgspec.Struct, frozen=True, rename="camel"):
    """A record to publish, how it stands, and what is there.

    Attributes:
        name: With the final dot, as in a zone file.
        value: What to publish; in angle brackets where only a person knows it.
        purpose: What it is for.
        found: What the DNS has at that name, as a zone file writes it.
    """

    name: str
    type: str
    value: str
    purpose: str
    mark: Mark
    found: list[str]


async def look(home: Home, resolver: Resolver) -> list[Marked]:
    """All records of a domain with their marks."""
    return await asyncio.gather(*(_look(one, resolver) for one in publish.records(home)))


async def _look(one: Record, resolver: Resolver) -> Marked:
    told = await answer(_ask(one), resolver, seconds=SECONDS)
    found = [_text(one.type, each) for each in told.records]
    return Marked(one.name, one.type, one.value, one.purpose, mark(one, told), sorted(found))


def _ask(one: Record) -> Asking[Answer]:
    kind: RecordType = one.type  # type: ignore[assignment]  # publish makes no other types
    return (yield Question(one.name.removesuffix(".").lower(), kind))


def mark(one: Record, told: Answer) -> Mark:
    """How a record stands, by what the DNS told."""
    if told.failure:
        return Mark.UNKNOWN
    if not told.records:
        return Mark.MISSING
    if one.value.startswith("<"):
        return Mark.PUBLISHED  # any address: the doctor says whether it is the right one
    texts = [_text(one.type, each) for each in told.records]
    if _folded(one.value) in map(_folded, texts):
        return Mark.PUBLISHED
    if one.type != "TXT":
        return Mark.OTHER
    kind = one.value.strip('"').partition(";")[0].partition(" ")[0].lower()
    of_kind = [text for text in texts if text.strip('"').lower().startswith(kind)]
    if of_kind and kind == "v=dmarc1":
        return Mark.PUBLISHED  # a policy of one's own is as good: what it says is for the doctor
    return Mark.OTHER if of_kind else Mark.MISSING


def _folded(text: str) -> str:
    return " ".join(text.replace('" "', "").split()).lower()


def _text(kind: str, record: Any) -> str:
    """A record as a zone file writes its value."""
    match kind:
        case "TXT":
            return publish.quote(record.decode("latin-1"))
        case "MX":
            return f"{record[0]} {record[1]}."
        case "SRV":
            return f"{record[0]} {record[1]} {record[2]} {record[3]}."
        case "CAA":
            return f'{record[0]} {record[1]} "{record[2]}"'
        case "TLSA":
            return f"{record[0]} {record[1]} {record[2]} {record[3].hex()}"
        case "CNAME":
            return f"{record}."
        case _:
            return str(record)

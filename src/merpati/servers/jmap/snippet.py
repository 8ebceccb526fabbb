"""SearchSnippet/get (RFC 8621 5): where in an email the words stand that were looked for."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.servers.jmap import email_query
from merpati.servers.jmap.call import MAIL, Access, Call, Method
from merpati.servers.jmap.email import Email
from merpati.servers.jmap.kind import Answer
from merpati.servers.jmap.querying import check_filter
from merpati.store import email_places, rights
from merpati.store.blobs import BlobStore, Stored
from merpati.wire.jmap import email_body, email_headers
from merpati.wire.jmap.email_headers import CONVENIENT
from merpati.wire.jmap.faults import MethodFault
from merpati.wire.jmap.values import (
    Argument,
    check_arguments,
    is_id,
    is_object,
    is_reference,
    list_of,
    needed,
    nullable,
)
from merpati.wire.mime import headers, text, tree
from merpati.wire.text import markup

if TYPE_CHECKING:
    from merpati.store.engine import Transaction

PREVIEW_MAX: Final = 255  # octets, RFC 8621 5
BEFORE: Final = 40  # characters of a preview before the first word
READ_MAX: Final = 256 * 1024  # characters of an email in which words are looked for
WORDS_MAX: Final = 50
EMAILS_MAX: Final = 500  # of one call

_SPACE: Final = re.compile(r"\s+")


class _Words(NamedTuple):
    """What to look for: in the subject, and in the body."""

    subject: re.Pattern[str] | None
    body: re.Pattern[str] | None


def get(kind: Email) -> Method:
    """SearchSnippet/get."""
    table = {
        "accountId": needed(is_id),
        "filter": Argument(nullable(is_object)),
        "emailIds": needed(list_of(is_reference)),
    }

    async def run(call: Call, given: dict[str, Any]) -> Answer:
        arguments = check_arguments(given, table)
        access = call.access(arguments["accountId"])
        check_filter(kind, arguments["filter"], call.using)
        if len(arguments["emailIds"]) > min(EMAILS_MAX, call.settings.objects_in_get):
            raise MethodFault("requestTooLarge")
        ids = list(dict.fromkeys(call.real(one) or one for one in arguments["emailIds"]))
        words = _words(arguments["filter"])
        numbers = {one: object_ids.read_email(one) for one in ids}
        rows = await call.services.store.read(
            _rows, access, [number for number in numbers.values() if number is not None]
        )
        found, missing = [], []
        for one in ids:
            row = rows.get(numbers[one] or 0)
            if row is None:
                missing.append(one)
                continue
            told: dict[str, str | None] = {"subject": None, "preview": None}
            if words.subject is not None or words.body is not None:
                told = await asyncio.to_thread(_marked, call.services.blob_store, row, words)
            found.append({"emailId": one, **told})
        answer = {
            "accountId": arguments["accountId"], "list": found, "notFound": missing or None,
        }  # fmt: skip
        return [("SearchSnippet/get", answer)]

    return Method(MAIL, run)


async def _rows(tx: Transaction, access: Access, ids: list[int]) -> dict[int, Any]:
    columns = ("structure", "blob_id", "size", "location", "encoding", "data")
    found = await email_places.find(tx, access.account_id, ids, columns)
    if not access.is_own:
        held = (await rights.all_held(tx, access.user_id)).get(access.account_id, {})
        found = {
            one: seen
            for one, places in found.items()
            if (seen := [each for each in places if letters.READ in held.get(each.mailbox_id, "")])
        }
    return {one: places[0].row[2:] for one, places in found.items()}


def _words(filter_: Any) -> _Words:
    """The words of a filter that an email is to have."""
    subject: list[str] = []
    body: list[str] = []
    for name, value in _conditions(filter_):
        words = email_query.words(value)
        if name in ("text", "subject"):
            subject += words
        if name in ("text", "body"):
            body += words
    return _Words(_pattern(subject), _pattern(body))


def _conditions(filter_: Any) -> Iterator[tuple[str, str]]:
    waiting = [filter_] if filter_ else []
    while waiting:
        one = waiting.pop()
        if "operator" in one:
            if one["operator"] != "NOT":
                waiting += one["conditions"]
            continue
        for name, value in one.items():
            if name in ("text", "subject", "body"):
                yield name, value


def _pattern(words: list[str]) -> re.Pattern[str] | None:
    if not words:
        return None
    longest = sorted(set(words), key=len, reverse=True)
    parts = [r"\s+".join(map(re.escape, word.split())) for word in longest[:WORDS_MAX]]
    return re.compile("|".join(parts), re.IGNORECASE) if parts else None


def _marked(blob_store: BlobStore, row: Any, words: _Words) -> dict[str, str | None]:
    structure, *stored = row
    content = blob_store.read(Stored(*stored))
    root = tree.decode(structure)
    told: dict[str, str | None] = {"subject": None, "preview": None}
    if words.subject is not None:
        fields = headers.split(content, root.header_start, root.body_start).fields
        subject = email_headers.value(fields, CONVENIENT["subject"]) or ""
        if words.subject.search(subject):
            told["subject"] = mark(subject, words.subject)
    if words.body is not None:
        for part in email_body.shown(email_body.numbered(root)).text:
            if part.part.type != "text":
                continue
            said = _said(content, part.part)
            first = words.body.search(said)
            if first is not None:
                told["preview"] = mark(_around(said, first.start()), words.body, PREVIEW_MAX)
                break
    return told


def _said(content: Any, part: tree.Part) -> str:
    pieces: list[str] = []
    size = 0
    for piece in text.text(content, part):
        pieces.append(piece)
        size += len(piece)
        if size > READ_MAX:
            break
    said = "".join(pieces)[:READ_MAX]
    if part.subtype == "html":
        said = markup.visible(said)
    return _SPACE.sub(" ", said).strip()


def _around(said: str, at: int) -> str:
    """The text from a little before a place, beginning with a whole word."""
    start = max(0, at - BEFORE)
    if start:
        space = said.find(" ", start, at)
        start = space + 1 if space >= 0 else at
    return said[start : start + PREVIEW_MAX]


def mark(said: str, words: re.Pattern[str], most: int = 0) -> str:
    """Text as HTML with the words marked; `most` octets at most, 0 for any number."""
    pieces: list[str] = []
    size = at = 0
    for found in [*words.finditer(said), None]:
        end = len(said) if found is None else found.start()
        plain = said[at:end]
        marked = "" if found is None else f"<mark>{escape(found[0], quote=False)}</mark>"
        # What is cut is cut between characters, never within an entity.
        for piece in (*(map(_escaped, plain) if most else [_escaped(plain)]), marked):
            size += len(piece.encode("utf-8", "replace"))
            if most and size > most:
                return "".join(pieces)
            pieces.append(piece)
        at = len(said) if found is None else found.end()
    return "".join(pieces)


def _escaped(said: str) -> str:
    return escape(said, quote=False)

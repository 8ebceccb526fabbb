"""What FETCH tells of messages, many together: their prepared envelopes and structures.

Rows of `message` come in with the bodies, so they lie scattered between these, and to list a
mailbox that the page cache has forgotten takes a read of the disk for every fourth message. So
when UIDs have filled a page of `SPAN`, what is told of its messages is kept once more beside the
header pages, packed: an eighth of the room, and in one piece.

What a message says never changes, and no UID is added to a page that is full. So a page is never
wrong; it may hold messages that are gone, and who reads it asks the rows which are there. When
few are left of them it goes (`finding.sparse_pages`).
"""

from __future__ import annotations

import sys
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, Final

from merpati.model import uids as uid_sets
from merpati.store import emails, finding
from merpati.store.engine import Row, Transaction

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

SPAN: Final = 256  # UIDs of a page
WORTH: Final = 64  # messages for which a page is made, or read
LEVEL: Final = 1  # of zstd
# The columns of `emails.COLUMNS` that are kept, and what they are called in `header_page`;
# another layout takes other numbers.
FIELDS: Final = {"envelope": 64, "bodystructure": 65}
_APART: Final = b"\0"  # stands in no quoted string; a page with a literal that holds it is not made

Packed = dict[tuple[int, int, int, int], bytes]
"""Packed pages by account, mailbox, page and field, as `finding.save_pages` takes them."""


def pieces(uids: Sequence[int]) -> Iterator[slice]:
    """Ascending UIDs in pieces of at most `SPAN` for `fetch`, of one page each where that helps."""
    start = 0
    while start < len(uids):
        stop = min(start + SPAN, len(uids))
        border = (uids[start] // SPAN + 1) * SPAN
        if uids[stop - 1] >= border:
            inside = bisect_left(uids, border, start, stop)
            stop = inside if inside - start >= WORTH else stop
        yield slice(start, stop)
        start = stop


async def fetch(
    tx: Transaction, account_id: int, mailbox_id: int, uids: Sequence[int], columns: tuple[str, ...]
) -> list[Row]:
    """As `emails.fetch`, out of a page where the messages have one."""
    kept = [name for name in columns if name in FIELDS]
    rest = tuple([name for name in columns if name not in FIELDS])
    page = uids[0] // SPAN if uids else 0
    if (
        len(uids) < WORTH
        or uids[-1] // SPAN != page
        or not kept
        or any(emails.COLUMNS[name].startswith("m.") for name in rest)  # they bring it along
    ):
        return await emails.fetch(tx, account_id, mailbox_id, uids, columns)
    told: dict[str, Sequence[Any]] = {}
    for name in kept:
        packed = await finding.load_page(tx, account_id, mailbox_id, page, FIELDS[name])
        if packed is None:
            return await emails.fetch(tx, account_id, mailbox_id, uids, columns)
        named, *told[name] = zstd.decompress(packed).split(_APART)
    rows = await emails.fetch(tx, account_id, mailbox_id, uids, rest)
    found = [row[0] for row in rows]
    here = uid_sets.expand(named.decode())
    if found != here:
        places = {uid: place for place, uid in enumerate(here)}
        if not places.keys() >= set(found):
            return await emails.fetch(tx, account_id, mailbox_id, uids, columns)
        chosen = [places[uid] for uid in found]
        told = {name: [values[place] for place in chosen] for name, values in told.items()}
    told.update(zip(rest, zip(*rows, strict=True), strict=True) if rows else ())
    return list(zip(*[told[name] for name in columns], strict=True)) if rows else []


def is_filled(before: int, upto: int) -> bool:
    """Whether UIDs above one, and up to another, have filled a page."""
    return (before + 1) // SPAN < (upto + 1) // SPAN


async def filled(
    tx: Transaction, account_id: int, mailbox_id: int, before: int, upto: int
) -> Packed:
    """The pages that UIDs above one, and up to another, have filled, ready to be kept.

    Not those with few messages, nor with one of which nothing is known.
    """
    pages: Packed = {}
    for page in range((before + 1) // SPAN, (upto + 1) // SPAN):
        uids = range(page * SPAN, (page + 1) * SPAN)
        rows = await emails.fetch(tx, account_id, mailbox_id, uids, ("uid", *FIELDS))
        if len(rows) < WORTH:
            continue
        here, *columns = zip(*rows, strict=True)
        for field, values in zip(FIELDS.values(), columns, strict=True):
            if None in values or any(_APART in value for value in values):
                continue
            text = _APART.join((uid_sets.compress(here).encode(), *values))
            pages[account_id, mailbox_id, page, field] = zstd.compress(text, LEVEL)
    return pages

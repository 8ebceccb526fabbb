"""IMAP's search keys as criteria: what they mean in one session, at one moment.

Sequence numbers become UIDs, days become milliseconds, `$` becomes what the last search
found (RFC 5182), and FILTER becomes the keys that are stored under its name (RFC 5466).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.model import criteria as c
from merpati.model import object_ids
from merpati.servers.imap import uidonly
from merpati.servers.imap.client import Client
from merpati.servers.imap.legal import Refused
from merpati.servers.imap.view import View
from merpati.store import metadata
from merpati.store.engine import Transaction
from merpati.wire.imap import dates, search, sets
from merpati.wire.imap.lexer import Cursor
from merpati.wire.imap.responses import Code

DAY_MS: Final = dates.DAY * 1000
FILTER_DEPTH_MAX: Final = 5  # filters that name filters; ours
FILTERS_MAX: Final = 50  # named by one search, directly or not; ours
FILTER_ENTRIES: Final = ("/private/filters/values/", "/shared/filters/values/")  # RFC 5466 2.1
NOTHING: Final = c.Or(())


class Scene(msgspec.Struct, frozen=True):
    """What keys mean something in: a moment in Unix milliseconds, and the view, if any counts.

    `largest`: the highest UID, which `*` stands for, of a mailbox without a view.
    """

    now: int
    view: View | None
    largest: int = 0


def asks_modseq(key: search.SearchKey) -> bool:
    """Whether MODSEQ is among the keys (RFC 7162 3.1.5)."""
    return _holds(key, search.ModSeq)


def is_fuzzy(key: search.SearchKey) -> bool:
    """Whether FUZZY is among the keys."""
    return _holds(key, search.Fuzzy)


def asks_numbers(key: search.SearchKey) -> bool:
    """Whether a key means something in the selected mailbox only (RFC 7377 2.1)."""
    return _holds(key, search.Numbers) or _holds(key, search.Recent)


def _holds(key: search.SearchKey, kind: type[search.SearchKey]) -> bool:
    if isinstance(key, search.And | search.Or):
        return any(_holds(each, kind) for each in key.keys)
    if isinstance(key, search.Not | search.Fuzzy):
        return isinstance(key, kind) or _holds(key.key, kind)
    return isinstance(key, kind)


def criterion(key: search.SearchKey, scene: Scene, *, fuzzy: bool = False) -> c.Criterion:
    """What a key asks for; the recursion is bounded by the parser's DEPTH_MAX."""
    match key:
        case search.All() | search.SaveDateSupported():
            return c.All()
        case search.And(keys=keys):
            return c.And(tuple([criterion(each, scene, fuzzy=fuzzy) for each in keys]))
        case search.Or(keys=keys):
            return c.Or(tuple([criterion(each, scene, fuzzy=fuzzy) for each in keys]))
        case search.Not(key=inner):
            return c.Not(criterion(inner, scene, fuzzy=fuzzy))
        case search.Fuzzy(key=inner):
            return criterion(inner, scene, fuzzy=True)
        case search.Header(field=field, text=text):
            return c.Header(field, text, fuzzy)
        case search.Body(text=text):
            return c.Body(text, fuzzy)
        case search.Text(text=text):
            return c.Text(text, fuzzy)
        case search.Numbers() | search.Uids() | search.Recent():
            return _by_place(key, scene)
        case search.EmailId() | search.ThreadId():
            return _by_id(key)
        case _:
            return _by_row(key, scene.now)


def _by_row(key: search.SearchKey, now: int) -> c.Criterion:
    match key:
        case search.Keyword(keyword=keyword, present=present):
            return c.Keyword(keyword) if present else c.Not(c.Keyword(keyword))
        case search.Larger(size=size):
            return c.Size(least=min(size + 1, search.SIZE_MAX))  # which nothing has
        case search.Smaller(size=size):
            return c.Size(below=size)
        case search.ModSeq(value=value):
            return c.ModSeq(value)
        case search.Day(relation=relation, day=day, sent=True):
            return c.SentDay(*_days(relation, day, 1))
        case search.Day(relation=relation, day=day):
            return c.Received(*_days(relation, day, DAY_MS))
        case search.SavedDay(relation=relation, day=day):
            return c.Saved(*_days(relation, day, DAY_MS))
        case search.Within(seconds=seconds, younger=True):
            return c.Received(since=now - seconds * 1000)
        case search.Within(seconds=seconds):
            return c.Received(before=now - seconds * 1000 + 1)
        case _:
            raise TypeError(key)


def _days(relation: search.Relation, day: int, unit: int) -> tuple[int | None, int | None]:
    since = None if relation is search.Relation.BEFORE else day * unit
    before = {
        search.Relation.BEFORE: day * unit,
        search.Relation.ON: (day + 1) * unit,
    }.get(relation)
    return since, before


def _by_place(key: search.Numbers | search.Uids | search.Recent, scene: Scene) -> c.Criterion:
    view = scene.view
    if isinstance(key, search.Uids) and not key.set.saved:
        largest = view.uids[-1] if view is not None and view.uids else scene.largest
        return c.Uids(tuple(_unending(key.set, largest)))
    if view is None:
        raise Refused("sequence numbers mean nothing in several mailboxes", bad=True)
    if isinstance(key, search.Recent):
        recent = c.Uids(tuple(view.recent_ranges))
        return recent if key.present else c.Not(recent)
    if key.set.saved:
        return c.Uids(tuple(runs(view.saved)))
    uids = view.uids
    return c.Uids(
        tuple([
            (uids[span.start], uids[span.stop - 1])
            for span in key.set.numbers(view.count) if span
        ])
    )  # fmt: skip


def _unending(wanted: sets.SequenceSet, largest: int) -> list[tuple[int, int]]:
    """The UIDs that a set names; `7:*` has no end, so that a search kept up to date finds more."""
    ranges = wanted.resolve(largest)
    if (
        ranges
        and ranges[-1][1] == largest
        and any(first != last and sets.STAR in {first, last} for first, last in wanted.ranges)
    ):
        ranges[-1] = (ranges[-1][0], sets.NUMBER_MAX)
    return ranges


def _by_id(key: search.EmailId | search.ThreadId) -> c.Criterion:
    if isinstance(key, search.EmailId):
        content = object_ids.read_content(key.id)
        return NOTHING if content is None else c.Content(*content)
    thread_id = object_ids.read_thread(key.id)
    return NOTHING if thread_id is None else c.ThreadId(thread_id)


def runs(uids: Sequence[int]) -> list[tuple[int, int]]:
    """Ascending UIDs as ranges."""
    found: list[tuple[int, int]] = []
    start = end = -1
    for uid in uids:
        if uid != end + 1:
            if start >= 0:
                found.append((start, end))
            start = uid
        end = uid
    if start >= 0:
        found.append((start, end))
    return found


async def resolved(client: Client, key: search.SearchKey) -> search.SearchKey:
    """The same with the stored keys in place of FILTER.

    Raises:
        Refused: UNDEFINED-FILTER (RFC 5466 3.1); UIDREQUIRED (RFC 9586 3) when a filter names
            messages by their numbers.
    """
    if not _holds(key, search.Filter):
        return key
    found: dict[str, search.SearchKey] = {}
    waiting = list(_names(key))
    for _ in range(FILTER_DEPTH_MAX):
        names, waiting = waiting, []
        for name in names:
            if name not in found:
                found[name] = await _stored(client, name)
                waiting += _names(found[name])
        if len(found) > FILTERS_MAX:
            raise undefined(names[-1])
    if waiting:
        raise undefined(waiting[0])
    filled = _filled(key, found, FILTER_DEPTH_MAX)
    if client.uidonly and uidonly.numbered(filled):
        raise uidonly.required()
    return filled


def undefined(name: str) -> Refused:
    """The refusal of a filter that is not there, or is none."""
    code = Code(b"UNDEFINED-FILTER " + name.encode("ascii", "replace"))
    return Refused("there is no such filter", code)


async def _stored(client: Client, name: str) -> search.SearchKey:
    value = await client.services.store.read(_filter, client.account_id, name.lower())
    if value is None:
        raise undefined(name)
    try:
        return search.read_keys(Cursor([value]))
    except SyntaxFault:
        raise undefined(name) from None


async def _filter(tx: Transaction, user_id: int, name: str) -> bytes | None:
    for entry in FILTER_ENTRIES:
        for _, value in await metadata.find(tx, metadata.SERVER, user_id, entry + name):
            return value
    return None


def _names(key: search.SearchKey) -> list[str]:
    if isinstance(key, search.And | search.Or):
        return [name for each in key.keys for name in _names(each)]
    if isinstance(key, search.Not | search.Fuzzy):
        return _names(key.key)
    return [key.name] if isinstance(key, search.Filter) else []


def _filled(
    key: search.SearchKey, found: dict[str, search.SearchKey], depth: int
) -> search.SearchKey:
    match key:
        case search.Filter(name=name):
            if not depth:
                raise undefined(name)
            return _filled(found[name], found, depth - 1)
        case search.And(keys=keys):
            return search.And(tuple([_filled(each, found, depth) for each in keys]))
        case search.Or(keys=keys):
            return search.Or(tuple([_filled(each, found, depth) for each in keys]))
        case search.Not(key=inner):
            return search.Not(_filled(inner, found, depth))
        case search.Fuzzy(key=inner):
            return search.Fuzzy(_filled(inner, found, depth))
        case _:
            return key

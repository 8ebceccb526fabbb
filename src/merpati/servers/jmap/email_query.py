"""Email/query (RFC 8621 4.4): its filters and sorts in the terms of `services.finding`.

The latest results are remembered (`email_results`), so a page of one of 100,000 emails costs as
much as one of a hundred. What changes in an account is read from its log and applied to those
that depend on each email by itself; others are found anew.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from merpati.model import criteria as c
from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.servers.jmap import filters
from merpati.servers.jmap.call import Access, Call
from merpati.servers.jmap.email_results import EmailIds, Entry, Result, ThreadFirsts
from merpati.servers.jmap.kind import Found
from merpati.services.finding import sorting
from merpati.services.finding.finder import Finder, Source
from merpati.store import (
    changes,
    email_changes,
    email_places,
    email_rows,
    finding,
    mailbox_tree,
    rights,
)
from merpati.store.email_places import Held
from merpati.store.engine import Transaction
from merpati.wire.jmap import requests
from merpati.wire.jmap.faults import MethodFault, invalid
from merpati.wire.jmap.values import (
    Check,
    is_bool,
    is_id,
    is_text,
    is_unsigned,
    is_utc_date,
    list_of,
    milliseconds,
)

REMEMBERED: Final = 64  # results of all accounts
REMEMBERED_IDS: Final = 1_000_000  # emails in them: 24 bytes each
FOLLOWED: Final = 1000  # emails that changed; after more a result is found anew
DAY_MS: Final = 86_400_000

_WORDS: Final = re.compile(
    r"""(?<!\S)"([^"\\]*+(?:\\.[^"\\]*+)*)"(?!\S)|(?<!\S)'([^'\\]*+(?:\\.[^'\\]*+)*)'(?!\S)|(\S+)"""
)
_ESCAPED: Final = re.compile(r"\\(.)", re.DOTALL)
_FIELDS: Final = ("from", "to", "cc", "bcc", "subject")
THREADS: Final = frozenset({
    "allInThreadHaveKeyword", "someInThreadHaveKeyword", "noneInThreadHaveKeyword",
})  # fmt: skip


def _is_header(value: Any) -> bool:
    return list_of(is_text)(value) and 1 <= len(value) <= 2 and bool(value[0])


CONDITIONS: Final[Mapping[str, Check]] = {
    "inMailbox": is_id,
    "inMailboxOtherThan": list_of(is_id),
    "before": is_utc_date,
    "after": is_utc_date,
    "minSize": is_unsigned,
    "maxSize": is_unsigned,
    **dict.fromkeys((*THREADS, "hasKeyword", "notKeyword"), is_text),
    "hasAttachment": is_bool,
    **dict.fromkeys(("text", "body", *_FIELDS), is_text),
    "header": _is_header,
}
SORTS: Final = {
    "receivedAt": c.SortBy.ARRIVAL,
    "sentAt": c.SortBy.DATE,
    "size": c.SortBy.SIZE,
    "from": c.SortBy.DISPLAY_FROM,
    "to": c.SortBy.DISPLAY_TO,
    "subject": c.SortBy.SUBJECT,
    "hasKeyword": c.SortBy.KEYWORD,
}
COLUMNS: Final = {"receivedAt": "received_at", "size": "size"}
THREAD_SORTS: Final = {
    "allInThreadHaveKeyword": True,
    "someInThreadHaveKeyword": False,
}
# What of an email never changes, in filters and sorts.
LASTING: Final = frozenset({
    "before", "after", "minSize", "maxSize", "hasAttachment", "text", "body", *_FIELDS, "header",
    "receivedAt", "sentAt", "size", "hasSmime", "hasVerifiedSmimeAtDelivery",
})  # fmt: skip
TIMED: Final = "hasVerifiedSmime"  # which may be another tomorrow, without any change
NEWEST_FIRST: Final = ({"property": "receivedAt", "isAscending": False},)


class _Row(NamedTuple):
    """An email that was found, in one of its mailboxes."""

    email_id: int
    thread_id: int


class _Known(NamedTuple):
    """A result, as of a modseq of its account and the mailboxes that were looked at."""

    modseq: int
    mailbox_ids: list[int]
    result: Result


class _Asked(NamedTuple):
    """A query, taken apart.

    Attributes:
        criterion: which emails belong to the result.
        sort: the comparators; newest first when there are none.
        follows: whether a result can be changed when emails do: it depends on each alone,
            and is sorted by one number of its row.
    """

    filter: Any
    criterion: c.Criterion
    sort: Sequence[Mapping[str, Any]]
    follows: bool

    @property
    def descending(self) -> bool:
        return not self.sort[0]["isAscending"]

    @property
    def column(self) -> str:
        return COLUMNS[self.sort[0]["property"]]


class EmailQuery:
    """Answers queries of one worker."""

    def __init__(self, finder: Finder) -> None:
        self._finder = finder
        self._known: OrderedDict[tuple[int, int, bytes], _Known] = OrderedDict()
        self._count = 0

    async def query(
        self,
        call: Call,
        access: Access,
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        *,
        collapse: bool,
    ) -> Found:
        """All emails that match, in order.

        Raises:
            MethodFault: invalidArguments for a comparator without its keyword.
        """
        check_sort(sort)
        store = call.services.store
        text = requests.encode((filter_, sort))
        key = (access.account_id, 0 if access.is_own else call.user.id, text)
        timed = TIMED in filters.conditions(filter_)
        known = None if timed else self._known.get(key)
        if not access.is_own or known is None or await self._is_old(access.account_id, known):
            modseq, mailbox_ids = await store.read(_mailboxes, access, call.user.id)
            if known is None or (known.modseq, known.mailbox_ids) != (modseq, mailbox_ids):
                by = sort or NEWEST_FIRST
                follows = (
                    not is_by_thread(filter_, sort)
                    and len(by) == 1
                    and by[0]["property"] in COLUMNS
                )
                asked = _Asked(filter_, criterion_of(filter_, mailbox_ids), by, follows)
                known = await self._renewed(access.account_id, asked, known, modseq, mailbox_ids)
                if not timed:
                    self._remember(key, known)
        if key in self._known:
            self._known.move_to_end(key)
        ids = ThreadFirsts(known.result) if collapse else EmailIds(known.result)
        return Found(str(known.modseq), ids, can_calculate_changes=not timed)

    async def _is_old(self, account_id: int, known: _Known) -> bool:
        return await self._finder.store.read(changes.current, account_id) != known.modseq

    async def _renewed(
        self,
        account_id: int,
        asked: _Asked,
        known: _Known | None,
        modseq: int,
        mailbox_ids: list[int],
    ) -> _Known:
        """The result as it is now, of the one that is known if that can be."""
        if known is not None and known.mailbox_ids == mailbox_ids and asked.follows:
            followed = await self._follow(account_id, asked, known)
            if followed is not None:
                return followed
        result = await self._run(account_id, asked, mailbox_ids, modseq)
        return _Known(modseq, mailbox_ids, result)

    async def _follow(self, account_id: int, asked: _Asked, known: _Known) -> _Known | None:
        """The result after what changed since; None when it is to be found anew."""
        store = self._finder.store
        found = await store.read(_changed, account_id, known.modseq, asked.column)
        if found is None:
            return None
        modseq, gone, there = found
        readable = set(known.mailbox_ids)
        places = {
            email_id: kept
            for email_id, held in there.items()
            if (kept := [one for one in held if one.mailbox_id in readable])
        }
        met = await self._meeting(account_id, asked, places)
        entries: dict[int, Entry | None] = dict.fromkeys((*gone, *there))
        for email_id in met:
            row = places[email_id][0].row
            entries[email_id] = Entry(row[4], row[5])
        # Another call may have been here while this one waited.
        if known.result.modseq == known.modseq:
            known.result.follow(entries)
            known.result.modseq = modseq
        elif known.result.modseq != modseq:
            return None
        return known._replace(modseq=modseq)

    async def _meeting(
        self, account_id: int, asked: _Asked, places: Mapping[int, Sequence[Held]]
    ) -> Iterable[int]:
        """Those of a few emails that meet the criterion."""
        if finding.by_rows(asked.criterion):
            return [email_id for email_id, held in places.items() if _meets(asked.criterion, held)]
        by_mailbox: dict[int, dict[int, int]] = {}
        for email_id, held in places.items():
            for one in held:
                by_mailbox.setdefault(one.mailbox_id, {})[one.row[0]] = email_id
        met: set[int] = set()
        for mailbox_id, uids in by_mailbox.items():
            source = Source(account_id, mailbox_id, sorted(uids))
            found = await self._finder.find(source, asked.criterion)
            met |= {uids[uid] for uid in found.uids}
        return met

    async def _run(
        self, account_id: int, asked: _Asked, mailbox_ids: list[int], modseq: int
    ) -> Result:
        """Find all of it; what changes meanwhile may be in it, and is applied once more."""
        looked_in = _sources(asked.filter, mailbox_ids)
        criterion = _within(asked.criterion, frozenset(looked_in))
        if asked.follows and finding.by_rows(criterion):
            found = await self._finder.store.scan(
                email_rows.ordered, account_id, looked_in, criterion, asked.column,
                descending=asked.descending,
            )  # fmt: skip
            return Result(*found, descending=asked.descending, modseq=modseq)
        rows: list[_Row] = []
        columns: list[list[Any]] = [[] for _ in asked.sort]
        for mailbox_id in looked_in:
            await self._gather(account_id, mailbox_id, criterion, asked.sort, rows, columns)
        for n, one in enumerate(asked.sort):
            if one["property"] in THREAD_SORTS:
                columns[n] = await self._by_thread(account_id, rows, one)
        reverse = [not one["isAscending"] for one in asked.sort]
        ids = [row.email_id for row in rows]
        places = await sorting.order([*columns, ids], [*reverse, reverse[0]])
        if len(looked_in) > 1:  # one in two mailboxes comes twice
            places = list({ids[at]: at for at in reversed(places)}.values())[::-1]
        keys = [columns[0][at] for at in places] if asked.follows else [0] * len(places)
        return Result(
            [ids[at] for at in places], keys, [rows[at].thread_id for at in places],
            descending=asked.descending, modseq=modseq,
        )  # fmt: skip

    async def _gather(
        self,
        account_id: int,
        mailbox_id: int,
        criterion: c.Criterion,
        sort: Sequence[Mapping[str, Any]],
        rows: list[_Row],
        columns: list[list[Any]],
    ) -> None:
        """Find in one mailbox: the emails, and for each comparator what they are sorted by."""
        store = self._finder.store
        names = tuple(
            sorting.ROWS[by] if (by := SORTS.get(one["property"])) in sorting.ROWS else "uid"
            for one in sort
        )
        wanted = ("uid", "email_id", "thread_id", *names)
        if finding.by_rows(criterion):
            found = await store.scan(email_rows.matching, account_id, mailbox_id, criterion, wanted)
        else:
            uids = await store.scan(email_rows.uids, account_id, mailbox_id)
            met = await self._finder.find(Source(account_id, mailbox_id, uids), criterion)
            found = await store.scan(email_rows.rows, account_id, mailbox_id, met.uids, wanted)
        uids = [row[0] for row in found]
        rows += [_Row(row[1], row[2]) for row in found]
        source = Source(account_id, mailbox_id, uids)
        for n, one in enumerate(sort):
            by = SORTS.get(one["property"])
            if by is None:
                continue
            if by is c.SortBy.KEYWORD:
                keyword = one["keyword"].lower()
                columns[n] += [keyword in row[3 + n].split(" ") for row in found]
            elif by in sorting.ROWS:
                columns[n] += [row[3 + n] for row in found]
            else:
                columns[n] += await sorting.values(self._finder, source, uids, c.SortKey(by), {})

    async def _by_thread(
        self, account_id: int, rows: Sequence[_Row], one: Mapping[str, Any]
    ) -> list[Any]:
        """Whether all, or some, emails of the thread of each row have a keyword."""
        keyword = one["keyword"].lower()
        counted = await self._finder.store.scan(email_rows.threads_with, account_id, keyword)
        if THREAD_SORTS[one["property"]]:
            return [
                0 < with_ == all_
                for row in rows
                for with_, all_ in [counted.get(row.thread_id, (0, 0))]
            ]
        return [counted.get(row.thread_id, (0, 0))[0] > 0 for row in rows]

    def _remember(self, key: tuple[int, int, bytes], known: _Known) -> None:
        self._known.pop(key, None)
        self._known[key] = known
        count = sum(len(one.result) for one in self._known.values())
        while len(self._known) > 1 and (len(self._known) > REMEMBERED or count > REMEMBERED_IDS):
            _, gone = self._known.popitem(last=False)
            count -= len(gone.result)


def is_by_thread(filter_: Any, sort: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the place of an email depends on others of its thread."""
    return not filters.conditions(filter_).isdisjoint(THREADS) or any(
        one["property"] in THREAD_SORTS for one in sort
    )


def check_sort(sort: Sequence[Mapping[str, Any]]) -> None:
    """Raise MethodFault when a comparator lacks its keyword (RFC 8621 4.4.2)."""
    for one in sort:
        if one["property"].endswith("Keyword") and not is_text(one.get("keyword")):
            raise invalid(f"{one['property']} names a keyword", "sort")


async def _mailboxes(tx: Transaction, access: Access, user_id: int) -> tuple[int, list[int]]:
    """The modseq, and the mailboxes that the user may read."""
    tree = await mailbox_tree.nodes(tx, access.account_id)
    modseq = await changes.current(tx, access.account_id)
    if access.is_own:
        return modseq, list(tree)
    held = (await rights.all_held(tx, user_id)).get(access.account_id, {})
    return modseq, [one for one in tree if letters.READ in held.get(one, "")]


async def _changed(
    tx: Transaction, account_id: int, modseq: int, column: str
) -> tuple[int, list[int], dict[int, list[Held]]] | None:
    """The modseq now, the emails that went since, and those that changed, where they are.

    None when it is so many that all are found as quickly.
    """
    found, current = await email_changes.since(tx, account_id, modseq + 1)
    if len(found) > FOLLOWED:
        return None
    gone = [one.email_id for one in found if one.created is None]
    there = [one.email_id for one in found if one.created is not None]
    columns = ("keywords", "size", column, "thread_id", "received_at")
    return current, gone, await email_places.find(tx, account_id, there, columns)


def _meets(criterion: c.Criterion, held: Sequence[Held]) -> bool:
    """Whether an email meets a criterion which is `finding.by_rows`, as JMAP makes them."""
    _, _, keywords, size, _, _, received_at = held[0].row

    def leaf(one: c.Criterion) -> bool:
        match one:
            case c.Keyword(keyword=keyword):
                return keyword in keywords.split(" ")
            case c.Size(least=least, below=below):
                return (least or 0) <= size and (below is None or size < below)
            case c.Received(since=since, before=before):
                return (since is None or received_at >= since) and (
                    before is None or received_at < before
                )
            case c.InMailbox(mailbox_ids=mailbox_ids):
                return any(place.mailbox_id in mailbox_ids for place in held)
        raise TypeError(one)

    return c.holds(criterion, leaf)


def _within(criterion: c.Criterion, mailbox_ids: frozenset[int]) -> c.Criterion:
    """A criterion for emails that are in one of these mailboxes, without what says so."""
    if isinstance(criterion, c.InMailbox) and mailbox_ids <= set(criterion.mailbox_ids):
        return c.All()
    if isinstance(criterion, c.And):
        parts = [_within(part, mailbox_ids) for part in criterion.parts]
        return c.And(tuple([part for part in parts if not isinstance(part, c.All)]))
    return criterion


def _sources(filter_: Any, mailbox_ids: list[int]) -> list[int]:
    """Mailboxes so that each email that matches is in one of them, as few as can be told.

    Of several conditions one is enough: who is in two mailboxes is found in either.
    """
    found = [mailbox_ids]
    if isinstance(filter_, dict):
        if filter_.get("operator") == "AND":
            found += [_sources(inner, mailbox_ids) for inner in filter_["conditions"]]
        elif "operator" not in filter_:
            if "inMailbox" in filter_:
                wanted = object_ids.read_mailbox(filter_["inMailbox"])
                found.append([one for one in mailbox_ids if one == wanted])
            if "inMailboxOtherThan" in filter_:
                out = {object_ids.read_mailbox(one) for one in filter_["inMailboxOtherThan"]}
                found.append([one for one in mailbox_ids if one not in out])
    return min(found, key=len)


def criterion_of(filter_: Any, mailbox_ids: Sequence[int]) -> c.Criterion:
    """A filter whose shape has been checked, as a criterion."""
    if not filter_:
        return c.All()
    if "operator" in filter_:
        parts = tuple(criterion_of(inner, mailbox_ids) for inner in filter_["conditions"])
        if filter_["operator"] == "AND":
            return c.And(parts)
        return c.Or(parts) if filter_["operator"] == "OR" else c.Not(c.Or(parts))
    parts = tuple(_condition(name, value, mailbox_ids) for name, value in filter_.items())
    return parts[0] if len(parts) == 1 else c.And(parts)


def _condition(name: str, value: Any, mailbox_ids: Sequence[int]) -> c.Criterion:
    match name:
        case "inMailbox":
            return c.InMailbox((object_ids.read_mailbox(value) or 0,))
        case "inMailboxOtherThan":
            out = {object_ids.read_mailbox(one) for one in value}
            return c.InMailbox(tuple(one for one in mailbox_ids if one not in out))
        case "before":
            return c.Received(before=milliseconds(value))
        case "after":
            return c.Received(since=milliseconds(value))
        case "minSize":
            return c.Size(least=value)
        case "maxSize":
            return c.Size(below=value)
        case "hasKeyword":
            return c.Keyword(value.lower())
        case "notKeyword":
            return c.Not(c.Keyword(value.lower()))
        case "someInThreadHaveKeyword":
            return c.InThread(value.lower())
        case "noneInThreadHaveKeyword":
            return c.Not(c.InThread(value.lower()))
        case "allInThreadHaveKeyword":
            return c.Not(c.InThread(value.lower(), present=False))
        case "hasAttachment":
            return c.HasAttachment() if value else c.Not(c.HasAttachment())
        case "header":
            return c.Header(value[0].lower(), value[1] if len(value) > 1 else "")
        case "hasSmime":
            return c.Smime() if value else c.Not(c.Smime())
        case "hasVerifiedSmime" | "hasVerifiedSmimeAtDelivery":
            good = c.Smime(verified=True, at_delivery=name != TIMED)
            return good if value else c.Not(good)
        case "text":
            return c.And(tuple(map(c.Text, words(value))))
        case "body":
            return c.And(tuple(map(c.Body, words(value))))
    if name in _FIELDS:
        return c.And(tuple(c.Header(name, word) for word in words(value)))
    raise MethodFault("unsupportedFilter", f"there is no condition {name}")


def words(text: str) -> list[str]:
    """What is looked for: words, and what stands in quotes as one (RFC 8621 4.4.1).

    A quote begins a phrase where a word could begin, and ends it where one could end: what
    people mean by don't is no phrase.
    """
    found = []
    for double, single, word in _WORDS.findall(text):
        phrase = _ESCAPED.sub(r"\1", double or single)
        found.append(phrase or word.replace('"', "").strip("'"))
    return [one for one in found if one.strip()]

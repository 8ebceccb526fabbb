"""Email/query (RFC 8621 4.4): its filters and sorts in the terms of `services.finding`.

A result is kept as the numbers of its emails, and becomes text only where it is told: a page
of a result of 100,000 emails costs as much as one of a hundred. The latest results are
remembered for as long as nothing in their account changes.
"""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple, overload

from merpati.model import criteria as c
from merpati.model import object_ids
from merpati.model import rights as letters
from merpati.servers.jmap.call import Access, Call
from merpati.servers.jmap.kind import Found
from merpati.services.finding import sorting
from merpati.services.finding.finder import Finder, Source
from merpati.store import changes, email_rows, finding, mailbox_tree, rights
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
REMEMBERED_IDS: Final = 2_000_000  # emails in them: 8 bytes each
DAY_MS: Final = 86_400_000

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
THREAD_SORTS: Final = {
    "allInThreadHaveKeyword": True,
    "someInThreadHaveKeyword": False,
}
NEWEST_FIRST: Final = ({"property": "receivedAt", "isAscending": False},)


class EmailIds(Sequence[str]):
    """Email ids in order, made of numbers when they are looked at."""

    __slots__ = ("_numbers",)

    def __init__(self, numbers: Iterable[int]) -> None:
        self._numbers = array("q", numbers)

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        """An id, or a page of them."""
        if isinstance(at, slice):
            return list(map(object_ids.email, self._numbers[at]))
        return object_ids.email(self._numbers[at])

    def index(self, value: Any, start: int = 0, stop: int | None = None) -> int:
        """Where an id stands. Raises ValueError."""
        number = object_ids.read_email(value) if isinstance(value, str) else None
        if number is None:
            raise ValueError(value)
        return self._numbers.index(number)


class _Row(NamedTuple):
    """An email that was found, in one of its mailboxes."""

    email_id: int
    thread_id: int


class _Known(NamedTuple):
    """A result, as of a modseq of its account."""

    modseq: int
    ids: EmailIds


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
        text = requests.encode((filter_, sort, collapse))
        key = (access.account_id, 0 if access.is_own else call.user.id, text)
        simple = not collapse and not _names(filter_) & THREADS
        simple = simple and not any(one["property"] in THREAD_SORTS for one in sort)
        modseq = await call.services.store.read(changes.current, access.account_id)
        known = self._known.get(key)
        if known is not None and known.modseq == modseq:
            self._known.move_to_end(key)
            return Found(str(modseq), known.ids, simple)
        modseq, mailbox_ids = await call.services.store.read(_mailboxes, access, call.user.id)
        ids = EmailIds(
            await self._run(access, mailbox_ids, filter_, sort or NEWEST_FIRST, collapse)
        )
        self._remember(key, _Known(modseq, ids))
        return Found(str(modseq), ids, simple)

    async def _run(
        self,
        access: Access,
        mailbox_ids: list[int],
        filter_: Any,
        sort: Sequence[Mapping[str, Any]],
        collapse: bool,
    ) -> list[int]:
        criterion = criterion_of(filter_, mailbox_ids)
        looked_in = _sources(filter_, mailbox_ids)
        rows: list[_Row] = []
        columns: list[list[Any]] = [[] for _ in sort]
        for mailbox_id in looked_in:
            await self._gather(access.account_id, mailbox_id, criterion, sort, rows, columns)
        for n, one in enumerate(sort):
            if one["property"] in THREAD_SORTS:
                columns[n] = await self._by_thread(access.account_id, rows, one)
        reverse = [not one["isAscending"] for one in sort]
        places = await sorting.order(columns, reverse)
        if collapse:
            seen: set[int] = set()
            places = [
                at for at in places
                if rows[at].thread_id not in seen and not seen.add(rows[at].thread_id)  # type: ignore[func-returns-value]
            ]  # fmt: skip
        ids = [rows[at].email_id for at in places]
        return ids if len(looked_in) < 2 else list(dict.fromkeys(ids))

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
                with_ == all_
                for row in rows
                for with_, all_ in [counted.get(row.thread_id, (0, 0))]
            ]
        return [counted.get(row.thread_id, (0, 0))[0] > 0 for row in rows]

    def _remember(self, key: tuple[int, int, bytes], known: _Known) -> None:
        old = self._known.pop(key, None)
        self._count += len(known.ids) - (len(old.ids) if old is not None else 0)
        self._known[key] = known
        while len(self._known) > REMEMBERED or self._count > REMEMBERED_IDS:
            _, gone = self._known.popitem(last=False)
            self._count -= len(gone.ids)


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


def _sources(filter_: Any, mailbox_ids: list[int]) -> list[int]:
    """The mailboxes in which an email can be that matches."""
    if isinstance(filter_, dict):
        if filter_.get("operator") == "AND":
            for inner in filter_["conditions"]:
                mailbox_ids = _sources(inner, mailbox_ids)
        elif "inMailbox" in filter_:
            wanted = object_ids.read_mailbox(filter_["inMailbox"])
            return [one for one in mailbox_ids if one == wanted]
    return mailbox_ids


def _names(filter_: Any) -> set[str]:
    """The conditions that a filter uses."""
    if not isinstance(filter_, dict):
        return set()
    if "operator" in filter_:
        return set().union(*map(_names, filter_["conditions"]))
    return set(filter_)


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
        case "text":
            return c.And(tuple(map(c.Text, words(value))))
        case "body":
            return c.And(tuple(map(c.Body, words(value))))
    if name in _FIELDS:
        return c.And(tuple(c.Header(name, word) for word in words(value)))
    raise MethodFault("unsupportedFilter", f"there is no condition {name}")


def words(text: str) -> list[str]:
    """What is looked for: words, and what stands in quotes as one (RFC 8621 4.4.1)."""
    found = []
    for n, part in enumerate(text.split('"')):
        found += [part] if n % 2 and part.strip() else part.split()
    return found

"""Finding emails by what their rows hold, and the header pages that spare reading the rest.

A criterion that only asks for columns of `mailbox_email` becomes one WHERE: a row is then
looked at in C. What else is asked for is answered by `services/finding`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

import msgspec

from merpati.model import criteria as c
from merpati.model.message import DELETED
from merpati.store import emails
from merpati.store.engine import Dialect, Row, Transaction, id_list, one_of

_BY_ROWS: Final = (
    c.All | c.Keyword | c.Size | c.Received | c.Saved | c.SentDay | c.ModSeq | c.Content
    | c.ThreadId | c.InMailbox | c.InThread
)  # fmt: skip
_numbers: Final = msgspec.json.Decoder(list[int]).decode
_SAVED: Final = "coalesce(e.saved_at, e.received_at)"
_SENT_DAY: Final = f"coalesce(e.sent_day, e.received_at / {emails.DAY_MS})"


def by_rows(criterion: c.Criterion) -> bool:
    """Whether the rows of a mailbox alone tell which emails meet a criterion."""
    if isinstance(criterion, c.And | c.Or):
        return all(map(by_rows, criterion.parts))
    if isinstance(criterion, c.Not):
        return by_rows(criterion.part)
    return isinstance(criterion, _BY_ROWS)


async def matching(
    tx: Transaction, account_id: int, mailbox_id: int, first: int, last: int, wanted: c.Criterion
) -> list[int]:
    """The UIDs from `first` to `last` of emails that meet a criterion which is `by_rows`."""
    where = _Where(tx, [account_id, mailbox_id, first, last])
    condition = where.write(wanted)
    (uids,) = await gathered(
        tx,
        ("e.uid",),
        "FROM mailbox_email e WHERE e.account_id = $1 AND e.mailbox_id = $2"
        f" AND e.uid BETWEEN $3 AND $4 AND {condition}",
        "ORDER BY e.uid",
        where.values,
    )
    return uids


async def numbers(
    tx: Transaction, account_id: int, mailbox_id: int, first: int, last: int, column: str
) -> tuple[list[int], list[int]]:
    """The UIDs from `first` to `last` of emails, and what they have in a column of numbers."""
    uids, values = await gathered(
        tx,
        ("e.uid", f"e.{column}"),
        "FROM mailbox_email e WHERE e.account_id = $1 AND e.mailbox_id = $2"
        " AND e.uid BETWEEN $3 AND $4",
        "ORDER BY e.uid",
        (account_id, mailbox_id, first, last),
    )
    return uids, values


async def times(
    tx: Transaction, account_id: int, mailbox_id: int, first: int, end: int, span: int
) -> list[Row]:
    """Of each page of `span` UIDs, from one page up to another, that has emails.

    The number of the page, when the first and the last of them came, Unix milliseconds, and on
    which day the first and the last were sent.
    """
    sent = f"coalesce(sent_day, received_at / {emails.DAY_MS})"
    return await tx.rows(
        f"SELECT uid / {span} AS page, min(received_at), max(received_at), min({sent}), max({sent})"
        " FROM mailbox_email WHERE account_id = $1 AND mailbox_id = $2 AND uid >= $3 AND uid < $4"
        f" GROUP BY uid / {span}",
        account_id, mailbox_id, first * span, end * span,
    )  # fmt: skip


class Marked(msgspec.Struct, frozen=True):
    """Rows of a mailbox as columns."""

    uids: Sequence[int]
    keywords: list[str]
    sizes: list[int]


async def marks(tx: Transaction, account_id: int, mailbox_id: int, first: int, last: int) -> Marked:
    """Keywords and sizes of the emails from one UID to another.

    As in `gathered` all of a column is one value.
    """
    rows = (
        "FROM (SELECT uid, keywords, size FROM mailbox_email WHERE account_id = $1"
        " AND mailbox_id = $2 AND uid BETWEEN $3 AND $4 ORDER BY uid) e"
    )
    columns = "group_concat(keywords, '\n'), json_group_array(size)"
    if tx.dialect is not Dialect.SQLITE:
        columns = "string_agg(keywords, '\n' ORDER BY uid), array_agg(size ORDER BY uid)"
    found = await tx.row(f"SELECT {columns} {rows}", account_id, mailbox_id, first, last)
    if found is None or found[0] is None:
        return Marked((), [], [])
    keywords = found[0].split("\n")
    sizes = _numbers(found[1]) if tx.dialect is Dialect.SQLITE else list(found[1])
    uids: Sequence[int] = range(first, last + 1)
    if len(uids) != len(sizes):
        uids, _ = await numbers(tx, account_id, mailbox_id, first, last, "size")
    return Marked(uids, keywords, sizes)


async def gathered(
    tx: Transaction, columns: Sequence[str], table: str, order: str, values: Sequence[Any]
) -> list[list[int]]:
    """Columns of numbers out of the rows of a table `e`.

    All of a column is one value: handing over 100,000 rows costs more than finding them.

    Args:
        tx: The transaction.
        columns: Their names: "e.uid".
        table: FROM and WHERE.
        order: ORDER BY.
        values: Of the parameters.
    """
    if tx.dialect is Dialect.SQLITE:
        arrays = ", ".join(f"json_group_array({name[2:]})" for name in columns)
        row = await tx.row(
            f"SELECT {arrays} FROM (SELECT {', '.join(columns)} {table} {order})", *values
        )
        return [_numbers(text) for text in row] if row else [[] for _ in columns]
    arrays = ", ".join(f"array_agg({name} {order})" for name in columns)
    row = await tx.row(f"SELECT {arrays} {table}", *values)
    return [list(each or ()) for each in row or [()] * len(columns)]


def where(tx: Transaction, values: Sequence[Any], wanted: c.Criterion) -> tuple[str, list[Any]]:
    """A criterion which is `by_rows` as a condition on `mailbox_email e`.

    Args:
        tx: The transaction.
        values: Of the parameters that the statement has already.
        wanted: The criterion.

    Returns:
        The condition, and the values of all parameters.
    """
    found = _Where(tx, list(values))
    return found.write(wanted), found.values


class _Where:
    """A condition on `mailbox_email e`, and the values of its parameters."""

    def __init__(self, tx: Transaction, values: list[Any]) -> None:
        self.values = values
        self._tx = tx
        self._find = "instr" if tx.dialect is Dialect.SQLITE else "strpos"

    def write(self, wanted: c.Criterion) -> str:
        """The recursion is as deep as the criterion."""
        match wanted:
            case c.And(parts=parts):
                # SQLite looks at them in this order.
                written = [self.write(part) for part in sorted(parts, key=_is_text)]
                return _balanced(written, "AND") if written else "1 = 1"
            case c.Or(parts=parts):
                return _balanced([self.write(part) for part in parts], "OR") if parts else "1 = 0"
            case c.Not(part=part):
                return f"NOT {self.write(part)}"
            case c.Keyword(keyword=keyword):
                return self._keyword("e", keyword)
            case c.Size(least=least, below=below):
                return self._between("e.size", least or None, below)
            case c.Received(since=since, before=before):
                return self._between("e.received_at", since, before)
            case c.Saved(since=since, before=before):
                return self._between(_SAVED, since, before)
            case c.SentDay(since=since, before=before):
                return self._between(_SENT_DAY, since, before)
            case c.ModSeq(least=least):
                return self._between("e.modseq", least, None)
            case c.Content(blob_id=blob_id, received_at=received_at):
                blob, at = self._value(blob_id), self._value(received_at)
                return f"(e.blob_id = {blob} AND e.received_at = {at})"
            case c.ThreadId(id=wanted_id):
                return f"(e.thread_id = {self._value(wanted_id)})"
            case c.InMailbox() | c.InThread():
                return self._elsewhere(wanted)
            case c.All():
                return "(1 = 1)"
            case _:
                raise TypeError(wanted)

    def _value(self, value: Any) -> str:
        self.values.append(value)
        return f"${len(self.values)}"

    def _keyword(self, table: str, keyword: str) -> str:
        # Most rows do not hold the letters at all, and are not copied to see whether it is a word.
        letters, word = self._value(keyword), self._value(f" {keyword} ")
        return (
            f"({self._find}({table}.keywords, {letters}) > 0"
            f" AND {self._find}(' ' || {table}.keywords || ' ', {word}) > 0)"
        )

    def _between(self, column: str, least: int | None, below: int | None) -> str:
        parts = []
        if least is not None:
            parts.append(f"{column} >= {self._value(least)}")
        if below is not None:
            parts.append(f"{column} < {self._value(below)}")
        return f"({' AND '.join(parts) or '1 = 1'})"

    def _elsewhere(self, wanted: c.InMailbox | c.InThread) -> str:
        """What other emails of the account decide; a list of ids that is made once.

        JMAP asks for these, which does not show what IMAP has marked (RFC 8621 4.1.1).
        """
        hidden = self._keyword("o", DELETED)
        if isinstance(wanted, c.InMailbox):
            ids = ", ".join([self._value(each) for each in wanted.mailbox_ids]) or "NULL"
            return (
                "(e.email_id IN (SELECT o.email_id FROM mailbox_email o"
                f" WHERE o.account_id = $1 AND o.mailbox_id IN ({ids}) AND NOT {hidden}))"
            )
        holds = self._keyword("o", wanted.keyword)
        return (
            "(e.thread_id IN (SELECT o.thread_id FROM mailbox_email o"
            f" WHERE o.account_id = $1 AND {holds if wanted.present else f'NOT {holds}'}"
            f" AND NOT {hidden}))"
        )


def _is_text(criterion: c.Criterion) -> bool:
    """Whether a criterion, or what it denies, asks for words, which costs more than a number."""
    return isinstance(criterion.part if isinstance(criterion, c.Not) else criterion, c.Keyword)


def _balanced(parts: list[str], word: str) -> str:
    """Parts in halves of halves: SQLite takes an expression a thousand deep, and no deeper."""
    if len(parts) == 1:
        return parts[0]
    half = len(parts) // 2
    return f"({_balanced(parts[:half], word)} {word} {_balanced(parts[half:], word)})"


async def count(tx: Transaction, account_id: int, mailbox_id: int, first: int, last: int) -> int:
    """How many emails of a mailbox have UIDs from `first` to `last`."""
    found: int = await tx.value(
        "SELECT count(*) FROM mailbox_email"
        " WHERE account_id = $1 AND mailbox_id = $2 AND uid BETWEEN $3 AND $4",
        account_id, mailbox_id, first, last,
    )  # fmt: skip
    return found


async def counters(tx: Transaction, account_id: int, mailbox_id: int) -> tuple[int, int] | None:
    """The modseq and the UIDNEXT of a mailbox, if it is there."""
    row = await tx.row(
        "SELECT modseq, uidnext FROM mailbox WHERE account_id = $1 AND id = $2",
        account_id, mailbox_id,
    )  # fmt: skip
    return (row[0], row[1]) if row else None


async def load_page(
    tx: Transaction, account_id: int, mailbox_id: int, page: int, field: int
) -> bytes | None:
    """A field of a header page, if it is kept."""
    data: bytes | None = await tx.value(
        "SELECT data FROM header_page WHERE account_id = $1 AND mailbox_id = $2"
        " AND field = $3 AND page = $4",
        account_id, mailbox_id, field, page,
    )  # fmt: skip
    return data


async def save_pages(tx: Transaction, pages: Mapping[tuple[int, int, int, int], bytes]) -> None:
    """Keep fields of header pages in place of those that were there.

    Not those of a mailbox that has gone since they were made: nobody would remove them.

    `pages`: by account, mailbox, page and field.
    """
    rows: list[Row] = [(*place, data) for place, data in pages.items()]
    await tx.run_many(
        "INSERT INTO header_page (account_id, mailbox_id, page, field, data)"
        " SELECT $1, $2, $3, $4, $5 FROM mailbox WHERE account_id = $1 AND id = $2"
        " ON CONFLICT (account_id, mailbox_id, field, page) DO UPDATE SET data = excluded.data",
        rows,
    )


async def sparse_pages(
    tx: Transaction, account_id: int, fields: Collection[int], span: int, least: int
) -> list[tuple[int, int]]:
    """Mailbox and number of pages of `span` UIDs with fewer than `least` emails left.

    Of those that are kept under some fields, which are no fields of a whole mailbox.
    """
    kept = await tx.rows(
        "SELECT DISTINCT mailbox_id, page FROM header_page WHERE account_id = $1"
        f" AND {one_of(tx, 'field', 2)}",
        account_id, id_list(tx, fields),
    )  # fmt: skip
    if not kept:
        return []
    full = await tx.rows(
        f"SELECT mailbox_id, uid / {span} FROM mailbox_email WHERE account_id = $1"
        f" GROUP BY mailbox_id, uid / {span} HAVING count(*) >= $2",
        account_id, least,
    )  # fmt: skip
    return sorted({(row[0], row[1]) for row in kept} - {(row[0], row[1]) for row in full})


async def drop_sparse(
    tx: Transaction, account_id: int, fields: Collection[int], pages: Collection[tuple[int, int]]
) -> None:
    """Forget pages, given by mailbox and number, under some fields."""
    await tx.run_many(
        "DELETE FROM header_page WHERE account_id = $1 AND mailbox_id = $2 AND field = $3"
        " AND page = $4",
        [(account_id, mailbox_id, field, page) for mailbox_id, page in pages for field in fields],
    )


async def drop_pages(tx: Transaction, account_id: int, mailbox_id: int | None = None) -> None:
    """Forget the header pages of a mailbox, or of a whole account."""
    if mailbox_id is None:
        await tx.run("DELETE FROM header_page WHERE account_id = $1", account_id)
    else:
        await tx.run(
            "DELETE FROM header_page WHERE account_id = $1 AND mailbox_id = $2",
            account_id, mailbox_id,
        )  # fmt: skip

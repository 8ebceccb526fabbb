"""The text index: which words stand in which messages of which account.

It holds nothing that mail does not: it can be thrown away and is built anew from the mail.
Every statement about it errs to one side only: what `progress` says is indexed, is, since
both are written in one transaction, and an entry goes only when no email of the account has
the message any more.

On SQLite the index is a database file of its own (an FTS5 table without a copy of the texts),
so that writing to it never waits for mail, nor mail for it. The number of a row is account and
blob in one, so an account is a range of rows and finding within it costs what the account's
own hits cost. On PostgreSQL a row is a tsvector, and each word bears account and field.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from types import MappingProxyType
from typing import Final

import msgspec

from merpati.store import vocabulary
from merpati.store.engine import Dialect, Transaction, id_list, one_of
from merpati.store.text_schema import COLUMNS

BLOB_BITS: Final = 36  # of a row number on SQLite: 68 thousand million blobs, 134 million accounts
ROW_BYTES_MAX: Final = 500_000  # of words in one row on PostgreSQL; a tsvector takes 1 MB
PRODUCT_MAX: Final = 64  # phrases that one sequence with alternatives becomes
TOGETHER: Final = 32  # words in one query: the cost of a step grows with them

ATTACHED: Final = "attached"  # a table of its own on SQLite, for it is entered later
ALL: Final = (*COLUMNS, ATTACHED)
# On PostgreSQL; capitals, which no folded word has.
_LETTERS: Final = dict(zip(ALL, "SFTHBA", strict=True))
_ATTACHED_PART: Final = 1
_NUMBERS: Final = msgspec.json.Decoder(set[int])


class Entry(msgspec.Struct, frozen=True):
    """A message for the index: its texts as words with a space between them."""

    account_id: int
    blob_id: int
    subject: str
    sender: str
    recipients: str
    header: str
    body: str
    partial: bool = False  # there is more text
    waiting: bool = False  # there are documents to be read

    @property
    def texts(self) -> tuple[str, ...]:
        """By column, in their order."""
        return (self.subject, self.sender, self.recipients, self.header, self.body)


class Learned(msgspec.Struct, frozen=True):
    """What a batch added to the vocabularies.

    Attributes:
        words: By account the words that were added.
        anew: Accounts of which the index held nothing before: it was built anew, perhaps by
            another process, and what was known of their vocabulary is known no more.
    """

    words: dict[int, set[str]]
    anew: set[int]


class Word(msgspec.Struct, frozen=True):
    """A word that is looked for; with `prefix` every word that begins with it."""

    text: str
    prefix: bool = False


# What is indexed


async def progress(tx: Transaction, account_id: int) -> dict[int, int]:
    """By mailbox the UID up to which all its emails are in the index."""
    rows = await tx.rows(
        "SELECT mailbox_id, uid FROM text_progress WHERE account_id = $1", account_id
    )
    return dict(rows)


async def progress_of(tx: Transaction, account_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """`progress` of these accounts, or of all, by account and mailbox."""
    which = f" WHERE {one_of(tx, 'account_id', 1)}" if account_ids else ""
    ids = [id_list(tx, account_ids)] if account_ids else []
    rows = await tx.rows(f"SELECT account_id, mailbox_id, uid FROM text_progress{which}", *ids)
    return {(account_id, mailbox_id): uid for account_id, mailbox_id, uid in rows}


async def partial(tx: Transaction, account_id: int) -> set[int]:
    """The messages of an account that are too long, so that a part only is in the index."""
    rows = await tx.rows("SELECT blob_id FROM text_partial WHERE account_id = $1", account_id)
    return {blob_id for (blob_id,) in rows}


async def count_partial(tx: Transaction, account_id: int) -> int:
    """How many they are."""
    found = await tx.value("SELECT count(*) FROM text_partial WHERE account_id = $1", account_id)
    return int(found or 0)


async def unread(tx: Transaction, account_id: int) -> set[int]:
    """The messages of an account whose documents are not in the index yet."""
    rows = await tx.rows("SELECT blob_id FROM text_waiting WHERE account_id = $1", account_id)
    return {blob_id for (blob_id,) in rows}


async def known_pairs(tx: Transaction, pairs: Sequence[tuple[int, int]]) -> set[tuple[int, int]]:
    """Those of these pairs of account and blob that are in the index."""
    if tx.dialect is Dialect.SQLITE:
        rows = await tx.rows(
            f"SELECT id >> {BLOB_BITS}, id & {(1 << BLOB_BITS) - 1} FROM text_entry_docsize"
            f" WHERE {one_of(tx, 'id', 1)}",
            id_list(tx, [_row(*pair) for pair in pairs]),
        )
    else:
        rows = await tx.rows(
            "SELECT account_id, blob_id FROM text_entry WHERE part = 0 AND (account_id, blob_id)"
            " IN (SELECT * FROM unnest($1::bigint[], $2::bigint[]))",
            [account_id for account_id, _ in pairs], [blob_id for _, blob_id in pairs],
        )  # fmt: skip
    return {(account_id, blob_id) for account_id, blob_id in rows}


async def indexed(tx: Transaction, account_id: int) -> set[int]:
    """All messages of an account that are in the index."""
    if tx.dialect is Dialect.SQLITE:
        rows = await tx.rows(
            "SELECT id FROM text_entry_docsize WHERE id BETWEEN $1 AND $2", *_range(account_id)
        )
        return {number - _row(account_id, 0) for (number,) in rows}
    rows = await tx.rows(
        "SELECT blob_id FROM text_entry WHERE account_id = $1 AND part = 0", account_id
    )
    return {blob_id for (blob_id,) in rows}


async def places(
    tx: Transaction, account_id: int, mailbox_id: int, blob_ids: Sequence[int]
) -> list[tuple[int, int]]:
    """Blob and UID of the emails of these messages that came to a mailbox; some may be gone."""
    rows = await tx.rows(
        "SELECT blob_id, uid FROM text_place"
        f" WHERE account_id = $1 AND mailbox_id = $2 AND {one_of(tx, 'blob_id', 3)}",
        account_id, mailbox_id, id_list(tx, blob_ids),
    )  # fmt: skip
    return [(blob_id, uid) for blob_id, uid in rows]


async def places_of(tx: Transaction, account_id: int) -> list[tuple[int, int, int, int]]:
    """Account, blob, mailbox and UID of all that came to an account, some of which may be gone."""
    rows = await tx.rows(
        "SELECT account_id, blob_id, mailbox_id, uid FROM text_place WHERE account_id = $1",
        account_id,
    )
    return [(account, blob_id, mailbox_id, uid) for account, blob_id, mailbox_id, uid in rows]


async def count_places(tx: Transaction, account_id: int) -> int:
    """How many there are."""
    found = await tx.value("SELECT count(*) FROM text_place WHERE account_id = $1", account_id)
    return int(found or 0)


async def accounts(tx: Transaction) -> list[int]:
    """The accounts that the index holds anything of."""
    rows = await tx.rows("SELECT DISTINCT account_id FROM text_progress ORDER BY account_id")
    return [account_id for (account_id,) in rows]


# Writing


async def put(
    tx: Transaction,
    entries: Iterable[Entry],
    done: Iterable[tuple[int, int, int]],
    known_words: Mapping[int, AbstractSet[str]] = MappingProxyType({}),
    places: Iterable[tuple[int, int, int, int]] = (),
) -> Learned:
    """Enter messages that are not in the index yet, and how far their mailboxes are done.

    Args:
        tx: The transaction.
        entries: Any that are entered already are passed over.
        done: Account, mailbox, and the UID up to which all is entered now.
        known_words: By account, words that its vocabulary holds, unless it began anew: any
            that are given are not written again.
        places: Account, blob, mailbox and UID of all emails that `done` tells of.
    """
    learned = Learned({}, set())
    found = {(entry.account_id, entry.blob_id): entry for entry in entries}
    # Ascending row numbers: FTS5 begins a new segment whenever they fall.
    new = [found[pair] for pair in sorted(found.keys() - await known_pairs(tx, list(found)))]
    await _insert(tx, new)
    texts: dict[int, list[str]] = {}
    for entry in new:
        texts.setdefault(entry.account_id, []).extend(entry.texts)
    begun = {account_id for account_id, _ in await progress_of(tx, list(texts))}
    for account_id, some in texts.items():
        known_here = known_words.get(account_id, frozenset())
        if account_id not in begun:
            learned.anew.add(account_id)
            known_here = frozenset()
        learned.words[account_id] = await vocabulary.learn(tx, account_id, some, known_here)
    await tx.run_many(
        "INSERT INTO text_progress (account_id, mailbox_id, uid) VALUES ($1, $2, $3)"
        " ON CONFLICT (account_id, mailbox_id) DO UPDATE SET uid = excluded.uid"
        " WHERE excluded.uid > text_progress.uid",
        done,
    )
    await tx.run_many(
        "INSERT INTO text_place (account_id, blob_id, mailbox_id, uid) VALUES ($1, $2, $3, $4)"
        " ON CONFLICT DO NOTHING",
        sorted(places),
    )
    return learned


async def _insert(tx: Transaction, new: list[Entry]) -> None:
    if tx.dialect is Dialect.SQLITE:
        await tx.run_many(
            f"INSERT INTO text_entry (rowid, {', '.join(COLUMNS)}) VALUES ($1, $2, $3, $4, $5, $6)",
            [(_row(entry.account_id, entry.blob_id), *entry.texts) for entry in new],
        )
    else:
        rows = []
        for entry in new:
            fields = zip(_LETTERS.values(), entry.texts, strict=False)
            marked = {
                f"{entry.account_id}{letter}{word}"
                for letter, text in fields
                for word in text.split()
            }
            rows += _vectors(entry.account_id, entry.blob_id, 0, marked)
        await _insert_vectors(tx, rows)
    for table, pairs in (
        ("waiting", [(entry.account_id, entry.blob_id) for entry in new if entry.waiting]),
        ("partial", [(entry.account_id, entry.blob_id) for entry in new if entry.partial]),
    ):
        if pairs:
            await tx.run_many(
                f"INSERT INTO text_{table} (account_id, blob_id) VALUES ($1, $2)"
                " ON CONFLICT DO NOTHING",
                pairs,
            )


async def waiting(tx: Transaction, limit: int) -> list[tuple[int, int]]:
    """Account and blob of messages whose documents are to be read; the latest first."""
    rows = await tx.rows(
        "SELECT account_id, blob_id FROM text_waiting ORDER BY blob_id DESC LIMIT $1", limit
    )
    return [(account_id, blob_id) for account_id, blob_id in rows]


async def count_waiting(tx: Transaction, account_ids: Sequence[int] = ()) -> int:
    """How many messages have documents to be read, in these accounts or in all."""
    if not account_ids:
        return int(await tx.value("SELECT count(*) FROM text_waiting"))
    return int(
        await tx.value(
            f"SELECT count(*) FROM text_waiting WHERE {one_of(tx, 'account_id', 1)}",
            id_list(tx, account_ids),
        )
    )


async def attach(tx: Transaction, account_id: int, blob_id: int, words: str, *, cut: bool) -> None:
    """Enter what the documents of a message say, as words with a space between them."""
    gone = await tx.run(
        "DELETE FROM text_waiting WHERE account_id = $1 AND blob_id = $2", account_id, blob_id
    )
    if not gone or not words:
        return
    if tx.dialect is Dialect.SQLITE:
        await tx.run(
            "INSERT INTO text_attached (rowid, words) VALUES ($1, $2)",
            _row(account_id, blob_id), words,
        )  # fmt: skip
    else:
        marked = {f"{account_id}A{word}" for word in words.split()}
        await _insert_vectors(tx, _vectors(account_id, blob_id, _ATTACHED_PART, marked))
    if cut:
        await tx.run(
            "INSERT INTO text_partial (account_id, blob_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            account_id, blob_id,
        )  # fmt: skip
    await vocabulary.learn(tx, account_id, (words,))


async def forget(tx: Transaction, account_id: int, blob_ids: Sequence[int]) -> None:
    """Remove messages of an account."""
    if tx.dialect is Dialect.SQLITE:
        numbers = [(_row(account_id, blob_id),) for blob_id in sorted(blob_ids)]
        await tx.run_many("DELETE FROM text_entry WHERE rowid = $1", numbers)
        await tx.run_many("DELETE FROM text_attached WHERE rowid = $1", numbers)
    pairs = [(account_id, blob_id) for blob_id in blob_ids]
    tables = ["place", "waiting", "partial"] + (
        ["entry"] if tx.dialect is Dialect.POSTGRESQL else []
    )
    for table in tables:
        await tx.run_many(f"DELETE FROM text_{table} WHERE account_id = $1 AND blob_id = $2", pairs)


async def forget_places(tx: Transaction, gone: Iterable[tuple[int, int, int, int]]) -> None:
    """Remove places, each with account, blob, mailbox and UID."""
    await tx.run_many(
        "DELETE FROM text_place WHERE account_id = $1 AND blob_id = $2 AND mailbox_id = $3"
        " AND uid = $4",
        gone,
    )


async def forget_account(tx: Transaction, account_id: int) -> None:
    """Remove everything of an account: it is gone, or to be read anew."""
    await forget(tx, account_id, sorted(await indexed(tx, account_id)))
    await vocabulary.forget(tx, account_id)
    for table in ("progress", "place", "waiting", "partial"):
        await tx.run(f"DELETE FROM text_{table} WHERE account_id = $1", account_id)


def _vectors(
    account_id: int, blob_id: int, part: int, marked: set[str]
) -> list[tuple[int, int, int, list[str]]]:
    """Rows for words, as many as it takes; the first has the part number, others go on below 0."""
    rows = []
    group: list[str] = []
    size = 0
    for word in sorted(marked):
        if size > ROW_BYTES_MAX:
            rows.append(group)
            group, size = [], 0
        group.append(word)
        size += len(word.encode()) + 4
    rows.append(group)
    numbers = [part, *(-2 * n - part for n in range(1, len(rows)))]
    return [
        (account_id, blob_id, number, words) for number, words in zip(numbers, rows, strict=True)
    ]


async def _insert_vectors(tx: Transaction, rows: list[tuple[int, int, int, list[str]]]) -> None:
    await tx.run_many(
        "INSERT INTO text_entry (account_id, blob_id, part, words)"
        " VALUES ($1, $2, $3, array_to_tsvector($4::text[])) ON CONFLICT DO NOTHING",
        rows,
    )


# Finding


async def holders(
    tx: Transaction, account_id: int, fields: Sequence[str], words: Sequence[Word],
    most: int | None = None,
) -> set[int]:  # fmt: skip
    """The messages of an account with one of the words in one of the fields; about `most`."""
    found: set[int] = set()
    for at in range(0, len(words), TOGETHER):
        some = words[at : at + TOGETHER]
        if tx.dialect is Dialect.SQLITE:
            query = " OR ".join(map(_quoted, some))
            more = await _matching(tx, account_id, fields, query, most)
        else:
            more = await _with_any(tx, account_id, fields, some)
        found = found | more if found else more
        if most is not None and len(found) >= most:
            break
    return found


async def sequences(
    tx: Transaction, account_id: int, fields: Sequence[str], places: Sequence[Sequence[Word]],
    most: int | None = None,
) -> tuple[set[int], bool]:  # fmt: skip
    """The messages with one word of each place, one place after the other where that is known.

    `most`: more of them need not be told.

    Returns:
        The messages, and whether the words certainly follow each other.
    """
    if not all(places):  # no word of this mail fits there
        return set(), True
    count = 1
    for place in places:
        count *= len(place)
    adjacent = (
        tx.dialect is Dialect.SQLITE
        and count <= PRODUCT_MAX
        and not any(word.prefix for place in places[:-1] for word in place)
    )
    if adjacent:
        phrases = [""]
        for place in places:
            phrases = [f"{phrase} + {_quoted(word)}" for phrase in phrases for word in place]
        query = " OR ".join([phrase[3:] for phrase in phrases])
        return await _matching(tx, account_id, fields, query, most), True
    return await together(tx, account_id, fields, places), False


async def together(
    tx: Transaction, account_id: int, fields: Sequence[str], places: Sequence[Sequence[Word]]
) -> set[int]:
    """The messages with one word of each place, all in the same field."""
    found: set[int] = set()
    for field in fields:
        in_field: set[int] | None = None
        for place in sorted(places, key=len):
            having = await holders(tx, account_id, (field,), place)
            in_field = having if in_field is None else in_field & having
            if not in_field:
                break
        found |= in_field or set()
    return found


async def _matching(
    tx: Transaction, account_id: int, fields: Sequence[str], query: str, most: int | None = None
) -> set[int]:
    """Messages that meet an FTS5 query in some of the fields, at most so many of each table."""
    found: set[int] = set()
    first, last = _range(account_id)
    columns = [field for field in fields if field != ATTACHED]
    asked: list[tuple[str, str]] = []
    if columns:
        which = f"{{{' '.join(columns)}}} : " if len(columns) < len(COLUMNS) else ""
        asked.append(("text_entry", f"{which}({query})"))
    if ATTACHED in fields:
        asked.append((f"text_{ATTACHED}", query))
    for table, phrase in asked:
        listed = await tx.value(  # one text of all numbers costs less than half of a row for each
            f"SELECT json_group_array(id) FROM (SELECT rowid - $2 AS id FROM {table}"
            f" WHERE {table} MATCH $1 AND rowid BETWEEN $2 AND $3 LIMIT $4)",
            phrase, first, last, -1 if most is None else most,
        )  # fmt: skip
        more = _NUMBERS.decode(listed)
        found = found | more if found else more
    return found


async def _with_any(
    tx: Transaction, account_id: int, fields: Sequence[str], words: Sequence[Word]
) -> set[int]:
    """The same on PostgreSQL, for any of some words."""
    query = " | ".join(
        [
            f"'{account_id}{_LETTERS[field]}{word.text}'{':*' if word.prefix else ''}"
            for field in fields
            for word in words
        ]
    )
    rows = await tx.rows(
        "SELECT DISTINCT blob_id FROM text_entry WHERE words @@ $1::text::tsquery", query
    )
    return {blob_id for (blob_id,) in rows}


def _quoted(word: Word) -> str:
    return f'"{word.text}"*' if word.prefix else f'"{word.text}"'


def _row(account_id: int, blob_id: int) -> int:
    return (account_id << BLOB_BITS) + blob_id


def _range(account_id: int) -> tuple[int, int]:
    return _row(account_id, 0), _row(account_id + 1, 0) - 1

"""The rows of a store as chunks of bytes, and back: the same for every engine.

A table is read in the order of its key. A chunk ends behind a row whose key says so by its hash,
so a row that comes or goes changes the chunk it is in and none behind it, and a table that has
hardly changed since the last snapshot is in the repository already.

Left out are bodies, which are objects by themselves, and what makes no sense elsewhere (leases).
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from typing import Any, Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Conflict, Dialect, Row, Transaction

PAGE: Final = 2000  # rows of one query
CUT: Final = 0x3FF  # a chunk ends behind one row in 1024
CHUNK_MAX: Final = 1024 * 1024  # bytes of rows
LEFT_OUT: Final = frozenset({"body", "lease", "schema_version"})
FOLLOWING: Final = frozenset({"message"})
"""Tables of rows that never change and go only with their blob: read behind the snapshot."""

_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(list[Any]).decode


class Table(msgspec.Struct, frozen=True):
    """A table: its columns, and how many of them, from the first on, are its key."""

    name: str
    columns: tuple[str, ...]
    key: int


class Chunk(msgspec.Struct, frozen=True):
    """Rows of a table in the repository: where, how many, and the key of the first."""

    digest: bytes
    rows: int
    first: list[Any]


class Stored(msgspec.Struct, frozen=True):
    """A table in a snapshot."""

    table: Table
    chunks: list[Chunk]


Put = Callable[[bytes], bytes]


async def tables(tx: Transaction) -> list[Table]:
    """The tables of a store that are backed up, by name."""
    if tx.dialect is Dialect.SQLITE:
        rows = await tx.rows(
            "SELECT m.name, c.name, c.pk FROM sqlite_master m, pragma_table_info(m.name) c"
            " WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'"
            " ORDER BY m.name, c.pk = 0, c.pk, c.cid"
        )
    else:
        rows = await tx.rows(
            "SELECT c.relname::text, a.attname::text,"
            " coalesce(array_position(i.indkey::smallint[], a.attnum) + 1, 0) AS pk"
            " FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0"
            " AND NOT a.attisdropped LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary"
            " WHERE c.relkind = 'r' AND c.relnamespace = current_schema()::regnamespace"
            " ORDER BY 1, coalesce(array_position(i.indkey::smallint[], a.attnum), 1000), a.attnum"
        )
    found: dict[str, list[tuple[str, int]]] = {}
    for table, column, position in rows:
        if table not in LEFT_OUT and not table.startswith("text_"):  # an index is built anew
            found.setdefault(table, []).append((column, position))
    return [
        Table(name, tuple(column for column, _ in columns), sum(at > 0 for _, at in columns))
        for name, columns in sorted(found.items())
    ]


async def dump(tx: Transaction, table: Table, put: Put) -> Stored:
    """Hand every row of a table to `put`, in chunks."""
    dumping = Dumping(table, put)
    while dumping.goes_on:
        dumping.take(await page(tx, table, dumping.last))
    return dumping.end()


class Dumping:
    """A table on its way into chunks, a page at a time: each may be of a transaction of its own."""

    def __init__(self, table: Table, put: Put) -> None:
        self.last: list[Any] = []  # key of the row that was taken last
        self.goes_on = True
        self._table = table
        self._put = put
        self._chunks: list[Chunk] = []
        self._held: list[bytes] = []
        self._first: list[Any] = []
        self._size = 0

    def take(self, rows: Sequence[Row]) -> None:
        """The next page; one that is not full is the last."""
        for row in rows:
            key = list(row[: self._table.key])
            if not self._held:
                self._first = key
            encoded = _encode(row)
            self._held.append(encoded)
            self._size += len(encoded)
            if self._size >= CHUNK_MAX or zlib.crc32(_encode(key)) & CUT == 0:
                self._cut()
        self.goes_on = len(rows) == PAGE
        if self.goes_on:
            self.last = list(rows[-1][: self._table.key])

    def end(self) -> Stored:
        """All of it."""
        if self._held:
            self._cut()
        return Stored(self._table, self._chunks)

    def _cut(self) -> None:
        self._chunks.append(Chunk(self._put(_join(self._held)), len(self._held), self._first))
        self._held.clear()
        self._size = 0


async def page(tx: Transaction, table: Table, after: Sequence[Any]) -> list[Row]:
    """The next rows by key, `PAGE` at most, behind the one with the key `after`."""
    columns, key = ", ".join(table.columns), ", ".join(table.columns[: table.key])
    places = ", ".join(f"${n}" for n in range(1, table.key + 1))
    behind = f"WHERE ({key}) > ({places}) " if after else ""
    statement = f"SELECT {columns} FROM {table.name} {behind}ORDER BY {key} LIMIT {PAGE}"
    return list(await tx.rows(statement, *after))


def load(data: bytes) -> list[Row]:
    """The rows of a chunk. Raises Fault CORRUPT."""
    try:
        return [tuple(row) for row in _decode(data)]
    except msgspec.DecodeError as error:
        raise Fault(Kind.CORRUPT, f"rows of the backup cannot be read: {error}") from error


async def insert(tx: Transaction, table: Table, rows: Sequence[Row]) -> None:
    """Put rows into a table. Raises Fault CORRUPT when it cannot hold them."""
    places = ", ".join(f"${n}" for n in range(1, len(table.columns) + 1))
    columns = ", ".join(table.columns)
    try:
        await tx.run_many(f"INSERT INTO {table.name} ({columns}) VALUES ({places})", rows)
    except Conflict as error:
        raise Fault(Kind.CORRUPT, f"rows of {table.name} do not fit: {error}") from error


async def empty(tx: Transaction, table: Table, account_id: int | None = None) -> None:
    """Remove what a table has, in all or of an account, before other rows come."""
    if account_id is None:
        await tx.run(f"DELETE FROM {table.name}")
    else:
        await tx.run(f"DELETE FROM {table.name} WHERE account_id = $1", account_id)


async def sequences(tx: Transaction) -> dict[str, int]:
    """The last id that each table has given."""
    if tx.dialect is Dialect.SQLITE:
        found = await tx.rows("SELECT name, seq FROM sqlite_sequence")
    else:
        found = await tx.rows(
            "SELECT replace(sequencename, '_id_seq', ''), coalesce(last_value, 0)"
            " FROM pg_sequences WHERE schemaname = current_schema()"
        )
    return {name: int(value) for name, value in found}


async def set_sequence(tx: Transaction, table: str, last: int) -> None:
    """Let a table's ids go on behind `last`."""
    if tx.dialect is Dialect.SQLITE:
        await tx.run("DELETE FROM sqlite_sequence WHERE name = $1", table)
        await tx.run("INSERT INTO sqlite_sequence (name, seq) VALUES ($1, $2)", table, last)
    else:
        await tx.rows("SELECT setval(pg_get_serial_sequence($1, 'id'), $2)", table, last)


def _join(rows: Sequence[bytes]) -> bytes:
    """Encoded rows as one encoded list, the rows as they are."""
    return b"\xdd" + len(rows).to_bytes(4, "big") + b"".join(rows)

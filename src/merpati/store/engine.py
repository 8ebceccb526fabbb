"""The port every store engine offers: units of work over transactions.

A *unit of work* is `async def unit(tx, ...)`: it awaits nothing but the
transaction it is handed, so the same body runs on every engine. SQLite drives
it to its end by itself, since nothing ever suspends; PostgreSQL truly awaits.
A unit may be run again from its start (a serialisation failure, a read that
was moved off the loop), so it has no effect but through its transaction.

SQL is written once, with `$1` parameters, in the dialect both engines share
(`ON CONFLICT`, `RETURNING`). Where they must differ, `Transaction.dialect`
chooses between two statements that stand side by side.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from enum import Enum
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

import msgspec

from merpati.base.faults import Kind

P = ParamSpec("P")
T = TypeVar("T")

Row = tuple[Any, ...]


class Dialect(Enum):
    """Which engine runs a statement, for the few that must differ."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


class Topic(Enum):
    """What an announcement after a commit is about."""

    ACCOUNT = "account"  # something in this account changed: id is the account
    QUEUE = "queue"  # there is mail to send: id is 0
    DIRECTORY = "directory"  # domains, addresses or credentials changed: id is 0
    SIGNING = "signing"  # another key signs for a domain: id is 0
    SIGN_IN = "sign-in"  # sessions or tokens ended: id is 0
    CREDENTIALS = "credentials"  # something that opens this account ended: id is the account
    CERTIFICATES = "certificates"  # one was installed, or a proof for one published: id is 0
    WEBHOOKS = "webhooks"  # endpoints (id 0), or what they are to be told (id 1), changed
    METADATA = "metadata"  # annotations of the server changed: id is 0
    PUSH = "push"  # a push subscription was made or changed: id is 0

    __hash__ = object.__hash__  # in C: a delivery to fifty accounts hashes fifty of them


Announcement = tuple[Topic, int]

# Faults of a write after which nothing of it is kept, for certain. After any other end
# (cancelled, a broken disk, a lost connection) nobody knows: a file that its rows may name
# has to stay, and is garbage if none does.
UNDONE: Final = frozenset(
    {Kind.OVER_QUOTA, Kind.NO_SPACE, Kind.NOT_FOUND, Kind.DENIED, Kind.TOO_MANY, Kind.EXISTS}
)


class Conflict(Exception):  # noqa: N818 -- a signal to the noun modules, turned into a Fault there
    """A unique or foreign key refused a row."""


class Transaction(Protocol):
    """One transaction, handed to a unit of work. Not to be kept after it."""

    dialect: Dialect

    async def rows(self, sql: str, *args: Any) -> list[Row]:
        """All rows of a query, or of a statement with RETURNING."""

    async def row(self, sql: str, *args: Any) -> Row | None:
        """The first row, or None."""

    async def value(self, sql: str, *args: Any) -> Any:
        """The first column of the first row, or None."""

    async def run(self, sql: str, *args: Any) -> int:
        """Run a statement; the number of rows it changed."""

    async def insert(self, sql: str, *args: Any) -> int | None:
        """Run an INSERT of one row; its `id`, or None when ON CONFLICT kept it out.

        In SQLite half the cost of RETURNING, which first collects rows in a table of its own.
        """

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Run one statement for each row of parameters, as one batch."""

    def announce(self, topic: Topic, subject: int) -> None:
        """Tell whoever listens, once this transaction is durable."""

    def afterwards(self, call: Callable[[], None]) -> None:
        """Call it on the loop once this transaction is durable, also if its caller has gone.

        It is quick and raises nothing.
        """


Unit = Callable[Concatenate[Transaction, P], Awaitable[T]]


class Store(Protocol):
    """A store engine: SQLite on one machine, PostgreSQL on many."""

    dialect: Dialect

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit and return once what it wrote is durable.

        Raises:
            Fault: NO_SPACE or UNAVAILABLE when the engine cannot take the write;
                nothing of the unit is kept then. The unit's own exceptions pass through.
        """

    async def write_long(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `write`, for units that touch thousands of rows: never on the event loop."""

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run a unit that only reads, on a consistent snapshot."""

    async def scan(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """As `read`, for long reads: never on the event loop."""

    def on_commit(self, listener: Callable[[set[Announcement]], None]) -> None:
        """Call `listener`, on the loop, with what each durable batch announced."""

    @property
    def failure(self) -> str:
        """Why writes are refused until a restart, or an empty string."""

    async def close(self) -> None:
        """Finish the waiting writes, then let go of the engine."""


def one_of(tx: Transaction, column: str, parameter: int) -> str:
    """SQL for "column is one of the integers of this parameter"; pass it `id_list(...)`."""
    if tx.dialect is Dialect.SQLITE:
        return f"{column} IN (SELECT value FROM json_each(${parameter}))"
    return f"{column} = ANY(${parameter}::bigint[])"


def id_list(tx: Transaction, ids: Iterable[int]) -> Any:
    """A list of integers as the one parameter that `one_of` expects."""
    if tx.dialect is Dialect.SQLITE:
        return msgspec.json.encode(list(ids)).decode()
    return list(ids)


def within(tx: Transaction, column: str, parameter: int, ids: Sequence[int]) -> tuple[str, Any]:
    """As `among`, for lists that may be long: a run of ids is given by its two ends.

    The engine then walks over the rows, at half the cost of looking each of them up.
    """
    if len(ids) == 1 or not ids:
        return among(tx, column, parameter, ids)
    first, last = min(ids), max(ids)
    if last - first + 1 != len(ids) or len(set(ids)) != len(ids):
        return one_of(tx, column, parameter), id_list(tx, ids)
    low, high = f"${parameter} ->> 0", f"${parameter} ->> 1"
    if tx.dialect is not Dialect.SQLITE:
        low, high = f"(${parameter}::bigint[])[1]", f"(${parameter}::bigint[])[2]"
    return f"{column} BETWEEN {low} AND {high}", id_list(tx, (first, last))


def among(tx: Transaction, column: str, parameter: int, ids: Sequence[int]) -> tuple[str, Any]:
    """As `one_of` with its `id_list`; a single id is compared plainly, at half the cost."""
    if len(ids) == 1:
        return f"{column} = ${parameter}", ids[0]
    return one_of(tx, column, parameter), id_list(tx, ids)

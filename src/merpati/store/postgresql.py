"""The many-machines engine: PostgreSQL through asyncpg, serialisable transactions.

A unit is written as if it ran alone, which it does on SQLite. Only SERIALIZABLE keeps
that promise here: two workers that each finish the last but one recipient of a message
both see the other's under anything less, and nobody removes the message. What cannot be
put in an order fails and is run again: once among all others, then in the *lane*, one unit
of this process at a time, so that fifty deliveries to one account cost a hundred attempts
and not a thousand.

An answer that was lost on the way back from COMMIT leaves a unit that may or may not be
kept. The server is asked which (`postgresql_outcome.py`); only when it cannot say, as after a
standby took over, the caller hears UNAVAILABLE, and its peer's new try may make a second copy.

Announcements travel by NOTIFY *after* the commit, on a connection of their own, as many
as have gathered in one message: a NOTIFY inside a transaction makes PostgreSQL commit
one transaction at a time. One that is lost costs latency only.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from typing import Any, Final, NoReturn, TypeVar

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Announcement, Conflict, Dialect, P, Row, Topic, Unit

try:
    import asyncpg

    from merpati.store import postgresql_outcome
    from merpati.store.postgresql_outcome import Mark
except ImportError as missing:
    raise Fault(
        Kind.CONFIG, "PostgreSQL needs its driver: pip install merpati[postgresql]"
    ) from missing

T = TypeVar("T")

CONNECTIONS: Final = 10  # of one worker; PostgreSQL's own default for all clients is 100
ACQUIRE_SECONDS: Final = 20.0  # a unit waits so long for one of them
CONNECT_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 1.0  # what is still to be told may take so long
STATEMENTS: Final = 400  # prepared for each connection; the product has fewer
PAUSES: Final = (0.0, 0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)  # before each new try
PATIENT: Final = 3  # new tries; before the next one no other unit of the process begins
SETTINGS: Final = {
    "application_name": "merpati",
    "jit": "off",  # every statement is short
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",  # a frozen node lets go of its locks
}

CHANNEL: Final = "merpati"
PAYLOAD_MAX: Final = 7900  # bytes; PostgreSQL takes less than 8000
HEARTBEAT_SECONDS: Final = 30.0  # the listening connection proves itself so often
RECONNECT_SECONDS: Final = 1.0

# SQLSTATE of failures that a new try may not meet: serialization_failure, deadlock_detected,
# lock_not_available, and duplicate_table when two nodes migrate at once.
AGAIN: Final = frozenset({"40001", "40P01", "55P03", "42P07"})

# What the engine may fail with; all else is a defect and passes through.
_ERRORS: Final = (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError)


class PostgresqlTransaction:
    """`Transaction` over one asyncpg connection."""

    __slots__ = ("_connection", "announcements", "calls")
    dialect: Dialect = Dialect.POSTGRESQL

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self.announcements: set[Announcement] = set()
        self.calls: list[Callable[[], None]] = []

    async def rows(self, sql: str, *args: Any) -> list[Row]:
        with _conflicts():
            return list(map(tuple, await self._connection.fetch(sql, *_plain(args))))

    async def row(self, sql: str, *args: Any) -> Row | None:
        with _conflicts():
            found = await self._connection.fetchrow(sql, *_plain(args))
        return None if found is None else tuple(found)

    async def value(self, sql: str, *args: Any) -> Any:
        with _conflicts():
            return await self._connection.fetchval(sql, *_plain(args))

    async def run(self, sql: str, *args: Any) -> int:
        with _conflicts():
            status: str = await self._connection.execute(sql, *_plain(args))
        count = status.rpartition(" ")[2]  # "UPDATE 3", "INSERT 0 3", "CREATE TABLE"
        return int(count) if count.isdecimal() else 0

    async def insert(self, sql: str, *args: Any) -> int | None:
        found: int | None = await self.value(f"{sql} RETURNING id", *args)
        return found

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with _conflicts():
            await self._connection.executemany(sql, [_plain(row) for row in rows])

    def announce(self, topic: Topic, subject: int) -> None:
        self.announcements.add((topic, subject))

    def afterwards(self, call: Callable[[], None]) -> None:
        self.calls.append(call)


class PostgresqlStore:
    """The engine of one process. Make it with `open`, after the fork, in the running loop."""

    dialect: Dialect = Dialect.POSTGRESQL

    def __init__(self, pool: Any, dsn: str) -> None:
        self._pool = pool
        self._dsn = dsn
        self._closed = False
        self._writes = 0  # under way
        self._idle = asyncio.Event()  # set whenever the last of them ends
        self._lane = asyncio.Lock()
        self._open = asyncio.Event()  # for units that begin
        self._open.set()
        self._listeners: list[Callable[[set[Announcement]], None]] = []
        self._outgoing: set[Announcement] = set()
        self._wake = asyncio.Event()
        self._listening = asyncio.Event()
        self._bus = asyncio.create_task(self._keep_listening(), name="postgresql announcements")

    @classmethod
    async def open(cls, dsn: str, *, connections: int = CONNECTIONS) -> PostgresqlStore:
        """Connect to a database, as `postgresql://user:password@host/database`.

        Raises:
            Fault: CONFIG when the database cannot be used as it is, UNAVAILABLE when it
                cannot be reached now.
        """
        try:
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=connections,
                timeout=CONNECT_SECONDS,
                statement_cache_size=STATEMENTS,
                max_cached_statement_lifetime=0,
                server_settings=SETTINGS,
                connection_class=postgresql_outcome.Connection,
                init=postgresql_outcome.prepare,
                reset=_reset,
            )
        except (ValueError, *_ERRORS) as error:
            _refuse(error)
        try:
            await _check(pool)
        except BaseException:
            pool.terminate()
            raise
        return cls(pool, dsn)

    @property
    def failure(self) -> str:
        return ""  # PostgreSQL itself stops when it cannot trust its disk

    def on_commit(self, listener: Callable[[set[Announcement]], None]) -> None:
        self._listeners.append(listener)

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._closed:
            raise Fault(Kind.UNAVAILABLE, "the store is closed")
        self._writes += 1
        try:
            return await self._try(unit, args, kwargs)
        finally:
            self._writes -= 1
            if not self._writes:
                self._idle.set()

    async def write_long(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.write(unit, *args, **kwargs)

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            async with (
                self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                return await unit(PostgresqlTransaction(connection), *args, **kwargs)
        except _ERRORS as error:
            _refuse(error)

    async def scan(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await self.read(unit, *args, **kwargs)

    async def listening(self) -> None:
        """Return once announcements of other nodes are heard."""
        await self._listening.wait()

    async def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        if self._writes:
            self._idle.clear()
            await self._idle.wait()
        self._wake.set()
        await asyncio.wait({self._bus}, timeout=CLOSE_SECONDS)
        self._bus.cancel()  # it may be waiting for a server that is gone
        await asyncio.wait({self._bus}, timeout=CLOSE_SECONDS)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._pool.close()
        except _ERRORS:
            self._pool.terminate()

    async def _try(self, unit: Callable[..., Awaitable[T]], args: Any, kwargs: Any) -> T:
        await self._open.wait()
        with contextlib.suppress(_Again):
            return await self._attempt(unit, args, kwargs)
        async with self._lane:
            try:
                for number, pause in enumerate(PAUSES):
                    if number == PATIENT:
                        self._open.clear()  # who loses again and again would do so for ever
                    await asyncio.sleep(pause)
                    try:
                        return await self._attempt(unit, args, kwargs)
                    except _Again as again:
                        reason = again.__cause__
            finally:
                self._open.set()
        text = f"the database is too busy with the same rows: {reason}; try again"
        raise Fault(Kind.UNAVAILABLE, text)

    async def _attempt(self, unit: Callable[..., Awaitable[T]], args: Any, kwargs: Any) -> T:
        lost: Exception | None = None
        try:
            async with self._pool.acquire(timeout=ACQUIRE_SECONDS) as connection:
                mark = await postgresql_outcome.begin(connection)
                tx = PostgresqlTransaction(connection)
                try:
                    result = await unit(tx, *args, **kwargs)
                except BaseException:
                    await _roll_back(connection)
                    raise
                lost = await _commit(connection)
                if lost is None:
                    for call in tx.calls:  # before anything else is awaited
                        call()
        except _ERRORS as error:
            if _can_succeed(error):
                raise _Again from error
            _refuse(error)
        if lost is not None:
            await self._settle(mark, lost)
            for call in tx.calls:
                call()
        if tx.announcements:
            self._tell(tx.announcements)
            self._outgoing |= tx.announcements
            self._wake.set()
        return result

    async def _settle(self, mark: Mark | None, lost: Exception) -> None:
        """Return if what was in the middle of COMMIT when the connection broke has happened.

        Raises:
            _Again: it has not.
            Fault: UNAVAILABLE, nobody can say.
        """
        happened = await postgresql_outcome.happened(self._pool, mark)
        if happened is None:
            _refuse(lost)
        if not happened:
            raise _Again from lost

    # Announcements between nodes

    def _tell(self, announced: set[Announcement]) -> None:
        for listener in self._listeners:
            listener(announced)

    def _heard(self, connection: Any, sender: int, channel: str, payload: str) -> None:
        del channel
        announced = _decode(payload)
        if sender != connection.get_server_pid() and announced:
            self._tell(announced)

    async def _keep_listening(self) -> None:
        while not self._closed:
            with contextlib.suppress(*_ERRORS):
                connection = await asyncpg.connect(
                    self._dsn, timeout=CONNECT_SECONDS, server_settings=SETTINGS
                )
                try:
                    await self._converse(connection)
                finally:
                    self._listening.clear()
                    connection.terminate()
            if not self._closed:
                await asyncio.sleep(RECONNECT_SECONDS)

    async def _converse(self, connection: Any) -> None:
        """Hear and tell until the connection is lost or the store is closed."""
        connection.add_termination_listener(lambda _: self._wake.set())
        await connection.add_listener(CHANNEL, self._heard)
        self._listening.set()
        while self._outgoing or not self._closed:
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                await connection.execute("SELECT 1", timeout=CONNECT_SECONDS)
            self._wake.clear()
            announced, self._outgoing = self._outgoing, set()
            if connection.is_closed():
                return  # what was to be told is lost: the others will look for themselves
            for payload in _encode(announced):
                await connection.execute(
                    "SELECT pg_notify($1, $2)", CHANNEL, payload, timeout=CONNECT_SECONDS
                )


class _Again(Exception):  # noqa: N818 -- a signal, not an error
    """The attempt failed for what other transactions did; the next one may not."""


def _plain(args: Sequence[Any]) -> list[Any]:
    """Parameters as they can be sent.

    asyncpg takes neither bool nor IntEnum for an integer, and PostgreSQL no NUL in a text:
    where mail brought one, U+FFFD stands for it.
    """
    return [
        value.replace("\0", "\ufffd") if isinstance(value, str)
        else int(value) if isinstance(value, int)
        else value
        for value in args
    ]  # fmt: skip


@contextlib.contextmanager
def _conflicts() -> Iterator[None]:
    try:
        yield
    except asyncpg.IntegrityConstraintViolationError as error:
        if error.schema_name == "pg_catalog":  # two nodes made the same table at once
            raise
        raise Conflict(str(error)) from error


def _can_succeed(error: BaseException) -> bool:
    """Whether the same unit may get through when it is run again."""
    if isinstance(error, asyncpg.UniqueViolationError):
        return True  # only the catalogue's come this far
    return getattr(error, "sqlstate", "") in AGAIN


async def _commit(connection: Any) -> Exception | None:
    """End a transaction well; what broke the connection before the answer came, if something did.

    Anything else that fails has undone the transaction.
    """
    try:
        status = await connection.execute("COMMIT")
    except _ERRORS as error:
        if _is_lost(connection):
            return error
        raise
    if status != "COMMIT":  # a unit went on after a statement of it had failed
        raise AssertionError(f"COMMIT answered {status}")
    return None


async def _roll_back(connection: Any) -> None:
    """Undo a transaction; a connection that is lost undoes it by itself."""
    if not _is_lost(connection):
        with contextlib.suppress(*_ERRORS):
            await connection.execute("ROLLBACK")


def _is_lost(connection: Any) -> bool:
    """Whether it is closed; the pool takes one back at once, and then nothing can be asked."""
    try:
        closed: bool = connection.is_closed()
    except asyncpg.InterfaceError:
        return True
    return closed


async def _reset(connection: Any) -> None:
    """Before a connection goes back: units change no session state, so there is nothing to undo.

    The driver's own reset would cost every transaction one more round trip.
    """
    if connection.is_in_transaction():
        await connection.reset()


async def _check(pool: Any) -> None:
    """Refuse a database that would lose or mangle mail."""
    try:
        encoding = await pool.fetchval("SHOW server_encoding")
        commit = await pool.fetchval("SHOW synchronous_commit")
    except _ERRORS as error:
        _refuse(error)
    if encoding != "UTF8":
        text = (
            f"the database has encoding {encoding}; create it with: createdb -E UTF8 -T template0"
        )
        raise Fault(Kind.CONFIG, text)
    if commit == "off":
        text = (
            "synchronous_commit is off, so a crash of the database loses acknowledged mail;"
            " set it to on for this database"
        )
        raise Fault(Kind.CONFIG, text)


def _refuse(error: Exception) -> NoReturn:
    """Raise the Fault that a failure of the engine means to the caller, or the defect it is."""
    fault = _fault(error)
    if fault is None:
        raise error
    raise fault from error


def _fault(error: Exception) -> Fault | None:
    state = getattr(error, "sqlstate", None) or ""
    if state == "53100":
        return Fault(Kind.NO_SPACE, "PostgreSQL: the disk is full; free some space")
    if state in {"XX001", "XX002"}:
        return Fault(Kind.CORRUPT, f"PostgreSQL: {error}; run merpati check, restore from a backup")
    if state[:2] == "28" or state == "3D000" or isinstance(error, asyncpg.ClientConfigurationError):
        return Fault(Kind.CONFIG, f"PostgreSQL: {error}; check the address of the store")
    # Connections, resources, operator intervention, a server that has become a replica.
    if state[:2] in {"08", "53", "57", "58"} or state == "25006":
        return Fault(Kind.UNAVAILABLE, f"PostgreSQL: {error}")
    if not state and not isinstance(error, ValueError):  # lost, or never reached
        return Fault(Kind.UNAVAILABLE, f"PostgreSQL cannot be reached: {str(error) or 'no answer'}")
    return None


def _encode(announced: set[Announcement]) -> list[str]:
    """Announcements as texts that NOTIFY carries, like "account:12 queue:0"."""
    payloads = []
    words: list[str] = []
    length = 0
    for topic, subject in announced:
        word = f"{topic.value}:{subject}"
        if length + len(word) >= PAYLOAD_MAX:
            payloads.append(" ".join(words))
            words, length = [], 0
        words.append(word)
        length += len(word) + 1
    return [*payloads, " ".join(words)] if words else payloads


def _decode(payload: str) -> set[Announcement]:
    """What `_encode` wrote; topics of a newer release are skipped."""
    announced: set[Announcement] = set()
    for word in payload.split():
        topic, _, subject = word.partition(":")
        with contextlib.suppress(ValueError):
            announced.add((Topic(topic), int(subject)))
    return announced

"""The one-machine engine: SQLite through apsw, write-ahead log, group commit.

Writes of one process go through one thread. It takes every unit that waits,
runs each in its own savepoint, and makes them durable with one commit, so the
cost of an fsync is shared by all sessions that wait for it. Several processes
share the file; `flock` on a file beside it hands the pen from one writer thread
to the next without SQLite's sleeping busy handler.

Reads run inline on the event loop, on a connection of their own: an indexed
read costs less than a hop to a thread. A read that turns out long is stopped
by a progress handler and run again in a thread.

After a failed fsync nobody knows what the disk holds (PostgreSQL panics for the
same reason), so the engine refuses all later writes until the process restarts.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import queue
import re
import threading
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Announcement, Conflict, Dialect, P, Row, Topic, Unit

T = TypeVar("T")

BATCH_MAX: Final = 256  # units in one commit: bounds what a slow disk makes the first one wait
INLINE_SECONDS: Final = 0.005  # a read longer than this leaves the event loop
PROGRESS_STEPS: Final = 2_000  # virtual machine steps between two looks at the clock
CHECKPOINT_PAGES: Final = 4_000  # write-ahead log pages before they go to the main file
CACHE_KIB: Final = 16_384

_parameter = re.compile(r"\$(\d+)")
_translated: dict[str, str] = {}


def _sqlite_sql(sql: str) -> str:
    """`$1` means "named" to SQLite and would be numbered by first use; `?1` is numbered."""
    found = _translated.get(sql)
    if found is None:
        found = _translated[sql] = _parameter.sub(r"?\1", sql)
    return found


class _Slow(Exception):  # noqa: N818 -- a signal, not an error
    """An inline read took too long and runs again off the loop."""


class SqliteTransaction:
    """`Transaction` over one apsw connection; nothing here ever suspends."""

    __slots__ = ("_db", "announcements")
    dialect: Dialect = Dialect.SQLITE

    def __init__(self, db: apsw.Connection) -> None:
        self._db = db
        self.announcements: set[Announcement] = set()

    async def rows(self, sql: str, *args: Any) -> list[Row]:
        return self._execute(sql, args).fetchall()

    async def row(self, sql: str, *args: Any) -> Row | None:
        cursor = self._execute(sql, args)
        found: Row | None = cursor.fetchone()
        cursor.close(force=True)
        return found

    async def value(self, sql: str, *args: Any) -> Any:
        found = await self.row(sql, *args)
        return found[0] if found else None

    async def run(self, sql: str, *args: Any) -> int:
        self._execute(sql, args)
        return self._db.changes()

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        try:
            self._db.executemany(_sqlite_sql(sql), rows)
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error

    def announce(self, topic: Topic, subject: int) -> None:
        self.announcements.add((topic, subject))

    def _execute(self, sql: str, args: Sequence[Any]) -> apsw.Cursor:
        try:
            return self._db.execute(_sqlite_sql(sql), args)
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error


def drive(work: Awaitable[T]) -> T:
    """Run a unit that awaits nothing but its SQLite transaction."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise RuntimeError("a unit of work awaited something other than its transaction")


class _Waiting:
    """One unit on its way to the writer thread, and what came of it."""

    __slots__ = ("announcements", "error", "future", "result", "start")

    def __init__(self, start: Callable[[Any], Awaitable[Any]], future: asyncio.Future[Any]) -> None:
        self.start = start
        self.future = future
        self.result: Any = None
        self.error: BaseException | None = None
        self.announcements: set[Announcement] = set()


def connect(path: Path, *, read_only: bool = False) -> apsw.Connection:
    """Open the database file with the product's settings.

    Raises:
        Fault: UNAVAILABLE when the file cannot be opened, with the reason.
    """
    flags = apsw.SQLITE_OPEN_READWRITE | (0 if read_only else apsw.SQLITE_OPEN_CREATE)
    try:
        db = apsw.Connection(str(path), flags=flags, statementcachesize=500)
        db.set_busy_timeout(10_000)
        db.execute(
            f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cache_size=-{CACHE_KIB}"
        )
        db.execute("PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=0")
        if read_only:
            db.execute("PRAGMA query_only=ON")
    except apsw.Error as error:
        raise _fault(error, path) from error
    return db


def _fault(error: apsw.Error, path: Path) -> Fault:
    if isinstance(error, apsw.FullError):
        return Fault(Kind.NO_SPACE, f"{path}: the disk is full; free some space")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Fault(Kind.CORRUPT, f"{path}: {error}; run merpati check, restore from a backup")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return Fault(Kind.UNAVAILABLE, f"{path}: locked by another process for too long")
    return Fault(Kind.UNAVAILABLE, f"{path}: {error}")


class SqliteStore:
    """The engine of one process. Make it after the fork, inside the running loop."""

    dialect: Dialect = Dialect.SQLITE

    def __init__(self, path: Path) -> None:
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._writer = connect(path)
        self._reader = connect(path, read_only=True)
        self._pen = os.open(f"{path}-pen", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._listeners: list[Callable[[set[Announcement]], None]] = []
        self._failure = ""
        self._inline_until = 0.0
        self._reader.set_progress_handler(self._too_long, PROGRESS_STEPS)
        self._scans = ThreadPoolExecutor(2, thread_name_prefix="merpati-scan")
        self._scanners = threading.local()
        self._opened: list[apsw.Connection] = []
        self._waiting: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._write_loop, name="merpati-writer", daemon=True)
        self._thread.start()

    @property
    def failure(self) -> str:
        return self._failure

    def on_commit(self, listener: Callable[[set[Announcement]], None]) -> None:
        self._listeners.append(listener)

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        if self._failure:
            raise Fault(Kind.UNAVAILABLE, self._failure)
        future: asyncio.Future[T] = self._loop.create_future()
        self._waiting.put(_Waiting(lambda tx: unit(tx, *args, **kwargs), future))
        return await future

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        self._inline_until = time.monotonic() + INLINE_SECONDS
        try:
            return self._snapshot(self._reader, unit, args, kwargs)
        except _Slow:
            return await self.scan(unit, *args, **kwargs)

    async def scan(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def work() -> T:
            db = getattr(self._scanners, "db", None)
            if db is None:
                db = self._scanners.db = connect(self._path, read_only=True)
                self._opened.append(db)
            return self._snapshot(db, unit, args, kwargs)

        return await self._loop.run_in_executor(self._scans, work)

    async def close(self) -> None:
        self._waiting.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        self._scans.shutdown()
        for db in (self._reader, self._writer, *self._opened):
            db.close()
        os.close(self._pen)

    def _snapshot(
        self, db: apsw.Connection, unit: Callable[..., Awaitable[T]], args: Any, kwargs: Any
    ) -> T:
        try:
            db.execute("BEGIN")
            try:
                return drive(unit(SqliteTransaction(db), *args, **kwargs))
            finally:
                if db.in_transaction:
                    db.execute("COMMIT")
        except apsw.InterruptError as error:
            raise _Slow from error
        except apsw.Error as error:
            raise _fault(error, self._path) from error

    def _too_long(self) -> bool:
        return time.monotonic() > self._inline_until

    # The writer thread

    def _write_loop(self) -> None:
        stop = False
        while not stop:
            first = self._waiting.get()
            batch: list[_Waiting] = []
            while first is not None:
                batch.append(first)
                if len(batch) == BATCH_MAX:
                    break
                try:
                    first = self._waiting.get_nowait()
                except queue.Empty:
                    break
            stop = first is None
            if batch:
                self._write_batch(batch)
                self._loop.call_soon_threadsafe(self._finish, batch)
                self._checkpoint()

    def _write_batch(self, batch: list[_Waiting]) -> None:
        """Run a batch and make it durable; leaves a result or an error in each unit."""
        if self._failure:
            self._fail(batch, Fault(Kind.UNAVAILABLE, self._failure))
            return
        db = self._writer
        fcntl.flock(self._pen, fcntl.LOCK_EX)
        try:
            db.execute("BEGIN IMMEDIATE")
            for waiting in batch:
                self._run_unit(db, waiting)
            db.execute("COMMIT")
        except apsw.Error as error:
            self._fail(batch, _fault(error, self._path))
            if isinstance(error, apsw.IOError | apsw.CorruptError):
                self._failure = (
                    f"{self._path}: {error}; writes are refused until the disk is mended"
                    " and the server restarted"
                )
            if db.in_transaction:
                _give_up(db)
        finally:
            fcntl.flock(self._pen, fcntl.LOCK_UN)

    def _run_unit(self, db: apsw.Connection, waiting: _Waiting) -> None:
        """One unit in its savepoint: its failure undoes itself and nothing else."""
        tx = SqliteTransaction(db)
        db.execute("SAVEPOINT unit")
        try:
            waiting.result = drive(waiting.start(tx))
            waiting.announcements = tx.announcements
            db.execute("RELEASE unit")
        except (apsw.FullError, apsw.IOError, apsw.CorruptError):
            raise  # SQLite may have rolled back the whole batch with it
        except BaseException as error:  # noqa: BLE001 -- handed to whoever waits for the unit
            waiting.error = _fault(error, self._path) if isinstance(error, apsw.Error) else error
            db.execute("ROLLBACK TO unit; RELEASE unit")

    def _fail(self, batch: list[_Waiting], fault: Fault) -> None:
        for waiting in batch:
            waiting.error = fault
            waiting.announcements = set()

    def _finish(self, batch: list[_Waiting]) -> None:
        announced: set[Announcement] = set()
        for waiting in batch:
            announced |= waiting.announcements
            if waiting.future.cancelled():
                continue
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.result)
        if announced:
            for listener in self._listeners:
                listener(announced)

    def _checkpoint(self) -> None:
        """Move the write-ahead log into the main file, between two batches.

        Truncating needs the pen; a log that readers still use is left for later.
        """
        try:
            size = Path(f"{self._path}-wal").stat().st_size
        except FileNotFoundError:
            return
        if size < CHECKPOINT_PAGES * 4096 or self._failure:
            return
        fcntl.flock(self._pen, fcntl.LOCK_EX)
        try:
            self._writer.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)
        except (apsw.BusyError, apsw.LockedError, apsw.FullError):
            return
        except apsw.Error as error:
            self._failure = f"{self._path}: {error} while checkpointing; restart the server"
        finally:
            fcntl.flock(self._pen, fcntl.LOCK_UN)


def _give_up(db: apsw.Connection) -> None:
    try:
        db.execute("ROLLBACK")
    except apsw.Error:
        db.interrupt()


def disk_is_full(error: OSError) -> bool:
    """Whether an error of the file system means "no space", for any quota or disk."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}

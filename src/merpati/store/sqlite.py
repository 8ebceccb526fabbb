"""The one-machine engine: SQLite through apsw, write-ahead log, group commit.

Units of work are short, so they run on the event loop: a hop to a thread costs more than
the statements, and two threads that fight for the interpreter lock cost most of all. What
a unit waits for is the disk: units that came together run one after the other, and one
commit makes them durable, so that the cost of an fsync is shared by all sessions that wait
for it. On a quick disk that is done on the loop as well; on one that lately took longer
(`QUICK_SECONDS`) the writer thread does it, outside the interpreter lock, while the loop
goes on. A unit that touches thousands of rows is handed to the thread as a whole
(`write_long`).

A batch is complete when two turns of the loop have brought no further unit: what a session
has read already is worth waiting for, since units in company cost less. One that has been
alone for a while is not made to wait.

A unit that fails undoes what came with it, and those before it run again without it. That
is seldom; a savepoint for each would copy every page that units change one after another,
which costs a sixth of a message to fifty recipients.

Several processes share the file; `flock` on a file beside it hands the pen from one to
the next without SQLite's sleeping busy handler.

Reads run on the loop too, on a connection of their own. One that turns out long is
stopped by a progress handler and run again in a thread.

After a failed fsync nobody knows what the disk holds (PostgreSQL panics for the same
reason), so the engine refuses all later writes until the process restarts.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import math
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import apsw
import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.engine import Announcement, Conflict, Dialect, P, Row, Topic, Transaction, Unit

T = TypeVar("T")

BATCH_MAX: Final = 256  # units in one commit: bounds what a slow disk makes the first one wait
BATCH_SECONDS: Final = 0.004  # of running units before the loop may serve others
INLINE_SECONDS: Final = 0.005  # a read longer than this leaves the event loop
PROGRESS_STEPS: Final = 2_000  # virtual machine steps between two looks at the clock
QUICK_SECONDS: Final = 0.001  # commits that take less on average are done on the loop
LATELY: Final = 16  # commits that the averages look back on
COMPANY: Final = 1.3  # units in a batch on average from which on others are waited for
LOOKS: Final = 2  # turns of the loop that bring no further unit, then the batch is complete
CHECKPOINT_PAGES: Final = 6_000  # of write-ahead log, then they are copied to the main file
PRESSING_PAGES: Final = 10_000  # until then a pause of writing is waited for
PAUSE_SECONDS: Final = 0.05
RESTART_PAGES: Final = 16_000  # then writers wait until the log can begin anew
LIVELY_PAGES: Final = 64  # of log: who has written as much will write more
AHEAD_PAGES: Final = 2_000  # of log that are written before they are needed
FRAME: Final = 4_096 + 24  # bytes of a page of log
ZEROS: Final = bytes(1 << 17)
CACHE_KIB: Final = 8_192

apsw.shutdown()
apsw.config(apsw.SQLITE_CONFIG_MEMSTATUS, False)
apsw.initialize()
_parameter = re.compile(r"\$(\d+)")


class _Translated(dict[str, str]):
    """SQL as SQLite numbers parameters: `$1` is a name to it, numbered by first use; `?1` is 1."""

    def __missing__(self, sql: str) -> str:
        found = self[sql] = _parameter.sub(r"?\1", sql)
        return found


_translated: Final = _Translated()


class SqliteTransaction:
    """`Transaction` over the one cursor of a connection; nothing here ever suspends.

    A cursor for each statement would cost half as much as a small question itself. So one
    whose rows were not all taken ends with the next statement: BEGIN, COMMIT and ROLLBACK
    go through the cursor, too.
    """

    __slots__ = ("announcements", "calls", "cursor", "db")
    dialect: Dialect = Dialect.SQLITE

    def __init__(self, cursor: apsw.Cursor) -> None:
        self.cursor = cursor
        self.db = cursor.connection
        self.announcements: set[Announcement] = set()
        self.calls: list[Callable[[], None]] = []

    async def rows(self, sql: str, *args: Any) -> list[Row]:
        try:
            found: list[Row] = self.cursor.execute(_translated[sql], args).fetchall()
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error
        return found

    async def row(self, sql: str, *args: Any) -> Row | None:
        try:
            found: Row | None = self.cursor.execute(_translated[sql], args).fetchone()
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error
        return found

    async def value(self, sql: str, *args: Any) -> Any:
        try:
            found = self.cursor.execute(_translated[sql], args).fetchone()
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error
        return found[0] if found else None

    async def run(self, sql: str, *args: Any) -> int:
        try:
            self.cursor.execute(_translated[sql], args)
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error
        return self.db.changes()

    async def insert(self, sql: str, *args: Any) -> int | None:
        inserted = await self.run(sql, *args)
        return self.db.last_insert_rowid() if inserted else None

    async def run_many(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        try:
            self.cursor.executemany(_translated[sql], rows)
        except apsw.ConstraintError as error:
            raise Conflict(str(error)) from error

    def announce(self, topic: Topic, subject: int) -> None:
        self.announcements.add((topic, subject))

    def afterwards(self, call: Callable[[], None]) -> None:
        self.calls.append(call)


def drive(work: Awaitable[T]) -> T:
    """Run a unit that awaits nothing but its SQLite transaction."""
    steps = work.__await__()
    try:
        next(steps)
    except StopIteration as stop:
        result: T = stop.value
        return result
    raise RuntimeError("a unit of work awaited something other than its transaction")


class _Waiting(msgspec.Struct, eq=False):
    """One unit on its way to a commit, and what came of it."""

    start: Callable[[Any], Awaitable[Any]]
    future: asyncio.Future[Any]
    is_long: bool
    result: Any = None
    error: BaseException | None = None
    announcements: set[Announcement] = set()
    calls: list[Callable[[], None]] = []


def connect(path: Path, *, read_only: bool = False, durable: bool = True) -> apsw.Connection:
    """Open the database file with the product's settings.

    Args:
        path: The file.
        read_only: Refuse to write.
        durable: A commit is on the disk when it returns; else a power cut may undo the last
            ones, and what is left is still whole.

    Raises:
        Fault: UNAVAILABLE when the file cannot be opened, with the reason.
    """
    flags = (
        apsw.SQLITE_OPEN_READWRITE
        | apsw.SQLITE_OPEN_NOMUTEX
        | (0 if read_only else apsw.SQLITE_OPEN_CREATE)
    )
    try:
        db = apsw.Connection(str(path), flags=flags, statementcachesize=500)
        db.set_busy_timeout(10_000)
        # A plan is for all values: else a range over a table with a partial index is planned
        # anew for each, which costs four times the question.
        db.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
        # One by one: a statement that gives a row ends what is executed at once.
        for name, value in (
            ("journal_mode", "WAL"), ("synchronous", "FULL" if durable else "NORMAL"),
            ("cache_size", -CACHE_KIB), ("foreign_keys", False), ("temp_store", "MEMORY"),
            ("wal_autocheckpoint", 0), ("query_only", read_only),
        ):  # fmt: skip
            db.pragma(name, value)
    except apsw.Error as error:
        raise _fault(error, path) from error
    return db


def _fault(error: Exception, path: Path) -> Fault:
    if isinstance(error, apsw.FullError):
        return Fault(Kind.NO_SPACE, f"{path}: the disk is full; free some space")
    if isinstance(error, apsw.CorruptError | apsw.NotADBError):
        return Fault(Kind.CORRUPT, f"{path}: {error}; run merpati check, restore from a backup")
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        return Fault(Kind.UNAVAILABLE, f"{path}: locked by another process for too long")
    if isinstance(error, apsw.CantOpenError | apsw.ReadOnlyError | apsw.PermissionsError):
        text = f"{path} cannot be opened for writing: is it, and its folder, this user's own?"
        return Fault(Kind.UNAVAILABLE, text)
    return Fault(Kind.UNAVAILABLE, f"{path}: {error}")


class SqliteStore:
    """The engine of one process. Make it after the fork, inside the running loop."""

    dialect: Dialect = Dialect.SQLITE

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        """`durable`: as for `connect`; without it the file is for what can be made anew."""
        self._path = path
        self._loop = asyncio.get_running_loop()
        self._writer = connect(path, durable=durable)
        self._reader = connect(path, read_only=True)
        self._pencil = self._writer.cursor()
        self._reading = SqliteTransaction(self._reader.cursor())  # for one unit after the other
        self._pen = os.open(f"{path}-pen", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._listeners: list[Callable[[set[Announcement]], None]] = []
        self._failure = ""
        self._closed = False
        self._inline_until = 0.0
        self._reader.set_progress_handler(self._too_long, PROGRESS_STEPS)
        self._scans = ThreadPoolExecutor(2, thread_name_prefix="merpati-scan")
        self._scanners = threading.local()
        self._opened: list[apsw.Connection] = []
        self._waiting: deque[_Waiting] = deque()
        self._busy = False  # a batch is on its way, from asking for the pen to its end
        self._commit_seconds = QUICK_SECONDS  # the average of the last ones
        self._units = 1.0  # in a batch, the average of the last ones
        self._gathered = self._looks = 0  # units that wait, turns since their number grew
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="merpati-writer", daemon=True)
        self._thread.start()
        self._log_pages = 0
        self._committed = 0.0  # when, as `time.monotonic` tells it
        self._room = float(LIVELY_PAGES) if durable else math.inf  # pages; then more is made
        self._writer.set_wal_hook(self._count_log)
        self._log_jobs: queue.SimpleQueue[Callable[[apsw.Connection], None] | None]
        self._log_jobs = queue.SimpleQueue()
        self._keeper = threading.Thread(target=self._keep_log, name="merpati-log", daemon=True)
        self._keeper.start()

    @property
    def failure(self) -> str:
        return self._failure

    def on_commit(self, listener: Callable[[set[Announcement]], None]) -> None:
        self._listeners.append(listener)

    async def write(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        self._submit(_Waiting(lambda tx: unit(tx, *args, **kwargs), future, is_long=False))
        return await future

    async def write_long(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        future: asyncio.Future[T] = self._loop.create_future()
        self._submit(_Waiting(lambda tx: unit(tx, *args, **kwargs), future, is_long=True))
        return await future

    def _submit(self, waiting: _Waiting) -> None:
        if self._failure or self._closed:
            raise Fault(Kind.UNAVAILABLE, self._failure or "the store is closed")
        self._waiting.append(waiting)
        if not self._busy:
            self._busy = True
            self._loop.call_soon(self._ask_for_pen)  # so that what comes together goes together

    async def read(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        tx = self._reading
        self._inline_until = time.monotonic() + INLINE_SECONDS
        try:
            tx.cursor.execute("BEGIN")
            try:
                return await unit(tx, *args, **kwargs)  # which does not suspend
            finally:
                self._inline_until = math.inf  # its end is not to be cut short
                if tx.db.in_transaction:
                    tx.cursor.execute("COMMIT")
        except apsw.InterruptError:
            return await self.scan(unit, *args, **kwargs)
        except apsw.Error as error:
            raise _fault(error, self._path) from error

    async def scan(self, unit: Unit[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        def work() -> T:
            db = getattr(self._scanners, "db", None)
            if db is None:
                db = self._scanners.db = connect(self._path, read_only=True)
                self._opened.append(db)
            tx = SqliteTransaction(db.cursor())
            try:
                db.execute("BEGIN")
                try:
                    return drive(unit(tx, *args, **kwargs))
                finally:
                    if db.in_transaction:
                        tx.cursor.execute("COMMIT")
            except apsw.Error as error:
                raise _fault(error, self._path) from error

        return await self._loop.run_in_executor(self._scans, work)

    async def close(self) -> None:
        if self._closed:
            return
        last: asyncio.Future[None] = self._loop.create_future()
        if not self._failure:
            self._submit(_Waiting(_nothing, last, is_long=False))
            self._closed = True  # nothing comes after it, and what came before is durable then
            with contextlib.suppress(Fault):
                await last
        self._closed = True
        self._jobs.put(None)
        self._log_jobs.put(None)
        await self._loop.run_in_executor(None, self._thread.join)
        await self._loop.run_in_executor(None, self._keeper.join)
        self._scans.shutdown()
        for db in (self._reader, self._writer, *self._opened):
            db.close()
        os.close(self._pen)

    def _too_long(self) -> bool:
        return time.monotonic() > self._inline_until

    # Writing. On the loop: _ask_for_pen, _run_batch, _settle. On the loop or in the writer
    # thread: _commit, _run_unit, _give_up. Never both at once: a batch is in one place.

    def _ask_for_pen(self) -> None:
        if self._units > COMPANY and not self._complete():
            self._loop.call_soon(self._ask_for_pen)
            return
        try:
            fcntl.flock(self._pen, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._jobs.put(self._wait_for_pen)
        else:
            self._run_batch()

    def _complete(self) -> bool:
        """Whether the loop has had turns that brought no further unit for the next batch."""
        if len(self._waiting) > self._gathered:
            self._gathered, self._looks = len(self._waiting), 0
        self._looks += 1
        return self._looks > LOOKS

    def _wait_for_pen(self) -> None:
        fcntl.flock(self._pen, fcntl.LOCK_EX)
        self._loop.call_soon_threadsafe(self._run_batch)

    def _run_batch(self) -> None:
        """Run what waits, as far as it fits into one commit, and have that done."""
        batch: list[_Waiting] = []
        if self._waiting[0].is_long:
            batch.append(self._waiting.popleft())
            self._jobs.put(lambda: self._commit_elsewhere(batch, run=True))
            return
        started = time.monotonic()
        try:
            self._pencil.execute("BEGIN IMMEDIATE")
            while len(batch) < BATCH_MAX and time.monotonic() - started < BATCH_SECONDS:
                batch.append(self._waiting.popleft())
                if not self._run_unit(batch[-1]):
                    self._run_others(batch)
                    break
                if not self._waiting or self._waiting[0].is_long:
                    break
        except apsw.Error as error:
            if not batch:
                batch.append(self._waiting.popleft())
            self._give_up(batch, error)
            fcntl.flock(self._pen, fcntl.LOCK_UN)
            self._settle(batch)
            return
        self._units += (len(batch) - self._units) / LATELY
        self._gathered = 0
        if self._commit_seconds < QUICK_SECONDS:
            self._commit(batch)
            self._settle(batch)
        else:
            self._jobs.put(lambda: self._commit_elsewhere(batch))

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            job()

    def _commit_elsewhere(self, batch: list[_Waiting], *, run: bool = False) -> None:
        try:
            self._commit(batch, run=run)
        finally:
            self._loop.call_soon_threadsafe(self._settle, batch)

    def _commit(self, batch: list[_Waiting], *, run: bool = False) -> None:
        """Make a batch durable (a long unit is run here first) and pass on the pen."""
        try:
            if run:
                self._pencil.execute("BEGIN IMMEDIATE")
                if not all(map(self._run_unit, batch)):
                    self._run_others(batch)
            began = time.monotonic()
            self._pencil.execute("COMMIT")
            took = time.monotonic() - began
            self._commit_seconds += (took - self._commit_seconds) / LATELY
            self._committed = began + took
        except Exception as error:  # noqa: BLE001 -- whatever it was, none of them may hear "done"
            self._give_up(batch, error)
        finally:
            fcntl.flock(self._pen, fcntl.LOCK_UN)
        if self._log_pages > CHECKPOINT_PAGES and self._log_jobs.empty():
            self._log_jobs.put(self._copy_log)
        if self._log_pages > self._room:
            self._room = math.inf  # asked for; where the disk has none, commits do without
            self._log_jobs.put(self._make_room)

    def _run_unit(self, waiting: _Waiting) -> bool:
        """Run one unit; False: it has failed, and what it did is still to be undone."""
        tx = SqliteTransaction(self._pencil)
        try:
            waiting.result = drive(waiting.start(tx))
        except (apsw.FullError, apsw.IOError, apsw.CorruptError):
            raise  # SQLite may have rolled back the whole batch with it
        except BaseException as error:  # noqa: BLE001 -- handed to whoever waits for the unit
            waiting.error = _fault(error, self._path) if isinstance(error, apsw.Error) else error
            waiting.announcements, waiting.calls = set(), []  # of a first run that went well
            return False
        waiting.announcements, waiting.calls = tx.announcements, tx.calls
        return True

    def _run_others(self, batch: list[_Waiting]) -> None:
        """Undo a batch in which a unit has failed, and run those again that have not."""
        done = False
        while not done:  # should one more fail now, it is left out as well
            self._pencil.execute("ROLLBACK")
            self._pencil.execute("BEGIN IMMEDIATE")
            done = all(self._run_unit(one) for one in batch if one.error is None)

    def _give_up(self, batch: list[_Waiting], error: Exception) -> None:
        """Nothing of a batch is kept; after an error of the disk nothing else will be."""
        fault = _fault(error, self._path)
        for waiting in batch:
            waiting.error = fault
            waiting.announcements, waiting.calls = set(), []
        if isinstance(error, apsw.IOError | apsw.CorruptError):
            self._failure = (
                f"{self._path}: {error}; writes are refused until the disk is mended"
                " and the server restarted"
            )
        if self._writer.in_transaction:
            with contextlib.suppress(apsw.Error):
                self._pencil.execute("ROLLBACK")

    def _settle(self, batch: list[_Waiting]) -> None:
        """Tell those who wait for a batch, and begin the next."""
        announced: set[Announcement] = set()
        for waiting in batch:
            announced |= waiting.announcements
            for call in waiting.calls:
                call()
            if waiting.future.done():  # its session has gone
                continue
            if waiting.error is not None:
                waiting.future.set_exception(waiting.error)
            else:
                waiting.future.set_result(waiting.result)
        if announced:
            for listener in self._listeners:
                listener(announced)
        if self._failure:
            self._refuse_waiting()
        if self._waiting:
            self._loop.call_soon(self._ask_for_pen)
        else:
            self._busy = False

    def _refuse_waiting(self) -> None:
        while self._waiting:
            future = self._waiting.popleft().future
            if not future.done():
                future.set_exception(Fault(Kind.UNAVAILABLE, self._failure))

    # The write-ahead log

    def _count_log(self, _db: apsw.Connection, _name: str, pages: int) -> int:
        self._log_pages = pages
        return apsw.SQLITE_OK

    def _keep_log(self) -> None:
        """Do what the log needs beside the writers (a thread of its own)."""
        db = connect(self._path)
        while (job := self._log_jobs.get()) is not None:
            try:
                job(db)
            except (apsw.BusyError, apsw.LockedError, apsw.FullError, OSError):
                continue  # somebody else does it, or it is done the next time
            except apsw.Error as error:
                self._failure = f"{self._path}: {error} while checkpointing; restart the server"
        db.close()

    def _copy_log(self, db: apsw.Connection) -> None:
        """Copy the log to the main file, in a pause of our writing if one comes soon.

        That alone lets the log begin anew whenever writers pause for a moment. When
        they do not, they are made to: by then there is little left to copy.
        """
        while self._log_pages < PRESSING_PAGES and self._log_jobs.empty():
            passed = time.monotonic() - self._committed
            if passed >= PAUSE_SECONDS:
                break
            time.sleep(PAUSE_SECONDS - passed)
        db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if self._log_pages > RESTART_PAGES:
            with self._pen_held():
                db.set_busy_timeout(100)  # a reader that does not end is not waited for
                db.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_RESTART)

    def _make_room(self, db: apsw.Connection) -> None:
        """Write the log's file ahead of its end, with zeros, which are no log to SQLite.

        A commit that makes the file longer has its file system write a journal as well: half
        as much CPU again and twice the time of one that overwrites what is there.
        """
        wanted = self._log_pages + AHEAD_PAGES
        with Path(f"{self._path}-wal").open("r+b", buffering=0) as log:
            with self._pen_held():
                db.execute("BEGIN IMMEDIATE")  # nobody adds to the log, nor begins it anew
                try:
                    end = log.seek(0, os.SEEK_END)
                    while end < wanted * FRAME:
                        end += log.write(ZEROS)
                finally:
                    db.execute("ROLLBACK")
            os.fdatasync(log.fileno())
        self._room = wanted - AHEAD_PAGES / 2

    @contextlib.contextmanager
    def _pen_held(self) -> Iterator[None]:
        pen = os.open(f"{self._path}-pen", os.O_RDWR | os.O_CLOEXEC)
        try:
            fcntl.flock(pen, fcntl.LOCK_EX)
            yield
        finally:
            os.close(pen)


async def _nothing(_tx: Transaction) -> None:
    """A unit that only waits for its turn."""


def disk_is_full(error: OSError) -> bool:
    """Whether an error of the file system means "no space", for any quota or disk."""
    return error.errno in {errno.ENOSPC, errno.EDQUOT}

"""What is SQLite's own; what it shares with the other engine is in tests/contracts."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory, sqlite
from merpati.store.engine import Announcement, Topic, Transaction
from merpati.store.sqlite import (
    AHEAD_PAGES,
    FRAME,
    INLINE_SECONDS,
    LATELY,
    QUICK_SECONDS,
    SqliteStore,
)
from tests.support import store as stores
from tests.support.store import NOW

ENDLESS = (
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1)"
    " SELECT count(*) FROM n"
)


async def where(_tx: Transaction) -> str:
    return threading.current_thread().name


async def test_short_reads_run_on_the_loop_and_scans_do_not(store: SqliteStore) -> None:
    assert await store.read(where) == threading.current_thread().name
    assert (await store.scan(where)).startswith("merpati-scan")


async def test_short_units_run_on_the_loop_and_long_ones_do_not(store: SqliteStore) -> None:
    assert await store.write(where) == threading.current_thread().name
    assert await store.write_long(where) == "merpati-writer"


async def test_a_slow_disk_holds_up_the_writer_thread_and_a_quick_one_nobody(
    store: SqliteStore,
) -> None:
    here = threading.current_thread().name
    committed: list[str] = []
    pause = 0.0

    def commit() -> bool:
        committed.append(threading.current_thread().name)
        time.sleep(pause)
        return False

    async def touch(tx: Transaction) -> None:
        await tx.run("UPDATE domain SET created_at = created_at + 1")

    store._writer.set_commit_hook(commit)
    pause = 5 * QUICK_SECONDS
    for _ in range(LATELY):
        await store.write(touch)
    assert committed[-1] == "merpati-writer"
    pause = 0.0
    for _ in range(2_000):  # many more than an idle machine needs
        if committed[-1] == here:
            break
        await store.write(touch)
    assert committed[-1] == here


async def test_units_that_come_one_turn_of_the_loop_after_another_share_a_commit(
    store: SqliteStore,
) -> None:
    commits = 0

    def commit() -> bool:
        nonlocal commits
        commits += 1
        return False

    async def touch(tx: Transaction) -> None:
        await tx.run("UPDATE domain SET created_at = created_at + 1")

    async def session(turns: int, units: int) -> None:
        for _ in range(units):
            for _ in range(turns):
                await asyncio.sleep(0)
            await store.write(touch)

    store._writer.set_commit_hook(commit)
    together = [session(0, LATELY), session(0, LATELY)]  # until it has seen that there is company
    await asyncio.gather(*together)
    commits = 0
    await asyncio.gather(session(0, 20), session(2, 20))
    assert commits <= 22  # of 40 units
    for _ in range(3 * LATELY):  # alone again
        await store.write(touch)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    counting = asyncio.create_task(count_turns())
    await asyncio.sleep(0)
    before = turns
    await store.write(touch)
    assert turns - before <= 2  # nobody was waited for
    counting.cancel()


async def test_a_commit_that_fails_in_any_way_is_no_success(store: SqliteStore) -> None:
    def fail() -> bool:
        raise MemoryError("none left")

    async def count(tx: Transaction) -> Any:
        return await tx.value("SELECT count(*) FROM domain")

    store._writer.set_commit_hook(fail)
    with pytest.raises(Fault, match="none left"):
        await store.write(directory.add_domain, "example.org", NOW)
    store._writer.set_commit_hook(None)
    assert await store.read(count) == 0
    await store.write(directory.add_domain, "example.org", NOW)
    assert await store.read(count) == 1


async def test_a_unit_that_fails_when_it_runs_again_is_left_out_as_well(store: SqliteStore) -> None:
    runs: list[str] = []
    heard: list[set[Announcement]] = []
    store.on_commit(heard.append)

    async def unit(tx: Transaction, name: str, good_runs: int) -> None:
        runs.append(name)
        await directory.add_domain(tx, f"{name}.example", NOW)
        tx.announce(Topic.ACCOUNT, len(name))
        tx.afterwards(lambda: runs.append(f"{name} is durable"))
        if runs.count(name) > good_runs:
            raise LookupError(name)

    results = await asyncio.gather(
        store.write(unit, "a", 9), store.write(unit, "bb", 1), store.write(unit, "ccc", 0),
        store.write(unit, "dddd", 9), return_exceptions=True,
    )  # fmt: skip
    assert [str(result) for result in results] == ["None", "bb", "ccc", "None"]
    assert runs == ["a", "bb", "ccc", "a", "bb", "a", "a is durable", "dddd", "dddd is durable"]
    assert set.union(*heard) - {(Topic.DIRECTORY, 0)} == {(Topic.ACCOUNT, 1), (Topic.ACCOUNT, 4)}
    names = [domain.name for domain in await store.read(directory.domains)]
    assert names == ["a.example", "dddd.example"]


async def test_a_read_that_turns_out_long_is_run_again_off_the_loop(store: SqliteStore) -> None:
    seen: list[str] = []

    async def count(tx: Transaction, steps: int) -> Any:
        seen.append(await where(tx))
        return await tx.value(ENDLESS, steps)

    assert await store.read(count, 100) == 100
    assert len(seen) == 1
    long = 2_000_000
    assert await store.read(count, long) == long
    assert seen[1] == threading.current_thread().name
    assert seen[2].startswith("merpati-scan")
    assert await store.read(count, 10) == 10


async def test_a_slow_unit_of_quick_statements_leaves_the_reader_whole(store: SqliteStore) -> None:
    """The end of a snapshot is not cut short: the next would find it still open."""

    async def slow(tx: Transaction) -> Any:
        time.sleep(INLINE_SECONDS * 1.2)  # noqa: ASYNC251 -- it is the loop that is to be late
        return await tx.value("SELECT 1")

    store._reader.set_progress_handler(store._too_long, 1)  # looks at every step
    for _ in range(5):
        assert await store.read(slow) == 1


async def test_a_statement_whose_rows_were_not_all_taken_ends_with_its_unit(
    store: SqliteStore,
) -> None:
    async def add(tx: Transaction, *names: str) -> None:
        for name in names:
            await directory.add_domain(tx, name, NOW)

    async def touch(tx: Transaction) -> int:
        touched: int = await tx.value("UPDATE domain SET created_at = created_at + 1 RETURNING 1")
        return touched

    async def peek(tx: Transaction) -> Any:
        return await tx.row("SELECT (SELECT count(*) FROM domain), name FROM domain")

    await store.write(add, "a.example", "b.example")
    assert await store.write(touch) == 1
    assert (await store.read(peek))[0] == (await store.scan(peek))[0] == 2
    await store.write(add, "c.example")
    assert (await store.read(peek))[0] == (await store.scan(peek))[0] == 3


async def test_two_processes_share_one_file(tmp_path: Path) -> None:
    one = await stores.sqlite(tmp_path)
    other = SqliteStore(tmp_path / "merpati.db")

    async def count_up(tx: Transaction) -> None:
        value = await tx.value("SELECT created_at FROM domain")
        await tx.run("UPDATE domain SET created_at = $1", value + 1)

    await one.write(directory.add_domain, "example.org", 0)
    await asyncio.gather(*(store.write(count_up) for _ in range(30) for store in (one, other)))

    async def counted(tx: Transaction) -> Any:
        return await tx.value("SELECT created_at FROM domain")

    assert await one.read(counted) == await other.read(counted) == 60
    await one.close()
    await other.close()


async def test_the_log_is_copied_and_does_not_grow_for_ever(tmp_path: Path) -> None:
    store = await stores.sqlite(tmp_path)
    log = tmp_path / "merpati.db-wal"

    async def unit(tx: Transaction, n: int) -> None:
        await tx.run(
            "INSERT INTO body (blob_id, encoding, data) VALUES ($1, 0, $2)", n, bytes(4_000_000)
        )
        await tx.run("DELETE FROM body WHERE blob_id = $1", n - 1)

    largest = 0
    for n in range(40):  # 160 MB in all
        await store.write(unit, n)
        largest = max(largest, log.stat().st_size)
        await asyncio.sleep(0.01)
    assert largest < 100_000_000
    await store.close()


async def test_a_lively_log_is_written_ahead_and_keeps_what_was_committed(tmp_path: Path) -> None:
    ours, theirs = await stores.sqlite(tmp_path), await stores.sqlite(tmp_path)
    database, log = tmp_path / "merpati.db", tmp_path / "merpati.db-wal"

    async def add(store: SqliteStore, name: str) -> None:
        for number in range(50):
            await store.write(directory.add_domain, f"{name}{number}.example", NOW)

    await asyncio.gather(add(ours, "ours"), add(theirs, "theirs"))
    length = same = 0
    for _ in range(2_000):  # each of them asks for room
        before, length = length, log.stat().st_size
        same = same + 1 if length == before and length > AHEAD_PAGES * FRAME / 2 else 0
        if same == 30:
            break
        await asyncio.sleep(0.01)
    assert length > AHEAD_PAGES * FRAME / 2
    await asyncio.gather(add(ours, "more"), add(theirs, "yet"))
    assert log.stat().st_size == length, "a commit made it longer"
    after = tmp_path / "after"  # what a power cut leaves
    after.mkdir()
    (after / database.name).write_bytes(database.read_bytes())
    (after / log.name).write_bytes(log.read_bytes())
    await ours.close()
    await theirs.close()
    reader = SqliteStore(after / database.name)
    assert len(await reader.read(directory.domains)) == 200
    await reader.close()


async def test_the_log_is_copied_in_a_pause_unless_it_grows_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite, "CHECKPOINT_PAGES", 20)
    monkeypatch.setattr(sqlite, "PAUSE_SECONDS", 1.0)
    monkeypatch.setattr(sqlite, "LIVELY_PAGES", 1_000_000)  # to make room comes before
    store = await stores.sqlite(tmp_path)
    database = tmp_path / "merpati.db"
    untouched = database.stat().st_mtime_ns

    async def add(name: str, count: int) -> bool:
        """Whether the file was written to meanwhile."""
        before = database.stat().st_mtime_ns
        for number in range(count):
            await store.write(directory.add_domain, f"{name}{number}.example", NOW)
        return database.stat().st_mtime_ns != before

    assert not await add("one", 60)
    for _ in range(1_000):
        if database.stat().st_mtime_ns != untouched:
            break
        await asyncio.sleep(0.01)
    assert database.stat().st_mtime_ns != untouched
    monkeypatch.setattr(sqlite, "PRESSING_PAGES", 40)
    monkeypatch.setattr(sqlite, "PAUSE_SECONDS", 0.2)
    for turn in range(500):  # without a pause
        if await add(f"two{turn}-", 10):
            break
    else:
        pytest.fail("it was not copied")
    await store.close()


async def test_waiting_for_something_else_than_the_transaction_is_a_defect(
    store: SqliteStore,
) -> None:
    async def unit(_tx: Transaction) -> None:
        await asyncio.sleep(0)

    with pytest.raises(RuntimeError, match="awaited something other"):
        await store.write(unit)
    await store.write(directory.add_domain, "example.org", NOW)


async def test_what_a_cancelled_session_wrote_is_kept(store: SqliteStore) -> None:
    task = asyncio.create_task(store.write(directory.add_domain, "example.org", NOW))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await store.write(where)
    assert len(await store.read(directory.domains)) == 1


async def test_what_is_to_follow_a_unit_needs_nobody_who_waits_for_it(store: SqliteStore) -> None:
    called: list[str] = []

    async def unit(tx: Transaction) -> None:
        await directory.add_domain(tx, "example.org", NOW)
        tx.afterwards(lambda: called.append("example.org"))

    waiting = asyncio.create_task(store.write(unit))
    await asyncio.sleep(0)  # it has begun
    waiting.cancel()
    await store.write(where)
    assert called == ["example.org"]
    assert len(await store.read(directory.domains)) == 1


async def test_a_file_that_is_no_database_says_so(tmp_path: Path) -> None:
    (tmp_path / "merpati.db").write_bytes(b"not a database, by far" * 1000)
    with pytest.raises(Fault) as caught:
        SqliteStore(tmp_path / "merpati.db")
    assert caught.value.kind is Kind.CORRUPT
    with pytest.raises(Fault) as caught:
        SqliteStore(tmp_path / "no" / "folder" / "merpati.db")
    assert caught.value.kind is Kind.UNAVAILABLE

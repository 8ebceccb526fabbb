"""The pen is passed on before the disk has the log, and nobody hears what the disk has not."""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from typing import TYPE_CHECKING

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory
from merpati.store.pen import Pen
from merpati.store.sqlite import SqliteStore
from tests.support import store as stores
from tests.support.sockets import until
from tests.support.store import NOW

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from merpati.store.engine import Transaction


class Disk:
    """The disk, which flushes only while it is let."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._flush = os.fdatasync
        self.free = threading.Event()
        self.free.set()
        self.asked = threading.Event()
        self.broken = False
        self.flushes = 0
        monkeypatch.setattr(os, "fdatasync", self._fdatasync)

    def _fdatasync(self, file: int) -> None:
        self.asked.set()
        self.free.wait()
        self.flushes += 1
        if self.broken:
            raise OSError(errno.EIO, "Input/output error")
        self._flush(file)

    def hold(self) -> None:
        """No flush ends from here on."""
        self.free.clear()
        self.asked.clear()


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    disk = Disk(monkeypatch)
    yield disk
    disk.free.set()


async def asked(disk: Disk) -> None:
    """Return once somebody waits for the disk."""
    assert await asyncio.get_running_loop().run_in_executor(None, disk.asked.wait, 10)


async def test_others_write_while_one_waits_for_the_disk(tmp_path: Path, disk: Disk) -> None:
    one, other = await stores.sqlite(tmp_path), SqliteStore(tmp_path / "merpati.db")
    pen = Pen(tmp_path / "merpati.db")
    before = pen.seen
    disk.hold()
    first = asyncio.create_task(one.write(directory.add_domain, "one.id", NOW))
    await asked(disk)
    second = asyncio.create_task(other.write(directory.add_domain, "other.id", NOW))
    await until(lambda: pen.seen == before + 2)
    assert not first.done()
    assert not second.done()
    disk.free.set()
    await asyncio.gather(first, second)
    assert pen.is_flushed(pen.seen)
    pen.close()
    await one.close()
    await other.close()


@pytest.mark.parametrize("how", ["read", "scan"])
async def test_what_the_disk_has_not_is_told_nobody(tmp_path: Path, disk: Disk, how: str) -> None:
    one, other = await stores.sqlite(tmp_path), SqliteStore(tmp_path / "merpati.db")
    assert await other.read(directory.domains) == []
    disk.hold()
    writing = asyncio.create_task(one.write(directory.add_domain, "one.id", NOW))
    await asked(disk)
    hear = other.read if how == "read" else other.scan
    hearing = [asyncio.create_task(hear(directory.domains)) for _ in range(3)]
    hearing.append(asyncio.create_task(one.read(directory.domains)))
    done, _ = await asyncio.wait([writing, *hearing], timeout=0.2)
    assert not done
    before = disk.flushes
    disk.free.set()
    await writing
    assert [[row.name for row in await one] for one in hearing] == [["one.id"]] * 4
    assert disk.flushes <= before + 4  # readers share theirs
    await one.close()
    await other.close()


async def test_readers_do_not_flush_what_is_flushed(tmp_path: Path, disk: Disk) -> None:
    one, other = await stores.sqlite(tmp_path), SqliteStore(tmp_path / "merpati.db")
    await one.write(directory.add_domain, "one.id", NOW)
    before = disk.flushes
    for store in (one, other):
        assert len(await store.read(directory.domains)) == 1
        assert len(await store.scan(directory.domains)) == 1
    assert disk.flushes == before
    await one.close()
    await other.close()


async def test_a_flush_that_fails_is_no_acknowledgement(tmp_path: Path, disk: Disk) -> None:
    store = await stores.sqlite(tmp_path)
    disk.broken = True
    with pytest.raises(Fault) as caught:
        await store.write(directory.add_domain, "one.id", NOW)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert "Input/output error" in store.failure
    disk.broken = False
    with pytest.raises(Fault, match="until the disk is mended"):
        await store.write(directory.add_domain, "two.id", NOW)
    await store.read(directory.domains)  # what is there can still be fetched
    await store.close()


async def test_a_reader_that_finds_the_disk_broken_ends_writing(tmp_path: Path, disk: Disk) -> None:
    """What a process left behind that died before its flush is the next reader's to flush."""
    one = await stores.sqlite(tmp_path)
    await one.write(directory.add_domain, "one.id", NOW)
    pen = Pen(tmp_path / "merpati.db")
    pen.end(pen.begin())  # as if written, and never flushed
    disk.broken = True
    assert len(await one.read(directory.domains)) == 1
    assert "Input/output error" in one.failure
    pen.close()
    await one.close()


async def test_what_a_dead_process_began_holds_up_nobody(tmp_path: Path, disk: Disk) -> None:
    one = await stores.sqlite(tmp_path)
    await one.write(directory.add_domain, "one.id", NOW)
    pen = Pen(tmp_path / "merpati.db")
    pen.begin()  # and no COMMIT came
    before = disk.flushes
    for _ in range(3):
        assert len(await one.read(directory.domains)) == 1
    assert disk.flushes <= before + 3
    await one.write(directory.add_domain, "two.id", NOW)
    before = disk.flushes
    assert len(await one.read(directory.domains)) == 2
    assert disk.flushes == before
    pen.close()
    await one.close()


async def test_a_unit_that_fails_leaves_nothing_to_flush(tmp_path: Path, disk: Disk) -> None:
    store = await stores.sqlite(tmp_path)

    async def wrong(tx: Transaction) -> None:
        await tx.run("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(Fault):
        await store.write(wrong)
    before = disk.flushes
    await store.read(directory.domains)
    assert disk.flushes == before
    await store.close()


async def test_the_log_for_what_can_be_made_anew_is_never_flushed(
    tmp_path: Path, disk: Disk
) -> None:
    await (await stores.sqlite(tmp_path)).close()
    store = SqliteStore(tmp_path / "merpati.db", durable=False)
    before = disk.flushes
    await store.write(directory.add_domain, "one.id", NOW)
    assert len(await store.read(directory.domains)) == 1
    assert disk.flushes == before
    await store.close()


def test_the_pen_is_with_one_at_a_time(tmp_path: Path) -> None:
    one, other = Pen(tmp_path / "db"), Pen(tmp_path / "db")
    assert one.take()
    assert not other.take()
    waiting = threading.Thread(target=other.wait)
    waiting.start()
    time.sleep(0.02)
    assert waiting.is_alive()
    one.give()
    waiting.join(10)
    assert not one.take()
    other.give()
    one.close()
    other.close()

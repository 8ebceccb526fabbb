"""Deliveries per second and CPU for each, through the store alone.

python -m bench.store                     # the table, SQLite
python -m bench.store 50 10               # recipients, writers: one line
python -m bench.store 50 1 profile        # where the time goes, as cProfile sees it
python -m bench.store postgresql DSN      # the table, on an empty database

A delivery is what the product does for one message: the body counted once, an email and a
row of the change log for each recipient, and an event for each. Every body is new. The
fsync is real; CPU is that of the whole process, writer thread included.
"""

from __future__ import annotations

import asyncio
import cProfile
import os
import pstats
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import uvloop

from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.model.event import Event, EventKind
from merpati.model.mailbox import INBOX_ID
from merpati.model.message import Digest
from merpati.store import directory, emails, events, schema
from merpati.store.blobs import BlobStore
from merpati.store.postgresql import PostgresqlStore
from merpati.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from merpati.store.blobs import Body
    from merpati.store.engine import Store, Transaction

ACCOUNTS = 200
SECONDS = 2.0
BODY = 4000
WORDS = Path(__file__).read_bytes() * 3  # compresses about as mail does
NOW = 1_800_000_000_000


async def add_accounts(tx: Transaction) -> list[int]:
    await directory.add_domain(tx, "example.org", NOW)
    return [
        (
            await directory.add_account(
                tx, f"a{n}@example.org", name="", password="", now=NOW, quota=10**12
            )
        ).id
        for n in range(ACCOUNTS)
    ]


async def deliver(
    tx: Transaction, body: Body, digest: Digest, ids: Sequence[int], trace: str
) -> None:
    added = await emails.add(
        tx, body, digest, [emails.Placement(one, INBOX_ID) for one in ids], NOW
    )
    assert not added.refused
    steps = [Event(trace, NOW, EventKind.RECEIVED, "sender@far.example", 0, {"peer": "192.0.2.1"})]
    steps += [
        Event(trace, NOW, EventKind.DELIVERED, f"a{one.account_id}@example.org", one.account_id,
              {"mailbox": "INBOX", "uid": one.uid})
        for one in added.placed
    ]  # fmt: skip
    await events.record(tx, steps)


class Load:
    """Writers that deliver as fast as they can."""

    def __init__(self, store: Store, blob_store: BlobStore, ids: list[int]) -> None:
        self.store = store
        self.blobs = blob_store
        self.ids = ids
        self.traces = SystemIds(SystemClock())
        self.count = 0
        self.until = 0.0

    async def write(self, recipients: int) -> None:
        """One writer, until the time is over."""
        while time.perf_counter() < self.until:
            n = self.count
            self.count += 1
            start = n * 37 % (len(WORDS) - BODY)
            body = self.blobs.inline(os.urandom(16).hex().encode() + WORDS[start : start + BODY])
            digest = Digest(
                b"structure" * 20, b"envelope" * 30, b"body" * 20, NOW, "preview " * 20, "<id@far>",
                (hash(("own", n)), hash(("parent", n // 3))),
            )  # fmt: skip
            first = n * 7 % len(self.ids)
            ids = (self.ids[first:] + self.ids[:first])[:recipients]
            await self.store.write(deliver, body, digest, ids, self.traces.trace())

    async def run(self, recipients: int, writers: int, seconds: float) -> tuple[float, float]:
        """Deliveries per second, and milliseconds of CPU for each."""
        self.count = 0
        cpu, began = time.process_time(), time.perf_counter()
        self.until = began + seconds
        await asyncio.gather(*(self.write(recipients) for _ in range(writers)))
        took = time.perf_counter() - began
        return self.count / took, (time.process_time() - cpu) / self.count * 1000


async def with_store(folder: Path, dsn: str) -> Load:
    store: Store = await PostgresqlStore.open(dsn) if dsn else SqliteStore(folder / "merpati.db")
    await store.write(schema.migrate)
    ids = await store.write(add_accounts)
    load = Load(store, BlobStore(folder / "blobs", SystemIds(SystemClock())), ids)
    await load.run(1, 4, 0.3)  # statements prepared, caches warm
    return load


async def table(dsn: str, cases: Sequence[tuple[int, int]]) -> None:
    print("recipients  writers  messages/s  emails/s  CPU ms/message  µs/email")
    with tempfile.TemporaryDirectory() as folder:
        load = await with_store(Path(folder), dsn)
        for recipients, writers in cases:
            rate, cpu = await load.run(recipients, writers, SECONDS)
            print(
                f"{recipients:10}  {writers:7}  {rate:10.0f}  {rate * recipients:8.0f}"
                f"  {cpu:14.2f}  {cpu / recipients * 1000:8.0f}"
            )
        await load.store.close()


async def profile(recipients: int, writers: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        load = await with_store(Path(folder), "")
        profiler = cProfile.Profile()
        profiler.enable()
        await load.run(recipients, writers, SECONDS)
        profiler.disable()
        await load.store.close()
        pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


def main() -> None:
    arguments = sys.argv[1:]
    dsn = arguments[1] if arguments[:1] == ["postgresql"] else ""
    cases = [(recipients, writers) for recipients in (1, 50) for writers in (1, 10, 50)]
    if arguments and not dsn:
        cases = [(int(arguments[0]), int(arguments[1]))]
    if arguments[2:] == ["profile"]:
        uvloop.run(profile(*cases[0]))
    else:
        uvloop.run(table(dsn, cases))


if __name__ == "__main__":
    main()

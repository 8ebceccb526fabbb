"""The text index alone: how fast it grows, and how long a question takes.

python -m bench.search            # 100,000 messages in one account
python -m bench.search 10000
"""

from __future__ import annotations

import random
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from bench import corpus
from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.base.log import Log, Sink
from merpati.base.metrics import Metrics
from merpati.services.digest import digest
from merpati.services.documents import Reader
from merpati.services.indexer import Indexer
from merpati.services.text_index import Field, TextIndex
from merpati.store import directory, emails, schema, text_schema
from merpati.store.blobs import BlobStore
from merpati.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from merpati.store.engine import Store, Transaction

MESSAGES: Final = 100_000
SIZE: Final = 3_300  # bytes of text; with its header a message of 4 KB
NOW: Final = 1_800_000_000_000
STEP: Final = 500
RUNS: Final = 300
COMMON: Final = 40  # of a hundred messages say it
RARE: Final = 5_000  # every so many-th says it


def content(number: int) -> bytes:
    """A message with a common word in some, a rare one in few, and Japanese in a few."""
    text = corpus.message(number, SIZE)
    text = text.replace(b"application/pdf", b"image/png").replace(b".pdf", b".png")
    if number % 100 < COMMON:
        text += b"commonplace\r\n"
    if number % RARE == 7:
        text += "singular今日は東京都庁へ\r\n".encode()
    return text


async def fill(store: Store, blobs: BlobStore, count: int) -> None:
    """Deliver to one account."""

    async def account(tx: Transaction) -> None:
        await directory.add_domain(tx, "example.org", NOW)
        await directory.add_account(tx, "a@example.org", name="", password="", now=NOW)

    async def deliver(tx: Transaction, first: int, last: int) -> None:
        for number in range(first, last):
            one = content(number)
            await emails.add(tx, blobs.inline(one), digest(one, NOW), [emails.Placement(1, 1)], NOW)

    await store.write(account)
    for first in range(0, count, STEP):
        await store.write_long(deliver, first, min(count, first + STEP))


async def ask(index: TextIndex, title: str, text: str, *, fuzzy: bool = False) -> None:
    """The median and the 99th percentile of the time of one question."""
    took = []
    hits = 0
    for _ in range(RUNS):
        began = time.perf_counter()
        matches = await index.match(1, Field.BODY, text, fuzzy=fuzzy)
        took.append((time.perf_counter() - began) * 1000)
        hits = len(matches.scores) if matches else -1
    took.sort()
    print(
        f"{title:28} {hits:8} hits  {took[RUNS // 2]:8.2f} ms  p99 {took[RUNS * 99 // 100]:8.2f} ms"
    )


def index_size(folder: Path) -> int:
    """Bytes on the disk."""
    return sum(file.stat().st_size for file in folder.glob("index.db*"))


async def main(count: int) -> None:
    """Fill, index, ask."""
    folder = Path(tempfile.mkdtemp(prefix="merpati-bench-", dir="/var/tmp"))
    try:
        ids = SystemIds(SystemClock())
        store, index = SqliteStore(folder / "mail.db"), SqliteStore(folder / "index.db")
        await store.write(schema.migrate)
        await index.write(text_schema.prepare)
        blobs = BlobStore(folder / "blobs", ids)
        await fill(store, blobs, count)
        log = Log(Sink(SystemClock()))
        indexer = Indexer(
            "bench", store, index, blobs, Reader(), SystemClock(), Metrics(), log
        )  # fmt: skip
        cpu, began = time.process_time(), time.perf_counter()
        await indexer.finish()
        cpu, took = time.process_time() - cpu, time.perf_counter() - began
        print(f"{count / took:.0f} messages/s, {cpu / count * 1e6:.0f} us of CPU each")
        size = index_size(folder) / count / 1000
        print(f"{size:.1f} KB of index for each message")

        async def opened() -> Store:
            return index

        asked = TextIndex(opened, log)
        chance = random.Random(1)
        await ask(asked, "common word", "commonplace")
        await ask(asked, "part of a common word", "mmonplac")
        await ask(asked, "rare word", "singular")
        await ask(asked, "part of a rare word", "ingula")
        await ask(asked, "any word", chance.choice(corpus.WORDS))
        await ask(asked, "Japanese", "東京都")
        await ask(asked, "two words", " ".join(corpus.LINES[7].split()[:2]))
        await ask(asked, "no such word", "xyzzyxyzzy")
        await ask(asked, "fuzzy, common", "commonplaces", fuzzy=True)
        await ask(asked, "fuzzy, rare", "singulars", fuzzy=True)
        await index.close()
        await store.close()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]) if sys.argv[1:] else MESSAGES))

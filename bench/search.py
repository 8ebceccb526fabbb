"""The text index alone: how fast it grows, and how long a question takes.

python -m bench.search            # 100,000 messages in one account
python -m bench.search 10000

As the suite `search` of `make bench` it has goals.
"""

from __future__ import annotations

import math
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

import uvloop

from bench import corpus, intake
from bench.imap_client import Imap
from bench.meter import rest
from bench.ours import MERPATI, Ours
from bench.report import OURS, Row, at_least, at_most
from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.app.search import index_file
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
from merpati.store.sqlite import SqliteStore, connect

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.load import Generator
    from bench.run import Plan
    from merpati.store.engine import Store, Transaction

SUITE: Final = "search"
MESSAGES: Final = 100_000
QUICK_MESSAGES: Final = 5_000
OVER_IMAP: Final[dict[str, int | None]] = {  # the most milliseconds that p99 may be
    "common word": 50, "part of a common word": 50, "any word": 50, "two words": None,
    "rare word": 10, "part of a rare word": 10, "Japanese": 10, "no such word": 10,
}  # fmt: skip
ROUNDS: Final = 100
BEHIND: Final = 1_500  # messages that come one after the other, and are waited for
EVERY_SECONDS: Final = 1 / 75
LOOK_SECONDS: Final = 0.01
BEHIND_SECONDS: Final = 30.0  # then what is not in the index is not waited for
CROWD: Final = 100  # accounts that get mail in turn, in the second measurement
P99_MAX: Final = 50.0  # milliseconds
SIZE: Final = 3_300  # bytes of text; with its header a message of 4 KB
NOW: Final = 1_800_000_000_000
STEP: Final = 500
RUNS: Final = 300
COMMON: Final = 40  # of a hundred messages say it
RARE: Final = 5_000  # every so many-th says it
QUESTIONS: Final = {
    "common word": "commonplace",
    "part of a common word": "mmonplac",
    "rare word": "singular",
    "part of a rare word": "ingula",
    "any word": corpus.WORDS[17],
    "Japanese": "東京都",
    "two words": " ".join(corpus.LINES[7].split()[:2]),
    "no such word": "xyzzyxyzzy",
    "fuzzy, common": "commonplaces",
    "fuzzy, rare": "singulars",
}


def content(number: int) -> bytes:
    """A message with a common word in some, a rare one in few, and Japanese in a few."""
    text = corpus.message(number, SIZE)
    text = text.replace(b"application/pdf", b"image/png").replace(b".pdf", b".png")
    if number % 100 < COMMON:
        text += b"commonplace\r\n"
    if number % RARE == 7:
        text += "singular今日は東京都庁へ\r\n".encode()
    return text


async def fill(store: Store, blobs: BlobStore, count: int, accounts: int) -> None:
    """Deliver to accounts in turn."""

    async def add_accounts(tx: Transaction) -> None:
        await directory.add_domain(tx, "example.org", NOW)
        for n in range(accounts):
            await directory.add_account(tx, f"a{n}@example.org", name="", password="", now=NOW)

    async def deliver(tx: Transaction, first: int, last: int) -> None:
        for number in range(first, last):
            one = content(number)
            place = emails.Placement(1 + number % accounts, 1)
            await emails.add(tx, blobs.inline(one), digest(one, NOW), [place], NOW)

    await store.write(add_accounts)
    for first in range(0, count, STEP):
        await store.write_long(deliver, first, min(count, first + STEP))


async def ask(index: TextIndex, text: str, *, fuzzy: bool = False) -> tuple[int, list[float]]:
    """Hits of one question, and how long it took, shortest first, in milliseconds."""
    took = []
    hits = 0
    for _ in range(RUNS):
        await index.match(1, Field.SUBJECT, "anything")  # the last answer is kept for a moment
        began = time.perf_counter()
        matches = await index.match(1, Field.BODY, text, fuzzy=fuzzy)
        took.append((time.perf_counter() - began) * 1000)
        hits = len(matches.scores) if matches else -1
    return hits, sorted(took)


def index_size(folder: Path, accounts: int) -> int:
    """Bytes on the disk."""
    return sum(file.stat().st_size for file in folder.glob(f"index-{accounts}.db*"))


def measure(plan: Plan, generator: Generator, folder: Path) -> list[Row]:
    """Entering, and questions, while nothing else runs; then entering beside an intake."""
    home = folder / "search"
    home.mkdir()
    rows = uvloop.run(run(QUICK_MESSAGES if plan.is_quick else MESSAGES, home, plan.say))
    rows += over_imap(plan, home)
    return [*rows, behind_delivery(plan, home), beside_intake(plan, generator, home)]


def over_imap(plan: Plan, folder: Path) -> list[Row]:
    """How long SEARCH takes in one session that asks the questions in turn."""
    count = QUICK_MESSAGES if plan.is_quick else MESSAGES
    home = folder / "imap"
    home.mkdir()
    server = Ours(home)
    uvloop.run(_deliver(server, count))
    subprocess.run([MERPATI, "index", "-c", server.config], check=True, stdout=subprocess.DEVNULL)
    server.start()
    took: dict[str, list[float]] = {title: [] for title in OVER_IMAP}
    try:
        with Imap(server.target(), 1) as session:
            session.command("SELECT INBOX")
            for _ in range(ROUNDS):
                for title in OVER_IMAP:
                    text = QUESTIONS[title].encode()
                    began = time.perf_counter()
                    session.drink(f"SEARCH CHARSET UTF-8 BODY {{{len(text)}+}}\r\n{text.decode()}")
                    took[title].append((time.perf_counter() - began) * 1e3)
    finally:
        server.close()
    rows = []
    for title, times in took.items():
        most = OVER_IMAP[title]
        first, *later = times
        p50, p99 = sorted(later)[len(later) // 2], sorted(later)[len(later) * 99 // 100]
        plan.say(f"SEARCH, {title}: {p50:.1f} ms, p99 {p99:.1f}, the first {first:.1f}")
        rows.append(
            Row(
                SUITE,
                f"SEARCH BODY, {title}: p99",
                "ms",
                {OURS: p99},
                at_most(most) if most else None,
            )
        )
    return rows


async def _deliver(server: Ours, count: int) -> None:
    """Messages to one account of a server that does not run."""
    store = await open_store(read_config(server.config))
    blobs = BlobStore(server.folder / "blobs", SystemIds(SystemClock()))
    account = await store.read(directory.account, server.target().user(1))

    async def deliver(tx: Transaction, first: int, last: int) -> None:
        for number in range(first, last):
            one = content(number)
            place = emails.Placement(account.id, 1)
            await emails.add(tx, blobs.inline(one), digest(one, NOW), [place], NOW)

    for first in range(0, count, STEP):
        await store.write_long(deliver, first, min(count, first + STEP))
    await store.close()


def behind_delivery(plan: Plan, folder: Path) -> Row:
    """How long after its OK a message is in the index, while some come all the time.

    A server of its own, one session that appends; the index is looked at from beside it.
    """
    home = folder / "behind"
    home.mkdir()
    server = Ours(home)
    server.start()
    answered: list[float] = []
    entered: list[float] = []
    try:
        looking = threading.Thread(target=_look, args=(server.config, entered))
        with Imap(server.target(), 1) as session:
            looking.start()
            for number in range(BEHIND):
                began = time.monotonic()
                session.append("INBOX", [content(number)])
                answered.append(time.monotonic())
                time.sleep(max(0.0, began + EVERY_SECONDS - answered[-1]))
        looking.join()
    finally:
        server.close()
    lags = sorted((later - at) * 1e3 for at, later in zip(answered, entered, strict=True))
    p50, p99 = lags[BEHIND // 2], lags[BEHIND * 99 // 100]
    plan.say(f"behind delivery: {p50:.0f} ms, p99 {p99:.0f} ms")
    return Row(SUITE, "behind delivery: p99", "ms", {OURS: p99}, at_most(2_000))


def _look(config: Path, entered: list[float]) -> None:
    """Note when each message of the one account that gets mail was entered."""
    index = connect(index_file(read_config(config)), read_only=True)
    until = time.monotonic() + BEHIND * EVERY_SECONDS + BEHIND_SECONDS
    while len(entered) < BEHIND and time.monotonic() < until:
        (last,) = index.execute("SELECT coalesce(max(uid), 0) FROM text_progress").fetchone() or (
            0,
        )
        entered += [time.monotonic()] * (last - len(entered))
        time.sleep(LOOK_SECONDS)
    entered += [math.inf] * (BEHIND - len(entered))
    index.close()


def beside_intake(plan: Plan, generator: Generator, folder: Path) -> Row:
    """What part of its rate the intake keeps while what comes is entered, as fast as it can come.

    Two servers take turns, one of them without an index; each is let come to rest before the
    other has its turn.
    """
    servers: dict[bool, Ours] = {}
    rates: dict[bool, list[float]] = {True: [], False: []}
    case = intake.CASES[0]
    body = corpus.submission(generator.folder / "body-search", case.kib * 1024)
    try:
        for indexed in (True, False):
            (folder / f"indexed-{indexed}").mkdir()
            servers[indexed] = Ours(folder / f"indexed-{indexed}")
            servers[indexed].index(on=indexed)
            servers[indexed].start()
        for number in range(2 * plan.runs + 1):
            for indexed, server in servers.items():
                target = server.target()
                taken = intake.run_once(generator, target, case, intake.MOST, body)
                rest(target.groups)
                if number:
                    rates[indexed].append(taken.rate)
    finally:
        for server in servers.values():
            server.close()
    kept = [100 * on / off for on, off in zip(rates[True], rates[False], strict=True)]
    what = "rate that intake keeps beside the index"
    plan.say(f"{what}: {', '.join(f'{one:.0f}' for one in kept)} %")
    return Row(SUITE, what, "%", {OURS: statistics.median(kept)}, at_least(90), {OURS: kept})


async def run(count: int, folder: Path, say: Callable[[str], None]) -> list[Row]:
    """Fill, index, ask."""
    crowd, index = await enter(folder, max(count // 10, QUICK_MESSAGES), CROWD, say)
    await index.close()
    rows, index = await enter(folder, count, 1, say)
    log = Log(Sink(SystemClock()))

    async def opened() -> Store:
        return index

    asked = TextIndex(opened, log)
    for title, text in QUESTIONS.items():
        hits, times = await ask(asked, text, fuzzy=title.startswith("fuzzy"))
        p50, p99 = times[RUNS // 2], times[RUNS * 99 // 100]
        say(f"{title}: {hits} hits, {p50:.2f} ms, p99 {p99:.2f} ms")
        rows.append(Row(SUITE, f"{title}: p99", "ms", {OURS: p99}, at_most(P99_MAX)))
    await index.close()
    return rows + crowd


async def enter(
    folder: Path, count: int, accounts: int, say: Callable[[str], None]
) -> tuple[list[Row], SqliteStore]:
    """Fill a store with the mail of accounts, and index it; what that costs, and the index."""
    ids = SystemIds(SystemClock())
    store = SqliteStore(folder / f"mail-{accounts}.db")
    index = SqliteStore(folder / f"index-{accounts}.db", durable=False)
    await store.write(schema.migrate)
    await index.write(text_schema.prepare)
    blobs = BlobStore(folder / "blobs", ids)
    await fill(store, blobs, count, accounts)
    log = Log(Sink(SystemClock()))
    indexer = Indexer("bench", store, index, blobs, Reader(), SystemClock(), Metrics(), log)
    cpu, began = time.process_time(), time.perf_counter()
    await indexer.finish()
    cpu, took = time.process_time() - cpu, time.perf_counter() - began
    await store.close()
    size = index_size(folder, accounts) / count / 1000
    whose = "entering mail" if accounts == 1 else f"entering mail of {accounts} accounts"
    say(f"{whose}: {count / took:.0f}/s, {cpu / count * 1e6:.0f} us of CPU and {size:.1f} KB each")
    return [
        Row(SUITE, whose, "messages/s", {OURS: count / took}),
        Row(SUITE, f"{whose}, of one core", "messages/s", {OURS: count / cpu}, at_least(2000)),
        Row(SUITE, f"{whose}: index", "KB a message", {OURS: size}),
    ], index


if __name__ == "__main__":
    place = Path(tempfile.mkdtemp(prefix="merpati-bench-", dir="/var/tmp"))
    try:
        uvloop.run(run(int(sys.argv[1]) if sys.argv[1:] else MESSAGES, place, print))
    finally:
        shutil.rmtree(place, ignore_errors=True)

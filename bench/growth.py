"""Whether one message costs the same in a mailbox of a thousand and of a million."""

from __future__ import annotations

import asyncio
import re
import statistics
import subprocess
import time
from typing import TYPE_CHECKING, Any, Final

from bench import corpus
from bench.imap_client import Imap
from bench.ours import MERPATI, Ours
from bench.report import OURS, Row, at_most
from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.base.clock import SystemClock
from merpati.base.ids import SystemIds
from merpati.model.mailbox import INBOX_ID
from merpati.services.digest import digest
from merpati.store import directory, emails
from merpati.store.blobs import BlobStore

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.run import Plan

SUITE: Final = "growth"
SIZES: Final = (1_000, 100_000, 1_000_000)  # messages, of the users 1, 2, 3
QUICK_SIZES: Final = (1_000, 10_000, 100_000)
FACTOR: Final = 3.0  # of the time in the smallest mailbox
TIMES: Final = 25
CAME: Final = 1_600_000_000_000  # the first of the messages, Unix milliseconds
RARE: Final = "haberdasher"  # in the texts and headers of few messages
ASKED: Final = {  # and how many it finds
    "SEARCH UNSEEN": ("SEARCH UNSEEN", 29),
    "SEARCH SINCE": ("SEARCH SINCE 1-Jan-2026", 28),
    "SEARCH of a word": (f"SEARCH TEXT {RARE}", 1),
    "SEARCH of a sender": (f"SEARCH FROM {RARE}", 1),
    "SEARCH of a Message-ID": (f"SEARCH HEADER Message-ID {RARE}", 1),
}
WORK: Final = (
    "SELECT", "FETCH of one", "STORE of one", "EXPUNGE of one", "APPEND of one", *ASKED,
)  # fmt: skip


def measure(plan: Plan, folder: Path) -> list[Row]:
    """How each piece of work grows; medians, alone on the server."""
    sizes = QUICK_SIZES if plan.is_quick else SIZES
    home = folder / "growth"
    home.mkdir()
    ours = Ours(home)
    try:
        for user, count in enumerate(sizes, 1):
            asyncio.run(_fill(ours, user, count))
        ours.start()
        for user in range(1, len(sizes) + 1):
            with Imap(ours.target(), user) as session:
                session.append("INBOX", [_rare(), *map(corpus.message, range(3, 30))])
        subprocess.run([MERPATI, "index", "-c", ours.config], check=True, stdout=subprocess.DEVNULL)
        found = {size: _session(ours, user, size) for user, size in enumerate(sizes, 1)}
    finally:
        ours.close()
    rows = []
    for what in WORK:
        smallest = found[sizes[0]][what]
        for size in sizes:
            plan.say(f"{what} of {size:,}: {found[size][what] * 1e3:.2f} ms")
        for size in sizes[1:]:
            ratio = found[size][what] / smallest
            title = f"{what}: {size:,} messages against {sizes[0]:,}"
            rows.append(Row(SUITE, title, "x", {OURS: ratio}, at_most(FACTOR)))
    return rows


def _rare() -> bytes:
    head, _, text = corpus.message(3).partition(b"\r\n\r\n")
    lines = [line for line in head.split(b"\r\n") if line[:5].lower() not in {b"from:", b"messa"}]
    word = RARE.encode()
    own = [b"From: A %b <%b@example.com>" % (word, word), b"Message-ID: <1.%b@example.com>" % word]
    return b"\r\n".join([*lines, *own, b"", word, text])


async def _fill(ours: Ours, user: int, count: int) -> None:
    """So many messages in a user's INBOX: rows of one blob, since only their number matters.

    All have been seen, as in a mailbox of that size.
    """
    store = await open_store(read_config(ours.config))
    message = corpus.message(1)
    body = BlobStore(ours.folder / "blobs", SystemIds(SystemClock())).inline(message)
    found = digest(message, CAME)

    async def unit(tx: Any) -> None:
        account = await directory.account(tx, ours.target().user(user))
        placement = emails.Placement(account.id, INBOX_ID)
        await emails.add(tx, body, found, [placement], CAME)
        await tx.run(
            "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $2)"
            " INSERT INTO mailbox_email (account_id, mailbox_id, uid, modseq, added, email_id,"
            " thread_id, blob_id, received_at, size, keywords)"
            " SELECT e.account_id, e.mailbox_id, e.uid + i, e.modseq + i, e.added + i,"
            " e.email_id + i, e.thread_id + i, e.blob_id, e.received_at + i, e.size, '$seen'"
            " FROM n, mailbox_email e WHERE e.account_id = $1 AND e.uid = 1",
            account.id, count - 1,
        )  # fmt: skip
        await tx.run(
            "UPDATE mailbox SET uidnext = uidnext + $2, recent_from = uidnext + $2,"
            " total = total + $2, size = size * ($2 + 1),"
            " modseq = modseq + $2 WHERE account_id = $1 AND id = 1",
            account.id, count - 1,
        )  # fmt: skip
        await tx.run(
            "UPDATE account SET modseq = modseq + $2,"
            " emails = emails + $2, used = used * ($2 + 1) WHERE id = $1",
            account.id, count - 1,
        )  # fmt: skip
        await tx.run("UPDATE blob SET refs = refs + $2 WHERE hash = $1", body.hash, count - 1)

    try:
        await store.write_long(unit)
    finally:
        await store.close()


def _session(ours: Ours, user: int, size: int) -> dict[str, float]:
    """Seconds of each piece of work, in one session that has read something before."""
    message = corpus.message(2)
    with Imap(ours.target(), user) as session:
        times = {"SELECT": _median(lambda _: session.command("SELECT INBOX"))}
        session.command("FETCH 1 UID")
        for name, (command, hits) in ASKED.items():

            def search(_: int, command: str = command, hits: int = hits) -> None:
                answer = session.command(command)
                assert len(answer.split(b"\r\n")[0].split()) == 2 + hits, answer[:200]

            times[name] = _median(search)
        step = size // (3 * TIMES)

        def fetch(turn: int) -> None:
            answer = session.command(f"FETCH {1 + turn * step} (UID FLAGS ENVELOPE)")
            assert re.search(rb"\(UID \d+ FLAGS", answer)

        def expunge(turn: int) -> None:
            session.command(f"STORE {1 + turn * step} +FLAGS.SILENT (\\Deleted)")
            started = time.perf_counter()
            assert b" EXPUNGE" in session.command("EXPUNGE")
            spent.append(time.perf_counter() - started)

        times["FETCH of one"] = _median(fetch)
        times["STORE of one"] = _median(
            lambda turn: session.command(f"STORE {1 + turn * step} +FLAGS (\\Flagged)")
        )
        spent: list[float] = []
        _median(expunge)
        times["EXPUNGE of one"] = statistics.median(spent)
        times["APPEND of one"] = _median(lambda _: session.append("INBOX", [message]))
    return times


def _median(work: Callable[[int], object]) -> float:
    spent = []
    for turn in range(TIMES):
        started = time.perf_counter()
        work(turn)
        spent.append(time.perf_counter() - started)
    return statistics.median(spent)

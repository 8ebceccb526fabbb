"""THREAD (RFC 5256): REFERENCES, ORDEREDSUBJECT and REFS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from merpati.model.criteria import ThreadBy
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.search import check_charset, find, numbers, source
from merpati.services.finding import threads
from merpati.services.finding.threads import FIRST, ONLY, Threads
from merpati.wire.imap.finding import Algorithm, Thread

ALGORITHMS: Final = {
    Algorithm.ORDEREDSUBJECT: ThreadBy.ORDERED_SUBJECT,
    Algorithm.REFERENCES: ThreadBy.REFERENCES,
    Algorithm.REFS: ThreadBy.REFS,
}
CHUNK: Final = 4096  # messages of an answer written in one turn of the event loop
_BETWEEN: Final = {ONLY: " ", FIRST: " (", 0: "(", 1: ")(", 2: "))("}


async def thread(client: Client, command: Thread) -> Done:
    """THREAD and UID THREAD."""
    check_charset(client, wrong=not command.is_utf8)
    view = client.selected
    _, found, _ = await find(client, command.tag, command.key)
    finder = client.services.finder
    found_threads = await threads.thread(
        finder, source(view), found.uids, ALGORITHMS[command.algorithm]
    )
    shown = found.uids if command.uid else await numbers(view, found.uids)
    connection = client.connection
    connection.write(b"* THREAD " if shown else b"* THREAD")
    for piece in written(found_threads, shown):
        connection.write(piece.encode("ascii"))
        await connection.drain()
        await asyncio.sleep(0)
    connection.write(b"\r\n")
    return Done("THREAD completed")


def written(found: Threads, shown: Sequence[int]) -> Iterator[str]:
    """The threads as RFC 5256 5 writes them: `(3 6 (4 23)(44 7 96))`, in pieces.

    An only child follows its parent; several are threads in parentheses.
    """
    places, steps = found.places, found.steps
    for start in range(0, len(places), CHUNK):
        there = zip(steps[start : start + CHUNK], places[start : start + CHUNK], strict=False)
        yield "".join([
            f"{_BETWEEN.get(step) or ')' * step + '('}{shown[place] if place >= 0 else ''}"
            for step, place in there
        ])  # fmt: skip
    yield ")" * steps[-1]

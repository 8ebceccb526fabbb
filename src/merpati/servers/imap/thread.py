"""THREAD (RFC 5256): REFERENCES, ORDEREDSUBJECT and REFS."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from merpati.model.criteria import ThreadBy
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.search import check_charset, find, numbers, source
from merpati.services.finding import threads
from merpati.services.finding.threads import Node
from merpati.wire.imap.finding import Algorithm, Thread

ALGORITHMS: Final = {
    Algorithm.ORDEREDSUBJECT: ThreadBy.ORDERED_SUBJECT,
    Algorithm.REFERENCES: ThreadBy.REFERENCES,
    Algorithm.REFS: ThreadBy.REFS,
}
CHUNK: Final = 2000  # pieces of an answer made in one turn of the event loop


async def thread(client: Client, command: Thread) -> Done:
    """THREAD and UID THREAD."""
    check_charset(client, wrong=not command.is_utf8)
    view = client.selected
    _, found = await find(client, command.tag, command.key)
    finder = client.services.finder
    roots = await threads.thread(finder, source(view), found.uids, ALGORITHMS[command.algorithm])
    shown = found.uids if command.uid else await numbers(view, found.uids)
    connection = client.connection
    connection.write(b"* THREAD")
    if roots:
        connection.write(b" ")
    pieces: list[str] = []
    for piece in written(roots, shown):
        pieces.append(piece)
        if len(pieces) == CHUNK:
            connection.write("".join(pieces).encode("ascii"))
            pieces = []
            await connection.drain()
            await asyncio.sleep(0)
    connection.write("".join([*pieces, "\r\n"]).encode("ascii"))
    return Done("THREAD completed")


def written(roots: Sequence[Node], shown: Sequence[int]) -> Iterator[str]:
    """The threads as RFC 5256 5 writes them: `(3 6 (4 23)(44 7 96))`, in pieces.

    An only child follows its parent; several are threads in parentheses. What waits is
    kept in a list, since threads may be as deep as they like.
    """
    waiting: list[Node | None] = []  # None: a parenthesis closes
    for root in roots:
        if root.place >= 0 and not root.below:
            yield f"({shown[root.place]})"
            continue
        waiting.append(root)
        while waiting:
            node = waiting.pop()
            if node is None:
                yield ")"
                continue
            waiting.append(None)
            line = []
            while True:
                if node.place >= 0:
                    line.append(str(shown[node.place]))
                if len(node.below) != 1:
                    break
                node = node.below[0]
            space = " " if line and node.below else ""
            yield f"({' '.join(line)}{space}"
            waiting += reversed(node.below)

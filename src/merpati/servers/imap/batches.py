"""UIDBATCHES (RFC 10022): the mailbox cut into UID ranges of about as many messages each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.legal import Refused
from merpati.wire.imap import responses, session

SMALLEST: Final = 500  # messages; a client may always ask for batches of this size
AT_ONCE_MAX: Final = 100_000  # batches told in one response


async def uid_batches(client: Client, command: session.UidBatches) -> Done:
    """UIDBATCHES: batches from the newest to the oldest, the last one down to UID 1."""
    if command.size < SMALLEST:
        raise Refused(f"a batch has at least {SMALLEST} messages", session.TOOFEW)
    wanted = command.wanted
    if wanted is not None:
        if wanted[0] > wanted[1]:
            raise Refused("the first batch comes before the last", responses.CLIENTBUG, bad=True)
        if wanted[1] - wanted[0] >= AT_ONCE_MAX:
            raise Refused("that is too many batches at once", session.TOOMANY)
    uids = await client.selected.load(client.services.store)
    ranges = cut(uids, command.size, wanted)
    client.connection.write(session.uid_batches(command.tag, ranges))
    return Done("UIDBATCHES completed")


def cut(
    uids: Sequence[int], size: int, wanted: tuple[int, int] | None = None
) -> list[tuple[int, int]]:
    """The (highest, lowest) UIDs of batches of `size`, which leave no UID between them.

    `wanted`: the first and the last batch to give, counted from 1.
    """
    count = -(-len(uids) // size)
    first, last = wanted or (1, count)
    found = []
    for number in range(first, min(last, count) + 1):
        top = len(uids) - (number - 1) * size  # one above the batch's newest
        below = top - size
        lowest = uids[below - 1] + 1 if below > 0 else 1
        found.append((uids[top - 1], lowest))
    return found

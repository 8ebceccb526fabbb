"""Telling Sieve what was done in a mailbox (RFC 6785)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from merpati.servers.imap.client import Client
from merpati.services.imap_events import Act, Cause
from merpati.wire.imap import flags

FLAGS_MAX: Final = 100


async def happened(
    client: Client, cause: Cause, path: str, uids: Sequence[int],
    *, owner_id: int = 0, keywords: Sequence[str] = (),
) -> None:  # fmt: skip
    """Run the script of a mailbox, if it has one; what it does is seen like others' acts.

    Args:
        client: Who has done something.
        cause: What.
        path: The mailbox where messages are now, as the client names it.
        uids: Theirs.
        owner_id: Whose the mailbox is, when the path is that of its owner.
        keywords: Those that were changed.
    """
    events = client.services.events
    if events is not None and uids and not events.idle:
        named = tuple(flags.flag(each).decode() for each in keywords[:FLAGS_MAX])
        await events.happened(
            Act(cause=cause, user_id=client.account_id, path=path, uids=uids, owner_id=owner_id,
                flags=named)
        )  # fmt: skip

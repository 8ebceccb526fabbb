"""Mail on its way: a message in the queue and the recipients it still has."""

from __future__ import annotations

import msgspec


class QueueMessage(msgspec.Struct, frozen=True):
    """A message with recipients still to be served."""

    id: int
    trace: str
    blob_id: int
    sender: str  # empty: the null path of a bounce
    account_id: int  # of the local sender; 0: from outside
    smtputf8: bool
    received_at: int  # ms
    expires_at: int  # ms; from then on it is returned
    warn_at: int  # ms; when the sender is told of the delay; 0: no more


class QueueRecipient(msgspec.Struct, frozen=True):
    """One recipient of a queued message, and how its last try went."""

    message_id: int
    n: int
    address: str
    destination: str  # the domain it is tried with; empty: delivered here
    held: bool
    attempts: int
    next_at: int  # ms
    status: str  # enhanced status code
    reply: str  # the remote server's own words
    remote: str

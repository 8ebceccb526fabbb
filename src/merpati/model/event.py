"""Events: what happened to a message, from which its history is told."""

from __future__ import annotations

from enum import Enum
from typing import Any

import msgspec


class EventKind(Enum):
    """Steps of a message's life."""

    RECEIVED = "received"  # about the sender: taken over from a peer
    SUBMITTED = "submitted"  # about the sender: taken over from one of our users
    NAMED = "named"  # about <message-id>
    JUDGED = "judged"  # about the author's domain: what SPF, DKIM, DMARC and ARC came to
    HELD = "held"  # about a mailing list: the post waits for an owner
    FILTERED = "filtered"  # about a recipient: what its Sieve script came to
    DELIVERED = "delivered"  # about a recipient: in a mailbox here
    QUEUED = "queued"  # about a recipient: to be sent on
    SENT = "sent"  # about a recipient: another server has taken it
    DEFERRED = "deferred"  # about a recipient: to be tried again
    FAILED = "failed"  # about a recipient: given up
    RETURNED = "returned"  # about the sender: told of the failure
    WARNED = "warned"  # about the sender: told of the delay
    CONFIRMED = "confirmed"  # about the sender: told of the delivery, as it had asked
    DROPPED = "dropped"  # about a recipient: a bounce that could not be delivered
    OBEYED = "obeyed"  # about an address of a list: what it asks for is done
    ENDED = "ended"  # about a recipient: nothing is done with it, and nobody told
    REFUSED = "refused"  # about a recipient or sender: not taken

    __hash__ = object.__hash__  # in C: each message has several


class Event(msgspec.Struct, frozen=True):
    """One step. `detail` is what else is known: peer, TLS version, the remote's words."""

    trace: str
    at: int  # ms
    kind: EventKind
    about: str
    account_id: int
    detail: dict[str, Any]

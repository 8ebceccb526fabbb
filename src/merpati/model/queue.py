"""Mail on its way: a message in the queue, the recipients it still has, and where they are.

A *destination* is what recipients are served together for. It is a text of one of these
kinds, told apart by characters that no domain has:

    ""                    mailboxes here
    "example.org"         a domain, or an address literal; routes and the DNS say which hosts
    "smtp://relay.test"   one way in particular, chosen by hand (services/transport.py)
    "any-tls:example.org" a domain whose demands on TLS are set aside (RFC 8689 4.1)
    "@list"               a step of our own, served by whoever registered for the word
"""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.model.arrival import NO_OPTIONS, Options, RecipientOptions
from merpati.model.delivery import Result

HERE: Final = ""
STEP: Final = "@"  # begins a destination that is a step of our own
ANY_TLS: Final = "any-tls:"  # begins one that is reached with any TLS, or none


def with_any_tls(destination: str) -> str:
    """The destination for mail that is to arrive rather than to be encrypted (RFC 8689 4.1)."""
    is_domain = destination and destination[0] not in "@[" and ":" not in destination
    return ANY_TLS + destination if is_domain else destination


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
    options: Options = NO_OPTIONS
    prefix: str = ""  # header fields that are sent before the stored bytes
    is_own: bool = False  # made here, or submitted by one of ours: it is signed as it leaves


class QueueRecipient(msgspec.Struct, frozen=True):
    """One recipient of a queued message, and how its last try went."""

    message_id: int
    n: int
    address: str
    destination: str
    held: bool
    attempts: int
    next_at: int  # ms
    status: str  # enhanced status code
    reply: str  # the remote server's own words
    remote: str
    notify: str = ""  # RFC 3461 4.1: "NEVER", or words of SUCCESS, FAILURE, DELAY; empty: not said
    orcpt: str = ""  # RFC 3461 4.2: "rfc822;address"; empty: not said
    give_up: bool = False  # to be returned without another try
    reason: str = ""  # why it is held

    @property
    def wishes(self) -> RecipientOptions:
        """What its sender wants to hear of it."""
        return RecipientOptions(self.notify, self.orcpt)


class Tried(msgspec.Struct, frozen=True):
    """A recipient and what a try came to.

    Attributes:
        recipient: The one tried.
        result: What came of it.
        offers_dsn: The next server has promised to send the notifications asked for.
        is_final: It is in its mailbox now, not at another server.
    """

    recipient: QueueRecipient
    result: Result
    offers_dsn: bool = False
    is_final: bool = False


class Destination(msgspec.Struct, frozen=True):
    """What is known of a destination: whether it takes mail, and how much at once."""

    name: str
    due_at: int  # ms; nothing of it is tried before
    failures: int = 0  # in a row; 0: nothing is known against it
    failed_at: int = 0  # ms; 0: never
    succeeded_at: int = 0  # ms; 0: never
    status: str = ""
    reply: str = ""
    remote: str = ""
    lanes: int = 0  # connections a worker may have to it now; 0: as many as the setting says
    pause: int = 0  # ms between two messages of a worker


class Rule(msgspec.Struct, frozen=True):
    """New mail that fits it is held. `*` stands for anything; an empty pattern fits all."""

    id: int
    sender: str
    recipient: str
    destination: str
    reason: str
    created_at: int = 0  # ms


class Suppression(msgspec.Struct, frozen=True):
    """An address elsewhere to which nothing is sent until a certain time, and why."""

    address: str
    since: int  # ms
    until: int  # ms
    count: int
    status: str
    reply: str
    remote: str

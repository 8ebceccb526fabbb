"""What became of a message for one recipient, in the words of whoever decided."""

from __future__ import annotations

from enum import Enum

import msgspec


class Outcome(Enum):
    """The three ends of an attempt."""

    DELIVERED = "delivered"  # the next server has taken responsibility
    TEMPORARY = "temporary"  # try again later
    PERMANENT = "permanent"  # tell the sender


class Result(msgspec.Struct, frozen=True):
    """One recipient's end of one attempt.

    Attributes:
        recipient: the address tried.
        outcome: delivered, temporary or permanent.
        status: the enhanced status code, as `5.1.1` (RFC 3463).
        text: what the remote server said, word for word but for control
            characters, lines joined by a space; or our own sentence when
            `code` is 0.
        code: the remote server's reply code, 0 when it said nothing.
        step: the command it answered (`RCPT TO`), or what was under way.
        host: the remote server's name, "" when none was reached.
        address: its address and port, as `192.0.2.1:25`.
        tls: the TLS version, "" for plain text.
        trust: who vouches for the server, in words, or why nobody does.
    """

    recipient: str
    outcome: Outcome
    status: str
    text: str
    code: int = 0
    step: str = ""
    host: str = ""
    address: str = ""
    tls: str = ""
    trust: str = ""

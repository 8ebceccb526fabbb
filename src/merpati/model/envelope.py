"""The envelope of a message on its way out: what the next server is told beside the message."""

from __future__ import annotations

import msgspec


class Recipient(msgspec.Struct, frozen=True):
    """One recipient, with its wishes for notifications (RFC 3461 4)."""

    address: str
    notify: str = ""  # "NEVER" or a list of SUCCESS, FAILURE, DELAY; empty: not said
    original: str = ""  # ORCPT, "rfc822;address"; empty: not said


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """Sender, recipients, and what the message needs of the next server."""

    sender: str  # empty: the null path
    recipients: tuple[Recipient, ...]
    size: int = 0  # bytes; 0: not known
    eight_bit: bool = False  # the message has bytes above 127
    utf8: bool = False  # it needs SMTPUTF8 (RFC 6531)
    ret: str = ""  # "FULL" or "HDRS" (RFC 3461 4.3)
    envid: str = ""
    require_tls: bool = False  # RFC 8689
    deliver_by: int = 0  # seconds left (RFC 2852), negative when it is late; 0: no deadline
    by_mode: str = ""  # "R" or "N", and "T"
    priority: int = 0  # RFC 6710

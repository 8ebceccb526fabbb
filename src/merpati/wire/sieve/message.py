"""The message a script runs on, its envelope, and the circumstances."""

from __future__ import annotations

import mmap
from datetime import datetime

import msgspec

from merpati.wire.mime import tree
from merpati.wire.mime.tree import Part


class Message(msgspec.Struct, frozen=True):
    """A message as it came; `root` is its structure from `mime.tree`."""

    content: bytes | mmap.mmap
    root: Part


def read(content: bytes | mmap.mmap) -> Message:
    """A message whose structure is not known yet."""
    return Message(content, tree.parse(content))


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """What came with a message.

    Attributes:
        sender: of MAIL FROM; empty: the null path; None: there is no envelope, as when
            a script runs on a message that is in a mailbox already (RFC 6785).
        recipient: of RCPT TO, with its detail (`ani+work@example.org`); None as above.
        now: the moment for `currentdate`, in the user's zone.
        separators: characters that begin the detail of an address (RFC 5233 4).
        owner: the user's own address, for what is written in the user's name.
        flags: those the message has, if it is in a mailbox already (RFC 6785 3.5); None: new.
        notify: NOTIFY of the recipient, such as ("SUCCESS", "FAILURE") (RFC 6009 2).
        orcpt, ret, envid: the other parameters of DSN; empty: not given.
        by_absolute: the moment until which DELIVERBY wants the message delivered.
        by_mode: N or R; empty: DELIVERBY was not asked for.
        by_trace: its T.
    """

    sender: str | None
    recipient: str | None
    now: datetime
    separators: str = "+"
    owner: str = ""
    flags: tuple[str, ...] | None = None
    notify: tuple[str, ...] = ()
    orcpt: str = ""
    ret: str = ""
    envid: str = ""
    by_absolute: datetime | None = None
    by_mode: str = ""
    by_trace: bool = False

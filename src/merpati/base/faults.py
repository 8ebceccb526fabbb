"""The one family of expected failures.

A `Fault` says what kind of thing went wrong and, in one sentence, the thing,
the reason and the next step. Each server has one table from `Kind` to its own
code (`OVER_QUOTA` becomes SMTP `452 4.2.2`, IMAP `NO [OVERQUOTA]`). Any other
exception that reaches a session is a defect: it is logged, answered vaguely,
and ends that session only.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Kind(Enum):
    """What went wrong, in terms every protocol can translate."""

    SYNTAX = "syntax"  # the peer's bytes do not follow the grammar
    BAD_SEQUENCE = "bad-sequence"  # not legal now
    UNSUPPORTED = "unsupported"  # legal, and not offered here
    NOT_FOUND = "not-found"  # no such account, mailbox, message
    EXISTS = "exists"  # already there
    DENIED = "denied"  # known who, not allowed
    AUTH_FAILED = "auth-failed"  # wrong name or password
    AUTH_REQUIRED = "auth-required"
    TLS_REQUIRED = "tls-required"
    OVER_QUOTA = "over-quota"
    TOO_LARGE = "too-large"
    TOO_MANY = "too-many"  # a limit on count or rate
    LOOP = "loop"  # mail that comes back again and again
    IN_USE = "in-use"  # locked by another session; try again
    UNAVAILABLE = "unavailable"  # temporary: try again later
    NO_SPACE = "no-space"  # temporary: the disk is full
    CORRUPT = "corrupt"  # what the store holds is damaged
    TIMEOUT = "timeout"  # the peer was too slow
    CLOSED = "closed"  # the peer went away
    CONFIG = "config"  # the configuration is wrong


class Fault(Exception):  # noqa: N818 -- "fault" is the product's word for it
    """An expected failure: its kind, and a sentence for the person who meets it.

    `status` is an enhanced status code of RFC 3463, such as "5.7.26", where mail has a
    more exact one than the kind's own; what is no mail protocol has no use for it.
    """

    def __init__(self, kind: Kind, text: str, status: str = "") -> None:
        super().__init__(text)
        self.kind: Final = kind
        self.text: Final = text
        self.status: Final = status

    def __repr__(self) -> str:
        return f"Fault({self.kind.name}, {self.text!r})"


class SyntaxFault(Fault):
    """Bytes that do not follow their grammar; the only thing a parser may raise."""

    def __init__(self, text: str, status: str = "") -> None:
        super().__init__(Kind.SYNTAX, text, status)

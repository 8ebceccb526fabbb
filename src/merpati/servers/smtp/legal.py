"""What is legal when on an SMTP connection, and how faults are answered: two tables."""

from __future__ import annotations

from enum import Enum, IntEnum
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.wire.smtp import commands, replies


class Role(Enum):
    """What a listener is for."""

    MX = "smtp"  # mail from anyone for our mailboxes
    SUBMISSION = "submission"  # mail from our users for anyone; STARTTLS
    SUBMISSIONS = "submissions"  # the same, TLS from the first byte


class State(IntEnum):
    """How far a session has come."""

    CONNECTED = 0
    GREETED = 1  # EHLO or HELO was accepted
    MAIL = 2  # a transaction has its sender
    RCPT = 3  # and at least one recipient


ANY: Final = frozenset(State)
GREETED: Final = frozenset({State.GREETED})

# RFC 5321 4.1.4; commands that are not here are always legal.
LEGAL: Final[dict[type, frozenset[State]]] = {
    commands.Mail: GREETED,
    commands.Rcpt: frozenset({State.MAIL, State.RCPT}),
    commands.Data: frozenset({State.RCPT}),
    commands.StartTls: GREETED,
    commands.Auth: GREETED,
}

NEEDED: Final[dict[type, str]] = {
    commands.Mail: "say EHLO first, and one sender at a time",
    commands.Rcpt: "say MAIL FROM first",
    commands.Data: "name a recipient that is accepted first",
    commands.StartTls: "say EHLO first, and not inside of a transaction",
    commands.Auth: "say EHLO first, and not inside of a transaction",
}

# RFC 5321 4.2.2, RFC 3463.
FAULTS: Final[dict[Kind, tuple[int, str]]] = {
    Kind.SYNTAX: (501, "5.5.4"),
    Kind.BAD_SEQUENCE: (503, "5.5.1"),
    Kind.UNSUPPORTED: (502, "5.5.1"),
    Kind.NOT_FOUND: (550, "5.1.1"),
    Kind.DENIED: (550, "5.7.1"),
    Kind.AUTH_FAILED: (535, "5.7.8"),
    Kind.AUTH_REQUIRED: (530, "5.7.0"),
    Kind.TLS_REQUIRED: (538, "5.7.11"),
    Kind.OVER_QUOTA: (452, "4.2.2"),
    Kind.TOO_LARGE: (552, "5.3.4"),
    Kind.TOO_MANY: (451, "4.7.0"),
    Kind.LOOP: (554, "5.4.6"),
    Kind.IN_USE: (451, "4.3.0"),
    Kind.UNAVAILABLE: (451, "4.3.0"),
    Kind.NO_SPACE: (452, "4.3.1"),
    Kind.CORRUPT: (451, "4.3.0"),
    Kind.TIMEOUT: (421, "4.4.2"),
}
OTHER_FAULT: Final = (451, "4.3.0")


def check(state: State, command: commands.Command) -> None:
    """Raise Fault BAD_SEQUENCE when a command is not legal now."""
    if state not in LEGAL.get(type(command), ANY):
        raise Fault(Kind.BAD_SEQUENCE, NEEDED[type(command)])


def refusal(fault: Fault) -> bytes:
    """The reply that a fault becomes."""
    if isinstance(fault, commands.UnknownCommand):
        return replies.render(500, "5.5.2", fault.text)
    code, enhanced = FAULTS.get(fault.kind, OTHER_FAULT)
    return replies.render(code, enhanced, fault.text)

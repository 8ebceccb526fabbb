"""What is legal when on an IMAP connection, what is offered, and how faults are answered: tables.

RFC 3501 3 and 6: a session is not authenticated, authenticated, or has selected a mailbox.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.wire.imap import commands, responses
from merpati.wire.imap.responses import Code, Condition


class State(IntEnum):
    """How far a session has come."""

    NOT_AUTHENTICATED = 0
    AUTHENTICATED = 1
    SELECTED = 2


BEFORE_LOGIN: Final = frozenset({State.NOT_AUTHENTICATED})
AFTER_LOGIN: Final = frozenset({State.AUTHENTICATED, State.SELECTED})
SELECTED: Final = frozenset({State.SELECTED})

# Commands that are not here are always legal.
LEGAL: Final[dict[type[commands.Command], frozenset[State]]] = {
    commands.StartTls: BEFORE_LOGIN,
    commands.Authenticate: BEFORE_LOGIN,
    commands.Login: BEFORE_LOGIN,
    commands.Enable: AFTER_LOGIN,
    commands.Namespace: AFTER_LOGIN,
    commands.Select: AFTER_LOGIN,
    commands.Create: AFTER_LOGIN,
    commands.Delete: AFTER_LOGIN,
    commands.Rename: AFTER_LOGIN,
    commands.Subscribe: AFTER_LOGIN,
    commands.Unsubscribe: AFTER_LOGIN,
    commands.List: AFTER_LOGIN,
    commands.Lsub: AFTER_LOGIN,
    commands.Status: AFTER_LOGIN,
    commands.Append: AFTER_LOGIN,
    commands.Idle: AFTER_LOGIN,
    commands.Check: SELECTED,
    commands.Close: SELECTED,
    commands.Unselect: SELECTED,
    commands.Expunge: SELECTED,
    commands.Search: SELECTED,
    commands.Fetch: SELECTED,
    commands.Store: SELECTED,
    commands.Copy: SELECTED,
    commands.Move: SELECTED,
}

NEEDED: Final = {
    BEFORE_LOGIN: "already signed in",
    AFTER_LOGIN: "sign in first",
    SELECTED: "select a mailbox first",
}

# During these no EXPUNGE may be sent, unless UID stands before them (RFC 3501 7.4.1).
HOLDS_EXPUNGE: Final = frozenset({commands.Fetch, commands.Store, commands.Search})

# What is offered: RFC 3501, 7888, 4959, 2971, 5161, 2177 before login, and after it also
# 2342, 3348, 3691, 4315, 6851, 3502, 7162, 4731, 5258, 5819, 8438, 6154.
BASE: Final = (b"IMAP4rev1", b"LITERAL+", b"SASL-IR", b"ID", b"ENABLE", b"IDLE")
SIGNED_IN: Final = (
    *(b"NAMESPACE", b"CHILDREN", b"UNSELECT", b"UIDPLUS", b"MOVE", b"MULTIAPPEND"),
    *(b"CONDSTORE", b"QRESYNC", b"ESEARCH", b"LIST-EXTENDED", b"LIST-STATUS", b"STATUS=SIZE"),
    *(b"SPECIAL-USE", b"CREATE-SPECIAL-USE"),
)
MECHANISMS: Final = (b"AUTH=PLAIN", b"AUTH=LOGIN")
ENABLES: Final = (b"CONDSTORE", b"QRESYNC")

# RFC 3501 7.1, RFC 5530 3.
FAULTS: Final[dict[Kind, tuple[Condition, Code | None]]] = {
    Kind.SYNTAX: (Condition.BAD, None),
    Kind.BAD_SEQUENCE: (Condition.BAD, None),
    Kind.UNSUPPORTED: (Condition.NO, responses.CANNOT),
    Kind.NOT_FOUND: (Condition.NO, responses.NONEXISTENT),
    Kind.EXISTS: (Condition.NO, responses.ALREADYEXISTS),
    Kind.DENIED: (Condition.NO, responses.NOPERM),
    Kind.AUTH_FAILED: (Condition.NO, responses.AUTHENTICATIONFAILED),
    Kind.TLS_REQUIRED: (Condition.NO, responses.PRIVACYREQUIRED),
    Kind.OVER_QUOTA: (Condition.NO, responses.OVERQUOTA),
    Kind.TOO_LARGE: (Condition.NO, responses.TOOBIG),
    Kind.TOO_MANY: (Condition.NO, responses.LIMIT),
    Kind.IN_USE: (Condition.NO, responses.INUSE),
    Kind.UNAVAILABLE: (Condition.NO, responses.UNAVAILABLE),
    Kind.NO_SPACE: (Condition.NO, responses.UNAVAILABLE),
    Kind.CORRUPT: (Condition.NO, responses.CONTACTADMIN),
}
OTHER_FAULT: Final = (Condition.NO, responses.SERVERBUG)
# Faults whose text is for the administrator's log.
INTERNAL: Final = {Kind.CORRUPT: "a stored message is damaged; tell your administrator"}

_ONE_LINE: Final = dict.fromkeys(range(32), " ")


class Refused(Fault):
    """A fault with a response code of its own."""

    def __init__(self, text: str, code: Code | None = None, *, bad: bool = False) -> None:
        super().__init__(Kind.SYNTAX if bad else Kind.UNSUPPORTED, text)
        self.code: Final = code


def check(state: State, command: commands.Command) -> None:
    """Raise Fault BAD_SEQUENCE when a command is not legal now."""
    legal = LEGAL.get(type(command))
    if legal is not None and state not in legal:
        raise Fault(Kind.BAD_SEQUENCE, NEEDED[legal])


def capabilities(
    state: State, *, starttls: bool, login: bool, append_limit: int
) -> tuple[bytes, ...]:
    """What is offered now; `starttls` and `login`: whether these are possible."""
    if state is not State.NOT_AUTHENTICATED:
        return (*BASE, *SIGNED_IN, b"APPENDLIMIT=%d" % append_limit)
    security = (b"STARTTLS",) if starttls else ()
    return (*BASE, *security, *(MECHANISMS if login else (b"LOGINDISABLED",)))


def refusal(tag: bytes | None, fault: Fault) -> bytes:
    """The answer that a fault becomes."""
    text = INTERNAL.get(fault.kind, fault.text).translate(_ONE_LINE).lstrip("[") or "refused"
    condition, code = FAULTS.get(fault.kind, OTHER_FAULT)
    if isinstance(fault, Refused):
        code = fault.code
    if tag is None:
        return responses.bad(None, text)
    return responses.tagged(tag, condition, text, code)

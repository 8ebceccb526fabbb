"""What is legal when on a POP3 connection, what CAPA says of it, and how faults are answered."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.wire.pop3 import commands, responses, words
from merpati.wire.pop3.responses import Code


class State(Enum):
    """How far a session has come (RFC 1939 3); UPDATE is what QUIT does in TRANSACTION."""

    AUTHORIZATION = "authorization"
    NAMED = "named"  # the same, and USER has said who signs in
    TRANSACTION = "transaction"


ANY: Final = frozenset(State)
SIGNED_OUT: Final = frozenset({State.AUTHORIZATION, State.NAMED})
SIGNED_IN: Final = frozenset({State.TRANSACTION})

# RFC 1939 4 to 7, RFC 2449 5, RFC 2595 4, RFC 5034 4, RFC 6856 2 and 3.
LEGAL: Final[dict[type, frozenset[State]]] = {
    commands.User: SIGNED_OUT,
    commands.Pass: frozenset({State.NAMED}),
    commands.Auth: SIGNED_OUT,
    commands.Stls: SIGNED_OUT,
    commands.Stat: SIGNED_IN,
    commands.List: SIGNED_IN,
    commands.Uidl: SIGNED_IN,
    commands.Retr: SIGNED_IN,
    commands.Top: SIGNED_IN,
    commands.Dele: SIGNED_IN,
    commands.Rset: SIGNED_IN,
    commands.Noop: SIGNED_IN,
    commands.Utf8: SIGNED_OUT,
    commands.Lang: ANY,
    commands.Capa: ANY,
    commands.Quit: ANY,
}

NEEDED: Final[dict[type, str]] = {
    commands.User: "you are signed in already",
    commands.Pass: "say USER right before",
    commands.Auth: "you are signed in already",
    commands.Stls: "TLS begins before signing in",
    commands.Utf8: "you are signed in already",
}
OTHER_NEEDED: Final = "sign in first"

# What else a command needs than its state: an encrypted connection, or the chance of one.
LOGIN: Final = frozenset({commands.User, commands.Pass, commands.Auth})
TLS: Final = frozenset({commands.Stls})

# RFC 6856 2.2: USER and PASS take UTF-8, prepared as RFC 8265 says; where there is no USER, there
# is no such argument either.
UTF8_USER: Final = "UTF8 USER"

# Each line of CAPA, the command without which it is not said, and the states it is said in.
CAPABILITIES: Final[tuple[tuple[str, type | None, frozenset[State]], ...]] = (
    ("TOP", commands.Top, ANY),
    ("UIDL", commands.Uidl, ANY),
    ("USER", commands.User, ANY),
    ("STLS", commands.Stls, LEGAL[commands.Stls]),  # RFC 2595 4: only where it is permitted
    ("RESP-CODES", None, ANY),
    ("AUTH-RESP-CODE", None, ANY),
    ("PIPELINING", None, ANY),
    ("LOGIN-DELAY 0", None, ANY),
    (UTF8_USER, commands.Utf8, ANY),
    ("LANG", commands.Lang, ANY),
    ("IMPLEMENTATION Merpati", None, ANY),
)

# RFC 2449 8, RFC 3206; kinds that are not here have no code.
FAULTS: Final[dict[Kind, Code]] = {
    Kind.AUTH_FAILED: Code.AUTH,
    Kind.TLS_REQUIRED: Code.SYS_PERM,  # not AUTH: the client must not drop its password for it
    Kind.TOO_MANY: Code.LOGIN_DELAY,
    Kind.IN_USE: Code.IN_USE,
    Kind.UNAVAILABLE: Code.SYS_TEMP,
    Kind.NO_SPACE: Code.SYS_TEMP,
    Kind.CORRUPT: Code.SYS_PERM,
}


def withheld(*, login: bool, tls: bool) -> frozenset[type]:
    """The commands not offered to a client that may not sign in yet, or not begin TLS."""
    return (frozenset() if login else LOGIN) | (frozenset() if tls else TLS)


def check(state: State, without: frozenset[type], command: commands.Command) -> None:
    """Raise a Fault when a command is not legal now.

    Raises:
        Fault: BAD_SEQUENCE in the wrong state; TLS_REQUIRED or UNSUPPORTED when it is one
            of those withheld.
    """
    kind = type(command)
    if kind in without:
        if kind in LOGIN:
            raise Fault(Kind.TLS_REQUIRED, "use TLS before signing in: STLS, or port 995")
        raise Fault(Kind.UNSUPPORTED, "TLS is on already, or not available here")
    if state not in LEGAL[kind]:
        raise Fault(Kind.BAD_SEQUENCE, NEEDED.get(kind, OTHER_NEEDED))


def capabilities(
    state: State, without: frozenset[type], mechanisms: Sequence[str], expire_days: int
) -> list[str]:
    """The lines of CAPA's answer (RFC 2449 5 and 6).

    EXPIRE is each account's own, so before the sign-in stands the least that it could be.
    """
    lines = [
        "UTF8" if line == UTF8_USER and commands.User in without else line
        for line, command, states in CAPABILITIES
        if state in states and command not in without
    ]
    if commands.Auth not in without:
        lines.append(f"SASL {' '.join(mechanisms)}")
    if state is not State.TRANSACTION:
        return [*lines, "EXPIRE 0 USER"]
    return [*lines, "EXPIRE NEVER" if expire_days < 0 else f"EXPIRE {expire_days}"]


def refusal(fault: Fault, language: str = words.DEFAULT) -> bytes:
    """The response that a fault becomes."""
    code = FAULTS.get(fault.kind, Code.NONE)
    return responses.err(words.say(fault.text, language), code)

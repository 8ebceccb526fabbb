"""What is legal when on a ManageSieve connection, its capabilities, and how faults are answered."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.wire.managesieve import commands, responses
from merpati.wire.managesieve.responses import Code

VERSION: Final = "1.0"  # of the protocol, RFC 5804 1.7
LIST_SCHEMES: Final = "urn"  # of the URIs that name external lists, RFC 6134 2.8
LANGUAGE: Final = "en"  # of what is said to people


class State(Enum):
    """How far a session has come (RFC 5804 1.1)."""

    SIGNED_OUT = "signed out"
    SIGNED_IN = "signed in"


ANY: Final = frozenset(State)
SIGNED_OUT: Final = frozenset({State.SIGNED_OUT})
SIGNED_IN: Final = frozenset({State.SIGNED_IN})

# RFC 5804 2.
LEGAL: Final[dict[type, frozenset[State]]] = {
    commands.Authenticate: SIGNED_OUT,
    commands.StartTls: SIGNED_OUT,
    commands.Logout: ANY,
    commands.Capability: ANY,
    commands.Noop: ANY,
    commands.HaveSpace: SIGNED_IN,
    commands.PutScript: SIGNED_IN,
    commands.ListScripts: SIGNED_IN,
    commands.SetActive: SIGNED_IN,
    commands.GetScript: SIGNED_IN,
    commands.DeleteScript: SIGNED_IN,
    commands.RenameScript: SIGNED_IN,
    commands.CheckScript: SIGNED_IN,
    commands.Unauthenticate: SIGNED_IN,
}

NEEDED: Final[dict[type, str]] = {
    commands.Authenticate: "you are signed in already",
    commands.StartTls: "TLS begins before signing in",
}
OTHER_NEEDED: Final = "sign in first"

# RFC 5804 1.3; kinds that are not here have no code.
FAULTS: Final[dict[Kind, Code]] = {
    Kind.NOT_FOUND: Code.NONEXISTENT,
    Kind.EXISTS: Code.ALREADYEXISTS,
    Kind.IN_USE: Code.ACTIVE,
    Kind.TOO_LARGE: Code.QUOTA_MAXSIZE,
    Kind.TOO_MANY: Code.QUOTA_MAXSCRIPTS,
    Kind.OVER_QUOTA: Code.QUOTA,
    Kind.TLS_REQUIRED: Code.ENCRYPT_NEEDED,
    Kind.UNAVAILABLE: Code.TRYLATER,
    Kind.NO_SPACE: Code.TRYLATER,
}


def check(state: State, command: commands.Command) -> None:
    """Raise Fault BAD_SEQUENCE when a command is not legal in this state."""
    kind = type(command)
    if state not in LEGAL[kind]:
        raise Fault(Kind.BAD_SEQUENCE, NEEDED.get(kind, OTHER_NEEDED))


def capabilities(
    state: State, *, mechanisms: Sequence[str], tls: bool, extensions: Sequence[str],
    notify: Sequence[str], redirects: int, owner: str,
) -> bytes:  # fmt: skip
    """The capabilities (RFC 5804 1.7).

    Args:
        state: How far the session has come.
        mechanisms: SASL mechanisms offered now; none without TLS.
        tls: Whether TLS may begin.
        extensions: Of Sieve.
        notify: The schemes of URIs that `notify` takes.
        redirects: How many redirections one script may make.
        owner: The account signed in; empty: nobody.
    """
    rows: list[tuple[str, str | None]] = [
        ("IMPLEMENTATION", "Merpati"),
        ("SIEVE", " ".join(extensions)),
        ("SASL", " ".join(mechanisms)),
    ]
    if tls:
        rows.append(("STARTTLS", None))
    rows += [
        ("NOTIFY", " ".join(notify)),
        ("EXTLISTS", LIST_SCHEMES),
        ("MAXREDIRECTS", str(redirects)),
        ("LANGUAGE", LANGUAGE),
        ("UNAUTHENTICATE", None),
    ]
    if state is State.SIGNED_IN:
        rows.append(("OWNER", owner))
    return responses.capabilities([*rows, ("VERSION", VERSION)])


def refusal(fault: Fault, *, signing_in: bool = False) -> bytes:
    """The response that a fault becomes; too many guesses are no full script store."""
    code = FAULTS.get(fault.kind, Code.NONE)
    if signing_in and fault.kind is Kind.TOO_MANY:
        code = Code.TRYLATER
    return responses.no(fault.text, code)

from __future__ import annotations

import pytest

from merpati.base.faults import Fault, Kind
from merpati.servers.pop3.legal import (
    CAPABILITIES,
    LEGAL,
    LOGIN,
    State,
    capabilities,
    check,
    refusal,
    withheld,
)
from merpati.servers.pop3.session import HANDLERS
from merpati.wire.pop3 import commands

ALL = withheld(login=True, tls=True)


def test_every_command_has_its_states_and_its_handler() -> None:
    kinds = set(commands.Command.__args__)
    assert kinds == set(LEGAL) == set(HANDLERS)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("command", [commands.Stat(), commands.Retr(1), commands.Rset()])
def test_messages_are_for_those_signed_in(state: State, command: commands.Command) -> None:
    if state is State.TRANSACTION:
        check(state, ALL, command)
    else:
        with pytest.raises(Fault) as caught:
            check(state, ALL, command)
        assert caught.value.kind is Kind.BAD_SEQUENCE


def test_what_is_withheld_is_neither_legal_nor_announced() -> None:
    without = withheld(login=False, tls=False)
    said = capabilities(State.AUTHORIZATION, without, ["PLAIN"], -1)
    assert "USER" not in said
    assert "SASL PLAIN" not in said
    assert "STLS" not in said
    for command, kind in (
        (commands.User("a"), Kind.TLS_REQUIRED),
        (commands.Pass("a"), Kind.TLS_REQUIRED),
        (commands.Auth("PLAIN"), Kind.TLS_REQUIRED),
        (commands.Stls(), Kind.UNSUPPORTED),
    ):
        with pytest.raises(Fault) as caught:
            check(State.AUTHORIZATION, without, command)
        assert caught.value.kind is kind


def test_each_announced_command_is_legal_in_some_state() -> None:
    assert len(LOGIN) == 3
    for state in State:
        said = capabilities(state, ALL, ["PLAIN"], -1)
        assert len(said) == len(set(said))
        for line, command, states in CAPABILITIES:
            assert (line in said) == (state in states)
            assert command is None or LEGAL[command]


def test_how_long_mail_is_kept_is_each_accounts_own() -> None:
    assert "EXPIRE 0 USER" in capabilities(State.AUTHORIZATION, ALL, [], -1)
    assert "EXPIRE NEVER" in capabilities(State.TRANSACTION, ALL, [], -1)
    assert "EXPIRE 30" in capabilities(State.TRANSACTION, ALL, [], 30)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        (Kind.SYNTAX, b"-ERR why\r\n"),
        (Kind.AUTH_FAILED, b"-ERR [AUTH] why\r\n"),
        (Kind.IN_USE, b"-ERR [IN-USE] why\r\n"),
        (Kind.NO_SPACE, b"-ERR [SYS/TEMP] why\r\n"),
        (Kind.CORRUPT, b"-ERR [SYS/PERM] why\r\n"),
        (Kind.TOO_MANY, b"-ERR [LOGIN-DELAY] why\r\n"),
    ],
)
def test_faults_have_their_codes(kind: Kind, answer: bytes) -> None:
    assert refusal(Fault(kind, "why")) == answer

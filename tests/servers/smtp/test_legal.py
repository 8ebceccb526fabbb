from __future__ import annotations

import itertools

import pytest

from merpati.base.faults import Fault, Kind
from merpati.servers.smtp.legal import ANY, FAULTS, LEGAL, NEEDED, State, check, refusal
from merpati.servers.smtp.session import HANDLERS
from merpati.wire.smtp import commands, replies
from merpati.wire.smtp.paths import Path

EXAMPLES: dict[type, commands.Command] = {
    commands.Helo: commands.Helo("c"),
    commands.Ehlo: commands.Ehlo("c"),
    commands.Mail: commands.Mail(Path("a", "b.test")),
    commands.Rcpt: commands.Rcpt(Path("a", "b.test")),
    commands.Data: commands.Data(),
    commands.Rset: commands.Rset(),
    commands.Quit: commands.Quit(),
    commands.StartTls: commands.StartTls(),
    commands.Auth: commands.Auth("PLAIN"),
    commands.Noop: commands.Noop(),
    commands.Help: commands.Help(),
    commands.Vrfy: commands.Vrfy("a"),
    commands.Expn: commands.Expn("a"),
}


def test_every_command_has_a_handler_and_every_restricted_one_a_hint() -> None:
    assert set(EXAMPLES) == set(HANDLERS)
    assert set(LEGAL) == set(NEEDED)


@pytest.mark.parametrize(("kind", "state"), list(itertools.product(EXAMPLES, State)))
def test_what_is_not_in_the_table_is_out_of_order(kind: type, state: State) -> None:
    command = EXAMPLES[kind]
    if state in LEGAL.get(kind, ANY):
        check(state, command)
        return
    with pytest.raises(Fault) as caught:
        check(state, command)
    assert caught.value.kind is Kind.BAD_SEQUENCE


@pytest.mark.parametrize("kind", Kind)
def test_every_fault_becomes_one_reply_whose_codes_agree(kind: Kind) -> None:
    wire = refusal(Fault(kind, "the reason\r\n250 of it"))
    parser = replies.ReplyParser()
    parsed = [parser.feed(line) for line in wire.split(b"\r\n")[:-1]]
    assert parsed[:-1] == [None] * (len(parsed) - 1)
    reply = parsed[-1]
    assert reply is not None
    assert reply.code >= 400
    assert reply.enhanced[0] == str(reply.code)[0]


def test_what_may_go_well_later_is_temporary() -> None:
    temporary = {Kind.OVER_QUOTA, Kind.TOO_MANY, Kind.IN_USE, Kind.UNAVAILABLE, Kind.NO_SPACE}
    for kind in temporary | {Kind.CORRUPT, Kind.TIMEOUT}:
        assert 400 <= FAULTS[kind][0] < 500

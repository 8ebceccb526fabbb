from __future__ import annotations

import itertools

import pytest

from merpati.base.faults import Fault, Kind
from merpati.servers.smtp import legal
from merpati.servers.smtp.legal import (
    ANY,
    EXTENSIONS,
    FAULTS,
    LEGAL,
    NEEDED,
    ROLES,
    Refused,
    Role,
    Standing,
    State,
    capabilities,
    check,
    check_parameters,
    legal_commands,
    offered,
    refusal,
    unoffered,
)
from merpati.servers.smtp.session import HANDLERS
from merpati.wire.smtp import commands, parameters, replies
from merpati.wire.smtp.parameters import MailParameters, RcptParameters
from merpati.wire.smtp.paths import Path
from merpati.wire.smtp.xclient import Xclient

EXAMPLES: dict[type, commands.Command] = {
    commands.Helo: commands.Helo("c"),
    commands.Ehlo: commands.Ehlo("c"),
    commands.Lhlo: commands.Lhlo("c"),
    commands.Mail: commands.Mail(Path("a", "b.test")),
    commands.Rcpt: commands.Rcpt(Path("a", "b.test")),
    commands.Data: commands.Data(),
    commands.Bdat: commands.Bdat(1),
    commands.Rset: commands.Rset(),
    commands.Quit: commands.Quit(),
    commands.StartTls: commands.StartTls(),
    commands.Auth: commands.Auth("PLAIN"),
    commands.Noop: commands.Noop(),
    commands.Help: commands.Help(),
    commands.Vrfy: commands.Vrfy("a"),
    commands.Expn: commands.Expn("a"),
    commands.Etrn: commands.Etrn("a.test"),
    Xclient: Xclient((("ADDR", "192.0.2.1"),)),
}


def test_every_command_has_a_handler_and_every_restricted_one_a_hint() -> None:
    assert set(EXAMPLES) == set(HANDLERS)
    assert set(LEGAL) == set(NEEDED)


@pytest.mark.parametrize("role", Role)
@pytest.mark.parametrize(("kind", "state"), list(itertools.product(EXAMPLES, State)))
def test_what_is_not_in_the_table_is_out_of_order(kind: type, state: State, role: Role) -> None:
    command = EXAMPLES[kind]
    known = legal_commands(role)
    if role not in ROLES.get(kind, set(Role)):
        with pytest.raises(commands.UnknownCommand):
            check(known, state, command)
        return
    if state in LEGAL.get(kind, ANY):
        check(known, state, command)
        return
    with pytest.raises(Fault) as caught:
        check(known, state, command)
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


def test_a_fault_may_have_a_more_exact_status_and_its_code_goes_with_it() -> None:
    assert refusal(Fault(Kind.DENIED, "no", "5.7.26")) == b"550 5.7.26 no\r\n"
    assert refusal(Fault(Kind.DENIED, "later", "4.7.24")) == b"451 4.7.24 later\r\n"
    assert refusal(Fault(Kind.UNAVAILABLE, "later", "4.7.25")) == b"451 4.7.25 later\r\n"
    assert refusal(Fault(Kind.LOOP, "again", "5.4.6")) == b"554 5.4.6 again\r\n"
    assert refusal(Fault(Kind.DENIED, "odd", "x")) == b"550 5.7.1 odd\r\n"
    assert refusal(Refused(421, "4.7.0", "bye")) == b"421 4.7.0 bye\r\n"


def test_a_reply_is_in_utf8_only_for_who_has_asked_for_it() -> None:
    fault = Fault(Kind.NOT_FOUND, "there is no jürgen")
    assert "jürgen".encode() in refusal(fault, utf8=True)
    assert b"j?rgen" in refusal(fault)


# What is offered


def keywords(role: Role, **standing: bool) -> set[str]:
    return {one.keyword for one in offered(role, Standing(**standing)).extensions}


def test_starttls_is_offered_until_it_is_used_and_requiretls_from_then_on() -> None:
    assert "STARTTLS" in keywords(Role.MX, certificate=True)
    assert "STARTTLS" not in keywords(Role.MX)
    assert "STARTTLS" not in keywords(Role.MX, certificate=True, tls=True)
    assert "REQUIRETLS" in keywords(Role.MX, tls=True)
    assert "REQUIRETLS" not in keywords(Role.MX)


def test_passwords_are_for_people_with_accounts_and_asked_for_once() -> None:
    for role in Role:
        expected = role in {Role.SUBMISSION, Role.SUBMISSIONS}
        assert ("AUTH" in keywords(role, may_sign_in=True)) is expected
        assert ("FUTURERELEASE" in keywords(role)) is expected
    assert "AUTH" not in keywords(Role.SUBMISSION, may_sign_in=True, signed_in=True)


def test_capabilities_have_their_arguments() -> None:
    lines = capabilities(offered(Role.MX, Standing()).extensions, {"SIZE": "1000"})
    assert lines[:2] == ["PIPELINING", "SIZE 1000"]


def test_a_parameter_nobody_offered_is_refused_by_its_name() -> None:
    refused = offered(Role.MX, Standing()).unoffered
    check_parameters(MailParameters(size=1, auth="", ret="FULL"), refused)
    check_parameters(RcptParameters(notify="NEVER"), refused)
    for params, name in (
        (MailParameters(hold_for=1), "HOLDFOR"),
        (MailParameters(priority=0), "MT-PRIORITY"),
        (MailParameters(require_tls=True), "REQUIRETLS"),
        (MailParameters(others=(("TRANSID", "1"),)), "TRANSID"),
        (RcptParameters(others=(("RRVS", "x"),)), "RRVS"),
    ):
        with pytest.raises(Refused, match=name) as caught:
            check_parameters(params, refused)
        assert caught.value.code == 555


def test_every_known_parameter_belongs_to_an_extension() -> None:
    known = {*parameters.MAIL_FIELDS, *parameters.RCPT_FIELDS}
    assert {word for one in EXTENSIONS for word in (*one.mail, *one.rcpt)} == known
    nothing = unoffered(list(EXTENSIONS))
    assert nothing == ((), ())


def test_the_page_has_a_row_for_every_extension() -> None:
    page = legal.reference()
    for one in EXTENSIONS:
        assert f"| `{one.keyword}` |" in page

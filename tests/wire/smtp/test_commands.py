from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp import commands
from merpati.wire.smtp.commands import (
    Auth,
    Bdat,
    Command,
    Data,
    Ehlo,
    Etrn,
    Expn,
    Helo,
    Help,
    Lhlo,
    Mail,
    Noop,
    Quit,
    Rcpt,
    Rset,
    StartTls,
    UnknownCommand,
    Vrfy,
    encode,
    parse,
)
from merpati.wire.smtp.parameters import Body, MailParameters, RcptParameters
from merpati.wire.smtp.paths import NULL, Path
from merpati.wire.smtp.quirks import STRICT, TOLERATED

PATH = Path("a", "b.example")
FROM = b"MAIL FROM:<a@b.example>"

LINES: list[tuple[bytes, Command]] = [
    (b"EHLO mail.example.com", Ehlo("mail.example.com")),
    (b"EHLO WIN-PC_1", Ehlo("WIN-PC_1")),
    (b"HELO [IPv6:2001:db8::1]", Helo("[IPv6:2001:db8::1]")),
    (FROM, Mail(PATH)),
    (b"MAIL FROM:<>", Mail(NULL)),
    (FROM + b" SIZE=12345", Mail(PATH, MailParameters(size=12345))),
    (
        FROM + b" SIZE=1 BODY=8BITMIME SMTPUTF8 AUTH=a+2Bc@d.example",
        Mail(PATH, MailParameters(1, Body.EIGHT_BIT_MIME, smtputf8=True, auth="a+c@d.example")),
    ),
    (FROM + b" AUTH=<>", Mail(PATH, MailParameters(auth=""))),
    (
        FROM + b" X-NEW=HDRS OTHER",
        Mail(PATH, MailParameters(others=(("X-NEW", "HDRS"), ("OTHER", None)))),
    ),
    (b"RCPT TO:<a@b.example>", Rcpt(PATH)),
    (b"RCPT TO:<Postmaster>", Rcpt(Path("Postmaster", ""))),
    (b'RCPT TO:<"a> b"@c>', Rcpt(Path("a> b", "c"))),
    (
        b"RCPT TO:<a@b.example> NOTIFY=NEVER RRVS=x",
        Rcpt(PATH, RcptParameters((("RRVS", "x"),), "NEVER")),
    ),
    ("RCPT TO:<用户@例え.テスト>".encode(), Rcpt(Path("用户", "例え.テスト"))),
    (b"LHLO mail.example.com", Lhlo("mail.example.com")),
    (b"DATA", Data()),
    (b"BDAT 1000", Bdat(1000)),
    (b"BDAT 0 LAST", Bdat(0, last=True)),
    (b"ETRN example.org", Etrn("example.org")),
    (b"ETRN @example.org", Etrn("@example.org")),
    (b"RSET", Rset()),
    (b"QUIT", Quit()),
    (b"STARTTLS", StartTls()),
    (b"NOOP", Noop()),
    (b"NOOP are you there", Noop("are you there")),
    (b"HELP", Help()),
    (b"HELP MAIL", Help("MAIL")),
    (b"VRFY someone", Vrfy("someone")),
    (b"EXPN list", Expn("list")),
    (b"AUTH LOGIN", Auth("LOGIN")),
    (b"AUTH PLAIN AGEAYg==", Auth("PLAIN", b"AGEAYg==")),
    (b"AUTH PLAIN =", Auth("PLAIN", b"=")),
]


@pytest.mark.parametrize(("line", "command"), LINES)
def test_a_command_is_read_and_written(line: bytes, command: Command) -> None:
    assert parse(line) == command
    assert encode(command) == line


@pytest.mark.parametrize(
    ("line", "command"),
    [
        (
            b"mail from:<a@b.example> size=7 body=8bitmime",
            b"MAIL FROM:<a@b.example> SIZE=7 BODY=8BITMIME",
        ),
        (b"rcpt to:<@x.example:a@b.example>", b"RCPT TO:<a@b.example>"),
        (b"quit  ", b"QUIT"),
        (b"DATA\t", b"DATA"),
        (b"auth plain =", b"AUTH PLAIN ="),
        (b"MAIL FROM: <a@b.example>", FROM),
    ],
)
def test_other_spellings_are_the_same_command(line: bytes, command: bytes) -> None:
    assert encode(parse(line)) == command


def test_a_space_after_the_colon_is_refused_when_strict() -> None:
    with pytest.raises(SyntaxFault, match="no space"):
        parse(b"MAIL FROM: <a@b.example>", STRICT)


@pytest.mark.parametrize(
    "line",
    [b"", b" ", b"FOO", b"BDATX 5", b"MAILFROM:<a@b>", b"GET / HTTP/1.1", b"NOOP " + b"a" * 2048,
     b"AUTH PLAIN " + b"A" * 12288],
)  # fmt: skip
def test_an_unknown_verb_or_a_line_without_end_is_told_from_wrong_arguments(line: bytes) -> None:
    with pytest.raises(UnknownCommand):
        parse(line)


@pytest.mark.parametrize(
    ("line", "status"),
    [(b"MAIL FROM:<a@b..c>", "5.1.7"), (b"RCPT TO:<a@b..c>", "5.1.3"), (b"RCPT TO:a@b", "")],
)
def test_which_address_is_wrong_is_told_by_the_status(line: bytes, status: str) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse(line)
    assert caught.value.status == status


def test_who_asks_for_a_name_says_whether_it_may_be_in_utf8() -> None:
    assert parse(b"vrfy ana  smtputf8") == Vrfy("ana", smtputf8=True)
    assert encode(Vrfy("ana", smtputf8=True)) == b"VRFY ana SMTPUTF8"
    assert parse(b"EXPN team SMTPUTF8") == Expn("team", smtputf8=True)
    assert parse(b"VRFY smtputf8") == Vrfy("smtputf8")


@pytest.mark.parametrize(
    "line",
    [
        b"EHLO",
        b"EHLO two names",
        b"EHLO a(b)",
        b"EHLO " + b"a" * 256,
        b"MAIL",
        b"MAIL <a@b>",
        b"MAIL FROM:a@b",
        b"MAIL FROM:<a@b",
        b"MAIL FROM:<postmaster>",
        b"MAIL FROM:<a@b>SIZE=1",
        b"MAIL FROM:<a@b> SIZE",
        b"MAIL FROM:<a@b> SIZE=",
        b"MAIL FROM:<a@b> SIZE=x",
        b"MAIL FROM:<a@b> SIZE=-1",
        b"MAIL FROM:<a@b> SIZE=" + b"9" * 21,
        b"MAIL FROM:<a@b> SIZE=1 SIZE=1",
        b"MAIL FROM:<a@b> BODY=9BIT",
        b"MAIL FROM:<a@b> SMTPUTF8=yes",
        b"MAIL FROM:<a@b> AUTH=",
        b"MAIL FROM:<a@b> AUTH=+zz",
        b"MAIL FROM:<a@b> AUTH=+0D+0A@c",
        b"MAIL FROM:<a@b> -X=1",
        b"MAIL FROM:<a@b> X=a=b",
        b"RCPT TO:<>",
        b"RCPT FROM:<a@b>",
        b"DATA now",
        b"BDAT",
        b"BDAT x",
        b"BDAT -1",
        b"BDAT 1 FIRST",
        b"BDAT " + b"9" * 21,
        b"ETRN",
        b"ETRN #queue",
        b"ETRN [192.0.2.1]",
        b"VRFY",
        b"AUTH",
        b"AUTH PLAIN a b",
        b"AUTH " + b"A" * 21,
        b"NOOP \0",
        b"NOOP a\rQUIT",
        b"NOOP a\nQUIT",
        b"NOOP \xff",
    ],
)
def test_wrong_arguments_are_refused(line: bytes) -> None:
    with pytest.raises(SyntaxFault) as caught:
        parse(line)
    assert not isinstance(caught.value, UnknownCommand)


def test_a_long_initial_response_is_allowed_only_to_auth() -> None:
    assert parse(b"AUTH PLAIN " + b"A" * 8000) == Auth("PLAIN", b"A" * 8000)


@pytest.mark.parametrize(
    "command",
    [Ehlo("a\r\nQUIT"), Mail(Path("a\n", "b")), Noop("a\rb"), Auth("X", b"a\r\n"), Noop("\ud800")],
)
def test_nothing_can_be_smuggled_into_a_command_written(command: Command) -> None:
    with pytest.raises(SyntaxFault):
        encode(command)


def test_a_password_is_not_shown_in_a_repr() -> None:
    assert "AGEAYg" not in repr(parse(b"AUTH PLAIN AGEAYg=="))


@given(
    st.one_of(
        st.binary(max_size=80),
        st.builds(
            bytes.__add__,
            st.sampled_from([b"MAIL FROM:<", b"RCPT TO:<a@b> ", b"EHLO ", b"AUTH ", FROM + b" "]),
            st.text(max_size=40).map(lambda text: text.encode("utf-8", "replace")),
        ),
        st.builds(
            lambda verb, words: b" ".join([verb, *words]),
            st.sampled_from([FROM, b"RCPT TO:<a@b>", b'mail from:<"a b"@c>']),
            st.lists(st.from_regex(rb"[A-Z0-9-]{1,4}(=[!-~]{0,5})?", fullmatch=True), max_size=4),
        ),
    )
)
@example(b"MAIL FROM:<" + b'"' * 1000)
@example(b'MAIL FROM:<"' + b'a""' * 600)
@example(b"RCPT TO:<" + b"a." * 900)
def test_any_line_is_a_command_that_writes_back_the_same_or_a_fault(line: bytes) -> None:
    try:
        command = commands.parse(line)
    except SyntaxFault:
        return
    assert parse(encode(command)) == command


@given(
    st.from_regex(commands._FAST, fullmatch=True),
    st.binary(max_size=3),
    st.integers(0, 600),
)
@example(b"MAIL FROM:<a@b.example> SIZE=1  BODY=8BITMIME ", b"", 0)
@example(b"rcpt to:<A.b+c@D.Example> notify=never", b"", 0)
@example(b"MAIL FROM:<a@b.example> SIZE=1 SIZE=1", b"", 0)
def test_the_short_way_and_the_long_way_lead_to_the_same_command(
    line: bytes, odd: bytes, at: int
) -> None:
    for one in (line, line[:at] + odd + line[at:]):
        assert outcome(commands.parse, one) == outcome(commands._parse_at_length, one)


def outcome(parse: Callable[..., Command], line: bytes) -> Command | str:
    try:
        return parse(line, TOLERATED)
    except SyntaxFault as fault:
        return fault.text


def test_a_line_that_comes_again_is_the_same_command_and_passwords_are_not_kept() -> None:
    line = b"RCPT TO:<ana@example.org>"
    assert commands.recall(line) is commands.recall(line)
    secret = b"auth plain AGFuYQBzZWNyZXQ="
    assert commands.recall(secret) is not commands.recall(secret)
    with pytest.raises(UnknownCommand):
        commands.recall(b"WHAT")

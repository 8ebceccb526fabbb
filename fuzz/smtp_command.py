"""SMTP command lines: a value or a `SyntaxFault`, and what was read writes back the same."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp import commands

SEEDS: list[bytes] = [
    b"EHLO mail.example.com",
    b"HELO [192.0.2.1]",
    b"MAIL FROM:<a.b@example.com> SIZE=1000 BODY=8BITMIME SMTPUTF8 AUTH=a+2Bb@c",
    b"MAIL FROM:<>",
    b"MAIL FROM:<a@b> RET=HDRS ENVID=x+2By BY=-5;NT HOLDFOR=60 MT-PRIORITY=-3 REQUIRETLS",
    b"MAIL FROM:<a@b> HOLDUNTIL=2030-01-31T08:00:00+07:00 BODY=BINARYMIME",
    b"RCPT TO:<a@b> NOTIFY=SUCCESS,DELAY ORCPT=utf-8;a\\x{E9}+2B@b",
    b"BDAT 1000 LAST",
    b"LHLO c",
    b"ETRN @example.org",
    b"XCLIENT ADDR=IPV6:2001:db8::1 PORT=25 HELO=c NAME=[UNAVAILABLE] PROTO=ESMTP",
    b"MAIL FROM: <@a,@b:c@d>",
    b'RCPT TO:<"a \\" b"@[IPv6:2001:db8::1]> NOTIFY=NEVER',
    b"RCPT TO:<Postmaster>",
    "RCPT TO:<pošta@straße.example>".encode(),
    b"AUTH PLAIN AGEAYg==",
    b"VRFY someone",
    b"STARTTLS",
    b"QUIT ",
]


def target(data: bytes) -> None:
    try:
        command = commands.parse(data)
    except SyntaxFault:
        return
    if commands.recall(data) != command:
        raise AssertionError(data)
    again = commands.encode(command)
    if commands.parse(again) != command:
        raise AssertionError(command)
    if isinstance(command, commands.Mail | commands.Rcpt):
        command.path.ascii_domain()

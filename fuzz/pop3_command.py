"""POP3 command lines and status lines: a value or a `SyntaxFault`, written back the same."""

from __future__ import annotations

from contextlib import suppress

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import downgrade
from merpati.wire.pop3 import commands, responses

SEEDS: list[bytes] = [
    b"USER budi",
    b"PASS  with spaces ",
    b"AUTH PLAIN AGEAYg==",
    b"TOP 1 10",
    b"LIST",
    b"LANG id-ID",
    b"UTF8",
    b"RETR 0002",
    b"-ERR [AUTH] no",
    b"+OK",
]


def target(data: bytes) -> None:
    try:
        command = commands.parse(data)
    except SyntaxFault:
        pass
    else:
        if commands.parse(commands.encode(command)) != command:
            raise AssertionError(command)
    with suppress(SyntaxFault):
        responses.parse_status(data)
    body = responses.stuff(data)
    if not body.endswith(b".\r\n") or b"\r\n.\r\n" in body[:-3]:
        raise AssertionError(body)
    responses.message(data)
    downgrade.header(data)

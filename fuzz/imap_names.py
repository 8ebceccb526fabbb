"""Mailbox names: any bytes decode, what was decoded settles, patterns match or do not."""

from __future__ import annotations

import re

from merpati.wire.imap import names, responses

SEEDS: list[bytes] = [
    b"inbox/p&AOQA5A-\0*&AOQ-%",
    b"~peter/mail/&U,BTFw-/&ZeVnLIqe-\0%/%/*",
    b"Q&-A&2D3cJg-\0inb*",
    "Entwürfe/é".encode() + b"\0*e*%e",
]
DICTIONARY: list[bytes] = [b"&", b"-", b"/", b"*", b"%", b"&AC8-", b"INBOX", b"\0", b"&2D0-", b","]

_LINE = re.compile(rb'\* LIST \(\) "/" (?:"[^\r\n\0]*"|\{\d+\}\r\n.*)\r\n', re.DOTALL)


def target(data: bytes) -> None:
    raw, _, wanted = data[:4000].partition(b"\0")
    for utf8 in (False, True):
        name = names.decode(raw, utf8)
        assert names.canonical(name) == name
        assert names.decode(names.encode(name, utf8), utf8) == name
        assert names.encode(name).isascii()
        pattern = names.Pattern("", names.read(wanted, utf8))
        assert pattern.matches(name) in {True, False}
        assert (
            names.Pattern(name, "").matches(name) or {"*", "%"} & set(name) or not name.strip("/")
        )
        assert isinstance(names.objection(name), str)
        assert _LINE.fullmatch(responses.mailbox_list(name, utf8=utf8))

"""Address lists: groups balance, and what can be written reads the same."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import addresses
from merpati.wire.mime.addresses import GroupEnd, GroupStart, Mailbox

SEEDS: list[bytes] = [
    b'Joe <joe@example.org>, "Doe, J" <j@example.org>, x@y.z (Name)',
    b"A Group: a@b, C <c@d>;, undisclosed-recipients:;",
    b"Pete(A nice \\) chap) <@a.test,@b.test:pete(x)@silly . test>",
    b'=?utf-8?Q?Doe,_J?= <"a b"@[IPv6:::1]>; "open <a@b>',
    "Jörg <jörg@bücher.example>".encode(),
]
DICTIONARY: list[bytes] = [
    b"@",
    b"<",
    b">",
    b",",
    b";",
    b":",
    b'"',
    b"\\",
    b"(",
    b")",
    b"[",
    b"<@a",
]


def target(data: bytes) -> None:
    entries = addresses.parse_list(data)
    depth = 0
    for entry in entries:
        depth += isinstance(entry, GroupStart) - isinstance(entry, GroupEnd)
        assert depth in {0, 1}
    assert depth == 0
    try:
        written = addresses.format(entries)
    except SyntaxFault:
        return
    assert [_plain(entry) for entry in addresses.parse_list(written)] == [
        _plain(entry) for entry in entries
    ]


def _plain(entry: addresses.Entry) -> tuple[str, ...]:
    if isinstance(entry, Mailbox):
        return entry.name, entry.local, entry.domain
    return (entry.name,) if isinstance(entry, GroupStart) else ()

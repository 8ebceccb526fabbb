"""The author of a message: nobody is one whom our own reading does not show."""

from __future__ import annotations

from merpati.wire.mime import addresses
from merpati.wire.mime.author import author

SEEDS: list[bytes] = [
    b"From: Ani <ani@example.org>\r\nTo: x\r\n\r\nbody",
    b'From: "Doe, \\"J\\"" (x) <j@example.org>, =?utf-8?q?J=C3=B6rg?= <k@example.org>\r\n\r\n',
    b"Subject: x\r\nFrom\r\n : <a@evil.example>\r\nFrom: <ceo@victim.example>\r\n\r\n",
    b"From: Team: ceo@victim.example, a@evil.example;\r\n\r\n",
    "From: j@bücher.example\r\n\r\n".encode(),
]
DICTIONARY: list[bytes] = [
    b"\r\nFrom:",
    b"<ceo@victim.example>",
    b"=?utf-8?q?=3Cx=40y.example=3E?=",
    b"@",
    b'"',
    b"(",
    b")",
    b"\\",
    b"[192.0.2.1]",
]


def target(data: bytes) -> None:
    found = author(data)
    assert bool(found.domain) is (found.doubt is None)
    if found.doubt is None:
        shown = addresses.parse_list(found.address.encode())
        assert shown, found

"""Posts to lists, letters to machines, notifications: any message has facts and keeps its rest."""

from __future__ import annotations

from merpati.wire import bounce_report, info_letters, list_headers
from merpati.wire.list_headers import DROPPED
from merpati.wire.mime import headers

SEEDS: list[bytes] = [
    b"Return-Path: <a@b>\r\nFrom: Ani <ani@b.c>\r\nList-Id: x <l.b.c>\r\n\r\nhi",
    b"Subject: get a.txt\r\nMessage-ID: <a@b>\r\n\r\nhi",
    b"Auto-Submitted: auto-replied; x\r\nDelivered-To: l@b.c\r\nPrecedence: bulk\r\n\r\n",
    b"Subject: failure\r\n\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    b"From: a@b, c@d\nFrom: e\n\nx",
]
DICTIONARY: list[bytes] = [
    b"List-Id:",
    b"From:",
    b"Reply-To:",
    b"Action: delayed",
    b"\r\n ",
    b"\n\n",
]


def target(data: bytes) -> None:
    facts = list_headers.read(data)
    bounce_report.read(data)
    info_letters.parse(facts.subject, data.decode("latin-1"))
    header, start = list_headers.without(data, DROPPED)
    assert data.endswith(data[start:])
    found = headers.split(header)
    if len(headers.split(data).fields) < headers.MAX_FIELDS and start < headers.MAX_BYTES:
        assert found.body_start == len(header)
        assert not {field.key for field in found.fields} & DROPPED
    if facts.author is not None:
        assert facts.author.local
        assert b"\r\n\r\n" not in list_headers.author_via(facts.author, "List", "l", "b.c")

from __future__ import annotations

import random

import pytest

from merpati.services.finding.columns import CUT, GROUP_OF, HERE, TEXT_MAX, Column
from merpati.wire.imap import envelope, prepared
from merpati.wire.mime import casemap, subject
from merpati.wire.text.folding import fold

PLAIN = [b"Hello", b"a b", b"Re: a b", b"[list] Fwd: Hello", b"x (fwd)", b"Re: [x] Re: y", b""]
ODD = [
    "Grüße".encode(), b"=?utf-8?q?Re:_H=C3=A4?=", b'say "a"', b"back\\slash", b"two  spaces",
    b" before", b"after ", b"a\tb", b"\x7f", b"x" * (TEXT_MAX + 1), b"Re:", b"[only]",
    "Ⅷ ﬁ İ".encode(), b"caf\xe9",
]  # fmt: skip


def expected(values: list[bytes | None]) -> tuple[bytes, bytes, bytes]:
    """The columns of subjects, made one after the other as the RFCs say it."""
    fields, orders, replies = "", "", bytearray()
    for value in values:
        title = prepared.decoded(value)
        base = subject.base_subject(title)
        if value is not None:
            fields += HERE + fold(title[:TEXT_MAX]) + (CUT if len(title) > TEXT_MAX else "")
        fields += "\n"
        orders += casemap.fold(base[:TEXT_MAX]) + "\n"
        replies.append(subject.is_reply(title, base))
    return fields.encode("utf-8", "replace"), orders.encode("utf-8", "replace"), bytes(replies)


@pytest.mark.parametrize("odd", [0, 0.01, 0.1, 1])
def test_subjects_put_together_are_what_each_of_them_is(odd: float) -> None:
    chance = random.Random(odd)
    for count in (0, 1, 7, 16, 128):
        values: list[bytes | None] = []
        rows = []
        for uid in range(count):
            value = chance.choice([None, *ODD]) if chance.random() < odd else chance.choice(PLAIN)
            fields = {b"date": b"Mon, 2 Nov 2026 10:11:12 +0100"} if chance.random() < 0.9 else {}
            if value is not None:
                fields[b"subject"] = value
            written = envelope.of_values(fields)
            rows.append((uid, written))
            values.append(prepared.read(written).subject)
        assert GROUP_OF[Column.SUBJECT].make(rows) == expected(values)


def test_a_damaged_envelope_says_nothing() -> None:
    rows = [(1, b"(damaged"), (2, b'("x" "title" NIL NIL NIL NIL NIL NIL NIL NIL)')]
    assert GROUP_OF[Column.SUBJECT].make(rows) == expected([None, b"title"])

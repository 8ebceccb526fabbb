"""Signatures, key records and whole signed messages from anybody."""

from __future__ import annotations

import contextlib

from merpati.base.faults import SyntaxFault
from merpati.wire.asking import Answer
from merpati.wire.dkim import DkimResult, DkimVerdict, canonical, keys, signature, tags, verify

SEEDS: list[bytes] = [
    b"v=1; a=rsa-sha256; c=relaxed/simple; d=example.org; s=a; h=from:to; bh=AAAA; b=BBBB",
    b"v=1; a=ed25519-sha256; d=b.org; s=a; i=a=40b@x.b.org; h=from; l=9; x=9; bh=AAAA; b=\r\n B",
    b"v=DKIM1; k=ed25519; t=y:s; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    b"DKIM-Signature: v=1; a=rsa-sha256; d=b.c; s=a; h=from; b=AAAA; bh=AAAA\r\nFrom: a@b.c\r\n",
]
DICTIONARY: list[bytes] = [b"relaxed", b"simple", b"; ", b"=", b"\r\n ", b":", b"xn--", b"p="]
FORMS: tuple[canonical.Form, ...] = ("simple", "relaxed")
KEY = b"v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="


def target(data: bytes) -> None:
    try:
        found = tags.parse(data)
        assert tags.parse(tags.render(found)) == found
    except SyntaxFault:
        pass
    try:
        read = signature.parse(data)
        assert read.key_name.isascii()
        assert read.algorithm in signature.ALGORITHMS
    except SyntaxFault:
        pass
    with contextlib.suppress(SyntaxFault):
        keys.parse_record.__wrapped__(data)
    for form in FORMS:
        body = canonical.BodyHash(form)
        for n in range(0, len(data), 7):
            body.update(data[n : n + 7])
        assert body.digest() == canonical.hash_body(data, 0, form)
    assert all(one.verdict is not DkimVerdict.PASS for one in ask(data))


def ask(data: bytes) -> tuple[DkimResult, ...]:
    asking = verify(data, 0)
    try:
        next(asking)
        while True:
            asking.send(Answer((KEY, data)))
    except StopIteration as end:
        results: tuple[DkimResult, ...] = end.value
        return results

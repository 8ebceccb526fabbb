"""Chains from anybody, and a set added to what is left of them."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from merpati.wire import arc
from merpati.wire.arc import ArcVerdict
from merpati.wire.asking import Answer
from merpati.wire.dkim import SigningKey, keys

KEY = SigningKey("example.org", "s", "ed25519", Ed25519PrivateKey.from_private_bytes(b"k" * 32))
RECORD = keys.record(KEY).encode()
LETTER = b"From: a@example.org\r\nSubject: hi\r\n\r\nbody\r\n"
FIRST = arc.seal(LETTER, KEY, b"mx.example; spf=pass", arc.ArcResult(ArcVerdict.NONE), 1) + LETTER
SECOND = arc.seal(FIRST, KEY, b"b.example; none", arc.ArcResult(ArcVerdict.PASS, instance=1), 2)

SEEDS: list[bytes] = [FIRST, SECOND + FIRST, LETTER]
DICTIONARY: list[bytes] = [b"ARC-Seal: ", b"i=1;", b"i=2;", b"cv=pass", b"cv=fail", b"\r\n", b"; "]


def validate(message: bytes) -> arc.ArcResult:
    asking = arc.validate(message, 0)
    try:
        next(asking)
        while True:
            asking.send(Answer((RECORD,)))
    except StopIteration as end:
        result: arc.ArcResult = end.value
        return result


def target(data: bytes) -> None:
    data = b"Received: from a.example\r\n" + data  # as all mail has, before anything is added
    result = validate(data)
    sealed = arc.seal(data, KEY, b"c.example; spf=fail", result, 3)
    after = validate(sealed + data)
    if sealed and result.verdict is not ArcVerdict.FAIL:
        assert after.verdict is ArcVerdict.PASS, (result, after)
        assert after.instance == result.instance + 1
    else:
        assert after.verdict is not ArcVerdict.PASS

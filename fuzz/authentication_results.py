"""Authentication-Results: what is read can be written, and no forged field stays."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import authentication_results as ar

SEEDS: list[bytes] = [
    b'mx.example.org 1; spf=pass (ok) reason="a \\"b\\"" smtp.mailfrom=a@b.example; dkim=none',
    b"foo (x) 1 (y);\r\n dkim (z) / 1 = (w) fail\r\n policy (a) . (b) expired = 1",
    b'"mx.example.org"; none',
    b"=?utf-8?q?mx=2Eexample=2Eorg?=; none",
]
DICTIONARY: list[bytes] = [b"reason=", b"header.d=", b"\r\n\t", b'"', b"(", b")", b";", b"none"]


def target(data: bytes) -> None:
    message = b"Authentication-Results: " + data + b"\r\n\r\nbody"
    slices = ar.forged(message, ["mx.example.org"])
    rest = b"".join(ar.without(message, slices))
    assert len(rest) == len(message) - sum(end - start for start, end in slices)
    try:
        found = ar.parse(data)
    except SyntaxFault:
        return
    written = ar.render_value(found)
    assert written.isascii()
    again = ar.parse(written)
    assert [(one.method, one.result) for one in again.results] == [
        (one.method, one.result) for one in found.results
    ]

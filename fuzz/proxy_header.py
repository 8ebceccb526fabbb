"""PROXY headers: whoever a balancer carries on, or a `SyntaxFault`; version 1 writes back."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import proxy

SEEDS: list[bytes] = [
    b"PROXY TCP4 192.0.2.7 198.51.100.1 50000 25\r\nEHLO c\r\n",
    b"PROXY TCP6 2001:db8::7 2001:db8::1 50000 465\r\n",
    b"PROXY UNKNOWN\r\n",
    proxy.V2_SIGNATURE + b"\x21\x11\x00\x0c\xc0\x00\x02\x07\xc6\x33\x64\x01\xc3\x50\x00\x19",
    proxy.V2_SIGNATURE + b"\x21\x21\x00\x24" + bytes(36),
    proxy.V2_SIGNATURE + b"\x20\x00\x00\x00",
]


def target(data: bytes) -> None:
    try:
        found = proxy.parse(data)
    except SyntaxFault:
        return
    if found is None:
        return
    proxied, length = found
    if length > len(data):
        raise AssertionError(length)
    header = proxy.encode(proxied)
    if proxied.peer and proxy.parse(header) != (proxied, len(header)):
        raise AssertionError(proxied)

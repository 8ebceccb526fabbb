"""OpenPGP keys: any octets are refused or read, and what was read is written back the same."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire import openpgp

SEEDS: list[bytes] = [
    b"\xc6\x06\x04\x00\x00\x00\x00\x16\xcd\x0dAna <a@b.test>\xc2\x02\x04\x13",
    b"\x98\x06\x04\x00\x00\x00\x00\x16\xb4\x08a@b.test\x88\x02\x04\x13",
]
DICTIONARY: list[bytes] = [
    b"\xc6",
    b"\xcd",
    b"\xc2",
    b"\xff\x00\x00",
    b"\xe0",
    b"\xc0\x00",
    b"<a@b>",
]


def target(data: bytes) -> None:
    try:
        key = openpgp.parse(data)
    except SyntaxFault:
        return
    assert key.encode() == data
    for address in key.addresses:
        only = openpgp.parse(key.only(address).encode())
        assert only.fingerprint == key.fingerprint
        assert only.addresses == (address,)

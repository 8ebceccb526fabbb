"""The DATA stream: any cut of it decodes the same, and what was sent comes out as it was."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.smtp.data import BareNewlines, DataDecoder, normalise, stuff

SEEDS: list[bytes] = [
    b"\x03Subject: a\r\n\r\n..b\r\n.\r\nQUIT\r\n",
    b"\x01.\r\n",
    b"\x05a\r.\nb\n.\r\nc\r\n.\n.\r\n.\r\n",
    b"\x02\r\n.\r\r\n.\r\n",
]


def _decode(data: bytes, size: int, policy: BareNewlines) -> tuple[bytes, bool, bytes, bool]:
    decoder = DataDecoder(policy)
    out: list[bytes] = []
    start = 0
    while start < len(data) and not decoder.done:
        out += decoder.feed(data[start : start + size])
        start += size
    return b"".join(out), decoder.done, decoder.rest + data[start:], decoder.fault is None


def target(data: bytes) -> None:
    data = data[:4096]  # fed by single octets, more would only take time
    size = data[0] % 16 + 1 if data else 1
    for policy in BareNewlines:
        whole = _decode(data[1:], max(len(data), 1), policy)
        cut = _decode(data[1:], size, policy)
        if whole[1:] != cut[1:]:
            raise AssertionError((whole, cut))
        if whole[1] and whole[3] and whole[0] != cut[0]:
            raise AssertionError((whole, cut))
    message = b"".join(normalise([data[1:]]))
    sent = b"".join(stuff([message[:size], message[size:]]))
    received = _decode(sent, size, BareNewlines.REFUSE)
    ended = message if not message or message.endswith(b"\r\n") else message + b"\r\n"
    if received != (ended, True, b"", True):
        raise AssertionError(received)
    try:
        list(stuff([data]))
    except SyntaxFault:
        return

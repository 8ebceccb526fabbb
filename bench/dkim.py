"""What DKIM and ARC cost: `python -m bench.dkim`, without the network and without the DNS.

Times are of the processor, the best of several rounds. The 4 KB message is text; the 5 MB one is
text, HTML with its indentation, or base64, which is what large mail is. `dkimpy` stands beside
where it is installed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from time import process_time
from timeit import repeat
from typing import Any

from cryptography.hazmat.primitives import serialization

from merpati.wire import arc
from merpati.wire.asking import Answer, Asking, T
from merpati.wire.dkim import canonical, keys, signer, verifier

NOW = 1_800_000_000
ROUNDS = 7
HEADER = (
    b"Received: from mail.example.org (mail.example.org [192.0.2.1])\r\n"
    b"\tby mx.example.net with ESMTPS id 4Zx1Q0vLz9;\r\n\tThu, 11 Apr 2024 10:00:00 +0000\r\n"
    b"From: Ani Wijaya <ani@example.org>\r\nTo: Budi <budi@example.net>, cici@example.net\r\n"
    b"Subject: =?utf-8?q?Laporan_bulan_ini?=\r\nDate: Thu, 11 Apr 2024 10:00:00 +0000\r\n"
    b"Message-ID: <20240411100000.1234@example.org>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n\r\n"
)
WORDS = b"Selamat pagi.  Terlampir laporan bulan ini dan rencana untuk bulan depan.\r\n"
HTML = b'    <tr>\r\n        <td class="x">Selamat pagi</td>\r\n    </tr>\r\n\r\n'
BASE64 = b"A" * 76 + b"\r\n"


def fill(line: bytes, size: int) -> bytes:
    return HEADER + line * (size // len(line))


def answer(asking: Asking[T], records: dict[str, bytes]) -> T:
    try:
        question = next(asking)
        while True:
            question = asking.send(Answer((records[question.name],)))
    except StopIteration as end:
        result: T = end.value
        return result


def best(work: Callable[[], Any], number: int) -> float:
    """Microseconds of CPU."""
    return min(repeat(work, timer=process_time, number=number, repeat=ROUNDS)) / number * 1e6


def signatures(size: int, line: bytes, number: int) -> None:
    content = fill(line, size)
    for kind in keys.KINDS:
        key = keys.load("example.org", kind, keys.generate(kind))
        records = {key.name: keys.record(key).encode()}
        signed = signer.sign(content, key, NOW) + content
        assert answer(verifier.verify(signed, NOW), records)[0].verdict.value == "pass"
        sign = best(lambda: signer.sign(content, key, NOW), number)  # noqa: B023 -- called at once
        verify = best(lambda: answer(verifier.verify(signed, NOW), records), number)  # noqa: B023
        print(f"{kind:8} {len(content) // 1024:5} KB  sign {sign:9.0f} µs  verify {verify:9.0f} µs")
        if kind == keys.RSA:
            chain = arc.ArcResult(arc.ArcVerdict.NONE)
            results = b"mx.example.net; spf=pass smtp.mailfrom=example.org; dkim=pass"
            sealed = arc.seal(signed, key, results, chain, NOW) + signed
            assert answer(arc.validate(sealed, NOW), records).verdict is arc.ArcVerdict.PASS
            seal = best(lambda: arc.seal(signed, key, results, chain, NOW), number)  # noqa: B023
            validate = best(lambda: answer(arc.validate(sealed, NOW), records), number)  # noqa: B023
            print(f"{'ARC':8} {len(content) // 1024:5} KB  seal {seal:9.0f} µs"
                  f"  validate {validate:7.0f} µs")  # fmt: skip


def judge(size: int) -> None:
    """The same by dkimpy."""
    if importlib.util.find_spec("dkim") is None:
        return
    dkim = importlib.import_module("dkim")
    content = fill(WORDS, size)
    key = keys.load("example.org", "rsa", keys.generate(keys.RSA))
    record = keys.record(key).encode()
    private = key.private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    sign = best(
        lambda: dkim.sign(content, b"rsa", b"example.org", private, canonicalize=(b"relaxed",) * 2),
        3,
    )
    signed = signer.sign(content, key, NOW) + content
    verify = best(lambda: dkim.verify(signed, dnsfunc=lambda *_, **__: record), 10)
    print(f"dkimpy   {len(content) // 1024:5} KB  sign {sign:9.0f} µs  verify {verify:9.0f} µs")


def bodies() -> None:
    forms: tuple[canonical.Form, ...] = ("simple", "relaxed")
    for name, line in (("base64", BASE64), ("text", WORDS), ("HTML", HTML)):
        content = fill(line, 5 << 20)
        for form in forms:
            took = best(lambda: canonical.hash_body(content, len(HEADER), form), 1)  # noqa: B023
            print(f"{name:8} {form:8} {took / 1000:6.1f} ms  {len(content) / took:6.0f} MB/s")


def main() -> None:
    signatures(4096, WORDS, 100)
    judge(4096)
    signatures(5 << 20, BASE64, 2)
    bodies()


if __name__ == "__main__":
    main()

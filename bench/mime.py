"""What reading a message costs at delivery, beside two other parsers: `python bench/mime.py`.

Columns: the tree alone; the tree with envelope, BODYSTRUCTURE and preview; then a
Rust parser that decodes everything, and the standard library, which only splits. Times
are the best of several rounds, in microseconds for one message; the last columns are
the tree against the two others, above 1 where the tree is faster.
"""

from __future__ import annotations

import email
from base64 import encodebytes
from pathlib import Path
from timeit import repeat
from typing import TYPE_CHECKING

from fast_mail_parser import parse_email

from merpati.wire.imap import structure
from merpati.wire.mime import headers, text, tree

if TYPE_CHECKING:
    from collections.abc import Callable

CORPORA = Path(__file__).parents[1] / "tests" / "corpora"
ROUNDS = 7

TRACE = b"".join(
    b"Received: from host%d.example.net (host%d.example.net [192.0.2.%d])\r\n"
    b"\tby mx.example.org with ESMTPS id 4Zx%dQ0vLz9; Thu, 11 Apr 2024 10:00:0%d +0000\r\n"
    % ((i,) * 5)
    for i in range(4)
)
SIGNATURE = (
    b"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.net; s=mail;\r\n"
    b"\th=from:to:subject:date:message-id; bh="
    + b"A" * 44
    + b";\r\n\tb="
    + b"\r\n\t ".join([b"B" * 70] * 5)
    + b"\r\n"
)
FIELDS = (
    b"From: Ani Wijaya <ani@example.net>\r\nTo: Budi <budi@example.org>, cici@example.org\r\n"
    b"Subject: =?utf-8?q?Laporan_bulan_ini?=\r\nDate: Thu, 11 Apr 2024 10:00:00 +0000\r\n"
    b"Message-ID: <20240411100000.1234@example.net>\r\nMIME-Version: 1.0\r\n"
)
WORDS = b"Selamat pagi, terlampir laporan bulan ini dan rencana untuk bulan depan.\r\n"
SIMPLE = (
    TRACE + SIGNATURE + FIELDS + b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + WORDS * 30
)
ORDINARY = (
    TRACE
    + SIGNATURE
    + FIELDS
    + b'Content-Type: multipart/alternative; boundary="000000000000a1b2c3"\r\n\r\n'
    + b'--000000000000a1b2c3\r\nContent-Type: text/plain; charset="UTF-8"\r\n\r\n'
    + WORDS * 15
    + b'\r\n--000000000000a1b2c3\r\nContent-Type: text/html; charset="UTF-8"\r\n'
    + b"Content-Transfer-Encoding: quoted-printable\r\n\r\n"
    + (b"<p>" + WORDS.replace(b",", b"=2C") + b"</p>\r\n") * 30
    + b"\r\n--000000000000a1b2c3--\r\n"
)
LARGE = (
    FIELDS
    + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n"
    + WORDS
    + b"--b\r\nContent-Type: application/pdf; name=a.pdf\r\n"
    + b"Content-Transfer-Encoding: base64\r\n\r\n"
    + encodebytes(bytes(range(256)) * 20_000)
    + b"--b--\r\n"
)


def deliver(message: bytes) -> None:
    """All that delivery wants to know of a message."""
    root = tree.parse(message)
    tree.encode(root)
    structure.envelope(headers.split(message, 0, root.body_start))
    structure.bodystructure(root, message)
    text.preview(message, root)


def best(run: Callable[[bytes], object], message: bytes) -> float:
    number = 1 if len(message) > 1_000_000 else 300
    return min(repeat(lambda: run(message), number=number, repeat=ROUNDS)) / number * 1e6


def main() -> None:
    messages = {"simple": SIMPLE, "ordinary": ORDINARY, "7 MB": LARGE}
    for path in sorted(CORPORA.glob("mail-parser/legacy/0[01]5.eml")):
        messages[path.stem] = path.read_bytes()
    parsers = (tree.parse, deliver, parse_email, email.message_from_bytes)
    print("message      bytes     tree  deliver     rust   stdlib  x rust x stdlib")
    for name, message in messages.items():
        times = [best(parser, message) for parser in parsers]
        row = "".join(f"{value:9.1f}" for value in times)
        print(f"{name:9}{len(message):9}{row}{times[2] / times[0]:8.2f}{times[3] / times[0]:9.2f}")


if __name__ == "__main__":
    main()

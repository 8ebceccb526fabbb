"""Encoded words: any bytes become one line of text, and text survives being written."""

from __future__ import annotations

from merpati.wire.mime import charsets, words

SEEDS: list[bytes] = [
    b"=?utf-8?Q?Gr=C3=BC=C3=9Fe?= aus =?iso-8859-1?q?K=F6ln?=",
    b"=?UTF-8?B?4oI=?=\r\n =?UTF-8?B?rA==?=",
    b"=?iso-2022-jp?B?GyRCJDMkcxsoQg==?= gr\xfcn",
    "Grüße".encode(),
]
DICTIONARY: list[bytes] = [
    *(b"=?utf-8?q?", b"=?utf-8?b?", b"?=", b"=?utf-7?q?", b"=?gb2312?b?", b"=?hz?q?", b"=C3"),
    *(b"=?utf-16?b?", b"=?euc-kr?b?", b"=?iso-2022-kr?b?", b"=1B", b"_", b"\r\n "),
]


def target(data: bytes) -> None:
    text = words.decode(data)
    written = words.encode(text)
    assert written.isascii()
    assert b"\n" not in written
    assert words.decode(written) == text
    label, _, rest = data.partition(b" ")
    charsets.decode(rest, label.decode("latin-1")).encode()

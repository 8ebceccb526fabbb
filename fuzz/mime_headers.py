"""Headers, parameters and charsets of messages: every byte has its place, whatever came."""

from __future__ import annotations

from merpati.wire.mime import headers, params

SEEDS: list[bytes] = [
    b"From: a@example.org\r\nSubject: hi\r\n there\r\n\r\nbody\r\n",
    b"From joe Mon Jan  1 10:00:00 2024\nA : b\nno colon\n\nbody",
    b'Content-Type: text/plain; charset="utf-8"; format=flowed\r\n\r\n',
    b"Content-Type: a/b; name*0*=utf-8''%e2%82; name*1*=%ac; name*2=\"(x)\" (c)\r\n\r\n",
    b'Content-Disposition: attachment; filename="=?utf-8?B?4oKs?=.pdf"; size=3\r\n\r\n',
]
DICTIONARY: list[bytes] = [b"\r\n", b"\n ", b":", b"*0*=", b"utf-8''", b'="', b"%41", b"(", b";"]


def target(data: bytes) -> None:
    read = headers.split(data)
    at = 0
    for field in read.fields:
        assert field.start == at < field.end
        at = field.end
        value, found = params.parse(field.raw_value)
        value.encode()
        plain = {
            name: text
            for name, text in list(found.items())[:8]
            if name.isalpha() and name.isascii() and len(text) < 80
        }
        assert params.parse(params.format("a/b", plain)) == ("a/b", plain)
    assert at <= read.body_start <= len(data)

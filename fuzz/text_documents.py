"""Texts of messages and documents: any bytes have a text or are refused, within bounds."""

from __future__ import annotations

import io
import zipfile
from contextlib import suppress

from merpati.base.faults import SyntaxFault
from merpati.services import office
from merpati.wire.mime import tree
from merpati.wire.text import markup, message, rtf
from merpati.wire.text.folding import WORD_MAX, fold, words

MOST = 1000


def _letter(xml: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as target:
        target.writestr("word/document.xml", xml)
    return out.getvalue()


SEEDS: list[bytes] = [
    _letter(b"<w:document><w:p><w:r><w:t>hello</w:t></w:r></w:p></w:document>"),
    rb"{\rtf1\ansi\ansicpg1252{\fonttbl{\f0 A;}}x \b y\b0\par \'e9 \u26085?{\*\x z}}",
    b"Subject: a\r\nContent-Type: text/html\r\n\r\n<p>he<b>llo</b><!-- x --><script>y</script>",
    "Caf\u00e9 \u6771\u4eac\u90fd \u0e01\u0e23".encode(),
]
DICTIONARY: list[bytes] = [
    *(b"<w:t>", b"</w:t>", b"<!DOCTYPE", b"<!ENTITY", b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"),
    *(rb"\'", rb"\u-1", rb"\uc9", b"{\\*", b"<style>", b"<!--", b"&#x", "\u0301".encode()),
]


def target(data: bytes) -> None:
    root = tree.parse(data)
    found = message.texts(data, root)
    for text in (found.subject, found.body):
        assert all(len(word) <= WORD_MAX for word in words(text))
        assert words(fold(text)) == words(text)
    markup.visible(data.decode("latin-1"))
    document = data if data.startswith((b"PK", b"{")) else _letter(data)
    with suppress(SyntaxFault):
        assert len(office.text(document, MOST)[0]) <= MOST
    assert len(rtf.text(data, MOST)[0]) <= MOST

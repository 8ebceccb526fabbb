"""Encoded words in header text (RFC 2047), to text and back.

Reading is lenient about where a word stands, because real senders are: inside
quoted strings, without white space around it, with spaces in its text, with a
multi-byte character torn over two words. Neighbours in the same charset are
therefore joined as bytes before they are decoded. What comes out is one line
of text without control characters, whatever went in.
"""

from __future__ import annotations

import re
from base64 import b64encode
from binascii import a2b_base64, a2b_qp
from typing import TYPE_CHECKING, Final

from merpati.wire.mime import charsets

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_WORD: Final = 75
"""The longest encoded word that may be written (RFC 2047 2)."""

MAX_RUN: Final = 900
"""Longest run without white space left as it is; a line may have 998 (RFC 5322 2.1.1)."""

# encoded-word = "=?" charset ["*" language] "?" encoding "?" encoded-text "?="
# No part can run over a "?", so attempts that fail cannot add up.
_WORD: Final = re.compile(rb"=\?([^?\s]{1,60})\?([bBqQ])\?([^?]*)\?=")
# One that stands where RFC 2047 5 lets it: what touches it is white space, or another one.
_PLACED: Final = re.compile(
    rb"(?:(?<![^ \t])|(?<=\?=))" + _WORD.pattern + rb"(?:(?![^ \t])|(?==\?))"
)
# C0 and C1 controls but the tab; RFC 8621 4.1.2.2 drops them too.
_CONTROLS: Final = re.compile("[\x00-\x08\x0a-\x1f\x7f-\x9f]+")
_NO_BASE64: Final = bytes(
    set(range(256)) - set(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/=")
)

# ASCII that stands for itself: nothing in it can be mistaken for an encoded word,
# lost as white space around the value, or too long to be folded.
_PLAIN: Final = re.compile(rf"(?!.*=\?)(?![ \t])(?:[!-~]{{1,{MAX_RUN}}}+(?:[ \t]++|\Z))*(?<![ \t])")
_TEXT_LENGTH: Final = MAX_WORD - len("=?utf-8?q??=")

# What may stand for itself in a Q word even inside a phrase (RFC 2047 5).
_Q_SAFE: Final = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz!*+-/"
_Q_TEXT: Final = {byte: f"={byte:02X}" for byte in range(256) if byte not in _Q_SAFE} | {32: "_"}


def decode(raw: bytes, *, placed: bool = False) -> str:
    """The text of an unstructured header value or a phrase; never raises.

    Folds, control characters and the white space between encoded words are
    gone; undeclared 8-bit text and unknown charsets are read as `charsets`
    reads text without a label.

    Args:
        raw: The value.
        placed: Whether what touches other text is left as it is.
    """
    raw = raw.translate(None, b"\r\n")
    word = _PLACED if placed else _WORD
    return clean(_decode_words(raw, word) if b"=?" in raw else charsets.decode(raw))


def holds_controls(raw: bytes) -> bool:
    """True when encoded words hold control characters, which `decode` leaves out."""
    text = _decode_words(raw.translate(None, b"\r\n"))
    return _CONTROLS.search(text) is not None


def encode(text: str) -> bytes:
    """Text as header value or phrase: itself if plain ASCII, else UTF-8 encoded words.

    The words are at most `MAX_WORD` long with a space between them, where the
    line may be folded. Control characters are left out.
    """
    text = clean(text)
    if _PLAIN.fullmatch(text):
        return text.encode()
    data = text.encode("utf-8", "replace")
    quoted = data.decode("latin-1").translate(_Q_TEXT)
    if len(quoted) <= 2 * len(data):  # mostly readable, so Q
        return b" ".join(b"=?utf-8?q?%b?=" % chunk for chunk in _q_chunks(quoted.encode()))
    return b" ".join(b"=?utf-8?b?%b?=" % b64encode(chunk) for chunk in _b_chunks(data))


def clean(text: str) -> str:
    """Text in one line: control characters but the tab are dropped."""
    return text if text.isprintable() else _CONTROLS.sub("", text)  # a sixth of the time


def _decode_words(raw: bytes, pattern: re.Pattern[bytes] = _WORD) -> str:
    pieces: list[str] = []
    run: list[bytes] = []  # neighbouring words in the charset `label`
    label = ""
    at = 0
    for word in pattern.finditer(raw):
        gap = raw[at : word.start()]
        at = word.end()
        charset, encoding, encoded = word.groups()
        charset_label = charset.partition(b"*")[0].decode("latin-1").lower()
        between_words = bool(run) and not gap.strip(b" \t")
        if run and not (between_words and charset_label == label):
            pieces.append(charsets.decode(b"".join(run), label))
            run = []
        if not between_words:
            pieces.append(charsets.decode(gap))
        label = charset_label
        run.append(_base64(encoded) if encoding in b"bB" else a2b_qp(encoded, header=True))
    if run:
        pieces.append(charsets.decode(b"".join(run), label))
    pieces.append(charsets.decode(raw[at:]))
    return "".join(pieces)


def _base64(text: bytes) -> bytes:
    """What a B word holds; foreign bytes and padding, wrong or missing, are passed over."""
    pieces = text.translate(None, _NO_BASE64).split(b"=")
    # A last character alone holds six bits, which are no byte.
    whole = [piece[:-1] if len(piece) % 4 == 1 else piece for piece in pieces if piece]
    return b"".join(a2b_base64(piece + b"=" * (-len(piece) % 4)) for piece in whole)


def _b_chunks(data: bytes) -> Iterator[bytes]:
    """UTF-8 in pieces of whole characters, each short enough for a B word."""
    size = _TEXT_LENGTH // 4 * 3
    at = 0
    while at < len(data):
        cut = min(at + size, len(data))
        while cut < len(data) and data[cut] & 0xC0 == 0x80:
            cut -= 1
        yield data[at:cut]
        at = cut


def _q_chunks(text: bytes) -> Iterator[bytes]:
    """Q-encoded UTF-8 in pieces of whole characters, each short enough for a Q word."""
    at = 0
    while at < len(text):
        cut = min(at + _TEXT_LENGTH, len(text))
        if cut < len(text):
            cut = text.rindex(b"=", cut - 2, cut) if b"=" in text[cut - 2 : cut] else cut
            while text[cut : cut + 1] == b"=" and text[cut + 1 : cut + 2] in b"89AB":
                cut -= 3  # in the middle of a character
        yield text[at:cut]
        at = cut

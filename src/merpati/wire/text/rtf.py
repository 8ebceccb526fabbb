"""The text of RTF documents, as much as searching needs (Rich Text Format 1.9.1)."""

from __future__ import annotations

import re
from typing import Final

from merpati.wire.mime import charsets

DEPTH_MAX: Final = 1_000  # groups within each other; deeper ones are read as part of the last

# A control word with its number and space, a byte in hexadecimal, a control symbol, a brace,
# or text.
_TOKEN = re.compile(
    rb"\\([a-zA-Z]{1,32}+)(-?[0-9]{1,10}+)? ?|\\'([0-9a-fA-F]{2})|\\([^a-zA-Z])|([{}])|([^\\{}]++)"
)
# Groups whose text is nothing that a person reads.
_SILENT: Final = frozenset(
    {b"fonttbl", b"colortbl", b"stylesheet", b"pict", b"object", b"themedata", b"datastore"}
    | {b"listtable", b"listoverridetable", b"rsidtbl", b"generator", b"xmlnstbl", b"latentstyles"}
    | {b"fldinst", b"private", b"filetbl", b"revtbl", b"objdata", b"mmathPr"}
)
_SPACES: Final = frozenset(
    {b"par", b"line", b"tab", b"cell", b"row", b"sect", b"page", b"nestcell"}
)
_LINE_ENDS: Final = b"\r\n"


def text(data: bytes, most: int) -> tuple[str, bool]:
    """The text of a document, at most so many characters; and whether there is more."""
    pieces: list[str] = []
    length = 0
    groups: list[tuple[bool, int]] = []
    silent, fallback = False, 1  # in a group to be passed over; characters after \u that go with it
    skip = 0
    charset = "windows-1252"
    for token in _TOKEN.finditer(data):
        word, number, byte, symbol, brace, plain = token.groups()
        piece = ""
        if plain is not None:
            run = plain.translate(None, _LINE_ENDS)
            run, skip = run[skip:], max(0, skip - len(run))
            piece = charsets.decode(run, charset)
        elif byte is not None:
            if skip:
                skip -= 1
            else:
                piece = charsets.decode(bytes([int(byte, 16)]), charset)
        elif brace == b"{":
            if len(groups) < DEPTH_MAX:
                groups.append((silent, fallback))
        elif brace == b"}":
            silent, fallback = groups.pop() if groups else (silent, fallback)
            skip = 0
        elif symbol is not None:
            silent = silent or symbol == b"*"
            piece = {b"~": " ", b"_": "-"}.get(symbol, symbol.decode("latin-1"))
            piece = "" if symbol in b"*-|:" else piece
        elif word in _SPACES:
            piece = "\n"
        elif word == b"u" and number:
            piece = _character(int(number))
            skip = fallback
        elif word == b"uc" and number:
            fallback = min(max(int(number), 0), 100)
        elif word == b"ansicpg" and number:
            charset = f"windows-{int(number)}"
        elif word in _SILENT:
            silent = True
        if piece and not silent:
            pieces.append(piece)
            length += len(piece)
            if length > most:
                return "".join(pieces)[:most], True
    return "".join(pieces), False


def _character(number: int) -> str:
    code = number & 0xFFFF  # written as a signed 16-bit number
    return "\ufffd" if 0xD800 <= code < 0xE000 else chr(code)

"""The caged process that takes the text out of attached documents: `net.caged` says why.

A request is a document, an answer one byte and the text in UTF-8: `READ`, or `CUT` when there
is more than this, or `BROKEN`, or `UNKNOWN` for what is no document of a kind that it reads.
"""

from __future__ import annotations

import codecs
import re
from typing import Final

import pypdfium2  # type: ignore[import-untyped]  # it brings no types

from merpati.base.faults import SyntaxFault
from merpati.net import caged
from merpati.services import office
from merpati.services.documents import BROKEN, CUT, READ, UNKNOWN
from merpati.wire.mime import charsets
from merpati.wire.text import rtf

TEXT_MAX: Final = 1 << 20  # characters of one document
PAGES_MAX: Final = 2_000  # of a PDF
# What names in ZIP archives, texts in PDF and RTF are written in.
_CODECS: Final = (
    *("cp437", "utf-8", "utf-16-le", "utf-16-be", "latin-1", "cp874", "cp932", "cp936", "cp949"),
    *("gb18030", "cp950", *(f"cp{number}" for number in range(1250, 1259))),
)
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1a]")


def answer(document: bytes) -> bytes:
    """What a document says."""
    try:
        if b"%PDF-" in document[:1024]:
            found = _pdf(document)
        elif document.startswith(b"PK\x03\x04"):
            found = office.text(document, TEXT_MAX)
        elif document.startswith(b"{\\rtf"):
            found = rtf.text(document, TEXT_MAX)
        elif not _CONTROL.search(document[:4096]):
            found = _plain(document)
        else:
            return bytes([UNKNOWN])
    except (SyntaxFault, pypdfium2.PdfiumError):
        return bytes([BROKEN])
    text, cut = found
    return bytes([CUT if cut else READ]) + text.encode("utf-8", "replace")


def _pdf(document: bytes) -> tuple[str, bool]:
    pieces: list[str] = []
    length = 0
    pdf = pypdfium2.PdfDocument(document)
    for number in range(min(len(pdf), PAGES_MAX)):
        page = pdf[number]
        text = page.get_textpage().get_text_bounded()
        page.close()
        pieces.append(text)
        length += len(text)
        if length > TEXT_MAX:
            break
    cut = length > TEXT_MAX or len(pdf) > PAGES_MAX
    return "\n".join(pieces)[:TEXT_MAX], cut


def _plain(document: bytes) -> tuple[str, bool]:
    return charsets.decode(document[: 4 * TEXT_MAX])[:TEXT_MAX], len(document) > TEXT_MAX


def warm_up() -> None:
    """Import what would be imported on first use: in the cage no file can be opened any more."""
    for name in _CODECS:
        codecs.lookup(name)
    blank = pypdfium2.PdfDocument.new()
    blank.new_page(72, 72).get_textpage().get_text_bounded()
    blank.close()


if __name__ == "__main__":
    warm_up()
    caged.serve(answer)

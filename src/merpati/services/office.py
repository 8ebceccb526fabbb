"""The text of Office documents: OOXML (docx, xlsx, pptx) and OpenDocument (odt, ods, odp).

They are XML in ZIP. Both invite bombs, so all is bounded before it is unpacked: the number of
members, the bytes unpacked from them, the text taken. A document type declaration, the way to
entity bombs and to foreign files, ends the reading: no office program writes one.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import IO, Final
from xml.parsers import expat

from merpati.base.faults import SyntaxFault

MEMBERS_MAX: Final = 20_000  # in one document
UNPACKED_MAX: Final = 64 << 20  # bytes of XML that are read
READ: Final = 1 << 16
DEPTH_MAX: Final = 1_000  # elements within each other

# Members with text, in the order in which they are read.
_MEMBERS: Final = re.compile(
    r"word/(?:document|footnotes|endnotes|comments|header\d*|footer\d*)\.xml"
    r"|xl/(?:sharedStrings|workbook|comments\d*|worksheets/sheet\d+)\.xml"
    r"|ppt/(?:slides/slide|notesSlides/notesSlide)\d+\.xml"
    r"|content\.xml|docProps/core\.xml|meta\.xml"
)
# Elements whose characters count in OOXML: runs of text, cells' values, titles.
_OOXML_TEXT: Final = frozenset({"t", "v", "title", "subject", "creator", "keywords", "description"})
# After these there is a break; after others text goes on.
_BREAKS: Final = frozenset(
    {"p", "h", "br", "tab", "cr", "c", "si", "tc", "tr", "row", "s", "line-break", "table-cell"}
    | {"title", "subject", "creator", "keywords", "description", "text"}
)


class _Enough(Exception):  # noqa: N818 -- a signal, not an error
    """So much text is enough."""


def text(data: bytes, most: int) -> tuple[str, bool]:
    """The text of a document, at most so many characters; and whether there is more.

    Raises:
        SyntaxFault: It is no such document, or is not to be read.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
            if len(names) > MEMBERS_MAX:
                raise SyntaxFault(f"the document has {len(names)} members")
            wanted = sorted(name for name in names if _MEMBERS.fullmatch(name))
            if not wanted:
                raise SyntaxFault("a ZIP archive that is no document")
            reading = _Reading(most)
            for name in wanted:
                with archive.open(name) as member:
                    reading.read(member, opendocument=name in {"content.xml", "meta.xml"})
    except _Enough:
        return reading.text(), True
    except (zipfile.BadZipFile, zlib.error, expat.ExpatError, NotImplementedError) as error:
        raise SyntaxFault(f"the document is broken: {error}") from error
    except (RuntimeError, EOFError, OSError, ValueError, LookupError) as error:  # encrypted, torn
        raise SyntaxFault(f"the document cannot be read: {error}") from error
    return reading.text(), False


class _Reading:
    """The text of the members of a document, taken while they are unpacked."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._pieces: list[str] = []
        self._length = 0
        self._unpacked = 0
        self._depth = 0
        self._open: list[str] = []
        self._is_reference = False  # in a cell that names a shared string
        self._opendocument = False

    def text(self) -> str:
        return "".join(self._pieces)[: self._most]

    def read(self, member: IO[bytes], *, opendocument: bool) -> None:
        """Take the text of one member."""
        parser = expat.ParserCreate()
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = _refuse
        parser.EntityDeclHandler = _refuse
        self._opendocument = opendocument
        self._open.clear()
        while chunk := member.read(READ):
            self._unpacked += len(chunk)
            if self._unpacked > UNPACKED_MAX:
                raise _Enough
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
        self._add("\n")

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        self._open.append(local)
        if len(self._open) > DEPTH_MAX:
            raise SyntaxFault("elements lie too deep within each other")
        if local == "c":
            self._is_reference = attributes.get("t") == "s"
        elif local == "sheet" and "name" in attributes:
            self._add(attributes["name"] + "\n")

    def _end(self, _: str) -> None:
        local = self._open.pop()
        if local in _BREAKS:
            self._add("\n")

    def _characters(self, data: str) -> None:
        inside = self._open[-1]
        if self._opendocument or (
            inside in _OOXML_TEXT and not (inside == "v" and self._is_reference)
        ):
            self._add(data)

    def _add(self, data: str) -> None:
        self._pieces.append(data)
        self._length += len(data)
        if self._length > self._most:
            raise _Enough


def _refuse(*_: object) -> None:
    raise SyntaxFault("the document declares a document type")

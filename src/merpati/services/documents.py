"""Takes the text out of attached documents, in a caged process of its own."""

from __future__ import annotations

import mmap
from typing import Final

import msgspec

from merpati.net.caged import FRAME_MAX, Caged
from merpati.services.extract import documents
from merpati.wire.mime import text
from merpati.wire.mime.tree import Part
from merpati.wire.text.message import BODY_MAX

DOCUMENTS_MAX: Final = 50  # of one message
READ, CUT, BROKEN, UNKNOWN = b"RCBU"  # how an answer begins
_RESULTS: Final = {READ: "read", CUT: "cut", BROKEN: "broken", UNKNOWN: "unknown"}


class Found(msgspec.Struct, frozen=True):
    """What the documents of a message say.

    Attributes:
        text: As it is in the documents, not folded.
        cut: There is more than this.
        results: How many were read, cut, broken, unknown, too large, or ended the process.
    """

    text: str
    cut: bool
    results: dict[str, int]


class Reader:
    """Reads documents one after the other; the process runs while there are some."""

    def __init__(self) -> None:
        self._caged = Caged("-m", "merpati.services.document_reader")

    async def texts(self, content: bytes | mmap.mmap, root: Part) -> Found:
        """What the attached documents of a message say; never raises for what is in them."""
        wanted = documents(root)
        pieces: list[str] = []
        length = 0
        results: dict[str, int] = {}
        cut = len(wanted) > DOCUMENTS_MAX
        for part in wanted[:DOCUMENTS_MAX]:
            result, said = await self._read(content, part)
            results[result] = results.get(result, 0) + 1
            pieces.append(said)
            length += len(said)
            cut = cut or result == "cut"
            if length > BODY_MAX:
                cut = True
                break
        return Found("\n".join(pieces)[:BODY_MAX], cut, results)

    async def close(self) -> None:
        """End the process."""
        await self._caged.close()

    async def _read(self, content: bytes | mmap.mmap, part: Part) -> tuple[str, str]:
        if part.size > 2 * FRAME_MAX:
            return "too large", ""
        document = text.content(content, part)
        if len(document) > FRAME_MAX:
            return "too large", ""
        said = await self._caged.ask(document)
        if not said:
            return "ended", ""
        return _RESULTS.get(said[0], "unknown"), said[1:].decode("utf-8", "replace")

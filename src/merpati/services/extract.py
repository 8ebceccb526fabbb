"""The texts of a message, for the index and for whoever looks through messages not in it yet."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from merpati.wire.text import message

if TYPE_CHECKING:
    import mmap

    from merpati.wire.mime.tree import Part
    from merpati.wire.text.message import Texts

_OOXML: Final = "vnd.openxmlformats-officedocument."
_ODF: Final = "vnd.oasis.opendocument."
_DOCUMENTS: Final = frozenset(
    {"pdf", "x-pdf", "rtf", "x-rtf"}
    | {f"{_OOXML}{kind}" for kind in ("wordprocessingml.document", "spreadsheetml.sheet")}
    | {f"{_OOXML}presentationml.{kind}" for kind in ("presentation", "slideshow")}
    | {f"{_ODF}{kind}" for kind in ("text", "spreadsheet", "presentation")}
)
# For what comes as application/octet-stream, or worse.
_EXTENSIONS: Final = frozenset(
    {"pdf", "docx", "docm", "xlsx", "xlsm", "pptx", "ppsx", "odt", "ods", "odp", "rtf"}
    | {"txt", "csv", "md", "log"}
)


def searchable(content: bytes | mmap.mmap, root: Part) -> Texts:
    """What a message says, folded by `wire.text.folding.fold`, without its attached documents."""
    return message.texts(content, root)


def documents(root: Part) -> list[Part]:
    """The parts of a message that are documents whose text `services.documents` can read."""
    found = []
    waiting = [root]
    while waiting:
        part = waiting.pop()
        waiting.extend(reversed(part.children))
        if part.type == "application" and (
            part.subtype in _DOCUMENTS
            or part.filename[-6:].lower().rpartition(".")[2] in _EXTENSIONS
        ):
            found.append(part)
    return found

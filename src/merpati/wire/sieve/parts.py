"""What `body`, the MIME tests and `extracttext` see of a message's parts."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.wire.mime import charsets, headers, params
from merpati.wire.mime import text as mime_text
from merpati.wire.text import markup

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator, Sequence

    from merpati.wire.mime.tree import Part
    from merpati.wire.sieve.budget import Budget


# Markup that ends no word, and white space, of which HTML shows only one.
_SPACES: Final = re.compile(r"\s++")
_ENCODINGS: Final = frozenset(
    {"7bit", "8bit", "binary", "quoted-printable", "base64", "x-uuencode", "uuencode", "x-uue"}
)


def walk(root: Part, *, inner: bool = False) -> Iterator[Part]:
    """A part and all below it, in the order of the message; `inner`: without itself."""
    waiting = list(reversed(root.children)) if inner else [root]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(part.children))


def part_fields(content: bytes | mmap.mmap, part: Part, key: str) -> list[bytes]:
    """The raw values of a part's fields with that lower-case name."""
    wanted = key.encode("utf-8", "replace")
    found = headers.split(content, part.header_start, part.body_start).fields
    return [field.raw_value for field in found if field.key == wanted]


def is_readable(part: Part) -> bool:
    """Whether the transfer encoding and the charset of a part are known (RFC 5703 7)."""
    label = part.param("charset")
    return part.encoding in _ENCODINGS and (not label or charsets.known(label))


def element(key: str, raw: bytes, what: str, names: Sequence[str]) -> list[str]:
    """One part of a Content-Type or Content-Disposition value (RFC 5703 4.1).

    Args:
        key: the lower-case name of the field; others than these two have parameters only.
        raw: its value.
        what: type, subtype, contenttype or param.
        names: of parameters, for `param`.
    """
    value, parameters = params.parse(headers.unfold(raw))
    if what == "param":
        return [parameters[name.lower()] for name in names if name.lower() in parameters]
    if key == "content-disposition":
        return ["" if what == "subtype" else value]
    if key != "content-type":
        return [""]
    kind, _, subtype = value.partition("/")
    return [{"type": kind, "subtype": subtype}.get(what, value)]


class Bodies:
    """The texts of the parts of one message, each decoded once."""

    def __init__(self, content: bytes | mmap.mmap, budget: Budget) -> None:
        self._content = content
        self._budget = budget
        self._kept: dict[tuple[int, int, str], str] = {}

    def raw(self, root: Part) -> list[str]:
        """The body as it is; nothing when there is not even an empty line (RFC 5173 4)."""
        if not self._has_body(root):
            return []
        return [self._decoded(root.body_start, root.body_end, "raw")]

    def text(self, root: Part) -> list[str]:
        """The words of the text parts that are no attachments, HTML without its markup."""
        if not self._has_body(root):
            return []
        return [
            self.words(part)
            for part in walk(root)
            if part.type == "text" and part.disposition != "attachment"
        ]

    def of_types(self, root: Part, types: Sequence[str]) -> list[str]:
        """What stands in the parts of these types (RFC 5173 5.2)."""
        if not self._has_body(root):
            return []
        wanted = {one.lower() for one in types if _is_type(one)}
        found: list[str] = []
        for part in walk(root):
            if "" in wanted or part.type in wanted or f"{part.type}/{part.subtype}" in wanted:
                found += self._own(part)
        return found

    def words(self, part: Part) -> str:
        """The text of a text part, without markup; else what its bytes say."""
        if part.type != "text":
            return self._whole(part)
        said = self._whole(part)
        if part.subtype != "html":
            return said
        key = (part.body_start, part.body_end, "words")
        if key not in self._kept:
            self._budget.spend(len(said) // 25)
            self._kept[key] = _SPACES.sub(" ", markup.visible(said))
        return self._kept[key]

    def _has_body(self, root: Part) -> bool:
        head = bytes(self._content[max(root.header_start, root.body_start - 4) : root.body_start])
        return (
            root.body_start < root.body_end
            or head.endswith((b"\n\n", b"\n\r\n"))
            or head in {b"\n", b"\r\n"}
        )

    def _own(self, part: Part) -> list[str]:
        """A container's own text, or the text of a leaf."""
        if part.type == "multipart":
            if not part.children:
                return [self._decoded(part.body_start, part.body_end, "raw")]
            before = self._decoded(part.body_start, part.children[0].header_start, "raw")
            after = self._decoded(part.children[-1].body_end, part.body_end, "raw")
            # Without the delimiters: the last line before, the first one after.
            prologue = before.rstrip("\r\n").rpartition("\n")[0].rstrip("\r")
            epilogue = after.lstrip("\r\n").partition("\n")[2]
            return [prologue, epilogue]
        if part.type == "message" and part.children:
            inner = part.children[0]
            return [self._decoded(inner.header_start, inner.body_start, "raw")]
        return [self._whole(part)]

    def _whole(self, part: Part) -> str:
        """A leaf without its transfer encoding, in its charset."""
        key = (part.body_start, part.body_end, "whole")
        said = self._kept.get(key)
        if said is None:
            pieces: list[str] = []
            for piece in self._pieces(part):
                pieces.append(piece)
                self._take(len(piece))
                if not self._budget.body:
                    break
            said = self._kept[key] = "".join(pieces)
        return said

    def _pieces(self, part: Part) -> Iterator[str]:
        if part.type == "text":
            return mime_text.text(self._content, part)
        return map(charsets.decode, mime_text.stream(self._content, part))

    def _decoded(self, start: int, end: int, kind: str) -> str:
        key = (start, end, kind)
        said = self._kept.get(key)
        if said is None:
            size = min(end - start, self._budget.body)
            self._take(size)
            said = self._kept[key] = charsets.decode(bytes(self._content[start : start + size]))
        return said

    def _take(self, size: int) -> None:
        """Count what is decoded; what goes beyond the limit is not seen."""
        self._budget.body = max(0, self._budget.body - size)
        self._budget.spend(size // 200)


def _is_type(text: str) -> bool:
    return text.count("/") <= 1 and not text.startswith("/") and not text.endswith("/")

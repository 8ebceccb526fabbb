"""The message as a script sees and changes it, and the bytes that come of it.

Theory. The header is a list of fields, each a slice of the message as it came or new bytes;
the body is one slice with replacements in it. Nothing is copied until an action wants the
edited message, and what was not touched stays byte for byte.
"""

from __future__ import annotations

import mmap
from binascii import b2a_qp
from hashlib import sha256
from typing import TYPE_CHECKING, Final, NamedTuple

from merpati.wire import newlines
from merpati.wire.letter import LINE_LIMIT
from merpati.wire.mime import addresses, dates, headers, words
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.sieve.actions import Edition, Slice

if TYPE_CHECKING:
    from collections.abc import Iterable

    from merpati.wire.mime.tree import Part
    from merpati.wire.sieve.message import Envelope, Message

PROTECTED: Final = frozenset({"received", "auto-submitted", "original-subject", "original-from"})
"""Fields that no script may add or delete (RFC 5293 6, RFC 5703 5)."""

MAX_VALUE: Final = 30_000  # characters of a field that a script adds
_FOLD: Final = 76
_INDENT: Final = b"\r\n "


class Entry(NamedTuple):
    """A field of the header: lower-case name, raw value, and where its bytes are."""

    key: str
    raw: bytes
    piece: bytes | Slice


class View:
    """A message with its edits."""

    def __init__(self, message: Message, made: Edition | None = None) -> None:
        """Look at a message; one that a script has made is given as the edition it is, too."""
        self._made = made
        self._edited = False
        self.content = message.content
        self.root = message.root
        self._replaced: list[tuple[int, int, bytes]] = []  # parts, by offsets
        self._body: bytes | None = None  # instead of the whole body
        root = message.root
        fields = headers.split(message.content, root.header_start, root.body_start).fields
        self.entries = [
            Entry(
                field.key.decode("latin-1"),
                field.raw_value,
                Slice(field.start, field.end),
            )
            for field in fields
        ]
        self._end = fields[-1].end if fields else root.header_start

    @property
    def changed(self) -> bool:
        """True when it is no longer the message as it came."""
        return self._edited or self._made is not None

    @property
    def restructured(self) -> bool:
        """True when parts of it are no longer what `root` tells of."""
        return bool(self._replaced) or self._body is not None

    def is_gone(self, part: Part) -> bool:
        """Whether a part was within one that was replaced."""
        start, end = part.header_start, part.body_end
        return any(
            begin <= start and end <= after and (begin, after) != (start, end)
            for begin, after, _ in self._replaced
        )

    def field(self, key: str) -> list[bytes]:
        """The raw values of the fields with this lower-case name, in order."""
        return [entry.raw for entry in self.entries if entry.key == key]

    def add(self, name: str, value: bytes, *, last: bool) -> None:
        """Add a field, at the top or behind all others (RFC 5293 4)."""
        line = b"%b: %b\r\n" % (name.encode("ascii", "replace"), fold(name, value))
        entry = Entry(name.lower(), line.partition(b":")[2].rstrip(b"\r\n"), line)
        self._edited = True
        if last:
            self.entries.append(entry)
            return
        # What is no field, such as the "From " of an mbox, stays above all fields.
        begin = 1 if self.entries and not self.entries[0].key else 0
        self.entries.insert(begin, entry)

    def delete(self, doomed: Iterable[Entry]) -> None:
        """Delete these very fields."""
        gone = {id(entry) for entry in doomed}
        if gone:
            self.entries = [entry for entry in self.entries if id(entry) not in gone]
            self._edited = True

    def replace_part(self, part: Part, data: bytes) -> None:
        """Put other bytes in place of a part, its header included (RFC 5703 5)."""
        start, end = part.header_start, part.body_end
        self._replaced = [one for one in self._replaced if one[1] <= start or one[0] >= end]
        self._replaced.append((start, end, data))
        self._edited = True

    def replace_body(self, data: bytes) -> None:
        """Put an entity, its header first, in place of the whole body."""
        self.delete(
            [
                entry
                for entry in self.entries
                if entry.key.startswith("content-") or entry.key == "mime-version"
            ]
        )
        head, _, self._body = data.partition(b"\r\n\r\n")
        header = b"MIME-Version: 1.0\r\n" + head + b"\r\n"
        self.entries += [
            Entry(field.key.decode("latin-1"), field.raw_value, header[field.start : field.end])
            for field in headers.split(header).fields
            if field.key.startswith((b"content-", b"mime-version"))
        ]
        self._edited = True

    def edition(self) -> Edition:
        """The edited message."""
        if self._made is not None and not self._edited:
            return self._made
        pieces: list[bytes | Slice] = []
        for entry in self.entries:
            if pieces and not self._ends_line(pieces[-1]):
                pieces.append(b"\r\n")
            _join(pieces, entry.piece)
        if pieces and not self._ends_line(pieces[-1]):
            pieces.append(b"\r\n")
        if self._body is not None:
            return self._own([*pieces, b"\r\n", self._body])
        at = self._end
        for start, end, data in sorted(self._replaced):
            _join(pieces, Slice(at, start))
            pieces.append(data)
            at = end
        _join(pieces, Slice(at, len(self.content)))
        return self._own(pieces)

    def _own(self, pieces: list[bytes | Slice]) -> Edition:
        """Slices are of the message as it came; of any other message, its bytes."""
        if self._made is None:
            return tuple(pieces)
        return (render(self.content, tuple(pieces)),)

    def _ends_line(self, piece: bytes | Slice) -> bool:
        if isinstance(piece, bytes):
            return piece.endswith(b"\n")
        return self.content[piece.end - 1 : piece.end] == b"\n" or piece.start == piece.end


def render(content: bytes | mmap.mmap, edition: Edition) -> bytes:
    """The bytes of an edited message; `content` is the message as it came."""
    return b"".join(
        piece if isinstance(piece, bytes) else content[piece.start : piece.end] for piece in edition
    )


def fold(name: str, value: bytes) -> bytes:
    """A value on lines of a good length where its spaces allow (RFC 5322 2.2.3)."""
    lines = [b""]
    room = _FOLD - len(name) - 2
    for word in value.split(b" "):
        if lines[-1] and len(lines[-1]) + 1 + len(word) > room and word:
            lines.append(word)
            room = _FOLD
        else:
            lines[-1] = lines[-1] + b" " + word if lines[-1] or not word else word
    return _INDENT.join(lines)


def field_value(text: str) -> bytes:
    """Text as the value of a field: one line, encoded where it is not ASCII (RFC 2047)."""
    return words.encode(" ".join(text.splitlines())[:MAX_VALUE].strip())


def entity(text: str, *, mime: bool) -> bytes:
    """A MIME entity: `text` is one already, or becomes one of plain text in UTF-8."""
    data = newlines.normalise(text.encode("utf-8", "replace"))
    if mime:
        head, empty, _ = data.partition(b"\r\n\r\n")
        if data.startswith(b"\r\n") or not empty or b":" not in head:
            return b"Content-Type: text/plain; charset=utf-8\r\n\r\n" + data.removeprefix(b"\r\n")
        return data
    encoding = b"7bit" if data.isascii() else b"8bit"
    if max(map(len, data.split(b"\r\n"))) > LINE_LIMIT:
        encoding, data = b"quoted-printable", b2a_qp(data, istext=True)
    return b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: %b\r\n\r\n%b" % (
        encoding,
        data,
    )


def enclose(
    view: View,
    envelope: Envelope,
    *,
    subject: str,
    copied: Iterable[str],
    text: str,
) -> Edition:
    """A new message with a text, that has the message as it is now as its second part.

    Date and From are of now and of the user, unless they are among the fields that are
    `copied`, by lower-case name (RFC 5703 6).
    """
    inner = view.edition()
    wanted = list(dict.fromkeys(copied))
    seed = b"".join([*view.field("message-id"), text.encode("utf-8", "replace")])
    mark = sha256(seed + str(len(inner)).encode()).hexdigest()[:32]
    domain = envelope.owner.rpartition("@")[2] or "localhost"
    head: list[bytes] = []
    for name in wanted:
        instead = name == "subject" and subject
        if not (instead or name.startswith("content-") or name == "mime-version"):
            head += [
                b"%b:%b\r\n" % (name.title().encode("ascii", "replace"), raw)
                for raw in view.field(name)
            ]
    if not subject and "subject" not in wanted:  # it is then the one of the enclosed message
        head += [b"Subject:%b\r\n" % raw for raw in view.field("subject")[:1]]
    now = envelope.now
    offset = int((now.utcoffset() or now - now).total_seconds() // 60)
    own = {
        "date": dates.format(now.timestamp(), offset),
        "from": _owner(envelope),
        "subject": field_value(subject),
        "message-id": f"<{mark}@{domain}>".encode("ascii", "replace"),
    }
    for name, value in own.items():
        if value and (name not in wanted or (name == "subject" and subject)):
            title = "Message-ID" if name == "message-id" else name.title()
            head.append(b"%b: %b\r\n" % (title.encode(), fold(title, value)))
    first = entity(text, mime=False)
    opening = (
        b"MIME-Version: 1.0\r\n"
        b'Content-Type: multipart/mixed; boundary="=_%b"\r\n\r\n'
        b"--=_%b\r\n%b\r\n--=_%b\r\n"
        b"Content-Type: message/rfc822\r\nContent-Disposition: attachment\r\n\r\n"
    ) % (mark.encode(), mark.encode(), first, mark.encode())
    closing = b"\r\n--=_%b--\r\n" % mark.encode()
    return (b"".join(head) + opening, *inner, closing)


def _owner(envelope: Envelope) -> bytes:
    local, _, domain = envelope.owner.rpartition("@")
    return addresses.format([Mailbox("", local, domain)]) if local else b""


def _join(pieces: list[bytes | Slice], piece: bytes | Slice) -> None:
    """Append a piece; neighbouring slices become one."""
    if isinstance(piece, Slice):
        if piece.start == piece.end:
            return
        last = pieces[-1] if pieces else None
        if isinstance(last, Slice) and last.end == piece.start:
            pieces[-1] = Slice(last.start, piece.end)
            return
    pieces.append(piece)

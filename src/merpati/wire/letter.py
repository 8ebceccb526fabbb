"""Letters that the server writes itself: plain text, and files with it (RFC 3834, RFC 2046).

Each says by `Auto-Submitted` that a machine wrote it, and goes out with the null path, so
that neither a machine's answer nor a notification ever comes back.
"""

from __future__ import annotations

from base64 import encodebytes
from binascii import b2a_qp
from hashlib import sha256
from typing import Final

import msgspec

from merpati.wire import newlines
from merpati.wire.list_headers import fold
from merpati.wire.mime import addresses, words
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.trace import date_time

LINE_LIMIT: Final = 998  # octets without the CRLF, RFC 5322 2.1.1
SUBJECT_LIMIT: Final = 200  # characters


class File(msgspec.Struct, frozen=True):
    """A file that goes with a letter; a `message/rfc822` is shown as a message."""

    name: str
    kind: str  # media type
    data: bytes


class Letter(msgspec.Struct, frozen=True, kw_only=True):
    """A letter to be composed.

    Attributes:
        author: whom it is from.
        recipient: whom it names in To.
        text: lines ended by LF.
        date: Unix seconds.
        message_id: without angle brackets.
        answers: the Message-ID it answers, with angle brackets; empty: none. What answers
            nothing is `auto-generated`.
        reply_to: where an answer goes; empty: to the author.
    """

    author: Mailbox
    recipient: str
    subject: str
    text: str
    date: float
    message_id: str
    answers: str = ""
    reply_to: str = ""
    files: tuple[File, ...] = ()


def compose(letter: Letter) -> bytes:
    """The letter as a message; 8bit only where a message in it is."""
    parts = [_text_part(letter.text), *(_file_part(file) for file in letter.files)]
    head = _header(letter)
    if len(parts) == 1:
        return head + parts[0]
    boundary = b"=_" + sha256(b"".join(parts)).hexdigest()[:32].encode()
    marked = b"".join(b"--%b\r\n%b\r\n" % (boundary, part) for part in parts)
    kind = b'Content-Type: multipart/mixed; boundary="%b"\r\n' % boundary
    if not marked.isascii():
        kind += b"Content-Transfer-Encoding: 8bit\r\n"
    return b"%b%b\r\n%b--%b--\r\n" % (head, kind, marked, boundary)


def _header(letter: Letter) -> bytes:
    kind = "auto-replied" if letter.answers else "auto-generated"
    rows = [
        b"From: " + fold(addresses.format([letter.author])),
        f"To: <{letter.recipient}>".encode(),
        b"Subject: " + fold(words.encode(words.clean(letter.subject)[:SUBJECT_LIMIT])),
        f"Date: {date_time(letter.date)}".encode(),
        f"Message-ID: <{letter.message_id}>".encode(),
        f"Auto-Submitted: {kind}".encode(),
        b"MIME-Version: 1.0",
    ]
    if letter.reply_to:
        rows.append(f"Reply-To: <{letter.reply_to}>".encode())
    if letter.answers:
        rows += [f"{name}: {letter.answers}".encode() for name in ("In-Reply-To", "References")]
    return b"".join(row + b"\r\n" for row in rows)


def _text_part(text: str) -> bytes:
    text = text.replace("\r", "").rstrip("\n") + "\n"
    data = text.replace("\n", "\r\n").encode("utf-8", "replace")
    head = b"Content-Type: text/plain; charset=utf-8\r\n"
    if not data.isascii() or _has_long_line(data):
        head += b"Content-Transfer-Encoding: quoted-printable\r\n"
        data = b2a_qp(data, istext=True)
    return head + b"\r\n" + data


def _file_part(file: File) -> bytes:
    if file.kind == "message/rfc822":
        data = newlines.normalise(file.data)
        if not _has_long_line(data):
            bits = b"" if data.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
            return b"Content-Type: message/rfc822\r\n%b\r\n%b" % (bits, data)
    kind = "application/octet-stream" if file.kind == "message/rfc822" else file.kind
    name = file.name.replace("\\", "_").replace('"', "_")
    head = (
        f'Content-Type: {kind}\r\nContent-Disposition: attachment; filename="{name}"\r\n'
        "Content-Transfer-Encoding: base64\r\n\r\n"
    )
    return head.encode() + encodebytes(file.data).replace(b"\n", b"\r\n")


def _has_long_line(content: bytes) -> bool:
    return max(map(len, content.split(b"\r\n"))) > LINE_LIMIT

"""Letters that Sieve scripts send: answers (RFC 5230), notifications (RFC 5436), and troubles.

Each says by `Auto-Submitted` that a machine wrote it (RFC 3834 5), so that none of them is
ever answered by another machine. Answers and notifications are in the words of the script's
author; what is said of a script that failed, in English or Bahasa Indonesia.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from hashlib import sha256
from typing import Final, NamedTuple

import msgspec

from merpati.wire import newlines
from merpati.wire.list_headers import fold
from merpati.wire.mime import addresses, words
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.sieve import edits
from merpati.wire.trace import date_time

SUBJECT_LIMIT: Final = 200  # characters
REFERENCES_MAX: Final = 20  # message ids, the oldest and the latest (RFC 5322 3.6.4)

_ID: Final = re.compile(rb"<[^<>\s]{1,250}>")
_HEADER_END: Final = re.compile(rb"\r\n\r\n|\Z")
# Fields that a MIME entity of a script may bring to an answer (RFC 5230 4.1.3 and 4.4).
_MIME_FIELD: Final = re.compile(
    rb"(?mi)^(content-[a-z0-9-]{1,60}[ \t]*:[^\r\n]*(?:\r\n[ \t][^\r\n]*)*)"
)


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """An answer to one message.

    Attributes:
        author: whom it is from.
        recipient: the address that it goes to.
        subject: as the script gives it; empty: made from that of the message.
        answered: the subject of the message, as text.
        text: of the script; with `mime` a whole entity, header first.
        date: Unix seconds.
        message_id: without angle brackets.
        answers: the Message-ID it answers, with angle brackets; empty: it has none.
        references: what the message itself refers to, as its field says.
    """

    author: Mailbox
    recipient: str
    text: str
    date: float
    message_id: str
    subject: str = ""
    answered: str = ""
    mime: bool = False
    answers: str = ""
    references: bytes = b""


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """A notification of one message (RFC 5436 2.7).

    Attributes:
        author: whom it is from.
        owner: the address of the account whose script sends it.
        importance: 1 high, 2 normal, 3 low.
        fields: more header fields, as the URI names them.
    """

    author: Mailbox
    owner: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    subject: str
    text: str
    date: float
    message_id: str
    importance: int = 2
    fields: tuple[tuple[str, str], ...] = ()


def answer(one: Answer) -> bytes:
    """An answer as a message."""
    subject = one.subject or f"Auto: {one.answered}".rstrip()
    rows = [
        b"From: " + fold(addresses.format([one.author])),
        f"To: <{one.recipient}>".encode(),
        b"Subject: " + _unstructured(subject),
        f"Date: {date_time(one.date)}".encode(),
        f"Message-ID: <{one.message_id}>".encode(),
        b"Auto-Submitted: auto-replied (vacation)",
        b"MIME-Version: 1.0",
    ]
    if one.answers:
        rows.append(f"In-Reply-To: {one.answers}".encode())
    references = _references(one.references, one.answers.encode())
    if references:
        rows.append(b"References: " + references)
    head = b"".join(row + b"\r\n" for row in rows)
    return head + (_entity(one.text) if one.mime else edits.entity(one.text, mime=False))


def notification(one: Notification) -> bytes:
    """A notification as a message."""
    level = {1: ("High", "1"), 3: ("Low", "5")}.get(one.importance, ("Normal", "3"))
    rows = [
        b"From: " + fold(addresses.format([one.author])),
        b"To: " + fold(", ".join(f"<{each}>" for each in one.to).encode()),
        b"Subject: " + _unstructured(one.subject),
        f"Date: {date_time(one.date)}".encode(),
        f"Message-ID: <{one.message_id}>".encode(),
        f'Auto-Submitted: auto-notified; owner-email="{one.owner}"'.encode(),
        f"Importance: {level[0]}".encode(),
        f"X-Priority: {level[1]}".encode(),
        b"MIME-Version: 1.0",
    ]
    if one.cc:
        rows.append(b"Cc: " + fold(", ".join(f"<{each}>" for each in one.cc).encode()))
    rows += [name.encode() + b": " + _unstructured(value) for name, value in one.fields]
    return b"".join(row + b"\r\n" for row in rows) + edits.entity(one.text, mime=False)


def _unstructured(text: str) -> bytes:
    return fold(words.encode(words.clean(text)[:SUBJECT_LIMIT]))


def _references(field: bytes, answered: bytes) -> bytes:
    """RFC 5322 3.6.4: what the answered message refers to, and itself, if it has an id."""
    found = list(dict.fromkeys([*_ID.findall(field), *filter(None, [answered])]))
    if len(found) > REFERENCES_MAX:
        found = [found[0], *found[1 - REFERENCES_MAX :]]
    return b"\r\n ".join(found)


def _entity(text: str) -> bytes:
    """A script's own MIME entity: its `Content-` fields and its body; no other fields."""
    data = newlines.normalise(text.encode("utf-8", "replace"))
    if data.startswith(b"\r\n"):
        header, body = b"", data[2:]
    else:
        end = _HEADER_END.search(data)
        assert end is not None  # it matches the end of anything
        header, body = data[: end.start() + 2], data[end.end() :]
    fields = b"".join(field + b"\r\n" for field in _MIME_FIELD.findall(header))
    if not fields:
        fields = b"Content-Type: text/plain; charset=utf-8\r\n"
    if not body.isascii() and b"content-transfer-encoding" not in fields.lower():
        fields += b"Content-Transfer-Encoding: 8bit\r\n"
    return fields + b"\r\n" + body.rstrip(b"\r\n") + b"\r\n"


def alternative(text: str, html: str) -> str:
    """A MIME entity with the same in HTML and, if there is some, in plain text."""
    rich = _encoded("html", html)
    if not text.strip():
        return rich
    plain = _encoded("plain", text)
    mark = sha256((plain + rich).encode("utf-8", "replace")).hexdigest()[:32]
    return (
        f'Content-Type: multipart/alternative; boundary="=_{mark}"\r\n\r\n'
        f"--=_{mark}\r\n{plain}\r\n--=_{mark}\r\n{rich}\r\n--=_{mark}--\r\n"
    )


def _encoded(kind: str, text: str) -> str:
    data = newlines.normalise(text.encode("utf-8", "replace"))
    return (
        f"Content-Type: text/{kind}; charset=utf-8\r\n"
        "Content-Transfer-Encoding: quoted-printable\r\n\r\n" + b2a_qp(data, istext=True).decode()
    )


class Words(NamedTuple):
    """One letter in one language, with fields in braces."""

    subject: str
    text: str


NOTIFICATION: Final = {"en": "New mail: {subject}", "id": "Surat baru: {subject}"}
NOTIFICATION_TEXT: Final = {
    "en": "From: {author}\nSubject: {subject}\n",
    "id": "Dari: {author}\nPerihal: {subject}\n",
}

_TROUBLE: Final[dict[str, Words]] = {
    "en": Words(
        'Your mail filter "{script}" failed',
        'The Sieve script "{script}" of {address} failed for a message, which was put into your'
        " inbox.\n\n"
        "  Message:  {subject}\n"
        "  From:     {author}\n"
        "  Line {line}:  {problem}\n\n"
        "Look at the script in your mail program, or ask your administrator to turn it off:\n"
        "  merpati sieve deactivate {address}\n\n"
        "No mail is lost. Should it fail again, you are told once a day.\n",
    ),
    "id": Words(
        'Penyaring surat Anda "{script}" gagal',
        'Skrip Sieve "{script}" milik {address} gagal untuk sebuah surat; surat itu dimasukkan ke'
        " kotak masuk Anda.\n\n"
        "  Surat:    {subject}\n"
        "  Dari:     {author}\n"
        "  Baris {line}: {problem}\n\n"
        "Periksalah skrip itu di program surat Anda, atau mintalah administrator mematikannya:\n"
        "  merpati sieve deactivate {address}\n\n"
        "Tidak ada surat yang hilang. Bila gagal lagi, Anda diberi tahu sekali sehari.\n",
    ),
}


def trouble(language: str, /, **values: str | int) -> Words:
    """What the owner of a script reads when it has failed, in their language.

    Args:
        language: "en" or "id"; any other: English.
        values: script, address, subject, author, line, problem.
    """
    one = _TROUBLE.get(language, _TROUBLE["en"])
    return Words(one.subject.format(**values), one.text.format(**values))

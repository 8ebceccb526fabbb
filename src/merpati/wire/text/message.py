"""What a message says, for searching: its header fields, its text, its file names.

Of the header only what somebody may look for: signatures, and the traces that servers leave,
are noise that would fill an index. HTML counts without its markup, and the headers of messages
within the message count as its body. Attached documents are read elsewhere (`documents`),
since what reads them is not to be trusted with hostile ones.

All of it is bounded: of longer texts the beginning counts, and `Texts.cut` says so.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.wire.mime import headers, text, words
from merpati.wire.text import markup
from merpati.wire.text.folding import fold

if TYPE_CHECKING:
    import mmap
    from collections.abc import Iterator

    from merpati.wire.mime.tree import Part

BODY_MAX: Final = 1 << 20  # characters of text; a novel has half as many
HEADER_MAX: Final = 1 << 16  # characters of each group of fields; what is no longer is whole
NAMES_MAX: Final = 1_000  # attachments whose names count

_SUBJECT, _SENDER, _RECIPIENTS, _OTHER, _NOISE = range(5)
_GROUPS: Final = {
    b"subject": _SUBJECT,
    b"from": _SENDER,
    b"sender": _SENDER,
    b"reply-to": _SENDER,
    b"to": _RECIPIENTS,
    b"cc": _RECIPIENTS,
    b"bcc": _RECIPIENTS,
}
_IS_NOISE = re.compile(
    rb"arc-.*|authentication-results|autocrypt.*|content-.*|dkim-signature|domainkey-.*"
    rb"|mime-version|received|received-spf|return-path|x-forefront-.*|x-gm-.*|x-google-.*"
    rb"|x-microsoft-.*|x-ms-.*|x-provags-.*|x-sg-.*|x-ui-.*|x-.*signature",
    re.IGNORECASE,
)
# As `headers` reads fields.
_FIELD = re.compile(rb"\n([!-9;-~\x80-\xff]++)[ \t]*+:(.*+(?:\n[ \t].*+)*)")
# Types of message/... that are lines for people and programs: whoever looks for the address that
# a bounce is about may find it there alone.
_REPORTS: Final = frozenset(
    {"delivery-status", "global-delivery-status", "feedback-report", "tracking-status"}
    | {"disposition-notification", "global-disposition-notification"}
)
# Armoured OpenPGP is no text.
_ARMOUR = re.compile(r"-----BEGIN (PGP [A-Z ]{1,40})-----.*?(?:-----END \1-----|\Z)", re.DOTALL)


class Texts(msgspec.Struct, frozen=True):
    """The texts of one message.

    Attributes:
        subject: The subject.
        sender: From, Sender, Reply-To: names and addresses.
        recipients: To, Cc, Bcc.
        header: Other fields.
        body: The text of the message.
        attachments: Names of its files, and the text of those that could be read.
        cut: There is more text than this, or more of the header.
    """

    subject: str = ""
    sender: str = ""
    recipients: str = ""
    header: str = ""
    body: str = ""
    attachments: str = ""
    cut: bool = False


def texts(buffer: bytes | mmap.mmap, root: Part) -> Texts:
    """What a message says, folded, but for what its attached documents say."""
    said = unfolded(buffer, root)
    return Texts(
        fold(said.subject), fold(said.sender), fold(said.recipients), fold(said.header),
        fold(said.body), fold(said.attachments), said.cut,
    )  # fmt: skip


def unfolded(buffer: bytes | mmap.mmap, root: Part) -> Texts:
    """The same as people see it."""
    body, cut = _bounded(_body(buffer, root), BODY_MAX)
    names = "\n".join([part.filename for part in _parts(root) if part.filename][:NAMES_MAX])
    cut = cut or root.body_start - root.header_start > HEADER_MAX
    return Texts(*_header(buffer, root), body, names, cut)


def holds(buffer: bytes | mmap.mmap, root: Part, folded: str, *, in_header: bool = False) -> bool:
    """Whether a folded text stands in what the message says, however long it is."""
    names = "\n".join([part.filename for part in _parts(root) if part.filename][:NAMES_MAX])
    if folded in fold(names):
        return True
    if in_header and any(folded in fold(group) for group in _header(buffer, root)):
        return True
    last = ""
    overlap = 4 * len(folded) + 100  # characters that fold to at least as many as are wanted
    for piece in _body(buffer, root):
        joined = last + piece
        if folded in fold(joined):
            return True
        last = joined[-overlap:]
    return False


def _header(buffer: bytes | mmap.mmap, part: Part) -> tuple[str, str, str, str]:
    """Subject, senders, recipients, and other fields, each in one line."""
    start, end = part.header_start, min(part.body_start, part.header_start + headers.MAX_BYTES)
    groups: tuple[list[bytes], ...] = ([], [], [], [], [])
    for name, value in _FIELD.findall(b"\n" + buffer[start:end]):
        groups[_group(name)].append(value)
    subject, senders, recipients, other = map(_decoded, groups[:4])
    return subject, senders, recipients, other


def _decoded(values: list[bytes]) -> str:
    """Values of fields in one text; the comma keeps encoded words of two fields apart."""
    joined = b" , ".join(values)[:HEADER_MAX]
    if joined.isascii() or len(values) < 2:
        return words.decode(joined)
    return " , ".join(map(words.decode, values))[:HEADER_MAX]  # each may have another charset


def is_other(field: bytes) -> bool:
    """Whether what a header field says is in `Texts.header`."""
    return _group(field) == _OTHER


@lru_cache(maxsize=2_000)
def _group(name: bytes) -> int:
    found = _GROUPS.get(name.lower(), _OTHER)
    return _NOISE if found == _OTHER and _IS_NOISE.fullmatch(name) else found


def _body(buffer: bytes | mmap.mmap, root: Part) -> Iterator[str]:
    """The text of the body in pieces that join without anything between them."""
    for part in _parts(root):
        if part.type == "message" and part.children:
            yield "\n".join((*_header(buffer, part.children[0]), ""))
        elif part.type == "text" or (part.type == "message" and part.subtype in _REPORTS):
            pieces = text.text(buffer, part)
            yield from markup.visible_pieces(pieces) if part.subtype == "html" else _bare(pieces)
            yield "\n"


def _bare(pieces: Iterator[str]) -> Iterator[str]:
    for piece in pieces:
        yield _ARMOUR.sub(" ", piece) if "-----BEGIN PGP" in piece else piece


def _bounded(pieces: Iterator[str], most: int) -> tuple[str, bool]:
    """At most so many characters of pieces; and whether there are more."""
    taken: list[str] = []
    room = most
    for piece in pieces:
        if room <= 0:
            return "".join(taken), True
        taken.append(piece[:room])
        room -= len(piece)
    return "".join(taken), room < 0


def _parts(root: Part) -> Iterator[Part]:
    """A part and all below it, in the order of the message."""
    waiting = [root]
    while waiting:
        part = waiting.pop()
        yield part
        waiting.extend(reversed(part.children))

"""What a mailing list changes in a post: header fields at its top, and nothing below them.

The body, and every field that an author's signature usually covers, stay byte for byte, so
the author's DKIM signature remains valid. Only where the author's domain demands that mail
in its name fails elsewhere (DMARC) does the list put its own address into From.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.wire.mime import addresses, headers, words
from merpati.wire.mime.addresses import GroupStart, Mailbox

if TYPE_CHECKING:
    import mmap

ONE_CLICK: Final = "List-Unsubscribe=One-Click"  # RFC 8058 3.1

# Removed from a post: fields that are the list's to write, and requests for receipts,
# which every member would answer.
DROPPED: Final = frozenset({
    b"list-id", b"list-help", b"list-post", b"list-subscribe", b"list-unsubscribe",
    b"list-unsubscribe-post", b"list-owner", b"list-archive", b"precedence", b"return-path",
    b"disposition-notification-to", b"return-receipt-to", b"x-confirm-reading-to",
})  # fmt: skip
_REPLIES: Final = frozenset({b"auto-replied", b"auto-notified"})
_BULK: Final = frozenset({b"bulk", b"junk", b"list"})
_DISOWNED: Final = re.compile(rb";[ \t]*dmarc[ \t]*=[ \t]*fail\b", re.IGNORECASE)
_BRACKETED: Final = re.compile(rb"<([^<>\s]{1,255})>")


class ListFields(msgspec.Struct, frozen=True, kw_only=True):
    """The fields of a list (RFC 2369, RFC 2919).

    Attributes:
        title: its name for people.
        list_id: `sales.example.org`.
        help: where to ask for help, an address; and so on. Empty: no such field.
        post: empty: only owners may.
    """

    title: str
    list_id: str
    help: str
    post: str = ""
    subscribe: str = ""
    owner: str = ""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What decides what is done with a message that asks something of a machine.

    Attributes:
        author: the one mailbox in From; None when there is none, or several.
        subject: as text.
        message_id: with its angle brackets; empty when there is none.
        replied: a machine's answer (RFC 3834 5), never to be answered or distributed.
        automatic: anything written by a machine, and bulk mail: never to be answered.
        list_ids: lists it came through (RFC 2919).
        delivered_to: addresses it came through, lower case.
        disowned_at: hosts whose Authentication-Results say that DMARC failed, lower case.
    """

    author: Mailbox | None
    subject: str
    message_id: str
    replied: bool
    automatic: bool
    list_ids: frozenset[str]
    delivered_to: frozenset[str]
    disowned_at: frozenset[str]

    @property
    def address(self) -> str:
        """The author's address in lower case, or an empty text."""
        return self.author.address.lower() if self.author is not None else ""


def read(content: bytes | mmap.mmap) -> Facts:
    """The facts of a message, whatever it is; never raises."""
    found = headers.split(content)
    from_fields = found.get_all(b"from")
    boxes = [
        one
        for value in from_fields[:2]
        for one in addresses.parse_list(value)
        if isinstance(one, Mailbox)
    ]
    alone = len(from_fields) == 1 and len(boxes) == 1 and boxes[0].local and boxes[0].domain
    submitted = (found.get(b"auto-submitted") or b"no").partition(b";")[0].strip().lower()
    bulk = (found.get(b"precedence") or b"").lower() in _BULK
    list_ids = b" ".join(found.get_all(b"list-id"))
    ids = {one.decode("utf-8", "replace").lower() for one in _BRACKETED.findall(list_ids)}
    through = found.get_all(b"delivered-to")
    return Facts(
        author=boxes[0] if alone else None,
        subject=words.decode(found.get(b"subject") or b""),
        message_id=_lone_id(found.get(b"message-id") or b""),
        replied=submitted in _REPLIES,
        automatic=submitted != b"no" or bulk or bool(ids) or bool(found.get(b"x-autoreply")),
        list_ids=frozenset(ids),
        delivered_to=frozenset(one.decode("utf-8", "replace").lower() for one in through),
        disowned_at=frozenset(
            value.partition(b";")[0].split(None, 1)[0].decode("latin-1").lower()
            for value in found.get_all(b"authentication-results")
            if _DISOWNED.search(value) and value.partition(b";")[0].strip()
        ),
    )


def without(content: bytes | mmap.mmap, dropped: frozenset[bytes]) -> tuple[bytes, int]:
    """The header without some fields, by lower-case name, and where the body begins.

    The header ends with its empty line; all else in it stays byte for byte, and so does
    whatever comes after its first `headers.MAX_FIELDS` fields.
    """
    found = headers.split(content)
    pieces: list[bytes] = []
    at = 0
    for field in found.fields:
        if field.key in dropped:
            pieces.append(content[at : field.start])
            at = field.end
    pieces.append(content[at : found.body_start])
    header = b"".join(pieces)
    if not header.endswith((b"\n\r\n", b"\n\n")) and header not in {b"\r\n", b"\n"}:
        header += b"\r\n" if header.endswith(b"\n") or not header else b"\r\n\r\n"
    return header, found.body_start


def render(fields: ListFields, *, token_free: str = "") -> bytes:
    """The fields of a list that are the same for every member.

    Args:
        fields: What they say.
        token_free: The address to write to in order to leave, for copies that carry no
            `unsubscribe` of their own.
    """
    phrase = addresses.format([GroupStart(fields.title)])[:-1]  # a phrase and a colon
    rows = [b"List-Id: %b <%b>" % (phrase, fields.list_id.encode())]
    rows.append(_row("List-Post", fields.post) if fields.post else b"List-Post: NO")
    rows.append(_row("List-Help", fields.help, "?subject=help"))
    for name, address in (("List-Owner", fields.owner), ("List-Subscribe", fields.subscribe)):
        if address:
            rows.append(_row(name, address))
    if token_free:
        rows.append(_row("List-Unsubscribe", token_free))
    rows.append(b"Precedence: list")
    return b"".join(row + b"\r\n" for row in rows)


def unsubscribe(address: str, url: str = "") -> str:
    """One member's own way out: by mail, and by one click where there is a URL (RFC 8058 3.1)."""
    row = _row("List-Unsubscribe", address).decode()
    if not url:
        return f"{row}\r\n"
    return f"{row},\r\n <{url}>\r\nList-Unsubscribe-Post: {ONE_CLICK}\r\n"


def author_via(author: Mailbox, title: str, local: str, domain: str) -> bytes:
    """A From field that names the author and has the list's address: `Ani via Sales <...>`."""
    name = author.name or author.local
    shown = Mailbox(f"{name} via {title}", local, domain)
    return b"From: %b\r\n" % fold(addresses.format([shown]))


def reply_to(boxes: list[Mailbox]) -> bytes:
    """A Reply-To field."""
    return b"Reply-To: %b\r\n" % fold(addresses.format(boxes))


def delivered_to(address: str) -> bytes:
    """The mark by which a message is known that comes back to where it was sent on from."""
    return f"Delivered-To: {address}\r\n".encode()


def fold(value: bytes) -> bytes:
    """A value on lines of at most some 76 characters, folded at its spaces."""
    lines = [b""]
    for word in value.split(b" "):
        if lines[-1] and len(lines[-1]) + len(word) > 64:
            lines.append(word)
        else:
            lines[-1] = lines[-1] + b" " + word if lines[-1] else word
    return b"\r\n ".join(lines)


def _row(name: str, address: str, query: str = "") -> bytes:
    """A field with one mailto (RFC 6068 2: what a URL may not hold is encoded)."""
    return f"{name}: <mailto:{_encode(address)}{query}>".encode()


def _encode(address: str) -> str:
    safe = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$'*+@"
    return "".join(
        one if one in safe else "".join(f"%{byte:02X}" for byte in one.encode()) for one in address
    )


def _lone_id(raw: bytes) -> str:
    found = _BRACKETED.match(raw)
    return found[0].decode("ascii", "replace") if found and found[0].isascii() else ""

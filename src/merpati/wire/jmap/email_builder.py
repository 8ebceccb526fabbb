"""An Email object made into a message (RFC 8621 4.6): all its rules, and how the bytes look.

`read` checks the object and says which blobs it needs; `pieces` writes the message, a piece
at a time, once these are there. Text becomes UTF-8, as it is while its lines allow that, else
quoted-printable, or base64 when that would be long; other content base64; and a message in a
message stays readable, as RFC 2046 5.2.1 wants it.
"""

from __future__ import annotations

import re
from base64 import encodebytes
from binascii import b2a_qp
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from merpati.wire import newlines
from merpati.wire.jmap import email_fields, email_headers
from merpati.wire.jmap.email_fields import LINE_MAX, NotThatFormError
from merpati.wire.jmap.email_headers import CONVENIENT
from merpati.wire.jmap.faults import MethodFault, SetFault, wrong
from merpati.wire.jmap.values import is_reference, is_unsigned
from merpati.wire.mime import params

if TYPE_CHECKING:
    import mmap

DEPTH_MAX: Final = 20  # of body parts in body parts; ours
PARTS_MAX: Final = 1000  # of one email; ours
CHUNK: Final = 57 * 1024  # octets that become base64 at once: whole lines of it

BODY: Final = ("bodyStructure", "textBody", "htmlBody", "attachments", "bodyValues")
_PART: Final = frozenset({
    "partId", "blobId", "size", "name", "type", "charset", "disposition", "cid", "language",
    "location", "subParts",
})  # fmt: skip
# Which header field each property of a part is about.
_ABOUT: Final = {
    "type": "content-type",
    "charset": "content-type",
    "disposition": "content-disposition",
    "name": "content-disposition",
    "cid": "content-id",
    "language": "content-language",
    "location": "content-location",
}
_TYPE: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9!#$&^_.+-]{1,127}")
_CID: Final = re.compile(r"[!-;=?-~]{1,500}")
_LANGUAGE: Final = re.compile(r"[A-Za-z0-9-]{1,100}")
_LOCATION: Final = re.compile(r"[!-~]{1,2000}")


class Leaf(NamedTuple):
    """A part with a body.

    Attributes:
        fields: of its header, each with its CRLF, without Content-Transfer-Encoding.
        type: in lower case.
        text: the body, with CRLF; None when it is a blob.
        blob_id: as the client gave it.
    """

    fields: list[bytes]
    type: str
    text: bytes | None
    blob_id: str


class Multipart(NamedTuple):
    """A part with parts; `type` as it is to be written, without its boundary."""

    fields: list[bytes]
    type: str
    children: Sequence[Node]


Node = Leaf | Multipart


class Draft(NamedTuple):
    """A message to be written: its own header fields, and its body."""

    fields: list[bytes]
    root: Node

    @property
    def blob_ids(self) -> list[str]:
        """The blobs that it needs, each once."""
        return list(dict.fromkeys(leaf.blob_id for leaf in _leaves(self.root) if leaf.blob_id))


def _leaves(node: Node) -> Iterator[Leaf]:
    if isinstance(node, Leaf):
        yield node
        return
    for child in node.children:  # at most DEPTH_MAX deep
        yield from _leaves(child)


def read(email: Mapping[str, Any]) -> Draft:
    """The message that an Email object describes.

    Args:
        email: all properties but mailboxIds, keywords and receivedAt.

    Raises:
        SetFault: invalidProperties, naming those that break a rule.
    """
    reader = _Reader(email)
    fields = reader.header()
    root = reader.body()
    if root is not None:
        twice = email_fields.names(root.fields) & email_fields.names(fields)
        if twice:
            where = "bodyStructure" if "bodyStructure" in email else "textBody"
            reader.refuse(where, f"the field {min(twice)} stands in the header already")
    if reader.bad:
        raise wrong("; ".join(dict.fromkeys(reader.why)), *dict.fromkeys(reader.bad))
    assert root is not None
    return Draft(fields, root)


class _Reader:
    """Reads one Email object, and notes all that is wrong with it."""

    def __init__(self, email: Mapping[str, Any]) -> None:
        self._email = email
        self._count = 0
        self.bad: list[str] = []
        self.why: list[str] = []

    def refuse(self, name: str, why: str) -> None:
        """Note a property that is wrong."""
        self.bad.append(name)
        self.why.append(why)

    def header(self) -> list[bytes]:
        """The header fields of the email, but those of its body."""
        known = [name for name in self._email if name not in BODY]
        for name in known:
            if name == "headers":
                self.refuse(name, "each field of the header is a property of its own")
            elif name not in CONVENIENT and not name.startswith("header:"):
                self.refuse(name, f"{name[:100]!r} cannot be given")
            elif name[:15].lower() == "header:content-":
                self.refuse(name, "fields of the content belong to body parts")
        wanted = [name for name in known if name not in self.bad]
        return self._fields(self._email, wanted, "")

    def _fields(self, given: Mapping[str, Any], names: Iterable[str], where: str) -> list[bytes]:
        """Fields by properties; `where`: the property of the email that they stand in."""
        written: list[bytes] = []
        seen: dict[str, str] = {}
        for name in names:
            try:
                what = email_headers.wanted(name)
            except MethodFault as fault:
                self.refuse(where or name, fault.text)
                continue
            assert what is not None
            if what.field in seen:
                self.refuse(where or name, f"{name} and {seen[what.field]} are the same field")
                continue
            seen[what.field] = name
            title = name.split(":")[1] if name.startswith("header:") else _TITLES[what.field]
            try:
                written += email_fields.lines(title, what, given[name])
            except NotThatFormError:
                self.refuse(where or name, f"{name[:100]} has a value of the wrong form")
        return written

    def body(self) -> Node | None:
        """The body; None when something is wrong with it."""
        email = self._email
        lists = [name for name in ("textBody", "htmlBody", "attachments") if email.get(name)]
        if email.get("bodyStructure") is not None:
            for name in ("textBody", "htmlBody", "attachments"):
                if email.get(name) is not None:
                    self.refuse(name, f"bodyStructure and {name} exclude each other")
        self._check_values()
        if email.get("bodyStructure") is not None:
            return self._part(email["bodyStructure"], "bodyStructure", 0)
        text = self._only("textBody", "text/plain")
        html = self._only("htmlBody", "text/html")
        attached = []
        if "attachments" in lists:
            attached = self._attachments()
        if self.bad:
            return None
        return _arranged(text, html, attached)

    def _check_values(self) -> None:
        values = self._email.get("bodyValues")
        if values is None:
            return
        if not isinstance(values, dict):
            self.refuse("bodyValues", "bodyValues is an object")
            return
        for one in values.values():
            if not (
                isinstance(one, dict)
                and one.keys() <= {"value", "isEncodingProblem", "isTruncated"}
                and isinstance(one.get("value"), str)
            ):
                self.refuse("bodyValues", "a body value has a value, which is text")
            elif any(one.get(name, False) is not False for name in _FLAGS):
                self.refuse("bodyValues", "a new body value has no encoding problem, and is whole")

    def _only(self, name: str, type_: str) -> Leaf | None:
        given = self._email.get(name)
        if given is None:
            return None
        if not isinstance(given, list) or len(given) != 1:
            self.refuse(name, f"{name} is exactly one part")
            return None
        leaf = self._part(given[0], name, 0)
        if leaf is None:
            return None
        if not isinstance(leaf, Leaf) or leaf.type != type_:
            self.refuse(name, f"the part of {name} is {type_}")
            return None
        return leaf

    def _attachments(self) -> list[tuple[Leaf, bool]]:
        """The attached parts, and which of them belong to the HTML."""
        given = self._email["attachments"]
        if not isinstance(given, list):
            self.refuse("attachments", "attachments is a list of parts")
            return []
        found: list[tuple[Leaf, bool]] = []
        for one in given:
            is_part = isinstance(one, dict)
            # What does not say so would be shown, if it is text or a picture.
            part = {"disposition": "attachment", **_without_null(one)} if is_part else one
            node = self._part(part, "attachments", 0)
            if isinstance(node, Multipart):
                self.refuse("attachments", "what is attached has no parts")
            elif node is not None:
                inline = bool(part.get("cid")) and part["disposition"] == "inline"
                found.append((node, inline))
        return found

    def _part(self, given: Any, where: str, depth: int) -> Node | None:
        """A body part; None, and noted, when it is wrong."""
        self._count += 1
        if depth > DEPTH_MAX or self._count > PARTS_MAX:
            self.refuse(where, "there are too many body parts")
            return None
        if not isinstance(given, dict):
            self.refuse(where, "a body part is an object")
            return None
        part = _without_null(given)
        noted = len(self.bad)
        names = [name for name in part if name not in _PART]
        for name in names:
            if not name.startswith("header:"):
                self.refuse(where, f"a new body part cannot have {name[:100]!r}")
            elif name.split(":")[1].lower() == "content-transfer-encoding":
                self.refuse(where, "the server chooses the transfer encoding")
        self._check_part(part, where)
        own = self._fields(part, [name for name in names if name.startswith("header:")], where)
        about = {_ABOUT[name] for name in part if name in _ABOUT}
        if about & email_fields.names(own):
            self.refuse(where, "a property of a part and a field of its header are the same")
        if len(self.bad) > noted:
            return None
        fields = [*own, *_content_fields(part)]
        type_ = str(part.get("type", "text/plain")).lower()
        if type_.startswith("multipart/"):
            children = [self._part(one, where, depth + 1) for one in part["subParts"]]
            there = [one for one in children if one is not None]
            return Multipart(fields, type_, there) if len(there) == len(children) else None
        return self._leaf(part, fields, type_, own, where)

    def _leaf(
        self, part: dict[str, Any], fields: list[bytes], type_: str, own: list[bytes], where: str
    ) -> Leaf | None:
        """A part with a body."""
        if "partId" in part:
            values = self._email.get("bodyValues") or {}
            if "content-type" in email_fields.names(own):
                self.refuse(where, "the server chooses the charset: give the type of the part")
                return None
            try:
                value = values[part["partId"]]["value"].encode()
            except (KeyError, TypeError, AttributeError):
                self.refuse(where, f"there is no body value {part['partId'][:100]!r}")
                return None
            except UnicodeEncodeError:
                self.refuse("bodyValues", "a body value holds half a surrogate pair")
                return None
            text = newlines.normalise(value)
            fields.append(email_fields.field(
                "Content-Type", params.format(type_, {"charset": "utf-8", **_named(part)})
            ))  # fmt: skip
            return Leaf(fields, type_, text, "")
        if "content-type" not in email_fields.names(own):
            charset = {"charset": part["charset"]} if part.get("charset") else {}
            value = params.format(type_, {**charset, **_named(part)})
            fields.append(email_fields.field("Content-Type", value))
        return Leaf(fields, type_, None, part["blobId"])

    def _check_part(self, part: dict[str, Any], where: str) -> None:
        """Whether the properties of a part have their types, and may stand together."""
        for name, check in _CHECKS.items():
            if name in part and not check(part[name]):
                self.refuse(where, f"{name} has a value of the wrong type")
        type_ = part.get("type", "text/plain")
        is_multipart = isinstance(type_, str) and type_.lower().startswith("multipart/")
        if is_multipart:
            if "partId" in part or "blobId" in part or "charset" in part:
                self.refuse(where, "a multipart has parts, and no body of its own")
            if not part.get("subParts"):
                self.refuse(where, "a multipart has at least one part")
            return
        if part.get("subParts"):
            self.refuse(where, f"{type_} has no parts")
        if ("partId" in part) == ("blobId" in part):
            self.refuse(where, "a part has either a partId or a blobId")
        if "partId" in part and ("charset" in part or "size" in part):
            self.refuse(where, "charset and size are not given with a partId")


def _without_null(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if value is not None}


def _text_of(pattern: re.Pattern[str]) -> Any:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


_CHECKS: Final[Mapping[str, Any]] = {
    "partId": lambda value: isinstance(value, str),
    "blobId": is_reference,
    "size": is_unsigned,
    "name": lambda value: isinstance(value, str),
    "type": _text_of(_TYPE),
    "charset": _text_of(_TOKEN),
    "disposition": _text_of(_TOKEN),
    "cid": _text_of(_CID),
    "language": lambda value: (
        isinstance(value, list) and bool(value) and all(map(_text_of(_LANGUAGE), value))
    ),
    "location": _text_of(_LOCATION),
    "subParts": lambda value: isinstance(value, list),
}
_FLAGS: Final = ("isEncodingProblem", "isTruncated")
_TITLES: Final = {
    "message-id": "Message-ID", "in-reply-to": "In-Reply-To", "references": "References",
    "sender": "Sender", "from": "From", "to": "To", "cc": "Cc", "bcc": "Bcc",
    "reply-to": "Reply-To", "subject": "Subject", "date": "Date",
}  # fmt: skip


def _named(part: Mapping[str, Any]) -> dict[str, str]:
    """The file name as a parameter of the type, for those who look there."""
    return {"name": part["name"]} if part.get("name") else {}


def _content_fields(part: Mapping[str, Any]) -> list[bytes]:
    """Those fields that properties of a part stand for, but its type."""
    fields = []
    if "disposition" in part:  # without one, the type alone bears the name
        named = {"filename": part["name"]} if part.get("name") else {}
        value = params.format(part["disposition"], named)
        fields.append(email_fields.field("Content-Disposition", value))
    if "cid" in part:
        fields.append(email_fields.field("Content-ID", f"<{part['cid']}>".encode()))
    if "language" in part:
        value = ", ".join(part["language"]).encode()
        fields.append(email_fields.field("Content-Language", value))
    if "location" in part:
        fields.append(email_fields.field("Content-Location", part["location"].encode()))
    return fields


def _arranged(text: Leaf | None, html: Leaf | None, attached: list[tuple[Leaf, bool]]) -> Node:
    """The usual structure of a text in one or two forms, with files."""
    inline = [leaf for leaf, is_inline in attached if is_inline and html is not None]
    files = [leaf for leaf, is_inline in attached if not (is_inline and html is not None)]
    shown: Node | None = html
    if html is not None and inline:
        shown = Multipart([], "multipart/related", [html, *inline])
    if text is not None:
        shown = text if shown is None else Multipart([], "multipart/alternative", [text, shown])
    if files:
        return Multipart([], "multipart/mixed", [*([] if shown is None else [shown]), *files])
    if shown is None:
        type_ = email_fields.field("Content-Type", b'text/plain; charset="utf-8"')
        return Leaf([type_], "text/plain", b"", "")
    return shown


# Writing


def pieces(
    draft: Draft, more: Iterable[bytes], blobs: Mapping[str, bytes | mmap.mmap], boundary: str
) -> Iterator[bytes]:
    """The message, a piece at a time.

    Args:
        draft: What `read` gave.
        more: Further fields, each with its CRLF.
        blobs: The content of every blob that it needs.
        boundary: What nobody can guess; of characters of a token.
    """
    yield b"".join(draft.fields)
    yield b"".join(more)
    yield from _node(draft.root, blobs, boundary)


def _node(node: Node, blobs: Mapping[str, bytes | mmap.mmap], boundary: str) -> Iterator[bytes]:
    if isinstance(node, Leaf):
        yield b"".join(node.fields)
        if node.text is not None:
            yield from _text_body(node.text)
        elif node.type == "message/rfc822":
            yield from _message_body(blobs[node.blob_id])
        else:
            yield from _file_body(blobs[node.blob_id])
        return
    yield b"".join(node.fields)
    value = params.format(node.type, {"boundary": boundary})
    yield email_fields.field("Content-Type", value)
    if any(_is_8bit(leaf, blobs) for leaf in _leaves(node)):
        yield b"Content-Transfer-Encoding: 8bit\r\n"
    mark = b"--" + boundary.encode()
    for n, child in enumerate(node.children):
        yield b"\r\n%b\r\n" % mark
        # No boundary may begin with another one (RFC 2046 5.1.1), hence the number in front.
        yield from _node(child, blobs, f"{n}.{boundary}")
    yield b"\r\n%b--\r\n" % mark


def _is_8bit(leaf: Leaf, blobs: Mapping[str, bytes | mmap.mmap]) -> bool:
    """Whether a part has to be written with octets above 127: only a message may not be encoded."""
    if leaf.text is not None or leaf.type != "message/rfc822":
        return False
    content = blobs[leaf.blob_id]
    return not all(content[at : at + CHUNK].isascii() for at in range(0, len(content), CHUNK))


def _text_body(text: bytes) -> Iterator[bytes]:
    if text.isascii() and b"\0" not in text and max(map(len, text.split(b"\r\n"))) <= LINE_MAX:
        yield b"Content-Transfer-Encoding: 7bit\r\n\r\n" + text
        return
    quoted = b2a_qp(text, istext=True)
    if len(quoted) * 2 <= len(text) * 3:  # people can read it; base64 takes 4 for 3
        yield b"Content-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted
    else:
        yield from _file_body(text)


def _file_body(content: bytes | mmap.mmap) -> Iterator[bytes]:
    yield b"Content-Transfer-Encoding: base64\r\n\r\n"
    for at in range(0, len(content), CHUNK):
        yield encodebytes(content[at : at + CHUNK]).replace(b"\n", b"\r\n")


def _message_body(content: bytes | mmap.mmap) -> Iterator[bytes]:
    ascii_only = all(content[at : at + CHUNK].isascii() for at in range(0, len(content), CHUNK))
    yield b"Content-Transfer-Encoding: %b\r\n\r\n" % (b"7bit" if ascii_only else b"8bit")
    at = 0
    while at < len(content):
        end = at + CHUNK
        if content[end - 1 : end] == b"\r":  # so that no CRLF is cut in two
            end += 1
        yield newlines.normalise(content[at:end])
        at = end


def check_blobs(missing: Sequence[str]) -> None:
    """Raise SetFault blobNotFound when blobs are missing (RFC 8621 4.6)."""
    if missing:
        text = "a file that the email names is not there"
        raise SetFault("blobNotFound", text, notFound=list(missing))

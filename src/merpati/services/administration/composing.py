"""Messages as programs describe them, and the bytes these become (RFC 5322)."""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error as Base64Error
from datetime import UTC, datetime
from email import policy
from email.errors import MessageError
from email.headerregistry import Address as Named
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Annotated, Any, Final

from msgspec import Meta, Struct, field

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.services.administration.accounts import Address
from merpati.wire.mime import addresses
from merpati.wire.smtp.paths import Path, parse_address

RECIPIENTS_MAX: Final = 1000
TEXT_MAX: Final = 5_000_000  # characters
RAW_MAX: Final = 64 << 20  # characters of base64

Line = Annotated[str, Meta(max_length=998, pattern=r"^[^\r\n\0]*$")]
Person = Annotated[
    str,
    Meta(
        min_length=3, max_length=998, pattern=r"^[^\r\n\0]*$",
        description="ani@example.org, or Ani Wijaya <ani@example.org>",
    ),
]  # fmt: skip
People = Annotated[list[Person], Meta(max_length=RECIPIENTS_MAX)]
Key = Annotated[
    str,
    Meta(
        max_length=255, pattern=r"^[!-~]*$",
        description="Of your choice: what has the same key within 90 days is sent once.",
    ),
]  # fmt: skip
Base64 = Annotated[str, Meta(description="base64", max_length=RAW_MAX)]
MediaType = Annotated[
    str, Meta(pattern=r"^[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}$")
]
_NAME: Final = re.compile(r"[!-9;-~]{1,76}")
# Fields that have a place of their own here, or that only servers write.
_TAKEN: Final = frozenset({
    "from", "sender", "to", "cc", "bcc", "reply-to", "subject", "date", "message-id",
    "mime-version", "received", "return-path", "delivered-to", "authentication-results",
    "dkim-signature", "arc-seal", "arc-message-signature", "arc-authentication-results",
})  # fmt: skip
_TAKEN_BEGIN: Final = ("content-", "resent-", "received-")


class Attachment(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A file that goes with a message; with `contentId` one that the HTML shows as `cid:`."""

    name: Line
    type: MediaType
    content: Base64
    content_id: Annotated[str, Meta(max_length=200, pattern=r"^[!-;=?-~]*$")] = ""


class NewMessage(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A message to be sent. Without `from` it is from the caller's own address."""

    from_: Person | None = field(default=None, name="from")
    to: People = []
    cc: People = []
    bcc: People = []
    reply_to: People = []
    subject: Line = ""
    text: Annotated[str, Meta(max_length=TEXT_MAX)] = ""
    html: Annotated[str, Meta(max_length=TEXT_MAX)] = ""
    headers: Annotated[dict[str, Line], Meta(max_length=50)] = {}
    attachments: Annotated[list[Attachment], Meta(max_length=50)] = []
    idempotency_key: Key = ""


class RawMessage(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A whole message (RFC 5322) to be sent as it is; its Bcc is left out."""

    sender: Address | None = None
    recipients: Annotated[list[Address], Meta(min_length=1, max_length=RECIPIENTS_MAX)]
    content: Base64
    idempotency_key: Key = ""


def person(text: str) -> addresses.Mailbox:
    """A name with an address. Raises SyntaxFault."""
    found = addresses.parse_list(text.encode("utf-8", "replace"))
    if len(found) != 1 or not isinstance(found[0], addresses.Mailbox) or not found[0].domain:
        raise SyntaxFault(f"{text!r} is no address: write ani@example.org, or Ani <ani@...>")
    parse_address(found[0].address)
    return found[0]


def path(text: str) -> Path:
    """The address alone. Raises SyntaxFault."""
    return parse_address(person(text).address)


def whole(content: str) -> bytes:
    """The bytes of a raw message with CRLF line ends. Raises SyntaxFault."""
    try:
        data = b64decode(content, validate=True)
    except Base64Error:
        raise SyntaxFault("content is not base64") from None
    if b"\0" in data:
        raise SyntaxFault("a message holds no NUL")
    lines = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n").removesuffix(b"\n")
    return lines.replace(b"\n", b"\r\n") + b"\r\n"


def compose(new: NewMessage, author: addresses.Mailbox, message_id: str, now: float) -> bytes:
    """The message. Raises Fault SYNTAX for what cannot be written."""
    people = [author, *map(person, [*new.to, *new.cc, *new.reply_to])]
    utf8 = not all(f"{one.local}{one.domain}".isascii() for one in people)
    message = EmailMessage(policy=policy.SMTP.clone(utf8=utf8))
    try:
        message["From"] = _named(author)
        for name, some in (("To", new.to), ("Cc", new.cc), ("Reply-To", new.reply_to)):
            if some:
                message[name] = [_named(person(one)) for one in some]
        message["Subject"] = new.subject
        message["Date"] = format_datetime(datetime.fromtimestamp(now, UTC))
        message["Message-ID"] = message_id
        for name, value in new.headers.items():
            _check_field(name)
            message[name] = value
        _add_body(message, new)
        return message.as_bytes()
    except (ValueError, MessageError, Base64Error, LookupError) as error:
        raise Fault(Kind.SYNTAX, f"the message cannot be composed: {error}") from None


def _add_body(message: EmailMessage, new: NewMessage) -> None:
    message.set_content(new.text)
    shown: Any = None
    if new.html:
        message.add_alternative(new.html, subtype="html")
        shown = next(part for part in message.iter_parts() if part.get_content_subtype() == "html")
    for one in new.attachments:
        main, _, sub = one.type.partition("/")
        data = b64decode(one.content, validate=True)
        if one.content_id and shown is not None:
            shown.add_related(
                data, maintype=main, subtype=sub, filename=one.name, disposition="inline",
                cid=f"<{one.content_id}>",
            )  # fmt: skip
        else:
            message.add_attachment(data, maintype=main, subtype=sub, filename=one.name)


def _named(one: addresses.Mailbox) -> Named:
    return Named(one.name, one.local, one.domain)


def _check_field(name: str) -> None:
    known = name.lower()
    if not _NAME.fullmatch(name) or known in _TAKEN or known.startswith(_TAKEN_BEGIN):
        raise Fault(Kind.SYNTAX, f"headers: {name[:80]!r} is not a field that you may set")

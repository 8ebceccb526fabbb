"""Signing a message (RFC 6376 5): relaxed/relaxed, the whole body, and no field to be added.

A field that is named once more than it stands cannot be added without breaking the
signature (RFC 6376 8.15, "oversigning"). That is done for all that tell a reader who wrote
what to whom, and a mail program how to show it. What lists and relays on the way add with
good reason (List-*, Sender, Resent-*) is signed as often as it stands.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from merpati.base.faults import SyntaxFault
from merpati.wire.dkim import tags as tag_list
from merpati.wire.dkim.canonical import Buffer, relax_field
from merpati.wire.dkim.content import Content
from merpati.wire.dkim.keys import SigningKey, digest_of
from merpati.wire.dkim.tags import Tags

OVERSIGNED: Final = (
    b"from",
    b"reply-to",
    b"to",
    b"cc",
    b"subject",
    b"date",
    b"message-id",
    b"in-reply-to",
    b"references",
    b"mime-version",
    b"content-type",
    b"content-transfer-encoding",
)
SIGNED: Final = (
    b"sender",
    b"content-disposition",
    b"content-id",
    b"content-description",
    b"auto-submitted",
    b"autocrypt",
    b"list-id",
    b"list-help",
    b"list-owner",
    b"list-post",
    b"list-subscribe",
    b"list-unsubscribe",
    b"list-unsubscribe-post",
    b"list-archive",
    b"resent-from",
    b"resent-to",
    b"resent-cc",
    b"resent-date",
    b"resent-message-id",
    b"resent-sender",
)
MAX_REPEATS: Final = 10
"""Fields of one name that are signed, from the bottom."""


def sign(content: Buffer | Content, key: SigningKey, now: int, lifetime: int = 0) -> bytes:
    """A DKIM-Signature field with its CRLF, to stand above the message.

    Args:
        content: The message as it is sent, with CRLF line ends.
        key: To sign with.
        now: Unix seconds.
        lifetime: Seconds after which the signature counts no longer; 0: it always does.

    Raises:
        SyntaxFault: there is no From field, or the header is too long to be read whole.
    """
    if not isinstance(content, Content):
        content = Content(content)
    if not content.named(b"from") or not content.whole:
        raise SyntaxFault("a message without a From field, or with a huge header, is not signed")
    names = covered(content)
    tags = {b"v": b"1"} | signature_tags(key, names, now)
    if lifetime:
        tags[b"x"] = b"%d" % (now + lifetime)
    return seal_fields(b"DKIM-Signature", tags, content, names, key)


def covered(content: Content, signed: Iterable[bytes] = SIGNED) -> list[bytes]:
    """The names to sign of what a message has; each stands as often as it is signed."""
    names = []
    for name in OVERSIGNED:
        names += [name] * (min(len(content.named(name)), MAX_REPEATS) + 1)
    for name in signed:
        names += [name] * min(len(content.named(name)), MAX_REPEATS)
    return names


def signature_tags(key: SigningKey, names: list[bytes], now: int) -> Tags:
    """The tags that DKIM-Signature and ARC-Message-Signature share, without "bh" and "b"."""
    return {
        b"a": key.algorithm.encode(),
        b"c": b"relaxed/relaxed",
        b"d": key.domain.encode(),
        b"s": key.selector.encode(),
        b"t": b"%d" % now,
        b"h": b":".join(names),
    }


def seal_fields(
    field_name: bytes, tags: Tags, content: Content, names: list[bytes], key: SigningKey
) -> bytes:
    """The field that signs the body and the fields named, in relaxed form."""
    tags[b"bh"] = tag_list.base64(content.hash_body("relaxed"))
    parts = [content.canonical(field, "relaxed") for field in content.select(names)]
    return finish(field_name, tags, parts, key)


def finish(field_name: bytes, tags: Tags, parts: list[bytes], key: SigningKey) -> bytes:
    """A signature's field, whose "b" signs the parts and the field itself without "b".

    "b" begins a line: before it stands white space, with the signature as without.
    """
    bare = tag_list.fold(field_name, tags | {b"b": b""})
    value = bare[len(field_name) + 1 : -2]
    digest = digest_of([*parts, relax_field(field_name.lower(), value)[:-2]])
    lines = tag_list.cut(b"b=" + tag_list.base64(key.sign(digest)))
    return b"\r\n\t".join((bare[: -len(b"b=\r\n")].rstrip(), *lines)) + b"\r\n"

"""What every reading protocol needs of a message, computed once when it is stored."""

from __future__ import annotations

import mmap
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final

from merpati.model.message import Digest
from merpati.wire.imap import structure
from merpati.wire.imap.envelope import envelope
from merpati.wire.mime import dates, headers, text, tree, words
from merpati.wire.mime.headers import Headers
from merpati.wire.mime.subject import base_subject, message_ids

REFS_MAX: Final = 20  # its own id, the thread's root and the nearest ancestors
SENT_MIN: Final = datetime(1970, 1, 1, tzinfo=UTC)


def digest(content: bytes | mmap.mmap, received_at: int) -> Digest:
    """Parse a message, whatever it is: broken mail gives a poorer digest, never an exception.

    Args:
        content: The message.
        received_at: Unix milliseconds; stands in for a Date field that is not there.
    """
    root = tree.parse(content)
    fields = headers.split(content, root.header_start, root.body_start)
    own = message_ids(fields.get(b"message-id") or b"")[:1]
    return Digest(
        structure=tree.encode(root),
        envelope=envelope(fields),
        bodystructure=structure.bodystructure(root, content),
        sent_at=_sent_at(fields, received_at),
        preview=text.preview(content, root),
        message_id=own[0].decode("utf-8", "replace") if own else "",
        thread_refs=_thread_refs(fields, own),
    )


def _sent_at(fields: Headers, received_at: int) -> int:
    raw = fields.get(b"date")
    sent = dates.parse(raw) if raw else None
    if sent is None or sent < SENT_MIN:
        return received_at
    return int(sent.timestamp() * 1000)


def _thread_refs(fields: Headers, own: list[bytes]) -> tuple[int, ...]:
    """Hashes of each message id together with the base subject (RFC 8621 3)."""
    ancestors = message_ids(fields.get(b"references") or b"")
    ancestors += message_ids(fields.get(b"in-reply-to") or b"")
    if len(ancestors) >= REFS_MAX:
        ancestors = ancestors[:1] + ancestors[2 - REFS_MAX :]
    if not own and not ancestors:
        return ()
    subject = base_subject(words.decode(fields.get(b"subject") or b"")).casefold()
    salt = blake2b(subject.encode("utf-8", "replace"), digest_size=16).digest()
    # A dict keeps the first of each, in order.
    return tuple(dict.fromkeys(_ref(found, salt) for found in own + ancestors))


def _ref(message_id: bytes, salt: bytes) -> int:
    short = blake2b(message_id, digest_size=8, salt=salt).digest()
    return int.from_bytes(short, "big", signed=True)

"""A message: immutable bytes, and what parsing found in them once."""

from __future__ import annotations

from typing import Final

import msgspec

SEEN: Final = "$seen"
DELETED: Final = "$deleted"  # IMAP's \Deleted; no other protocol shows it
# What RFC 3501 2.3.2 calls system flags: every message has them, set or not.
SYSTEM: Final = frozenset({SEEN, DELETED, "$answered", "$draft", "$flagged"})
KEYWORDS_MAX: Final = 100  # of one email
KEYWORD_LENGTH_MAX: Final = 255  # RFC 8621 4.1.1


class Digest(msgspec.Struct, frozen=True):
    """What every reading protocol needs of a message, so that none parses it again."""

    structure: bytes  # wire.mime.tree.encode
    envelope: bytes  # prepared for IMAP
    bodystructure: bytes  # prepared for IMAP
    sent_at: int  # ms; of the Date field, else when it came
    preview: str
    message_id: str  # with its angle brackets, or empty
    thread_refs: tuple[int, ...]  # signed 64-bit hashes; its own first
    references: bytes = b""  # the References field as written, in one line
    tls_optional: bool = False  # it says "TLS-Required: No" (RFC 8689 4.1)
    subject: str = ""  # decoded, shortened: for the trace
    sent_day: int | None = None  # that the Date field names in its own zone, from 1970-01-01


class EmailRow(msgspec.Struct, frozen=True, array_like=True):
    """An email in a mailbox: the columns that listing needs."""

    uid: int
    modseq: int
    email_id: int
    blob_id: int
    received_at: int  # ms
    size: int  # bytes
    keywords: str  # sorted, separated by spaces


def join_keywords(keywords: set[str]) -> str:
    """Keywords in their stored form."""
    return " ".join(sorted(keywords))

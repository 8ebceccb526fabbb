"""What every reading protocol needs of a message, computed once when it is stored."""

from __future__ import annotations

import asyncio
import mmap
from hashlib import blake2b
from typing import Final

from merpati.model.message import Digest
from merpati.wire.imap import envelope, structure
from merpati.wire.mime import dates, headers, report, text, tree, words
from merpati.wire.mime.subject import base_subject, message_ids

REFS_MAX: Final = 20  # its own id, the thread's root and the nearest ancestors
REFERENCES_MAX: Final = 8192  # octets of a References field that are kept as they are
SUBJECT_SHOWN: Final = 120  # characters of it that the trace keeps
LARGE: Final = 512 * 1024  # bytes; parsing more would hold up the event loop
PARSED_AT_ONCE: Final = 2  # large messages; each is mapped into memory meanwhile
_TLS_REQUIRED: Final = b"tls-required"
_KEYS: Final = tree.KEYS | envelope.KEYS | {b"references", _TLS_REQUIRED}
_OUTLINED: Final = {b"message-id", b"subject", _TLS_REQUIRED}
_REPORT: Final = blake2b(b"report", digest_size=16).digest()
_Fields = dict[bytes, bytes]  # unfolded values by lower-case name


def digest(content: bytes | mmap.mmap, received_at: int) -> Digest:
    """Parse a message, whatever it is: broken mail gives a poorer digest, never an exception.

    Args:
        content: The message.
        received_at: Unix milliseconds; stands in for a Date field that is not there.
    """
    root, fields = tree.read(content, _KEYS, envelope.RECIPIENTS)
    own = message_ids(fields.get(b"message-id", b""))[:1]
    subject = words.decode(fields.get(b"subject", b""))
    sent, sent_day = dates.written(fields.get(b"date", b""))
    return Digest(
        structure=tree.encode(root),
        envelope=envelope.of_values(fields),
        bodystructure=structure.bodystructure(root, content),
        sent_at=received_at if sent is None else sent * 1000,
        preview=text.preview(content, root),
        message_id=own[0].decode("utf-8", "replace") if own else "",
        thread_refs=_thread_refs(fields, own, subject) + _report_refs(content, root),
        references=_references(fields),
        tls_optional=_tls_optional(fields),
        subject=subject[:SUBJECT_SHOWN],
        sent_day=sent_day,
    )


class Digester:
    """Makes digests for all servers of one worker: large messages in a thread, few at once."""

    def __init__(self) -> None:
        self._turns = asyncio.Semaphore(PARSED_AT_ONCE)

    async def digest(self, content: bytes | mmap.mmap, received_at: int) -> Digest:
        """As `digest`, without holding up the event loop."""
        if len(content) <= LARGE:
            return digest(content, received_at)
        async with self._turns:
            return await asyncio.to_thread(digest, content, received_at)


def outline(content: bytes | mmap.mmap, received_at: int) -> Digest:
    """Only the message id: enough for a message that no mailbox here takes now.

    The deliverer parses it anew should it come to a mailbox after all.
    """
    end = content.find(b"\r\n\r\n", 0, headers.MAX_BYTES)
    fields = headers.collect(content, 0, end if end >= 0 else len(content), _OUTLINED)
    own = message_ids(fields.get(b"message-id", b""))[:1]
    message_id = own[0].decode("utf-8", "replace") if own else ""
    return Digest(
        b"", b"", b"", received_at, "", message_id, (),
        tls_optional=_tls_optional(fields),
        subject=words.decode(fields.get(b"subject", b""))[:SUBJECT_SHOWN],
    )  # fmt: skip


def _tls_optional(fields: _Fields) -> bool:
    """Whether it is to arrive rather than to be encrypted (RFC 8689 4.1)."""
    return _TLS_REQUIRED in fields and fields[_TLS_REQUIRED].strip().lower() == b"no"


def _thread_refs(fields: _Fields, own: list[bytes], subject: str) -> tuple[int, ...]:
    """Hashes of each message id together with the base subject (RFC 8621 3)."""
    ancestors: list[bytes] = []
    for key in (b"references", b"in-reply-to"):
        if key in fields:
            ancestors += message_ids(fields[key])
    if len(ancestors) >= REFS_MAX:
        ancestors = ancestors[:1] + ancestors[2 - REFS_MAX :]
    if not own and not ancestors:
        return ()
    base = base_subject(subject).casefold()
    salt = blake2b(base.encode("utf-8", "replace"), digest_size=16).digest()
    # A dict keeps the first of each, in order; the parent mostly stands in both fields.
    return tuple([_ref(found, salt) for found in dict.fromkeys(own + ancestors)])


def _report_refs(content: bytes | mmap.mmap, root: tree.Part) -> tuple[int, ...]:
    """Of a report, the ref that all reports about the same message have."""
    original = report.about(content, root)
    return () if original is None else (report_ref(original),)


def report_ref(message_id: bytes) -> int:
    """By which the reports about a message are found; its id has angle brackets."""
    return _ref(message_id, _REPORT)


def _references(fields: _Fields) -> bytes:
    """The References field; of one that is too long the root and the nearest ancestors."""
    raw = fields.get(b"references", b"")
    if len(raw) <= REFERENCES_MAX:
        return raw
    ids = message_ids(raw)
    return b" ".join(ids[:1] + ids[1:][1 - REFS_MAX :])


def _ref(message_id: bytes, salt: bytes) -> int:
    short = blake2b(message_id, digest_size=8, salt=salt).digest()
    return int.from_bytes(short, "big", signed=True)

"""A message as a program wrote it, made whole: line ends, missing fields, its recipients.

What RFC 6409 8 lets a submission server do: Date, Message-ID and From are added when they
are missing, Bcc goes (RFC 5322 3.6.3), and what programs write that is no header field
(an mbox "From " line, a body without the empty line before it) is set right. All else
stays as it was written. Nothing here reads a clock or a file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault
from merpati.wire import newlines
from merpati.wire.mime import addresses, headers
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.smtp.paths import Path, parse_address
from merpati.wire.trace import date_time

if TYPE_CHECKING:
    from collections.abc import Sequence

    from merpati.wire.mime.headers import Field

CRLF: Final = b"\r\n"
RECIPIENT_FIELDS: Final = (b"to", b"cc", b"bcc")
# RFC 5322 3.6.6: once one of these is there, it is sent on to them, and not to the others.
RESENT_FIELDS: Final = (b"resent-to", b"resent-cc", b"resent-bcc")
# Bcc tells those who read it of those who should stay unseen; Return-Path is for delivery to add.
DROPPED: Final = frozenset({b"bcc", b"resent-bcc", b"return-path"})


@dataclass(frozen=True, slots=True)
class Draft:
    """A message in its parts: `body` begins with the empty line that ends the header."""

    fields: tuple[Field, ...]
    header: bytes  # which `fields` have their offsets in
    body: bytes

    def has(self, key: bytes) -> bool:
        """Whether there is a field of this lower-case name."""
        return any(field.key == key for field in self.fields)

    def recipients(self) -> list[str]:
        """The addresses of To, Cc and Bcc, or of their Resent- forms, each once."""
        keys = RESENT_FIELDS if any(map(self.has, RESENT_FIELDS)) else RECIPIENT_FIELDS
        found: dict[str, None] = {}
        for field in self.fields:
            if field.key in keys:
                for entry in addresses.parse_list(field.value):
                    if isinstance(entry, Mailbox) and entry.address:
                        found[str(Path(entry.local, entry.domain.lower()))] = None
        return list(found)

    def complete(self, sender: Mailbox, message_id: str, now: float) -> bytes:
        """The message with what it lacked, and without what is not for its readers.

        Args:
            sender: For From, when that is missing.
            message_id: For Message-ID, with its angle brackets.
            now: For Date; Unix seconds.
        """
        added = []
        if not self.has(b"date"):
            added.append(b"Date: %b\r\n" % date_time(now).encode())
        if not self.has(b"from"):
            added.append(b"From: %b\r\n" % addresses.format([sender]))
        if not self.has(b"message-id"):
            added.append(b"Message-ID: %b\r\n" % message_id.encode())
        kept = [
            self.header[field.start : field.end]
            for field in self.fields
            if field.key not in DROPPED
        ]
        return b"".join([*added, *kept, self.body])


def read(raw: bytes) -> Draft:
    """Take a message apart; any bytes are one.

    Args:
        raw: With any line ends; they become CRLF (RFC 5321 2.3.8).
    """
    data = newlines.normalise(raw)
    if data.startswith(b"From "):  # what an mbox has between two messages
        data = data.partition(CRLF)[2]
    if not data.endswith(CRLF):
        data += CRLF
    fields: list[Field] = []
    for field in headers.split(data).fields:
        if not field.name:  # no field: so this is the body already
            return Draft(tuple(fields), data[: field.start], CRLF + data[field.start :])
        fields.append(field)
    end = fields[-1].end if fields else 0
    return Draft(tuple(fields), data[:end], data[end:] or CRLF)


def qualify(addresses_given: Sequence[str], domain: str) -> list[Path]:
    """Addresses as paths; one without a domain, such as `root`, is at home in `domain`.

    Raises:
        SyntaxFault: one of them is no address; the text names it.
    """
    paths = []
    for text in addresses_given:
        try:
            paths.append(
                parse_address(text if "@" in text or text in {"", "<>"} else f"{text}@{domain}")
            )
        except SyntaxFault as fault:
            raise SyntaxFault(f"{text[:100]}: {fault.text}") from None
    return paths

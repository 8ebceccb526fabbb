r"""What header pages hold of a message, among the words that the text index holds.

A search in a field asks the index which messages may have a text there, and looks at the header
pages of these only. Pages hold fields as ENVELOPE shows them, the index as they are written: an
address `ani@a.example (Ani)` is `Ani <ani@a.example>` there, and `"A\ni"` is `Ani`. So what is
shown in another order than it is written is entered in both.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.services.finding import columns
from merpati.store.text_index import Entry
from merpati.wire.imap import prepared
from merpati.wire.text.folding import spaced

# Letters and digits in lower case, all else as spaces.
_WORDS: Final = bytes(ord(chr(n).lower()) if chr(n).isalnum() else 32 for n in range(128)).ljust(
    256
)


def with_shown(entry: Entry, envelope: bytes) -> Entry:
    """An entry with what its prepared ENVELOPE shows besides.

    `partial` says that this may not be all: then the message is looked at whatever is looked for.
    """
    try:
        if _is_as_written(entry, envelope):
            return entry
        shown = columns.searched(envelope)
    except SyntaxFault:
        return msgspec.structs.replace(entry, partial=True)
    wanted = (
        (entry.subject, (shown.subject,)),
        (entry.sender, (shown.sender,)),
        (entry.recipients, shown.recipients),
        (entry.header, shown.ids),
    )
    found = [_joined(line, texts) for line, texts in wanted]
    subject, sender, recipients, header = [line for line, _ in found]
    partial = entry.partial or shown.cut or not all(whole for _, whole in found)
    return msgspec.structs.replace(
        entry, subject=subject, sender=sender, recipients=recipients, header=header,
        partial=partial,
    )  # fmt: skip


def _is_as_written(entry: Entry, envelope: bytes) -> bool:
    """Whether an ENVELOPE clearly shows nothing but what an entry holds, as nearly all do."""
    if len(envelope) > columns.TEXT_MAX or not envelope.isascii():
        return False
    if b"\\" in envelope or b"=?" in envelope or not envelope.decode().isprintable():
        return False
    _, subject, sender, to, cc, bcc, in_reply_to, message_id = prepared.fields(envelope)
    return (
        _holds(entry.subject, subject)
        and _holds(entry.sender, sender)
        and _holds(entry.recipients, to, cc, bcc)
        and _holds(entry.header, in_reply_to, message_id)
    )


def _holds(line: str, *fields: bytes) -> bool:
    """Whether the words of fields of an ENVELOPE follow each other in a line of words."""
    held = b" %b " % b" ".join(line.encode().split())
    for field in fields:
        if field != b"NIL":
            said = field.replace(b"(NIL NIL ", b"(").replace(b" NIL ", b" ")  # no name, no route
            if b" %b " % b" ".join(said.translate(_WORDS).split()) not in held:
                return False
    return True


def _joined(line: str, texts: Iterable[str]) -> tuple[str, bool]:
    """Words and those of other texts that do not stand there in their order; if that is all.

    A word that stands nowhere is left out, for a search in the whole text is not to find it.
    """
    held = f" {' '.join(line.split())} "
    for text in texts:
        words = spaced(text).split()
        if not words or f" {' '.join(words)} " in held:
            continue
        if not set(words).issubset(held.split()):
            return line, False
        line = f"{line} {' '.join(words)}"
    return line, True

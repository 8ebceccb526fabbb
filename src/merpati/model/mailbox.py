"""Mailboxes: what RFC 8621 and RFC 9051 call so."""

from __future__ import annotations

from typing import Final

import msgspec

SEPARATOR: Final = "/"
INBOX_ID: Final = 1  # every account's INBOX, so that one statement delivers to many
DEPTH_MAX: Final = 20
NAME_MAX: Final = 200  # characters of one level
MAILBOXES_MAX: Final = 10_000  # of one account
# Where the mailboxes of others are found (RFC 2342); nobody's own may begin with these.
OTHER_USERS: Final = "Other Users"
SHARED: Final = "Shared"
RESERVED: Final = frozenset({OTHER_USERS, SHARED})

# What a new account starts with: name, RFC 8621 role.
STANDARD: Final = (
    ("INBOX", "inbox"),
    ("Drafts", "drafts"),
    ("Sent", "sent"),
    ("Junk", "junk"),
    ("Trash", "trash"),
    ("Archive", "archive"),
)


# Spaces other than the common one, and the joiners without which Persian, the Indic scripts and
# many emoji cannot be written.
_UNSEEN: Final = dict.fromkeys(
    (0xA0, 0x1680, *range(0x2000, 0x200B), 0x200C, 0x200D, 0x202F, 0x205F, 0x3000)
)


def is_shown(name: str) -> bool:
    """Whether a name holds nothing but what people write: no control, format or private characters.

    `str.isprintable` would call all space but the common one and all joiners unprintable.
    """
    return name.isprintable() or name.translate(_UNSEEN).isprintable()


class Mailbox(msgspec.Struct, frozen=True):
    """A mailbox with its counters, as of one transaction."""

    id: int
    name: str  # full path, levels joined by SEPARATOR
    role: str  # RFC 8621 2, or empty
    uidvalidity: int
    uidnext: int
    recent_from: int  # UIDs from here on are \Recent to the next session that selects it
    total: int
    unseen: int
    size: int  # bytes
    modseq: int  # of the last change to what it holds

"""What other programs call the mailboxes that every account has here."""

from __future__ import annotations

from typing import Final

from merpati.model.mailbox import DEPTH_MAX, NAME_MAX, RESERVED, SEPARATOR, is_shown

# RFC 8621 role by name in lower case, as Outlook, Apple Mail, Gmail, Thunderbird, Horde and
# Roundcube have named them, and the Indonesian of each.
_ROLES: Final = {
    "sent": (
        *("sent", "sent items", "sent messages", "sent mail", "sent-mail", "outbox"),
        *("terkirim", "surat terkirim", "item terkirim", "pesan terkirim", "[gmail]/sent mail"),
        *("gesendet", "gesendete elemente", "éléments envoyés", "enviados"),
    ),
    "drafts": (
        *("drafts", "draft", "draf", "konsep", "[gmail]/drafts", "entwürfe", "brouillons"),
        *("borradores",),
    ),
    "junk": (
        *("junk", "spam", "junk e-mail", "junk email", "junk mail", "bulk mail", "[gmail]/spam"),
        *("surat sampah", "email sampah", "spamverdacht", "courrier indésirable"),
    ),
    "trash": (
        *("trash", "deleted items", "deleted messages", "deleted", "bin", "[gmail]/trash"),
        *("[gmail]/bin", "sampah", "tong sampah", "item terhapus", "papierkorb", "corbeille"),
        *("gelöschte elemente", "papelera"),
    ),
    "archive": ("archive", "archives", "arsip", "archiv", "archivo"),
}
_ROLE_OF: Final = {name: role for role, names in _ROLES.items() for name in names}


def role_of(path: str) -> str:
    """The RFC 8621 role that a mailbox's name speaks of, or an empty string."""
    return "inbox" if path.upper() == "INBOX" else _ROLE_OF.get(path.lower(), "")


def safe_path(path: str) -> str:
    """A path that a mailbox may have here, as near to a foreign one as possible."""
    levels = [
        "".join(char if is_shown(char) else "_" for char in level.strip())[:NAME_MAX]
        for level in path.split(SEPARATOR)
    ]
    kept = [level for level in levels if level] or ["Imported"]
    if kept[0] in RESERVED:  # where the mailboxes of others are found here
        kept[0] += "_"
    if len(kept) > DEPTH_MAX:
        kept = [*kept[: DEPTH_MAX - 1], " - ".join(kept[DEPTH_MAX - 1 :])[:NAME_MAX]]
    return SEPARATOR.join(kept)

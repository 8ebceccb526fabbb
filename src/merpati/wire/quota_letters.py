"""Letters about a quota that is nearly used up, in English and Bahasa Indonesia.

One goes to the owner of a mailbox; another one to who administers a domain whose mailboxes have
little room left together.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Words(NamedTuple):
    """The letter in one language, with fields in braces."""

    subject: str
    text: str
    storage: str
    messages: str


_WORDS: Final[dict[str, Words]] = {
    "en": Words(
        "Your mailbox {address} is nearly full",
        "{address} has little room left:\n\n"
        "{lines}\n"
        "When it is full, new mail for it is refused. To make room:\n"
        "  - Delete what you do not need, with large attachments first.\n"
        "  - Empty the trash: mail in it counts, too.\n\n"
        "If that is not enough, ask your administrator for more room: {administrator}\n\n"
        "This letter comes once, and again only after there was room in between.\n",
        "  - {used} of {quota} are used.\n",
        "  - There are {used} messages, and {quota} at most.\n",
    ),
    "id": Words(
        "Kotak surat {address} hampir penuh",
        "Ruang di {address} tinggal sedikit:\n\n"
        "{lines}\n"
        "Bila sudah penuh, surat baru akan ditolak. Untuk mendapat ruang:\n"
        "  - Hapuslah yang tidak diperlukan, mulai dari lampiran besar.\n"
        "  - Kosongkan tempat sampah: surat di dalamnya ikut dihitung.\n\n"
        "Bila itu tidak cukup, mintalah ruang tambahan kepada administrator: {administrator}\n\n"
        "Surat ini datang satu kali, dan baru datang lagi setelah sempat ada ruang.\n",
        "  - {used} dari {quota} sudah terpakai.\n",
        "  - Ada {used} surat, paling banyak {quota}.\n",
    ),
}
_OF_DOMAIN: Final[dict[str, Words]] = {
    "en": Words(
        "The mailboxes of {domain} are nearly full",
        "All mailboxes of {domain} together have little room left:\n\n"
        "{lines}\n"
        "When it is used up, new mail for all of them is refused. To make room:\n"
        "  - See who uses most: merpati account list {domain}\n"
        "  - Let these people delete what they do not need.\n"
        "  - Or allow more: merpati domain set {domain} --quota SIZE\n\n"
        "This letter comes once, and again only after there was room in between.\n",
        "  - {used} of {quota} are used.\n",
        "  - There are {used} messages, and {quota} at most.\n",
    ),
    "id": Words(
        "Kotak surat di {domain} hampir penuh",
        "Ruang semua kotak surat di {domain} bersama-sama tinggal sedikit:\n\n"
        "{lines}\n"
        "Bila sudah habis, surat baru untuk semuanya akan ditolak. Untuk mendapat ruang:\n"
        "  - Lihat siapa yang memakai paling banyak: merpati account list {domain}\n"
        "  - Mintalah mereka menghapus yang tidak diperlukan.\n"
        "  - Atau izinkan lebih banyak: merpati domain set {domain} --quota UKURAN\n\n"
        "Surat ini datang satu kali, dan baru datang lagi setelah sempat ada ruang.\n",
        "  - {used} dari {quota} sudah terpakai.\n",
        "  - Ada {used} surat, paling banyak {quota}.\n",
    ),
}

Storage = tuple[str, str]
"""What is used and what is allowed, as sizes for people."""

Messages = tuple[int, int]
"""The same as numbers of messages."""


def write(
    language: str, address: str, administrator: str, *,
    storage: Storage | None = None, messages: Messages | None = None,
) -> tuple[str, str]:  # fmt: skip
    """Subject and text of the letter to the owner of a mailbox.

    Args:
        language: "en" or "id".
        address: The account's.
        administrator: Whom to ask.
        storage: What is used and what is allowed, if that is nearly used up.
        messages: The same as numbers of messages.
    """
    words = _WORDS.get(language, _WORDS["en"])
    fields = {"address": address, "administrator": administrator}
    return _fill(words, fields, storage, messages)


def write_of_domain(
    language: str, domain: str, *,
    storage: Storage | None = None, messages: Messages | None = None,
) -> tuple[str, str]:  # fmt: skip
    """Subject and text of the letter to who administers a domain; arguments as in `write`."""
    return _fill(_OF_DOMAIN.get(language, _OF_DOMAIN["en"]), {"domain": domain}, storage, messages)


def _fill(
    words: Words, fields: dict[str, str], storage: Storage | None, messages: Messages | None
) -> tuple[str, str]:
    lines = ""
    if storage is not None:
        lines += words.storage.format(used=storage[0], quota=storage[1])
    if messages is not None:
        lines += words.messages.format(used=messages[0], quota=messages[1])
    return words.subject.format_map(fields), words.text.format_map(fields | {"lines": lines})

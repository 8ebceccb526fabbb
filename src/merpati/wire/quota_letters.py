"""The letter about a quota that is nearly used up, in English and Bahasa Indonesia."""

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


def write(
    language: str, address: str, administrator: str, *,
    storage: tuple[str, str] | None = None, messages: tuple[int, int] | None = None,
) -> tuple[str, str]:  # fmt: skip
    """Subject and text.

    Args:
        language: "en" or "id".
        address: The account's.
        administrator: Whom to ask.
        storage: What is used and what is allowed, as sizes for people, if that is nearly used up.
        messages: The same as numbers of messages.
    """
    words = _WORDS.get(language, _WORDS["en"])
    lines = ""
    if storage is not None:
        lines += words.storage.format(used=storage[0], quota=storage[1])
    if messages is not None:
        lines += words.messages.format(used=messages[0], quota=messages[1])
    text = words.text.format(address=address, lines=lines, administrator=administrator)
    return words.subject.format(address=address), text

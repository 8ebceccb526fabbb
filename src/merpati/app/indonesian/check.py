"""`merpati check`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    """\
Look for damage in the store, and mend it. The server may run meanwhile.

Every row is held against the others, and every message is read and hashed. No mail is ever
deleted. The exit status is 1 while damage remains.""": """\
Cari kerusakan di penyimpanan, dan perbaiki. Server boleh tetap berjalan.

Setiap baris dicocokkan dengan yang lain, dan setiap pesan dibaca serta dihitung hash-nya.
Surat tidak pernah dihapus. Status keluarnya 1 selama masih ada kerusakan.""",
    "mend what can be mended": "perbaiki yang dapat diperbaiki",
    "{accounts} account{s}, {messages} message{t}: all is well.": (
        "{accounts} akun, {messages} pesan: semua beres."
    ),
    ("{accounts} account{s}, {messages} message{t}: {found} damage{u} found, {mended} mended."): (
        "{accounts} akun, {messages} pesan: {found} kerusakan ditemukan, {mended} diperbaiki."
    ),
    "mended  {what}: {where}": "beres   {what:said}: {where:text}",
    "left    {what}: {where}": "sisa    {what:said}: {where:text}",
    "... and {count} more": "... dan {count} lagi",
    "What can be mended without losing mail is, with: merpati check --repair": (
        "Yang dapat diperbaiki tanpa kehilangan surat akan diperbaiki dengan: merpati"
        " check --repair"
    ),
    "What is left needs a backup, or your decision; nothing of it was deleted.": (
        "Sisanya memerlukan cadangan, atau keputusan Anda; tidak ada yang dihapus."
    ),
}

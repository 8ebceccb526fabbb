"""`merpati index`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    (
        "The text index: how far it is, bring it up to date, or build it anew.\n\n"
        "While the server runs, its own process keeps the index, and this shows how it gets on;"
        " without\n"
        "one the work is done here. Search stays right all the while: what is not indexed yet"
        " is read."
    ): (
        "Indeks teks: kemajuannya, mutakhirkan, atau bangun ulang.\n\n"
        "Selagi server berjalan, prosesnya sendiri yang mengurus indeks, dan perintah ini"
        " menampilkan\n"
        "kemajuannya; tanpa server, pekerjaannya dilakukan di sini. Pencarian selalu benar:"
        " yang belum\n"
        "diindeks dibaca langsung."
    ),
    "one account; all when not given": "satu akun; semua bila tidak disebut",
    "throw it away and build it anew": "buang dan bangun ulang",
    "only say how far it is": "hanya sebutkan kemajuannya",
    "there is no text index: set index = true under [search]": (
        "tidak ada indeks teks: setel index = true di [search]"
    ),
    "{emails} emails are not in the index yet, and documents of {messages} messages.": (
        "{emails} surat belum ada di indeks, begitu pula dokumen dari {messages} pesan."
    ),
    "Everything is in the index.": "Semuanya sudah ada di indeks.",
    "another process keeps the index now": "proses lain sedang mengurus indeks",
    "the text index has version {one}, this release knows {other}; upgrade it": (
        "indeks teks berversi {one}, rilis ini mengenal {other}; mutakhirkan rilisnya"
    ),
    "indexing": "mengindeks",
}

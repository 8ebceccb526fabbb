"""`merpati audit`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Who changed what: every change of an administrator, and taking one back.": (
        "Siapa mengubah apa: setiap perubahan administrator, dan mengurungkannya."
    ),
    "changes, the latest first": "perubahan, yang terbaru lebih dulu",
    "a part of who, what or whom": "bagian dari siapa, apa, atau kepada siapa",
    "at most so many": "paling banyak sekian",
    "one change: from what, into what, can it be taken back": (
        "satu perubahan: dari apa, menjadi apa, dapatkah diurungkan"
    ),
    "take a change back; that can be taken back as well": (
        "urungkan sebuah perubahan; itu pun dapat diurungkan lagi"
    ),
    "of audit list": "dari audit list",
    "number": "nomor",
    "who": "siapa",
    "what": "apa",
    "whom": "kepada",
    "before": "sebelum",
    "after": "sesudah",
    "Nothing has been changed yet.": "Belum ada yang diubah.",
    "It takes back change {number}.": "Ini mengurungkan perubahan {number}.",
    "It was taken back by change {number}.": "Ini diurungkan oleh perubahan {number}.",
    "To take it back: merpati audit undo {number}": (
        "Untuk mengurungkannya: merpati audit undo {number}"
    ),
    "Change {number} of {subject} is taken back, by change {done}.": (
        "Perubahan {number} pada {subject} diurungkan, oleh perubahan {done}."
    ),
    "there is no change {number}; see: merpati audit list": (
        "tidak ada perubahan {number}; lihat: merpati audit list"
    ),
}

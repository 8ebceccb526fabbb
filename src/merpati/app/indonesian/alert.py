"""`merpati alert`, in Indonesian; the alerts themselves are told by `wire/alert_words.py`."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    ("What is wrong and worth waking somebody; it is found, and closed, by the running server."): (
        "Apa yang tidak beres dan perlu segera diketahui; server yang berjalan menemukannya,"
        " dan menutupnya."
    ),
    "what is wrong now": "apa yang tidak beres sekarang",
    "also what was": "juga yang sudah lewat",
    "Nothing is wrong, as far as the server knows.": (
        "Tidak ada yang tidak beres, sejauh diketahui server."
    ),
    "since {begin}": "sejak {begin:text}",
    "since {begin}, until {end}": "sejak {begin:text}, sampai {end:text}",
}

"""What the server says to people, in the languages of LANG (RFC 6856 3).

A text is looked up as it would be said in English, its numbers left out; what has no row is said
in English.
"""

from __future__ import annotations

import re
from typing import Final

DEFAULT: Final = "en"  # also called i-default (RFC 6856 3.2)
# Tag, and the language's own name for itself.
LANGUAGES: Final = {"en": "English", "id": "Bahasa Indonesia"}

_NUMBER: Final = re.compile("[0-9]+")
_INDONESIAN: Final = {
    "bye": "sampai jumpa",
    "begin the TLS handshake": "mulailah jabat tangan TLS",
    "what is offered now": "yang ditawarkan sekarang",
    "the languages are": "bahasa yang ada",
    "UTF-8 it is": "memakai UTF-8",
    "# messages (# octets)": "# pesan (# oktet)",
    "# octets": "# oktet",
    "message # is deleted at QUIT": "pesan # dihapus saat QUIT",
    "no such message, there are #": "tidak ada pesan itu, jumlahnya #",
    "message # is deleted": "pesan # sudah dihapus",
    "no such message, another program has removed it": (
        "tidak ada pesan itu, program lain telah menghapusnya"
    ),
    "wrong name or password": "nama atau kata sandi salah",
    "another POP3 session has this mailbox open; try again later": (
        "sesi POP3 lain sedang membuka kotak surat ini; coba lagi nanti"
    ),
    "too many wrong passwords from your address; wait a while": (
        "terlalu banyak kata sandi salah dari alamat Anda; tunggulah sebentar"
    ),
    "use TLS before signing in: STLS, or port #": "pakailah TLS sebelum masuk: STLS, atau porta #",
    "sign in first": "masuklah dahulu",
    "you are signed in already": "Anda sudah masuk",
    "say USER right before": "sebutkan USER tepat sebelumnya",
    "TLS begins before signing in": "TLS dimulai sebelum masuk",
    "no such command": "tidak ada perintah itu",
    "wrong number of arguments": "jumlah argumen salah",
    "this command takes no argument": "perintah ini tidak memakai argumen",
    "too many errors, closing": "terlalu banyak kesalahan, sambungan ditutup",
    "what is stored is damaged; ask your administrator": (
        "yang tersimpan rusak; tanyakan kepada administrator Anda"
    ),
    "no message could be deleted, all are still here": (
        "tidak ada pesan yang dapat dihapus, semuanya masih ada"
    ),
    "no such language": "tidak ada bahasa itu",
}


def choose(tag: str) -> str | None:
    """The language of a range (RFC 4647): `*` for ours, `id-ID` for `id`; None: not there."""
    first = tag.lower().partition("-")[0]
    if tag == "*" or tag.lower() == "i-default":
        return DEFAULT
    return first if first in LANGUAGES else None


def say(text: str, language: str) -> str:
    """A text in a language."""
    if language == DEFAULT:
        return text
    known = _INDONESIAN.get(_NUMBER.sub("#", text))
    if known is None:
        return text
    for number in _NUMBER.findall(text):
        known = known.replace("#", number, 1)
    return known

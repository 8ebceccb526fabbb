"""The texts for people in responses, in the languages of RFC 5255: English and Indonesian.

Commands write English; what goes out is looked up here when a client has asked for another
language. A text that is not in the table stays English, which is no error: what a program
reads of a response is its code.
"""

from __future__ import annotations

import re
from typing import Final

ENGLISH: Final = "EN"
INDONESIAN: Final = "ID"
LANGUAGES: Final = (ENGLISH, INDONESIAN)  # the first is the default
LISTED: Final = (*LANGUAGES, "i-default")  # RFC 5255 3.1 wants that one, which is English here

_COMPLETED: Final = re.compile(r"([A-Z][A-Z0-9 ]{0,30}) completed")
_NO_MAILBOX: Final = re.compile(r"there is no mailbox (.*)", re.DOTALL)

_INDONESIAN: Final = {
    "Other Users/": "Pengguna Lain/",
    "Shared/": "Bersama/",
    "already signed in": "sudah masuk",
    "sign in first": "masuklah terlebih dahulu",
    "select a mailbox first": "pilih kotak surat terlebih dahulu",
    "signed in": "berhasil masuk",
    "signed out": "sudah keluar",
    "your mailbox is nearly full": "kotak surat Anda hampir penuh",
    "see you": "sampai jumpa",
    "wrong name or password": "nama atau kata sandi salah",
    "authentication was cancelled": "proses masuk dibatalkan",
    "too many wrong passwords from your address; wait a while": (
        "terlalu banyak kata sandi salah dari alamat Anda; tunggulah sebentar"
    ),
    "use STARTTLS before signing in": "gunakan STARTTLS sebelum masuk",
    "TLS is not available here": "TLS tidak tersedia di sini",
    "there is no such command": "perintah itu tidak ada",
    "there is no such mailbox; create it first": "kotak surat itu tidak ada; buatlah dahulu",
    "the mailbox was opened read-only": "kotak surat dibuka hanya untuk dibaca",
    "the mailbox was deleted": "kotak surat telah dihapus",
    "the other mailbox is closed": "kotak surat sebelumnya ditutup",
    "INBOX cannot be deleted": "INBOX tidak dapat dihapus",
    "a mailbox cannot move below itself": (
        "kotak surat tidak dapat dipindah ke bawah dirinya sendiri"
    ),
    "a message may not be empty": "pesan tidak boleh kosong",
    "a message with NUL in it must be sent as a binary literal, ~{size}": (
        "pesan yang berisi NUL harus dikirim sebagai literal biner, ~{ukuran}"
    ),
    "no message has that number": "tidak ada pesan dengan nomor itu",
    "some of these messages are gone": "sebagian pesan itu sudah tidak ada",
    "some messages were changed before": "sebagian pesan sudah diubah sebelumnya",
    "the message would exceed the quota": "pesan itu melampaui kuota",
    "a stored message is damaged; tell your administrator": (
        "sebuah pesan tersimpan rusak; beri tahu administrator Anda"
    ),
    "nothing was said for too long": "terlalu lama tidak ada perintah",
    "restarting, connect again in a moment": "server dimulai ulang, sambungkan lagi sebentar lagi",
    "too many wrong commands": "terlalu banyak perintah salah",
    "only DONE ends IDLE": "hanya DONE yang mengakhiri IDLE",
    "idling": "menunggu",
    "name messages by their UIDs": "sebutkan pesan dengan UID",
    "those languages are not spoken here": "bahasa itu tidak tersedia di sini",
    "flags that are kept": "bendera yang disimpan",
    "UIDs valid": "UID berlaku",
    "next UID": "UID berikutnya",
    "highest": "tertinggi",
    "first unseen": "belum dibaca pertama",
    "moved": "dipindahkan",
    "only the newest of them were taken": "hanya pesan terbaru yang diproses",
    "too much happens to tell it all": "terlalu banyak perubahan untuk diberitahukan",
    "still searching": "masih mencari",
    "this search is not kept up to date": "pencarian ini tidak diperbarui",
    "another search with this tag is kept up to date": (
        "pencarian lain dengan tag ini sedang diperbarui"
    ),
    "what was removed is told later": "yang dihapus diberitahukan nanti",
    "that is too many messages at once": "terlalu banyak pesan sekaligus",
    "addresses that are not ASCII need ENABLE UTF8=ACCEPT": (
        "alamat yang bukan ASCII memerlukan ENABLE UTF8=ACCEPT"
    ),
    "all is UTF-8 since ENABLE UTF8=ACCEPT": "semuanya UTF-8 sejak ENABLE UTF8=ACCEPT",
    "that entry is read-only": "entri itu hanya dapat dibaca",
    "only STORAGE and MESSAGE are counted here": "hanya STORAGE dan MESSAGE yang dihitung di sini",
    "that limit cannot be set; leave it out for none": (
        "batas itu tidak dapat dipasang; kosongkan agar tanpa batas"
    ),
    "now": "sekarang",
}


def translated(text: str, language: str) -> str:
    """An English text in a language of `LANGUAGES`; as it is when there is no translation."""
    if language != INDONESIAN:
        return text
    found = _INDONESIAN.get(text)
    if found is not None:
        return found
    if match := _COMPLETED.fullmatch(text):
        return f"{match[1]} selesai"
    if match := _NO_MAILBOX.fullmatch(text):
        return f"tidak ada kotak surat {match[1]}"
    return text


def chosen(wanted: tuple[str, ...]) -> str | None:
    """The first of a client's languages that is spoken here (RFC 4647 3.4), or None."""
    for tag in wanted:
        upper = tag.upper()
        if upper in {"I-DEFAULT", "DEFAULT", "*"}:
            return ENGLISH
        primary = upper.partition("-")[0]
        if primary in LANGUAGES:
            return primary
    return None

"""`merpati export`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    (
        "Write an account's mail to files that other programs read, byte for byte.\n\n"
        "A second run writes only what is new, and brings flags up to date. The server may run"
        " meanwhile."
    ): (
        "Tulis surat sebuah akun ke berkas yang dibaca program lain, byte demi byte.\n\n"
        "Kali kedua hanya menulis yang baru, dan memperbarui tanda. Server boleh tetap"
        " berjalan."
    ),
    "a Maildir++ with all folders": "Maildir++ dengan semua folder",
    "a directory with an mbox file for each folder": (
        "direktori dengan berkas mbox untuk tiap folder"
    ),
    "whose mail": "surat siapa",
    "the directory; made when it is not there": "direktorinya; dibuat bila belum ada",
    "count, write nothing": "hitung saja, jangan tulis apa pun",
    "how lines with From are quoted": "cara baris yang diawali From dikutip",
    (
        "{file} cannot be written by the user {user}, as whom this runs; choose a directory of"
        " theirs"
    ): (
        "{file:text} tidak dapat ditulis oleh pengguna {user}, yang menjalankan ini; pilih"
        " direktori miliknya"
    ),
    "{file} cannot be written: {reason}": "{file:text} tidak dapat ditulis: {reason:text}",
    "{count} emails in {mailboxes} mailboxes.": "{count} surat dalam {mailboxes} kotak surat.",
    (
        "{address}: {written} written ({size}), {known} were there already, {skipped} could not"
        " be read."
    ): (
        "{address}: {written} ditulis ({size:text}), {known} sudah ada di sana, {skipped} tidak"
        " terbaca."
    ),
}

"""`merpati init`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Make a new installation: configuration, store, certificate and administrator.": (
        "Buat instalasi baru: konfigurasi, penyimpanan, sertifikat, dan administrator."
    ),
    "a new or empty folder": "folder baru atau kosong",
    "the first domain served": "domain pertama yang dilayani",
    "this server's name; mail.DOMAIN when not given": (
        "nama server ini; mail.DOMAIN bila tidak diberikan"
    ),
    "admin@DOMAIN when not given": "admin@DOMAIN bila tidak diberikan",
    "which ports to use": "porta mana yang dipakai",
    "Merpati is set up in {folder}.": "Merpati sudah disiapkan di {folder:text}.",
    "administrator  {address}": "administrator  {address}",
    "password       {password}   (shown only now)": (
        "kata sandi     {password}   (hanya ditampilkan sekarang)"
    ),
    "Publish these records in the DNS:": "Terbitkan catatan ini di DNS:",
    "Then start it:  {command}": "Lalu jalankan:  {command:text}",
    "{file} exists already; choose another folder": "{file:text} sudah ada; pilih folder lain",
    "the administrator {address} must have an address in {domain}; see --admin": (
        "administrator {address} harus punya alamat di {domain}; lihat --admin"
    ),
}

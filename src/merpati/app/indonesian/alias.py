"""`merpati alias`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    'Addresses that send on to others. "@domain" is the catch-all of a domain.': (
        'Alamat yang meneruskan ke alamat lain. "@domain" menampung semua alamat lain sebuah'
        " domain."
    ),
    "send mail for ADDRESS on to TARGETs": "teruskan surat untuk ALAMAT ke TUJUAN",
    'such as sales@example.org, or "@example.org" for all else': (
        'misalnya penjualan@example.org, atau "@example.org" untuk semua yang lain'
    ),
    "all aliases": "semua alias",
    "remove an alias, or some of its targets": "hapus alias, atau sebagian tujuannya",
    "goes to": "diteruskan ke",
    "No alias yet: merpati alias add ADDRESS TARGET": (
        "Belum ada alias: merpati alias add ALAMAT TUJUAN"
    ),
    "Mail for {address} goes to {targets} too.": (
        "Surat untuk {address} juga diteruskan ke {targets:text}."
    ),
    "Removed from {address}: {targets}.": "Dihapus dari {address}: {targets:said}.",
    "everything": "semuanya",
}

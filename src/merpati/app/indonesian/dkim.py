"""`merpati dkim`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "all keys, and how far each has come": "semua kunci, dan kemajuan masing-masing",
    "the records of a domain to publish": "catatan sebuah domain untuk diterbitkan",
    "ask the DNS for the keys of a domain now": "tanyakan kunci sebuah domain ke DNS sekarang",
    "make the next keys of a domain": "buat kunci berikutnya untuk sebuah domain",
    "stop signing with a key at once": "segera berhenti menandatangani dengan sebuah kunci",
    "only the key of this kind": "hanya kunci jenis ini",
    "No key yet: the server makes them, or: merpati dkim rotate DOMAIN": (
        "Belum ada kunci: server membuatnya, atau: merpati dkim rotate DOMAIN"
    ),
    "keep its record until {date}": "pertahankan catatannya sampai {date}",
    "remove its record": "hapus catatannya",
    "publish it": "terbitkan",
    "NOT PUBLISHED: publish it": "BELUM TERBIT: terbitkan",
    "published; signs from {time} on": "sudah terbit; menandatangani mulai {time}",
    "published": "sudah terbit",
    "{domain} has no key yet. Make one: {command}": (
        "{domain} belum punya kunci. Buat: {command:text}"
    ),
    "; {state} {kind} key: {status}": "; kunci {kind} {state:said}: {status:said}",
    "There is a next {kind} key already; it waits to be published.": (
        "Kunci {kind} berikutnya sudah ada; menunggu diterbitkan."
    ),
    "Made the {kind} key {selector}.": "Kunci {kind} {selector} sudah dibuat.",
    "Publish what is marked so; a key signs once the DNS shows it:": (
        "Terbitkan yang ditandai; kunci dipakai setelah tampak di DNS:"
    ),
    "{domain} has no key {selector}; see: {command}": (
        "{domain} tidak punya kunci {selector}; lihat: {command:text}"
    ),
    "{selector} signs no more. If it was stolen, remove its record from the DNS now:": (
        "{selector} tidak menandatangani lagi. Bila dicuri, hapus catatannya dari DNS sekarang:"
    ),
    "No {kind} key follows it. Make one: {command}": (
        "Tidak ada kunci {kind} penerusnya. Buat: {command:text}"
    ),
    "selector": "selektor",
    "kind": "jenis",
    "since": "sejak",
    "dns": "dns",
    "active": "aktif",
    "next": "berikutnya",
    "retired": "pensiun",
    "{domain} has a key {selector}, or a next {kind} key, already": (
        "{domain} sudah punya kunci {selector}, atau kunci {kind} berikutnya"
    ),
    "{count} keys were made today; wait until tomorrow": (
        "{count} kunci sudah dibuat hari ini; tunggu sampai besok"
    ),
    "The keys that sign mail of a domain: what to publish, and their rotation.": (
        "Kunci penanda tangan surat sebuah domain: apa yang diterbitkan, dan pergantiannya."
    ),
}

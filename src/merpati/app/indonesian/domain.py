"""`merpati domain`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Domains whose mail is at home here, and second names of them.": (
        "Domain yang suratnya ditangani di sini, dan nama keduanya."
    ),
    "serve a domain": "layani sebuah domain",
    "all domains": "semua domain",
    "one domain with its addresses": "satu domain dengan alamatnya",
    "limit what the accounts of a domain hold together": (
        "batasi isi semua akun sebuah domain bersama-sama"
    ),
    "serve a domain no longer": "berhenti melayani sebuah domain",
    "let every address of DOMAIN be the same one of TARGET": (
        "jadikan setiap alamat DOMAIN sama dengan alamat TARGET"
    ),
    "let a domain be an alias no longer": "hapus domain sebagai alias",
    "a domain that is served here": "domain yang dilayani di sini",
    "such as 500GB; 0: no limit": "misalnya 500GB; 0: tanpa batas",
    "how many emails; 0: any number": "berapa banyak surat; 0: tanpa batas",
    "{domain} is served here now. Publish its records: {command}": (
        "{domain} sekarang dilayani di sini. Terbitkan catatannya: {command:text}"
    ),
    "domain": "domain",
    "accounts": "akun",
    "No domain yet: merpati domain add NAME": "Belum ada domain: merpati domain add NAMA",
    "{name}, an alias": "{name}, sebuah alias",
    "Nothing to change; see: {command}": "Tidak ada yang diubah; lihat: {command:text}",
    "{domain}: {said}": "{domain}: {said:said}",
    "has no limit": "tanpa batas",
    "{used} of {quota}, {emails} of {most} emails": (
        "{used:text} dari {quota:text}, {emails} dari {most} surat"
    ),
    "{used} of {quota}, {emails} emails": "{used:text} dari {quota:text}, {emails} surat",
    "{used}, {emails} of {most} emails": "{used:text}, {emails} dari {most} surat",
    "{used}, {emails} emails": "{used:text}, {emails} surat",
    "{domain} is no longer served here.": "{domain} tidak lagi dilayani di sini.",
    "Mail for {domain} goes to the same addresses of {target} now.": (
        "Surat untuk {domain} sekarang masuk ke alamat yang sama di {target}."
    ),
    "Publish its records: {command}": "Terbitkan catatannya: {command:text}",
}

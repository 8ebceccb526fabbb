"""`merpati shared`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Mailboxes that several people share: their members, and what each may do.": (
        "Kotak surat bersama: anggotanya, dan apa yang boleh dilakukan masing-masing."
    ),
    "make a shared mailbox": "buat kotak surat bersama",
    "as members see it; without: the part before the @": (
        "seperti dilihat anggota; bila kosong: bagian sebelum @"
    ),
    "all shared mailboxes": "semua kotak surat bersama",
    "one shared mailbox with its members": "satu kotak surat bersama dengan anggotanya",
    "change a shared mailbox": "ubah kotak surat bersama",
    "how many emails it may hold; 0: any number": (
        "berapa surat yang boleh disimpan; 0: tanpa batas"
    ),
    "one more address that leads to it": "satu alamat lagi yang menuju ke sana",
    "who belongs to it": "siapa anggotanya",
    "let somebody be a member, or change what a member may do": (
        "jadikan seseorang anggota, atau ubah hak seorang anggota"
    ),
    "an address, `anyone` in the domain, or @DOMAIN": (
        "sebuah alamat, `anyone` di domain itu, atau @DOMAIN"
    ),
    "none, read, write or all, or letters of RFC 4314; for a new member: write": (
        "none, read, write, atau all, atau huruf RFC 4314; untuk anggota baru: write"
    ),
    "send with its addresses": "mengirim dengan alamatnya",
    "let somebody be a member no longer": "keluarkan seseorang dari keanggotaan",
    "erase a shared mailbox with all its mail": "hapus kotak surat bersama beserta semua suratnya",
    "{address} is ready; its members will see it as {name}.": (
        "{address} sudah siap; anggotanya akan melihatnya sebagai {name:text}."
    ),
    "Add members: {command}": "Tambahkan anggota: {command:text}",
    "No shared mailbox yet: merpati shared add ADDRESS": (
        "Belum ada kotak surat bersama: merpati shared add ALAMAT"
    ),
    "storage    {used} in {emails} emails": "ruang      {used:text} dalam {emails} surat",
    "rights": "hak",
    "sends": "mengirim",
    "No member yet: {command}": "Belum ada anggota: {command:text}",
    "{address} is changed.": "{address} sudah diubah.",
    "{person} is a member of {address}.": "{person} menjadi anggota {address}.",
    "{person} is no member of {address} any more.": "{person} bukan lagi anggota {address}.",
    "there is no shared mailbox {address}; see: merpati shared list": (
        "tidak ada kotak surat bersama {address}; lihat: merpati shared list"
    ),
    "an account is no member of itself": "akun bukan anggota dirinya sendiri",
    "{name} is no member": "{name} bukan anggota",
    "{name} has a shared mailbox called {title} already": (
        "{name} sudah punya kotak surat bersama bernama {title:text}"
    ),
    "{word} is no right; the rights are {names}": (
        "{word:text} bukan hak; hak yang ada {names:text}"
    ),
    "nobody here is called {name}": "tidak ada yang bernama {name:text} di sini",
}

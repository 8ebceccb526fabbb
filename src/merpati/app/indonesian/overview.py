"""What `merpati --help` says, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "usage: merpati COMMAND [ARGUMENTS]": "pemakaian: merpati PERINTAH [ARGUMEN]",
    "Merpati is an organisation's whole mail system.": (
        "Merpati adalah seluruh sistem surat sebuah organisasi."
    ),
    "commands:": "perintah:",
    "merpati COMMAND --help explains a command. The configuration is found at -c FILE,": (
        "merpati PERINTAH --help menjelaskan sebuah perintah. Konfigurasi dicari di -c FILE,"
    ),
    "else $MERPATI_CONFIG, else ./merpati.toml, else /etc/merpati/merpati.toml.": (
        "lalu $MERPATI_CONFIG, ./merpati.toml, dan /etc/merpati/merpati.toml."
    ),
    "there is no command {name}; did you mean {near}?": (
        "tidak ada perintah {name}; maksud Anda {near}?"
    ),
    "there is no command {name}; see: merpati --help": (
        "tidak ada perintah {name}; lihat: merpati --help"
    ),
    "who changed what, and taking a change back": "siapa mengubah apa, dan mengurungkan perubahan",
    "make a new installation": "buat instalasi baru",
    "run the server in the foreground": "jalankan server di latar depan",
    "make a demo installation when there is none, and serve it": (
        "buat instalasi demo bila belum ada, dan jalankan"
    ),
    "domains whose mail is at home here": "domain yang suratnya ditangani di sini",
    "people and their mailboxes": "orang dan kotak suratnya",
    "mailboxes that several people share": "kotak surat yang dipakai bersama",
    "addresses that send on to others, and catch-alls": (
        "alamat yang meneruskan ke alamat lain, dan penampung semua"
    ),
    "mailing lists, their members and posts that wait": (
        "milis, anggotanya, dan kiriman yang menunggu"
    ),
    "take mail over from files, or from another server": (
        "ambil alih surat dari berkas atau server lain"
    ),
    "write an account's mail to files": "tulis surat sebuah akun ke berkas",
    "mailboxes elsewhere that mail is fetched from": (
        "kotak surat di tempat lain yang suratnya diambil"
    ),
    "filter scripts of accounts, and automatic replies": (
        "skrip penyaring akun, dan balasan otomatis"
    ),
    "how accounts' mail is shown by POP3": "bagaimana surat akun ditampilkan lewat POP3",
    "mail that waits to be sent on": "surat yang menunggu dikirim",
    "how much may leave, and accounts that were stopped from sending": (
        "batas kiriman keluar, dan akun yang dihentikan dari mengirim"
    ),
    "what happened to a message": "apa yang terjadi pada sebuah pesan",
    "the text index: how far it is, or build it anew": (
        "indeks teks: kemajuannya, atau bangun ulang"
    ),
    "back up everything, while the server runs": "cadangkan semuanya selagi server berjalan",
    "bring back a backup: everything, an account, a mailbox": (
        "pulihkan cadangan: semuanya, satu akun, atau satu kotak surat"
    ),
    "look for damage in the store, and mend it": "cari kerusakan di penyimpanan, dan perbaiki",
    "the DNS records to publish for a domain": (
        "catatan DNS yang perlu diterbitkan untuk sebuah domain"
    ),
    "certificates, MTA-STS policies, and what other domains demand": (
        "sertifikat, kebijakan MTA-STS, dan tuntutan domain lain"
    ),
    "the keys that sign a domain's mail, and their rotation": (
        "kunci penanda tangan surat sebuah domain, dan pergantiannya"
    ),
    "what others report about mail in the name of our domains": (
        "laporan pihak lain tentang surat atas nama domain kita"
    ),
    "what is wrong and worth waking somebody": ("apa yang tidak beres dan perlu segera diketahui"),
    "programs that are told of what happens": ("program yang diberi tahu tentang apa yang terjadi"),
    "see whether DNS, ports, certificates, clock and disks are as they should be": (
        "periksa apakah DNS, porta, sertifikat, jam, dan cakram sudah benar"
    ),
    "show and explain the settings": "tampilkan dan jelaskan pengaturan",
    "send a message from standard input, as the classic program does": (
        "kirim pesan dari masukan standar, seperti program klasiknya"
    ),
}

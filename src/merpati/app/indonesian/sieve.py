"""`merpati sieve`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Sieve scripts: what happens to mail as it comes in, and automatic replies.": (
        "Skrip Sieve: apa yang terjadi pada surat masuk, dan balasan otomatis."
    ),
    "the scripts of an account": "skrip sebuah akun",
    "the text of a script": "teks sebuah skrip",
    "store a script, in the place of one with its name": (
        "simpan skrip, menggantikan yang bernama sama"
    ),
    "the script; -: standard input": "skripnya; -: masukan standar",
    "let it run from now on": "jalankan mulai sekarang",
    "let a script run for the mail of an account": "jalankan skrip untuk surat sebuah akun",
    "let no script run": "jangan jalankan skrip apa pun",
    "remove a script that does not run": "hapus skrip yang tidak berjalan",
    "answer everybody who writes": "jawab semua yang menulis",
    "what to say; -: standard input": "isi jawaban; -: masukan standar",
    "the same in HTML; -: standard input": "isi yang sama dalam HTML; -: masukan standar",
    "else made from the subject of what is answered": (
        "bila kosong, dibuat dari perihal surat yang dijawab"
    ),
    "such as 2026-12-24": "misalnya 2026-12-24",
    "up to this day, not included": "sampai sebelum hari ini",
    "explain what a script would do with a message": (
        "jelaskan apa yang akan dilakukan skrip pada sebuah pesan"
    ),
    "Explain line by line what a script would do with a message. Nothing is done.": (
        "Jelaskan baris demi baris apa yang akan dilakukan skrip pada sebuah pesan. Tidak ada"
        " yang dikerjakan."
    ),
    "a file; with --account the name of a stored script, too": (
        "berkas; dengan --account juga nama skrip tersimpan"
    ),
    "a file; -: standard input": "berkas; -: masukan standar",
    '"" for the null path': '"" untuk alamat kosong',
    "the recipient, with its detail": "penerima, dengan rinciannya",
    "whose mailboxes and scripts to look at": "kotak surat dan skrip siapa yang dilihat",
    'of the account; "{word}": scripts for all to include': (
        'alamat akun; "{word}": skrip yang dapat disertakan semua orang'
    ),
    "script": "skrip",
    "bytes": "byte",
    "changed": "diubah",
    "No script yet: merpati sieve put {address} NAME FILE": (
        "Belum ada skrip: merpati sieve put {address} NAMA BERKAS"
    ),
    "{name} is stored.": "{name:text} sudah disimpan.",
    "No script runs for {address}.": "Tidak ada skrip yang berjalan untuk {address}.",
    "scripts for everybody run where they are included": (
        "skrip untuk semua orang berjalan di tempat ia disertakan"
    ),
    "{name} runs for {address} from now on.": (
        "{name:text} berjalan untuk {address} mulai sekarang."
    ),
    "{name} is removed.": "{name:text} sudah dihapus.",
    "an auto-reply needs words: add --text TEXT": (
        "balasan otomatis memerlukan isi: tambahkan --text TEKS"
    ),
    "{address} answers nobody automatically.": (
        "{address} tidak membalas siapa pun secara otomatis."
    ),
    "{address} answers everybody once in seven days.": (
        "{address} membalas setiap orang sekali dalam tujuh hari."
    ),
    "{address} answers everybody once in seven days from {begin}.": (
        "{address} membalas setiap orang sekali dalam tujuh hari mulai {begin:text}."
    ),
    "{address} answers everybody once in seven days up to {end}.": (
        "{address} membalas setiap orang sekali dalam tujuh hari sampai {end:text}."
    ),
    "{address} answers everybody once in seven days from {begin} up to {end}.": (
        "{address} membalas setiap orang sekali dalam tujuh hari mulai {begin:text} sampai"
        " {end:text}."
    ),
    "line {number}": "baris {number}",
    "{script} line {number}": "{script} baris {number}",
    "What would happen:": "Yang akan terjadi:",
    "Header of edition {number}:": "Kepala surat edisi {number}:",
    "the message is kept in INBOX, since nothing else was decided": (
        "pesan disimpan di INBOX, karena tidak ada keputusan lain"
    ),
    "the message is kept in INBOX": "pesan disimpan di INBOX",
    "the message is filed into {mailbox}": "pesan dimasukkan ke {mailbox:text}",
    "the message is filed into {mailbox}, which is made if it is missing": (
        "pesan dimasukkan ke {mailbox:text}, yang dibuat bila belum ada"
    ),
    "the message is filed into {mailbox} with the flags {flags}": (
        "pesan dimasukkan ke {mailbox:text} dengan tanda {flags:text}"
    ),
    "the message is filed into {mailbox}, which is made if it is missing with the flags {flags}": (
        "pesan dimasukkan ke {mailbox:text}, yang dibuat bila belum ada, dengan tanda {flags:text}"
    ),
    "{action} with the flags {flags}": "{action:said} dengan tanda {flags:text}",
    "{action} with the flags {flags}, as edition {number}": (
        "{action:said} dengan tanda {flags:text}, sebagai edisi {number}"
    ),
    "{action}, as edition {number}": "{action:said}, sebagai edisi {number}",
    "the message is sent on to {address}": "pesan diteruskan ke {address:text}",
    "the message is refused: {reason}": "pesan ditolak: {reason:text}",
    "the message is thrown away": "pesan dibuang",
    "the sender is answered, if that is due: {reason}": (
        "pengirim dibalas, bila sudah waktunya: {reason:text}"
    ),
    "{method} is told of it": "{method:text} diberi tahu",
    '"{text}" is no date: write one such as {one} or {other}': (
        '"{text}" bukan tanggal: tulis seperti {one} atau {other}'
    ),
    'there is no script "{name}"': 'tidak ada skrip "{name}"',
    "a script has {most} bytes at most": "sebuah skrip paling banyak {most} byte",
    "there are {count} scripts already; remove one": "sudah ada {count} skrip; hapus satu",
    "all scripts together have {most} bytes at most": (
        "semua skrip bersama paling banyak {most} byte"
    ),
    'there is a script "{name}" already': 'sudah ada skrip "{name}"',
    '"{name}" is the active script; activate another one first': (
        '"{name}" adalah skrip aktif; aktifkan yang lain dahulu'
    ),
}

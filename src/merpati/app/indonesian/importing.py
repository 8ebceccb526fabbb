"""`merpati import`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    (
        "Take mail over from files of other programs, or from another IMAP server.\n\n"
        "Every run goes on where the last one ended: nothing is added twice, and what was"
        " deleted here\n"
        "since stays deleted. The server may run meanwhile."
    ): (
        "Ambil alih surat dari berkas program lain, atau dari server IMAP lain.\n\n"
        "Setiap kali dijalankan, pekerjaan dilanjutkan dari yang terakhir: tidak ada yang masuk"
        " dua kali,\n"
        "dan yang sudah dihapus di sini tetap terhapus. Server boleh tetap berjalan."
    ),
    "a Maildir or Maildir++, or a directory of them": (
        "Maildir atau Maildir++, atau direktori berisi itu"
    ),
    "{root} is a Maildir; use: merpati import maildir": (
        "{root:text} adalah Maildir; pakai: merpati import maildir"
    ),
    "an mbox file, or a directory of them": "berkas mbox, atau direktori berisi itu",
    "the account that it becomes": "akun tujuannya",
    "what a single file becomes": "kotak surat untuk satu berkas",
    "accounts of another IMAP server": "akun di server IMAP lain",
    (
        "Copy accounts of another IMAP server, one or many at a time.\n\n"
        "One: its password is read from standard input, or from MERPATI_IMPORT_PASSWORD. Many:"
        " a\n"
        "CSV file whose first line names its columns, or a TOML file with [[account]] tables;"
        " of host,\n"
        "port, security, user, password, master and target (the account here) what all have in"
        " common\n"
        "may be given as options instead."
    ): (
        "Salin akun dari server IMAP lain, satu atau banyak sekaligus.\n\n"
        "Satu: kata sandinya dibaca dari masukan standar, atau dari MERPATI_IMPORT_PASSWORD."
        " Banyak:\n"
        "berkas CSV yang baris pertamanya menyebut nama kolom, atau berkas TOML dengan tabel"
        " [[account]];\n"
        "dari host, port, security, user, password, master, dan target (akun di sini), yang"
        " sama untuk\n"
        "semua boleh diberikan sebagai opsi."
    ),
    "many: a CSV or TOML file": "banyak: berkas CSV atau TOML",
    "the other server": "server lain itu",
    "default: 993, or 143 without tls": "bawaan: 993, atau 143 tanpa tls",
    "take any certificate": "terima sertifikat apa pun",
    "PEM: whom to believe": "PEM: siapa yang dipercaya",
    "the name there; default: ADDRESS": "nama di sana; bawaan: ALAMAT",
    "who signs in for everybody; the password is theirs": (
        "yang masuk atas nama semua; kata sandinya miliknya"
    ),
    "accounts at once": "jumlah akun sekaligus",
    "bytes in a second for each connection, such as 1MB": (
        "byte per detik untuk tiap koneksi, misalnya 1MB"
    ),
    "remove what was copied and is there no longer": (
        "hapus yang dulu disalin dan tidak ada lagi di sana"
    ),
    "virtual folders (All Mail) and those of others too": (
        "folder virtual (All Mail) dan folder orang lain juga"
    ),
    "broken off; what has come in stays. Run it again: it goes on where it ended": (
        "terputus; yang sudah masuk tetap ada. Jalankan lagi: dilanjutkan dari yang terakhir"
    ),
    (
        "{count} of {total} accounts not complete: {names}; mend what is said above and run it"
        " again: it goes on where it ended"
    ): (
        "{count} dari {total} akun belum lengkap: {names:text}; perbaiki yang disebut di atas"
        " lalu jalankan lagi: dilanjutkan dari yang terakhir"
    ),
    "left out: {names}; --everything takes them": (
        "tidak disalin: {names:text}; --everything menyalinnya juga"
    ),
    "{count} moved or deleted here": "{count} dipindahkan atau dihapus di sini",
    "count nothing at the end": "jangan menghitung di akhir",
    "compare by fetching all once more": "bandingkan dengan mengambil semuanya sekali lagi",
    "forget what was imported, so that the next run takes all of it again": (
        "lupakan yang sudah diimpor, sehingga berikutnya semuanya diambil lagi"
    ),
    "read all, store nothing": "baca semua, jangan simpan apa pun",
    "more than the account may hold": "boleh melebihi kuota akun",
    "Forgotten: {count} imported messages. The emails themselves stay.": (
        "Dilupakan: {count} pesan impor. Suratnya sendiri tetap ada."
    ),
    "name the account and --host, or many with --accounts FILE": (
        "sebutkan akun dan --host, atau banyak dengan --accounts FILE"
    ),
    "{file} cannot be read: {reason}": "{file:text} tidak terbaca: {reason:text}",
    "{file} is no CSV or TOML of accounts: {reason}": (
        "{file:text} bukan CSV atau TOML akun: {reason:text}"
    ),
    "{file}: account {number}: {problem}": "{file:text}: akun {number}: {problem:said}",
    "no such column: {name}; there are {names}": "tidak ada kolom {name}; yang ada {names:text}",
    "{name} is missing": "{name} belum diisi",
    "security is one of {names}, port a number": (
        "security salah satu dari {names:text}, port sebuah bilangan"
    ),
    (
        "{address}: {added} added ({size}), {known} were here already, {skipped} could not be read."
    ): (
        "{address}: {added} ditambahkan ({size:text}), {known} sudah ada di sini, {skipped}"
        " tidak terbaca."
    ),
    (
        "{address}: {added} would be added ({size}), {known} were here already, {skipped} could"
        " not be read."
    ): (
        "{address}: {added} akan ditambahkan ({size:text}), {known} sudah ada di sini,"
        " {skipped} tidak terbaca."
    ),
    "... and {count} more; --json names them": "... dan {count} lagi; --json menyebutkannya",
    "{flags} flags brought up to date, {removed} removed.": (
        "{flags} tanda diperbarui, {removed} dihapus."
    ),
    "{count} missing": "kurang {count}",
    "{count} differ": "{count} berbeda",
    "equal": "sama",
    "there": "di sana",
    "here": "di sini",
    "size there": "ukuran di sana",
    "size here": "ukuran di sini",
    "broken off: {problem}": "terputus: {problem:said}",
    "the account is gone": "akunnya sudah tidak ada",
    (
        "{path} is no Maildir: it has no directories cur and new, nor folders that have; for mbox"
        " files use: merpati import mbox"
    ): (
        "{path:text} bukan Maildir: tidak ada direktori cur dan new, juga tidak di folder di"
        " dalamnya; untuk berkas mbox pakai: merpati import mbox"
    ),
    (
        "{path} is closed to the user {user}, whose the data here is and as whom this runs; let"
        " {user} read it, or make a copy that belongs to {user}"
    ): (
        "{path:text} tertutup bagi pengguna {user}, pemilik data di sini dan yang menjalankan"
        " ini; izinkan {user} membacanya, atau buat salinan milik {user}"
    ),
    "it is closed to the user {user}": "tertutup bagi pengguna {user}",
    "it is empty": "kosong",
    "it does not begin with a line From, so it is no mbox file": (
        "tidak diawali baris From, jadi bukan berkas mbox"
    ),
    "no folder is called so; give it another name": (
        "tidak ada folder bernama begitu; beri nama lain"
    ),
    "Dovecot has encrypted it, or packed it with LZ4; use: merpati import imap": (
        "Dovecot mengenkripsinya, atau mengemasnya dengan LZ4; pakai: merpati import imap"
    ),
    "it is packed, and damaged": "terkemas, dan rusak",
    "{count} more messages were not asked for: too many in a row failed": (
        "{count} pesan lagi tidak diminta: terlalu banyak yang gagal berturut-turut"
    ),
    "{path} is no mbox file, and no directory with such files": (
        "{path:text} bukan berkas mbox, juga bukan direktori berisi berkas itu"
    ),
}

"""What all commands share: usage, errors, and faults that any of them can meet."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "usage:": "pemakaian:",
    "error: {}": "galat: {}",
    "positional arguments": "argumen",
    "options": "opsi",
    "show this help message and exit": "tampilkan bantuan ini lalu keluar",
    "configuration file": "berkas konfigurasi",
    "print JSON for programs": "cetak JSON untuk program",
    "the following arguments are required: {names}": (
        "argumen berikut harus diberikan: {names:text}"
    ),
    "unrecognized arguments: {words}": "argumen tidak dikenal: {words:text}",
    "argument {name}: {problem}": "argumen {name:text}: {problem:said}",
    "invalid choice: {value} (choose from {choices})": (
        "pilihan tidak sah: {value:text} (pilih dari {choices:text})"
    ),
    "expected one argument": "memerlukan satu nilai",
    "expected at least one argument": "memerlukan paling sedikit satu nilai",
    "invalid int value: {value}": "bukan bilangan bulat: {value:text}",
    "not allowed with argument {other}": "tidak boleh bersama argumen {other:text}",
    "{text} is no size; write 500MB, 2GB or 0": (
        "{text:text} bukan ukuran; tulis 500MB, 2GB, atau 0"
    ),
    "what was typed is not UTF-8; type it again": "yang diketik bukan UTF-8; ketik lagi",
    "the password is not UTF-8; write it as UTF-8": ("kata sandi bukan UTF-8; tulis sebagai UTF-8"),
    "the output": "keluaran",
    "{file} is closed to this user; run it as the user whom it belongs to, or as root": (
        "{file:text} tertutup bagi pengguna ini; jalankan sebagai pemiliknya, atau sebagai root"
    ),
    "{file} lies on a disk that is read-only; choose another place, or mount it writable": (
        "{file:text} ada di cakram yang hanya bisa dibaca; pilih tempat lain, atau pasang agar"
        " bisa ditulis"
    ),
    "{file} cannot be written, the disk is full; free some space": (
        "{file:text} tidak bisa ditulis, cakram penuh; kosongkan sebagian"
    ),
    "{file} cannot be written, this user's share of the disk is full; free some space": (
        "{file:text} tidak bisa ditulis, jatah cakram pengguna ini habis; kosongkan sebagian"
    ),
    "{file} does not exist; check the name": "{file:text} tidak ada; periksa namanya",
    "{file} cannot be, for part of it is a file and no folder; check the name": (
        "{file:text} tidak mungkin ada, sebab sebagian jalurnya berkas dan bukan folder;"
        " periksa namanya"
    ),
    "{file} exists already; choose another name": "{file:text} sudah ada; pilih nama lain",
    "{file} is a folder and no file; check the name": (
        "{file:text} adalah folder dan bukan berkas; periksa namanya"
    ),
    "{file} cannot be opened, too many files are; raise the limit (ulimit -n)": (
        "{file:text} tidak bisa dibuka, terlalu banyak berkas terbuka; naikkan batasnya (ulimit -n)"
    ),
    "{file} cannot be opened for writing: is it, and its folder, this user's own?": (
        "{file:text} tidak bisa dibuka untuk ditulis: apakah berkas dan foldernya milik"
        " pengguna ini?"
    ),
    "{name} is not a domain name; write one such as example.org": (
        "{name:text} bukan nama domain; tulis yang seperti example.org"
    ),
    "{address} cannot be an address: what stands before the @ has blanks, brackets, quotes or"
    " dots where none may be, or more than {limit} characters": (
        "{address:text} tidak bisa menjadi alamat: sebelum @ ada spasi, kurung, kutip, atau titik"
        " di tempat yang tidak boleh, atau lebih dari {limit} karakter"
    ),
    "Password for {address}:": "Kata sandi untuk {address}:",
    "the password is empty; write it on standard input, one line": (
        "kata sandi kosong; tulis di masukan standar, satu baris"
    ),
    "the password is too short: take {least} characters or more": (
        "kata sandi terlalu pendek: pakai {least} karakter atau lebih"
    ),
    "{address} is not an address; write name@domain": (
        "{address:text} bukan alamat; tulis nama@domain"
    ),
    "domain {name} exists already": "domain {name} sudah ada",
    "domain {name} is not served here": "domain {name} tidak dilayani di sini",
    "domain {name} still has mailing lists; see: {command}": (
        "domain {name} masih punya milis; lihat: {command:text}"
    ),
    "{name} is a domain with addresses of its own": (
        "{name} adalah domain yang punya alamat sendiri"
    ),
    "address {address} exists already": "alamat {address} sudah ada",
    "there is no account {address}; see: merpati account list": (
        "tidak ada akun {address}; lihat: merpati account list"
    ),
    "{address} is the address of an account": "{address} adalah alamat sebuah akun",
    "{address} is the address of a mailing list": "{address} adalah alamat sebuah milis",
    "there is no alias {address}; see: merpati alias list": (
        "tidak ada alias {address}; lihat: merpati alias list"
    ),
    "nobody signs in to {address}: it is shared": (
        "tidak ada yang masuk ke {address}: kotak surat ini dipakai bersama"
    ),
    'There is no configuration file {file}: check -c, or make one with "merpati init".': (
        'Tidak ada berkas konfigurasi {file}: periksa -c, atau buat dengan "merpati init".'
    ),
    (
        "There is no configuration file {file}, which {variable} names: correct it,"
        ' or make one with "merpati init".'
    ): (
        "Tidak ada berkas konfigurasi {file}, yang disebut {variable}: perbaiki, atau"
        ' buat dengan "merpati init".'
    ),
    "{file} cannot be read: {reason}.": "{file} tidak terbaca: {reason:text}.",
    "{file}: line {line} is not UTF-8: save the file as UTF-8.": (
        "{file}: baris {line} bukan UTF-8: simpan berkas sebagai UTF-8."
    ),
    "{file} is not TOML: {problem}.": "{file} bukan TOML: {problem:text}.",
    "{file}: there is no table [{heading}]: {hint}": (
        "{file}: tidak ada tabel [{heading}]: {hint:text}"
    ),
    "{file}: {service} needs a certificate: set certificate and key in [tls].": (
        "{file}: {service} memerlukan sertifikat: setel certificate dan key di [tls]."
    ),
    "{file}: {one} and {other} both listen on {place}: move one of them.": (
        "{file}: {one} dan {other} sama-sama mendengarkan di {place}: pindahkan salah satu."
    ),
    "cannot become {user}: {reason}": "tidak dapat menjadi {user}: {reason:text}",
    "nothing is noted": "tidak ada catatan",
    "the store cannot be opened; see the lines above": (
        "penyimpanan tidak dapat dibuka; lihat baris di atas"
    ),
}

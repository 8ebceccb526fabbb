"""`merpati collector`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Mailboxes elsewhere, by POP3 or IMAP, whose mail is fetched into accounts here.": (
        "Kotak surat di tempat lain, lewat POP3 atau IMAP, yang suratnya diambil ke akun di sini."
    ),
    (
        "Fetch from a mailbox elsewhere.\n\n"
        "The password is read from standard input, or from MERPATI_COLLECTOR_PASSWORD."
    ): (
        "Ambil surat dari kotak surat di tempat lain.\n\n"
        "Kata sandinya dibaca dari masukan standar, atau dari MERPATI_COLLECTOR_PASSWORD."
    ),
    "fetch from a mailbox": "ambil dari sebuah kotak surat",
    "the account here": "akun di sini",
    "the name there": "nama pengguna di sana",
    "multi-drop: it holds the mail of this whole domain": (
        "multi-drop: isinya surat seluruh domain ini"
    ),
    "do not sign in there now": "jangan masuk ke sana sekarang",
    "all, or those of an account": "semua, atau milik sebuah akun",
    "one with its state": "satu beserta keadaannya",
    "change one": "ubah satu",
    "read a new password": "baca kata sandi baru",
    "fetch no longer, for now": "jangan ambil lagi untuk sementara",
    "have the server look at once, and say what came of it": (
        "minta server memeriksa sekarang, dan beri tahu hasilnya"
    ),
    "fetch no longer; what is there stays there": (
        "berhenti mengambil; yang ada di sana tetap di sana"
    ),
    "default: the standard one": "bawaan: porta standar",
    "whether its certificate must be good; default: yes": (
        "apakah sertifikatnya harus sah; bawaan: yes"
    ),
    "of IMAP": "untuk IMAP",
    "such as 5m or 1h": "misalnya 5m atau 1h",
    "leave everything there; the default": "biarkan semua di sana; ini bawaannya",
    "remove there what is here": "hapus di sana yang sudah ada di sini",
    "remove it so much later": "hapus setelah sekian hari",
    "of merpati collector list": "dari merpati collector list",
    "Collector {number} fetches from {user} at {host} for {address}.": (
        "Pengambil {number} mengambil dari {user} di {host} untuk {address}."
    ),
    "No collector yet: merpati collector add --help": (
        "Belum ada pengambil: merpati collector add --help"
    ),
    "Collector {number} is changed.": "Pengambil {number} sudah diubah.",
    "Collector {number} is removed; what is there stays there.": (
        "Pengambil {number} sudah dihapus; yang ada di sana tetap di sana."
    ),
    "it is disabled; see: merpati collector set --enable": (
        "sedang nonaktif; lihat: merpati collector set --enable"
    ),
    "{count} messages; {state}": "{count} pesan; {state:said}",
    "No worker has looked yet; is the server running? See: merpati collector list": (
        "Belum ada yang memeriksa; apakah server berjalan? Lihat: merpati collector list"
    ),
    "{text} is no time; write 300, 5m or 1h": "{text:text} bukan waktu; tulis 300, 5m, atau 1h",
    "--every is at least {least} seconds": "--every paling sedikit {least} detik",
    "failed {count} times: {problem}": "gagal {count} kali: {problem:said}",
    "fetched {when}": "diambil {when:text}",
    "fetched {when}; {problem}": "diambil {when:text}; {problem:said}",
    "{count} messages cannot be had there, and are tried again: {reason}": (
        "{count} pesan tidak dapat diambil di sana, dan dicoba lagi: {reason:said}"
    ),
    "not yet fetched": "belum diambil",
    "tried {count} times, and tried again: {reason}": (
        "sudah dicoba {count} kali, dan dicoba lagi: {reason:said}"
    ),
    "left there: {reason}": "dibiarkan di sana: {reason:said}",
    "the collector was changed or removed meanwhile": (
        "pengambil ini sementara itu diubah atau dihapus"
    ),
    "{reason}; a new password is set with: merpati collector set {number} --password": (
        "{reason:said}; kata sandi baru dipasang dengan: merpati collector set {number} --password"
    ),
    "{user} is not let in: {reason}": "{user:text} tidak diizinkan masuk: {reason:said}",
    "it gives no unique-ids (UIDL), which a collector needs: {reason}": (
        "server itu tidak memberi tanda pengenal pesan (UIDL), yang diperlukan pengambil:"
        " {reason:said}"
    ),
    "what is here already could not be removed there: {reason}": (
        "yang sudah ada di sini tidak dapat dihapus di sana: {reason:said}"
    ),
    "its folder {folder} cannot be opened: {reason}": (
        "foldernya {folder:text} tidak dapat dibuka: {reason:said}"
    ),
    "another look has fetched it": "sudah diambil oleh pemeriksaan lain",
    "disabled": "nonaktif",
    "gone": "sudah tidak ada",
    "account": "akun",
    "host": "host",
    "user": "pengguna",
    "collected": "diambil",
    "state": "keadaan",
    "port": "porta",
    "security": "keamanan",
    "verify": "verifikasi",
    "folder": "folder",
    "keep_days": "hari simpan",
    "every": "setiap",
    "there is no collector {number}; see: merpati collector list": (
        "tidak ada pengambil {number}; lihat: merpati collector list"
    ),
    "the account is gone; remove this collector": "akunnya sudah tidak ada; hapus pengambil ini",
}

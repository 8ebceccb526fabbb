"""Why a change cannot be taken back, and what handing an account over does."""

from __future__ import annotations

PHRASES = {
    "Its mail was erased for good; a backup may have it.": (
        "Suratnya sudah terhapus selamanya; mungkin masih ada di cadangan."
    ),
    "Secrets are shown only once: make a new one, or remove this one.": (
        "Rahasia hanya ditampilkan sekali: buat yang baru, atau hapus yang ini."
    ),
    "What was done to mail that waits is done: act upon it again in the queue.": (
        "Yang dilakukan pada surat dalam antrean sudah terjadi: tangani lagi di antrean."
    ),
    "Stop the account, or let it send, where stopped accounts are.": (
        "Hentikan akunnya, atau izinkan mengirim lagi, di halaman akun yang dihentikan."
    ),
    "This kind of change cannot be taken back.": "Perubahan jenis ini tidak dapat diurungkan.",
    "Passwords are not kept: give the account a new one.": (
        "Kata sandi tidak disimpan: beri akun itu kata sandi baru."
    ),
    "Mail that was put back is removed like any other.": (
        "Surat yang dikembalikan dapat dihapus seperti surat lain."
    ),
    "How somebody signs in is theirs to change; no secret is kept.": (
        "Cara masuk seseorang diatur olehnya sendiri; tidak ada rahasia yang disimpan."
    ),
    "The post has gone out.": "Kirimannya sudah diteruskan.",
    "The post was thrown away, and its author told.": (
        "Kirimannya sudah dibuang, dan penulisnya diberi tahu."
    ),
    "Change the webhook again where webhooks are.": "Ubah lagi webhook itu di halamannya.",
    "A backup takes nothing away.": "Cadangan tidak mengambil apa pun.",
    "{subject} has changed since: {name} is {found} now, and the change left {left}.": (
        "{subject} telah berubah sejak itu: {name} kini {found:text}, padahal perubahan ini"
        " meninggalkan {left:text}."
    ),
    "{address} has {emails} emails by now; disable or erase it instead.": (
        "{address} kini punya {emails} surat; nonaktifkan atau hapus saja."
    ),
    "{subject} is in use again.": "{subject} sudah dipakai lagi.",
    "{name} has {accounts} accounts by now.": "{name} kini punya {accounts} akun.",
}

"""What `merpati check`, backups and restores say of their work, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "a mailbox belongs to no account": "sebuah kotak surat bukan milik akun mana pun",
    "a mailbox lies below one that does not exist, or below itself": (
        "sebuah kotak surat berada di bawah yang tidak ada, atau di bawah dirinya sendiri"
    ),
    "emails lie in a mailbox that does not exist": "surat berada di kotak surat yang tidak ada",
    "an email has lost its message": "sebuah surat kehilangan pesannya",
    "what parsing found in a message is missing": "hasil penguraian sebuah pesan hilang",
    "a mailbox does not hold as much as it says": "isi sebuah kotak surat tidak sesuai catatannya",
    "a mailbox does not know where what is marked for removal lies": (
        "sebuah kotak surat tidak tahu letak surat yang ditandai untuk dihapus"
    ),
    "a mailbox would give a UID a second time": (
        "sebuah kotak surat akan memberi UID yang sama dua kali"
    ),
    "an account does not use as much as it says": "pemakaian sebuah akun tidak sesuai catatannya",
    "a domain's accounts do not hold as much as its quota says": (
        "isi akun sebuah domain tidak sesuai hitungan kuotanya"
    ),
    "an email that could be restored has lost its message": (
        "sebuah surat yang dapat dipulihkan kehilangan pesannya"
    ),
    "rights or annotations belong to no mailbox": "hak atau catatan tanpa kotak surat",
    "an account would give an id a second time": "sebuah akun akan memberi id yang sama dua kali",
    "an account has changes later than its last": (
        "sebuah akun punya perubahan yang lebih baru dari yang terakhir"
    ),
    "the bytes of a message are gone": "isi sebuah pesan hilang",
    "the bytes of a message are not what was stored": (
        "isi sebuah pesan tidak sama dengan yang disimpan"
    ),
    "a message does not have as many holders as it says": (
        "jumlah pemegang sebuah pesan tidak sesuai catatannya"
    ),
    "bytes belong to no message": "isi tanpa pesan",
    "what parsing found belongs to no message": "hasil penguraian tanpa pesan",
    "a queued message has lost its bytes": "sebuah pesan antrean kehilangan isinya",
    "a queued message has no recipients left": "sebuah pesan antrean tidak punya penerima lagi",
    "a recipient waits for no queued message": (
        "seorang penerima menunggu pesan yang tidak ada di antrean"
    ),
    "a file belongs to no message": "sebuah berkas tanpa pesan",
    "holders of messages": "pemegang pesan",
    "files": "berkas",
    "snapshots": "potret",
}

"""`merpati pop3`, in Indonesian."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "what an account has chosen": "pilihan sebuah akun",
    "choose for an account": "tentukan untuk sebuah akun",
    "mailboxes that are shown, with commas; default: INBOX": (
        "kotak surat yang ditampilkan, dengan koma; bawaan: INBOX"
    ),
    "remove mail so long after it was fetched, or never": (
        "hapus surat sekian hari setelah diambil, atau never"
    ),
    "fetching marks as seen": "mengambil menandai sudah dibaca",
    "show what was fetched once no more": "jangan tampilkan lagi yang pernah diambil",
    "everything as it is for all": "semuanya seperti yang berlaku umum",
    "--expire is a number of days, or never": "--expire adalah jumlah hari, atau never",
    "folders       {names}": "folder             {names:text}",
    "removed       {when}": "dihapus            {when:said}",
    "{days} days after it was fetched": "{days} hari setelah diambil",
    "mark seen     {word}": "tandai dibaca      {word:said}",
    "hide fetched  {word}": "sembunyikan lama   {word:said}",
    "yes": "ya",
    "no": "tidak",
    "How accounts' mail is shown to programs that fetch it by POP3.": (
        "Bagaimana surat akun ditampilkan kepada program yang mengambilnya lewat POP3."
    ),
}

"""`merpati guard`, in Indonesian; what it saw is told by `wire/guard_letters.py`."""

from __future__ import annotations

from typing import Final

PHRASES: Final[dict[str, str]] = {
    "Mail out: who may send how much, and accounts that were stopped from sending.": (
        "Surat keluar: siapa boleh mengirim berapa, dan akun yang dihentikan dari mengirim."
    ),
    "accounts that may not send now": "akun yang sekarang tidak boleh mengirim",
    "also those that were released": "juga yang sudah dilepaskan",
    "what an account, or a domain, sends, and may send": (
        "apa yang dikirim sebuah akun atau domain, dan batasnya"
    ),
    "an account, or a domain": "akun atau domain",
    "let an account send again, and let its mail go": (
        "izinkan akun mengirim lagi, dan lepaskan suratnya"
    ),
    "drop the held mail": "buang surat yang ditahan",
    "it was a false alarm: no new password, and what was seen is this account's habit": (
        "peringatan keliru: tanpa kata sandi baru, dan yang terlihat adalah kebiasaan akun ini"
    ),
    "read the new password": "baca kata sandi baru",
    "stop an account from sending, and hold its mail": (
        "hentikan akun dari mengirim, dan tahan suratnya"
    ),
    "for people": "untuk dibaca orang",
    "give an account or a domain limits of its own": "beri akun atau domain batas tersendiri",
    "0: any; {word}: as [guard] says": "0: tanpa batas; {word}: menurut [guard]",
    "{text} is no number; write 5000, 0 or {word}": (
        "{text:text} bukan bilangan; tulis 5000, 0, atau {word}"
    ),
    "what was seen": "yang terlihat",
    "Every account may send.": "Semua akun boleh mengirim.",
    "All that was seen: merpati guard show ADDRESS": (
        "Semua yang terlihat: merpati guard show ALAMAT"
    ),
    "choose one: --keep-password or --password-stdin": (
        "pilih satu: --keep-password atau --password-stdin"
    ),
    "{address} may send already, and none of its mail is held by the guard.": (
        "{address} sudah boleh mengirim, dan tidak ada suratnya yang ditahan penjaga."
    ),
    "{address} may send again; mail for {count} recipients is on its way.": (
        "{address} boleh mengirim lagi; surat untuk {count} penerima sedang dikirim."
    ),
    "{address} may send again; mail for {count} recipients is dropped.": (
        "{address} boleh mengirim lagi; surat untuk {count} penerima dibuang."
    ),
    "New password, shown only now: {password}": (
        "Kata sandi baru, hanya ditampilkan sekarang: {password}"
    ),
    "{address} may send nothing more; the running server holds its mail.": (
        "{address} tidak boleh mengirim lagi; server yang berjalan menahan suratnya."
    ),
    "To undo it: {command}": "Untuk membatalkan: {command:text}",
    "{address} was stopped before; see: {command}": (
        "{address} sudah dihentikan sebelumnya; lihat: {command:text}"
    ),
    "stopped    since {time}; held: {count} recipients": (
        "dihentikan sejak {time:text}; ditahan: {count} penerima"
    ),
    "usually    {usual}; has written to {count} people": (
        "biasanya   {usual:said}; pernah menulis kepada {count} orang"
    ),
    "networks   {networks}": "jaringan   {networks:said}",
    "none yet": "belum ada",
    "stopped from {begin} until {end}": "dihentikan dari {begin:text} sampai {end:said}",
    "stopped from {begin} until {end}; the last client: {peer}": (
        "dihentikan dari {begin:text} sampai {end:said}; klien terakhir: {peer}"
    ),
    "now": "sekarang",
    "strangers are counted for each account, not for a domain": (
        "penerima baru dihitung per akun, bukan per domain"
    ),
    "{address}: {limits}.": "{address}: {limits:list}.",
    "as [guard] of the configuration says": "menurut [guard] dalam konfigurasi",
    "messages per hour: {value}": "pesan per jam: {value:said}",
    "messages per day: {value}": "pesan per hari: {value:said}",
    "recipients per hour: {value}": "penerima per jam: {value:said}",
    "recipients per day: {value}": "penerima per hari: {value:said}",
    "strangers per hour: {value}": "penerima baru per jam: {value:said}",
    "strangers per day: {value}": "penerima baru per hari: {value:said}",
    "any": "tanpa batas",
    "any (own)": "tanpa batas (khusus)",
    "{count} (own)": "{count} (khusus)",
    "to other domains": "ke domain lain",
    "last hour": "sejam terakhir",
    "last day": "sehari terakhir",
    "allowed": "diizinkan",
    "recipients": "penerima",
    "strangers": "penerima baru",
    "{domain}: what its accounts sent to other domains": (
        "{domain}: yang dikirim akun-akunnya ke domain lain"
    ),
    "Of the last day {count} recipients could not be delivered to.": (
        "Selama sehari terakhir surat tidak sampai ke {count} penerima."
    ),
    "nothing is known yet": "belum ada yang diketahui",
    (
        "at most {hour} in an hour and {day} in a day, as strangers are counted; {days} days"
        " with mail"
    ): (
        "paling banyak {hour} per jam dan {day} per hari, menurut hitungan penerima baru;"
        " {days} hari dengan surat"
    ),
}

"""What people read when something is wrong: a sentence and the next step, in both languages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple


class Words(NamedTuple):
    """What is so, and what to do, with fields in braces."""

    text: str
    advice: str


WORDS: Final[dict[str, dict[str, Words]]] = {
    "queue-grows": {
        "en": Words(
            "{count} recipients wait in the queue; {limit} are the limit.",
            "Look at the queue: is it one sender, or one destination? Hold what looks like spam.",
        ),
        "id": Words(
            "{count} penerima menunggu di antrean; batasnya {limit}.",
            "Lihat antrean: satu pengirim saja, atau satu tujuan? Tahan yang tampak seperti spam.",
        ),
    },
    "queue-stuck": {
        "en": Words(
            "Mail in the queue should have been tried {minutes} minutes ago, and was not.",
            'Look at the log of the server for "queue"; a restart is safe and loses nothing.',
        ),
        "id": Words(
            "Surat di antrean seharusnya sudah dicoba {minutes} menit yang lalu, tetapi belum.",
            'Cari "queue" di log server; memulai ulang server aman dan tidak menghilangkan surat.',
        ),
    },
    "disk-low": {
        "en": Words(
            "The disk of {subject} has {free} % left.",
            "Make room, or give it a larger disk. When it is full, no mail is taken any more.",
        ),
        "id": Words(
            "Disk {subject} tinggal {free} %.",
            "Kosongkan ruang, atau pakai disk yang lebih besar. Bila penuh, surat tidak diterima.",
        ),
    },
    "certificate-ends": {
        "en": Words(
            "The certificate for {subject} ends in {days} days.",
            "Automatic ones are renewed earlier than this, so look under Doctor why it was not;"
            " else install a new one.",
        ),
        "id": Words(
            "Sertifikat untuk {subject} berakhir dalam {days} hari.",
            "Yang otomatis seharusnya sudah diperbarui: lihat sebabnya di halaman Dokter; bila"
            " tidak otomatis, pasang yang baru.",
        ),
    },
    "backup-old": {
        "en": Words(
            "The last good backup to {subject} is {days} days old.",
            "Look under Backup why the last one failed, and make one now.",
        ),
        "id": Words(
            "Cadangan terakhir yang berhasil di {subject} sudah berumur {days} hari.",
            "Lihat di halaman Cadangan mengapa yang terakhir gagal, lalu buat satu sekarang.",
        ),
    },
    "doctor": {
        "en": Words("The doctor has found something at {subject}: {what}", "{do}"),
        "id": Words("Dokter menemukan masalah pada {subject}: {what}", "{do}"),
    },
    "account-stopped": {
        "en": Words(
            "{subject} was stopped from sending, for it sent unusual mail.",
            "Look at it under Guard: give it a new password, or let it go if it was right.",
        ),
        "id": Words(
            "{subject} dihentikan dari mengirim karena suratnya tidak biasa.",
            "Periksa di halaman Penjaga: beri kata sandi baru, atau lepaskan bila tidak salah.",
        ),
    },
    "sign-ins-refused": {
        "en": Words(
            "{count} sign-ins were refused within an hour; {limit} are the limit.",
            "Somebody may be guessing passwords. They are slowed down by themselves; see whether"
            " it is one account, and whether its password is a good one.",
        ),
        "id": Words(
            "{count} upaya masuk ditolak dalam satu jam; batasnya {limit}.",
            "Mungkin ada yang menebak kata sandi. Upayanya otomatis diperlambat; periksa apakah"
            " hanya satu akun, dan apakah kata sandinya baik.",
        ),
    },
    "restarts": {
        "en": Words(
            "Processes of the server were started {count} times within an hour.",
            'Look at the log for "worker": it says why they ended.',
        ),
        "id": Words(
            "Proses server dimulai {count} kali dalam satu jam.",
            'Cari "worker" di log: di sana tertulis mengapa prosesnya berakhir.',
        ),
    },
    "webhook-off": {
        "en": Words(
            "The webhook {subject} was switched off: it has taken nothing for days. {problem}",
            "Mend the program there, and switch the webhook on again under Programs.",
        ),
        "id": Words(
            "Webhook {subject} dimatikan: berhari-hari tidak menerima apa pun. {problem}",
            "Perbaiki program di sana, lalu nyalakan lagi webhook-nya di halaman Program.",
        ),
    },
}
_UNKNOWN: Final = {"en": Words("{kind}: {subject}", ""), "id": Words("{kind}: {subject}", "")}
_LETTER: Final = {
    "en": (
        "{host}: {first}",
        "{host}: {first} (and {more} more)",
        "Something is wrong with the mail server {host}.",
        "since {since} UTC",
        "What is mended goes from the dashboard by itself. What is not is told again once a day.",
    ),
    "id": (
        "{host}: {first}",
        "{host}: {first} (dan {more} lagi)",
        "Ada yang tidak beres pada server surat {host}.",
        "sejak {since} UTC",
        "Yang sudah beres hilang sendiri dari dasbor. Yang belum diberitahukan lagi sekali sehari.",
    ),
}


class Told(NamedTuple):
    """Something that is wrong, in words, since when (UTC, as text)."""

    words: Words
    since: str


class _Fields(dict[str, Any]):
    def __missing__(self, key: str) -> str:
        return "?"


def words(kind: str, subject: str, detail: Mapping[str, Any], language: str) -> Words:
    """The sentence and the next step."""
    by_language = WORDS.get(kind, _UNKNOWN)
    found = by_language.get(language, by_language["en"])
    fields = _Fields({**detail, "kind": kind, "subject": subject})
    return Words(*(part.format_map(fields).strip() for part in found))


def letter(host: str, wrong: Sequence[Told], language: str) -> tuple[str, str]:
    """The subject and the text of the letter that tells of some things."""
    one, several, lead, since, end = _LETTER.get(language, _LETTER["en"])
    subject = (several if len(wrong) > 1 else one).format(
        host=host, first=wrong[0].words.text, more=len(wrong) - 1
    )
    parts = [lead.format(host=host)]
    for told in wrong:
        at = since.format(since=told.since)
        parts.append(f"* {told.words.text} ({at})\n  {told.words.advice}".rstrip())
    return subject, "\n\n".join([*parts, end]) + "\n"

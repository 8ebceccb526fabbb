"""What people read when an account was stopped from sending, in English and Bahasa Indonesia.

`reason` says one thing that was seen, `refusal` what a mail program shows, `write` a letter
with its subject: "owner" to whom the account belongs, "administrator" to who answers for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple


class Words(NamedTuple):
    """One letter in one language, with fields in braces."""

    subject: str
    text: str


REFUSAL: Final = (
    "{address} may not send for now: unusual mail was seen. Read the letter in your mailbox,"
    " or ask your administrator. / {address} untuk sementara tidak dapat mengirim: terlihat surat"
    " yang tidak biasa. Bacalah surat di kotak masuk Anda, atau tanyakan administrator."
)

_REASONS: Final[dict[str, dict[str, str]]] = {
    "en": {
        "strangers-hour": (
            "Within an hour it wrote to {recipients} people elsewhere, to {strangers} of them"
            " for the first time."
        ),
        "strangers-day": (
            "Within a day it wrote to {recipients} people elsewhere, to {strangers} of them"
            " for the first time."
        ),
        "network": "{recipients} of them from a network it had never used: {networks}.",
        "networks": (
            "{recipients} of them from networks it had never used: {count} in one day,"
            " such as {networks}."
        ),
        "hour": "{recipients} of them at an hour at which it never writes (about {hour}:00 UTC).",
        "failures": (
            "{failures} addresses of the last day do not exist or refused the mail: {share} %,"
            " where {usually} % are usual."
        ),
        "weighed": (
            "All together counts as {load}. {allowed} is allowed; its own busiest time of late"
            " came to {usual}."
        ),
        "by-hand": "An administrator has stopped it: {why}",
    },
    "id": {
        "strangers-hour": (
            "Dalam satu jam akun ini menulis kepada {recipients} orang di luar, {strangers} di"
            " antaranya untuk pertama kali."
        ),
        "strangers-day": (
            "Dalam satu hari akun ini menulis kepada {recipients} orang di luar, {strangers} di"
            " antaranya untuk pertama kali."
        ),
        "network": (
            "{recipients} di antaranya dari jaringan yang belum pernah dipakai: {networks}."
        ),
        "networks": (
            "{recipients} di antaranya dari jaringan yang belum pernah dipakai: {count} dalam"
            " satu hari, misalnya {networks}."
        ),
        "hour": (
            "{recipients} di antaranya pada jam ketika akun ini tidak pernah menulis"
            " (sekitar pukul {hour}.00 UTC)."
        ),
        "failures": (
            "{failures} alamat dalam sehari terakhir tidak ada atau menolak suratnya: {share} %,"
            " padahal biasanya {usually} %."
        ),
        "weighed": (
            "Semuanya dihitung {load}. Batasnya {allowed}; saat tersibuk akun ini"
            " belakangan mencapai {usual}."
        ),
        "by-hand": "Administrator menghentikannya: {why}",
    },
}

_LETTERS: Final[dict[str, dict[str, Words]]] = {
    "owner": {
        "en": Words(
            "Sending from {address} is stopped",
            "Nothing more leaves from {address}. This is why:\n\n"
            "{reasons}\n\n"
            "What was still waiting here is held back ({held}).\n"
            "You can go on reading your mail.\n\n"
            "If you did not send this mail, somebody has your password:\n"
            "  - Ask your administrator for a new one: {administrator}\n"
            "  - Change it wherever you used the same password.\n"
            "  - Have the computers and telephones you read mail with looked at.\n\n"
            "If you did send it, tell your administrator so: then it is let go.\n",
        ),
        "id": Words(
            "Pengiriman dari {address} dihentikan",
            "Tidak ada lagi surat yang keluar dari {address}. Inilah sebabnya:\n\n"
            "{reasons}\n\n"
            "Yang masih menunggu di sini ditahan ({held}).\n"
            "Anda tetap dapat membaca surat.\n\n"
            "Bila bukan Anda yang mengirim, ada orang yang tahu kata sandi Anda:\n"
            "  - Mintalah kata sandi baru kepada administrator: {administrator}\n"
            "  - Gantilah di semua tempat lain yang memakai kata sandi yang sama.\n"
            "  - Mintalah agar komputer dan telepon untuk membaca surat diperiksa.\n\n"
            "Bila memang Anda yang mengirim, beri tahu administrator: surat itu akan dilepas.\n",
        ),
    },
    "administrator": {
        "en": Words(
            "{address} was stopped from sending: a stolen password?",
            "Nothing more leaves from {address}. This is why:\n\n"
            "{reasons}\n\n"
            "What was still waiting here is held back ({held}).\n"
            "Its owner has a letter; reading goes on.\n\n"
            "Ask the person whether this was they, and look:\n\n"
            "  merpati guard show {address}\n"
            '  merpati queue list --sender "{address}"\n\n'
            "If it was not: drop what is held and give out a new password, which is printed:\n\n"
            "  merpati guard release {address} --delete\n\n"
            "If it was: let the mail go, and let the guard learn from it:\n\n"
            "  merpati guard release {address} --keep-password\n",
        ),
        "id": Words(
            "Pengiriman dari {address} dihentikan: kata sandinya dicuri?",
            "Tidak ada lagi surat yang keluar dari {address}. Inilah sebabnya:\n\n"
            "{reasons}\n\n"
            "Yang masih menunggu di sini ditahan ({held}).\n"
            "Pemiliknya sudah disurati; membaca tetap bisa.\n\n"
            "Tanyakan kepada orangnya, dan periksalah:\n\n"
            "  merpati guard show {address}\n"
            '  merpati queue list --sender "{address}"\n\n'
            "Bila bukan dia: buang yang ditahan dan beri kata sandi baru, yang akan dicetak:\n\n"
            "  merpati guard release {address} --delete\n\n"
            "Bila memang dia: lepaskan suratnya, dan biarkan penjaga belajar darinya:\n\n"
            "  merpati guard release {address} --keep-password\n",
        ),
    },
}
_CLIENT: Final = {
    "en": "The last client had the address {peer}.",
    "id": "Klien terakhir beralamat {peer}.",
}
_HELD: Final = {
    "en": ("no mail", "mail for one recipient", "mail for {count} recipients"),
    "id": ("tidak ada surat", "surat untuk satu penerima", "surat untuk {count} penerima"),
}
_FOOTER: Final = {
    "en": "\n-- \nWritten by the mail system of {domain}.\n",
    "id": "\n-- \nDitulis oleh sistem surat {domain}.\n",
}


def reason(code: str, fields: Mapping[str, int | str], language: str = "en") -> str:
    """One thing that was seen, as a sentence."""
    return _REASONS[_known(language)][code].format(**fields)


def refusal(address: str) -> str:
    """What a client is told that submits mail; nobody knows its language."""
    return REFUSAL.format(address=address)


def write(
    letter: str,
    language: str,
    *,
    address: str,
    reasons: list[str],
    held: int,
    peer: str,
    administrator: str,
) -> tuple[str, str]:
    """Subject and text of a letter.

    Args:
        letter: "owner" or "administrator".
        language: of whom it is for.
        address: of the account.
        reasons: sentences, in that language.
        held: recipients of mail that is held back.
        peer: of the client that sent last, for administrators; may be empty.
        administrator: whom the owner is to ask.
    """
    word = _known(language)
    if peer and letter == "administrator":
        reasons = [*reasons, _CLIENT[word].format(peer=peer)]
    fields = {
        "address": address,
        "reasons": "\n".join(f"  - {sentence}" for sentence in reasons),
        "held": _HELD[word][min(held, 2)].format(count=held),
        "administrator": administrator,
        "domain": address.rpartition("@")[2],
    }
    subject, text = _LETTERS[letter][word]
    return subject.format(**fields), (text + _FOOTER[word]).format(**fields)


def _known(language: str) -> str:
    return language if language in _LETTERS["owner"] else "en"

"""Why mail was refused, put off or set aside as junk, for the people it was meant for.

`sentences` says what was found and what to do, in the reader's language. The details stand
in the verdict's own reasons, which are for whoever runs the server.
"""

from __future__ import annotations

from enum import Enum
from typing import Final


class Cause(Enum):
    """What decided how a message was dealt with."""

    AUTHOR = "author"  # it is not clear whom it is from
    DMARC_REJECT = "dmarc-reject"  # its domain wants such mail refused
    DMARC_QUARANTINE = "dmarc-quarantine"  # its domain wants such mail set aside
    MAILING_LIST = "mailing-list"  # the same, but a mailing list explains it
    SPF = "spf"  # its sender's domain does not let this server send
    UNCHECKED = "unchecked"  # the DNS did not answer


def sentences(cause: Cause, domain: str, language: str) -> tuple[str, str]:
    """What was found, and what the reader can do; English for a language we do not have.

    Args:
        cause: From the judgement.
        domain: The author's domain, or that of the sender's address.
        language: "en" or "id".
    """
    english, indonesian = _SENTENCES[cause]
    found, advice = indonesian if language == "id" else english
    return found.format(domain=domain or "?"), advice.format(domain=domain or "?")


_SENTENCES: Final[dict[Cause, tuple[tuple[str, str], tuple[str, str]]]] = {
    Cause.AUTHOR: (
        ("The message does not say clearly whom it is from, which is a way to pass for another.",
         "Do not trust the name it shows. Ask the person in another way whether it is theirs."),
        ("Pesan ini tidak menyebut pengirimnya dengan jelas; begitulah orang menyamar.",
         "Jangan percaya pada nama yang tampil. Tanyakan kepada orangnya dengan cara lain."),
    ),
    Cause.DMARC_REJECT: (
        (("The message names {domain} as its sender, but nothing proves that it comes from there,"
         " and {domain} asks everybody to refuse such mail."),
         "If you expected it, tell the sender that their mail cannot be recognised as theirs."),
        (("Pesan ini mengaku dari {domain}, tetapi tidak ada bukti bahwa benar dari sana, dan"
         " {domain} meminta agar surat seperti itu ditolak."),
         "Bila Anda menunggunya, beri tahu pengirimnya bahwa suratnya tidak dapat dikenali."),
    ),
    Cause.DMARC_QUARANTINE: (
        (("The message names {domain} as its sender, but nothing proves that it comes from there,"
         " and {domain} asks everybody to be wary of such mail."),
         "Do not follow its links unless you are sure of the sender."),
        (("Pesan ini mengaku dari {domain}, tetapi tidak ada bukti bahwa benar dari sana, dan"
         " {domain} meminta agar surat seperti itu diwaspadai."),
         "Jangan buka tautannya kecuali Anda yakin siapa pengirimnya."),
    ),
    Cause.MAILING_LIST: (
        (("The message came through a mailing list, which has changed it, so that nothing proves"
         " any more that it comes from {domain}."),
         "If you know the list, ask your administrator to add it to the trusted lists."),
        (("Pesan ini datang lewat milis yang mengubahnya, sehingga tidak ada lagi bukti bahwa"
         " asalnya dari {domain}."),
         "Bila Anda mengenal milis itu, minta administrator menambahkannya ke milis tepercaya."),
    ),
    Cause.SPF: (
        ("The server that sent the message may not send mail for {domain}.",
         "Do not trust it unless the sender confirms in another way that it is theirs."),
        ("Server yang mengirim pesan ini tidak berhak mengirim surat untuk {domain}.",
         "Jangan percaya kecuali pengirimnya membenarkan dengan cara lain."),
    ),
    Cause.UNCHECKED: (
        ("At present it cannot be found out whether the message comes from {domain}.",
         "Nothing needs to be done: the sender's server will try again by itself."),
        ("Saat ini belum dapat dipastikan apakah pesan itu berasal dari {domain}.",
         "Tidak perlu berbuat apa-apa: server pengirim akan mencoba lagi sendiri."),
    ),
}  # fmt: skip

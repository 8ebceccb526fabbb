"""What a remote server's answer means for the person who sent the message, in their language.

`classify` turns a reply into an `Advice`; `sentences` gives what happened and
what to do in plain words. A status code decides when there is one, the words
of the reply only when the code says nothing (5.0.0, 5.7.1, none at all):
servers agree on codes more than on words.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from merpati.wire.smtp.replies import Reply

LANGUAGES: Final = ("en", "id")


class Advice(Enum):
    """Why mail was not delivered, as far as the sender can do something about it."""

    NO_SUCH_USER = "no-such-user"
    NO_SUCH_DOMAIN = "no-such-domain"
    NULL_MX = "null-mx"
    MOVED = "moved"
    BAD_ADDRESS = "bad-address"
    SENDER_REFUSED = "sender-refused"
    MAILBOX_FULL = "mailbox-full"
    MAILBOX_DISABLED = "mailbox-disabled"
    TOO_LARGE = "too-large"
    LIST_REFUSED = "list-refused"
    NO_CONNECTION = "no-connection"
    DNS_TROUBLE = "dns-trouble"
    LOOP = "loop"
    EXPIRED = "expired"
    BUSY = "busy"
    RATE = "rate"
    TLS = "tls"
    AUTHENTICATION = "authentication"
    REPUTATION = "reputation"
    CONTENT = "content"
    POLICY = "policy"
    RELAY_DENIED = "relay-denied"
    NO_UTF8 = "no-utf8"
    PROTOCOL = "protocol"
    OTHER = "other"


# Subject and detail of RFC 3463, whatever the class; additions of RFC 5248's registry.
_BY_STATUS: Final[dict[str, Advice]] = {
    "1.0": Advice.NO_SUCH_USER,
    "1.1": Advice.NO_SUCH_USER,
    "1.2": Advice.NO_SUCH_DOMAIN,
    "1.3": Advice.BAD_ADDRESS,
    "1.4": Advice.BAD_ADDRESS,
    "1.6": Advice.MOVED,
    "1.7": Advice.SENDER_REFUSED,
    "1.8": Advice.SENDER_REFUSED,
    "1.10": Advice.NULL_MX,
    "2.1": Advice.MAILBOX_DISABLED,
    "2.2": Advice.MAILBOX_FULL,
    "2.3": Advice.TOO_LARGE,
    "2.4": Advice.LIST_REFUSED,
    "3.1": Advice.BUSY,
    "3.2": Advice.BUSY,
    "3.4": Advice.TOO_LARGE,
    "4.1": Advice.NO_CONNECTION,
    "4.2": Advice.NO_CONNECTION,
    "4.3": Advice.DNS_TROUBLE,
    "4.4": Advice.NO_SUCH_DOMAIN,
    "4.5": Advice.BUSY,
    "4.6": Advice.LOOP,
    "4.7": Advice.EXPIRED,
    "5.3": Advice.RATE,
    "6.7": Advice.NO_UTF8,
    "7.2": Advice.LIST_REFUSED,
    "7.5": Advice.TLS,
    "7.10": Advice.TLS,
    "7.20": Advice.AUTHENTICATION,
    "7.21": Advice.AUTHENTICATION,
    "7.22": Advice.AUTHENTICATION,
    "7.23": Advice.AUTHENTICATION,
    "7.24": Advice.AUTHENTICATION,
    "7.25": Advice.REPUTATION,
    "7.26": Advice.AUTHENTICATION,
    "7.27": Advice.SENDER_REFUSED,
    "7.28": Advice.RATE,
    "7.29": Advice.AUTHENTICATION,
    "7.30": Advice.TLS,
}
# When detail is unknown, its subject still says something.
_BY_SUBJECT: Final[dict[str, Advice]] = {
    "1": Advice.BAD_ADDRESS,
    "2": Advice.MAILBOX_DISABLED,
    "3": Advice.BUSY,
    "4": Advice.NO_CONNECTION,
    "5": Advice.PROTOCOL,
    "6": Advice.CONTENT,
    "7": Advice.POLICY,
}
# Words in replies whose status says little; the first that matches wins.
_BY_WORDS: Final[tuple[tuple[re.Pattern[str], Advice], ...]] = tuple(
    (re.compile(pattern, re.IGNORECASE), advice)
    for pattern, advice in (
        (r"gr[ae]y ?list|try again (later|in)|temporar", Advice.BUSY),
        (r"rate limit|too many (messages|connections|recipients)|throttl", Advice.RATE),
        (r"spamhaus|spamcop|barracuda|(black|block) ?list|\brbl\b|reputation|reverse dns|\bptr\b",
         Advice.REPUTATION),
        (r"\bspf\b|\bdkim\b|\bdmarc\b|unauthenticated", Advice.AUTHENTICATION),
        (r"mailbox (is )?full|over ?quota|quota exceeded|out of storage", Advice.MAILBOX_FULL),
        (r"(message|size).{0,40}(too (large|big)|exceed|limit)", Advice.TOO_LARGE),
        (r"(no such|unknown|invalid) (user|recipient|mailbox|address)", Advice.NO_SUCH_USER),
        (r"(user|recipient|mailbox|address|account).{0,40}(unknown|not (found|exist)|n.t exist)",
         Advice.NO_SUCH_USER),
        (r"(user|recipient|mailbox|address|account).{0,40}(no longer|invalid|unavailable)",
         Advice.NO_SUCH_USER),
        (r"disabled|suspended|inactive", Advice.MAILBOX_DISABLED),
        (r"\bspam\b|virus|malware|phish|content", Advice.CONTENT),
        (r"\b(start)?tls\b|encrypt", Advice.TLS),
        (r"relay(ing)? (access )?(denied|not (permitted|allowed))|unable to relay",
         Advice.RELAY_DENIED),
    )
)  # fmt: skip
_VAGUE: Final = frozenset({"", "0.0", "1.0", "7.0", "7.1", "2.0", "3.0", "5.0"})
_WORDS_LIMIT: Final = 500  # characters of a reply that are searched


def classify(reply: Reply) -> Advice:
    """What a reply, or a failure written as one, comes down to."""
    return classify_status(reply.enhanced, reply.text, reply.code)


def classify_status(status: str, text: str = "", code: int = 0) -> Advice:
    """The same from a status code (`5.1.1` or empty), the reply's words, and its code if any."""
    detail = status.partition(".")[2]
    if detail in _VAGUE:
        for pattern, advice in _BY_WORDS:
            if pattern.search(text[:_WORDS_LIMIT]):
                return advice
    if detail in _BY_STATUS:
        return _BY_STATUS[detail]
    subject = detail.partition(".")[0]
    if subject in _BY_SUBJECT:
        return _BY_SUBJECT[subject]
    return _by_code(code, transient=status.startswith("4"))


def _by_code(code: int, *, transient: bool) -> Advice:
    """What is left when there is no status and the words are unknown (RFC 5321 4.2.3)."""
    if code in {500, 501, 502, 503, 504, 555}:
        return Advice.PROTOCOL
    if code == 552:
        return Advice.TOO_LARGE
    if transient or 400 <= code < 500:
        return Advice.BUSY
    return {551: Advice.MOVED, 553: Advice.BAD_ADDRESS, 554: Advice.POLICY}.get(code, Advice.OTHER)


def sentences(advice: Advice, language: str) -> tuple[str, str]:
    """What happened, and what the sender can do; English for a language we do not have."""
    english, indonesian = _SENTENCES[advice]
    return indonesian if language == "id" else english


# Advice: (English: what happened, what to do), (Indonesian: the same).
_SENTENCES: Final[dict[Advice, tuple[tuple[str, str], tuple[str, str]]]] = {
    Advice.NO_SUCH_USER: (
        ("The receiving server knows no mailbox with this address.",
         "Check the address for typing mistakes, or ask the person for the right one."),
        ("Server penerima tidak mengenal kotak surat dengan alamat ini.",
         "Periksa apakah ada salah ketik, atau tanyakan alamat yang benar kepada orangnya."),
    ),
    Advice.NO_SUCH_DOMAIN: (
        ("The part of the address after the @ does not exist, or takes no mail.",
         "Check the part after the @ for typing mistakes."),
        ("Bagian alamat setelah tanda @ tidak ada, atau tidak menerima surat.",
         "Periksa apakah ada salah ketik pada bagian setelah tanda @."),
    ),
    Advice.NULL_MX: (
        ("The owner of this domain has declared that it takes no mail at all.",
         "Check the part after the @, or reach the person in another way."),
        ("Pemilik domain ini menyatakan bahwa domainnya sama sekali tidak menerima surat.",
         "Periksa bagian setelah tanda @, atau hubungi orangnya dengan cara lain."),
    ),
    Advice.MOVED: (
        ("This address is no longer in use; its owner has moved.",
         "Ask the person for the new address; the server's answer below may name it."),
        ("Alamat ini sudah tidak dipakai; pemiliknya pindah.",
         "Tanyakan alamat yang baru; mungkin tertulis dalam jawaban server di bawah."),
    ),
    Advice.BAD_ADDRESS: (
        ("The receiving server says that this address is not written correctly.",
         "Check the address for typing mistakes, spaces and missing dots."),
        ("Menurut server penerima, penulisan alamat ini tidak benar.",
         "Periksa salah ketik, spasi, atau titik yang kurang pada alamat."),
    ),
    Advice.SENDER_REFUSED: (
        ("The receiving server does not accept your address as a sender.",
         "Show this message to your administrator: your domain's settings need a look."),
        ("Server penerima tidak menerima alamat Anda sebagai pengirim.",
         "Tunjukkan pesan ini kepada administrator Anda: pengaturan domain perlu diperiksa."),
    ),
    Advice.MAILBOX_FULL: (
        ("The recipient's mailbox is full.",
         "Tell the person in another way, and send the message again when there is room."),
        ("Kotak surat penerima penuh.",
         "Beri tahu orangnya dengan cara lain, lalu kirim ulang bila sudah ada tempat."),
    ),
    Advice.MAILBOX_DISABLED: (
        ("The recipient's mailbox exists, and takes no mail at present.",
         "Reach the person in another way."),
        ("Kotak surat penerima ada, tetapi saat ini tidak menerima surat.",
         "Hubungi orangnya dengan cara lain."),
    ),
    Advice.TOO_LARGE: (
        ("The message is larger than the receiving server takes.",
         "Send smaller attachments, or put the files elsewhere and send a link to them."),
        ("Pesan ini lebih besar daripada yang diterima server penerima.",
         "Kirim lampiran yang lebih kecil, atau simpan berkas di tempat lain dan kirim tautannya."),
    ),
    Advice.LIST_REFUSED: (
        ("This is a mailing list or group, and you may not write to it.",
         "Ask its owner to allow you, or send from the address that is a member."),
        ("Alamat ini adalah milis atau grup, dan Anda tidak boleh menulis ke sana.",
         "Minta izin kepada pengelolanya, atau kirim dari alamat yang menjadi anggota."),
    ),
    Advice.NO_CONNECTION: (
        ("The receiving server could not be reached, or broke off the conversation.",
         "The trouble is most likely on its side. If it lasts, tell the person in another way."),
        ("Server penerima tidak dapat dihubungi, atau memutus sambungan.",
         "Gangguannya mungkin di pihak sana. Bila berlanjut, hubungi orangnya dengan cara lain."),
    ),
    Advice.DNS_TROUBLE: (
        ("The receiving domain's name servers did not answer.",
         "Check the part after the @; if it is right, the trouble is on the other side."),
        ("Server nama (DNS) domain penerima tidak menjawab.",
         "Periksa bagian setelah tanda @; bila sudah benar, gangguannya ada di pihak sana."),
    ),
    Advice.LOOP: (
        ("The message was going round in a circle between servers and was stopped.",
         "Show this message to your administrator: two forwardings point at each other."),
        ("Pesan ini berputar-putar di antara server dan dihentikan.",
         "Tunjukkan pesan ini kepada administrator Anda: ada dua penerusan yang saling menunjuk."),
    ),
    Advice.EXPIRED: (
        ("The message was tried again and again until its time was over.",
         "Send it again later, or reach the person in another way."),
        ("Pesan ini sudah dicoba berulang kali sampai batas waktunya habis.",
         "Kirim ulang lain waktu, atau hubungi orangnya dengan cara lain."),
    ),
    Advice.BUSY: (
        ("The receiving server asked us to come back later.",
         "Wait a while; if the message came back for good, send it again."),
        ("Server penerima meminta kami mencoba lagi nanti.",
         "Tunggu sebentar; bila pesan sudah dikembalikan, kirim ulang."),
    ),
    Advice.RATE: (
        ("The receiving server says that too many messages came at once.",
         "Send again later, and to fewer people at a time."),
        ("Menurut server penerima, terlalu banyak pesan masuk sekaligus.",
         "Kirim lagi nanti, dan ke lebih sedikit orang sekali kirim."),
    ),
    Advice.TLS: (
        ("No secure connection could be made, and one was required.",
         "Show this message to your administrator; nothing was sent in the clear."),
        ("Sambungan aman tidak dapat dibuat, padahal diwajibkan.",
         "Tunjukkan pesan ini kepada administrator Anda; tidak ada yang terkirim tanpa enkripsi."),
    ),
    Advice.AUTHENTICATION: (
        ("The receiving server could not confirm that the message comes from your domain.",
         "Show this message to your administrator: SPF, DKIM or DMARC of your domain need a look."),
        ("Server penerima tidak dapat memastikan bahwa pesan ini berasal dari domain Anda.",
         "Tunjukkan pesan ini kepada administrator Anda: SPF, DKIM, atau DMARC perlu diperiksa."),
    ),
    Advice.REPUTATION: (
        ("The receiving server distrusts our server's internet address.",
         "Show this message to your administrator: the address may stand on a block list."),
        ("Server penerima tidak memercayai alamat internet server kami.",
         "Tunjukkan pesan ini kepada administrator Anda: alamatnya mungkin masuk daftar blokir."),
    ),
    Advice.CONTENT: (
        ("The receiving server refused the message for what is in it.",
         "Look at links and attachments, change them, and send the message again."),
        ("Server penerima menolak pesan ini karena isinya.",
         "Periksa tautan dan lampiran, ubah, lalu kirim ulang."),
    ),
    Advice.POLICY: (
        ("The receiving server's rules do not allow this message.",
         "Read its answer below; if it says nothing useful, show it to your administrator."),
        ("Aturan server penerima tidak mengizinkan pesan ini.",
         "Baca jawabannya di bawah; bila tidak jelas, tunjukkan kepada administrator Anda."),
    ),
    Advice.RELAY_DENIED: (
        ("The server that was asked does not take mail for this domain.",
         "Check the part after the @; if it is right, the domain's own settings (MX) are wrong."),
        ("Server yang dihubungi tidak menerima surat untuk domain ini.",
         "Periksa bagian setelah tanda @; bila sudah benar, pengaturan domain itu (MX) salah."),
    ),
    Advice.NO_UTF8: (
        ("The receiving server cannot handle addresses with letters beyond plain English ones.",
         "Ask the person for an address in plain letters."),
        ("Server penerima tidak dapat menangani alamat dengan huruf di luar abjad Latin biasa.",
         "Minta alamat lain yang hanya memakai huruf biasa."),
    ),
    Advice.PROTOCOL: (
        ("The two servers did not understand each other.",
         "Show this message to your administrator."),
        ("Kedua server tidak saling memahami.",
         "Tunjukkan pesan ini kepada administrator Anda."),
    ),
    Advice.OTHER: (
        ("The receiving server refused the message.",
         "Read its answer below; if it says nothing useful, show it to your administrator."),
        ("Server penerima menolak pesan ini.",
         "Baca jawabannya di bawah; bila tidak jelas, tunjukkan kepada administrator Anda."),
    ),
}  # fmt: skip

"""What a mailing list writes to people, in English and Bahasa Indonesia.

`write` fills in one letter: its subject and its text. Every text ends with who wrote it.
"""

from __future__ import annotations

from typing import Final, NamedTuple


class Words(NamedTuple):
    """One letter in one language, with fields in braces."""

    subject: str
    text: str


_FOOTER: Final = {
    "en": "\n\n-- \nWritten by the mail system for the list {title} <{list}>.\n",
    "id": "\n\n-- \nDitulis oleh sistem surat untuk milis {title} <{list}>.\n",
}

# Letter: for each language its subject and its text.
_LETTERS: Final[dict[str, dict[str, Words]]] = {
    "held": {
        "en": Words(
            "[{title}] waits for you: {subject}",
            "A post to {list} waits for your decision.\n\n"
            "  From:     {author}\n  Subject:  {subject}\n  Why:      {why}\n\n"
            'To let it through, answer this letter with the word "approve", or write to\n'
            "  {approve}\n"
            'To refuse it, answer with the word "reject", or write to\n'
            "  {reject}\n\n"
            "The first owner to answer decides. Without an answer it is thrown away after\n"
            "{days} days. The post is attached.",
        ),
        "id": Words(
            "[{title}] menunggu Anda: {subject}",
            "Sebuah kiriman ke {list} menunggu keputusan Anda.\n\n"
            "  Dari:     {author}\n  Subjek:   {subject}\n  Sebab:    {why}\n\n"
            'Untuk meloloskannya, balas surat ini dengan kata "setuju", atau tulis ke\n'
            "  {approve}\n"
            'Untuk menolaknya, balas dengan kata "tolak", atau tulis ke\n'
            "  {reject}\n\n"
            "Pemilik milis yang pertama menjawab memutuskan. Tanpa jawaban, kiriman dibuang\n"
            "setelah {days} hari. Kirimannya terlampir.",
        ),
    },
    "waiting": {
        "en": Words(
            "Your post to {title} waits for its owner",
            "Your post to {list} has arrived:\n\n  {subject}\n\n"
            "An owner of the list looks at it before it goes to the members. You need not\n"
            "send it again.",
        ),
        "id": Words(
            "Kiriman Anda ke {title} menunggu pemiliknya",
            "Kiriman Anda ke {list} sudah diterima:\n\n  {subject}\n\n"
            "Pemilik milis memeriksanya sebelum diteruskan kepada anggota. Anda tidak perlu\n"
            "mengirim ulang.",
        ),
    },
    "rejected": {
        "en": Words(
            "Your post to {title} was not let through",
            "An owner of the list {list} has refused your post:\n\n  {subject}\n\n"
            "To ask why, write to {owner}.",
        ),
        "id": Words(
            "Kiriman Anda ke {title} tidak diloloskan",
            "Pemilik milis {list} menolak kiriman Anda:\n\n  {subject}\n\n"
            "Untuk menanyakan alasannya, tulis ke {owner}.",
        ),
    },
    "decided": {
        "en": Words(
            "Already decided",
            "What you decided about waits no longer: another owner was faster, or its time\n"
            "was over. Nothing has been done.",
        ),
        "id": Words(
            "Sudah diputuskan",
            "Yang Anda putuskan sudah tidak menunggu lagi: pemilik lain lebih cepat, atau\n"
            "waktunya sudah habis. Tidak ada yang dilakukan.",
        ),
    },
    "unclear": {
        "en": Words(
            "Approve or reject?",
            'Your answer did not begin with "approve" or "reject", so nothing has been done.\n'
            "Answer once more with that one word.",
        ),
        "id": Words(
            "Setuju atau tolak?",
            'Jawaban Anda tidak dimulai dengan "setuju" atau "tolak", jadi tidak ada yang\n'
            "dilakukan. Jawablah sekali lagi dengan satu kata itu.",
        ),
    },
    "confirm-join": {
        "en": Words(
            "Do you want to join {title}?",
            "Somebody, you we hope, asked that {address} be a member of the list\n{list}.\n\n"
            "If you want that, answer this letter; the answer may be empty.\n"
            "If not, do nothing.",
        ),
        "id": Words(
            "Apakah Anda ingin bergabung dengan {title}?",
            "Seseorang, semoga Anda sendiri, meminta agar {address} menjadi anggota milis\n"
            "{list}.\n\nJika Anda menginginkannya, balas surat ini; balasannya boleh kosong.\n"
            "Jika tidak, abaikan saja.",
        ),
    },
    "confirm-leave": {
        "en": Words(
            "Do you want to leave {title}?",
            "Somebody, you we hope, asked that {address} be no member of the list\n{list} any"
            " longer.\n\nIf you want that, answer this letter; the answer may be empty.\n"
            "If not, do nothing.",
        ),
        "id": Words(
            "Apakah Anda ingin keluar dari {title}?",
            "Seseorang, semoga Anda sendiri, meminta agar {address} tidak lagi menjadi anggota\n"
            "milis {list}.\n\nJika Anda menginginkannya, balas surat ini; balasannya boleh"
            " kosong.\nJika tidak, abaikan saja.",
        ),
    },
    "admit": {
        "en": Words(
            "[{title}] {address} wants to join",
            "{address} wants to be a member of {list}.\n\n"
            'To let them in, answer this letter with the word "approve", or write to\n'
            "  {approve}\n"
            'To refuse, answer with the word "reject", or write to\n  {reject}',
        ),
        "id": Words(
            "[{title}] {address} ingin bergabung",
            "{address} ingin menjadi anggota {list}.\n\n"
            'Untuk menerimanya, balas surat ini dengan kata "setuju", atau tulis ke\n'
            "  {approve}\n"
            'Untuk menolak, balas dengan kata "tolak", atau tulis ke\n  {reject}',
        ),
    },
    "asked": {
        "en": Words(
            "An owner of {title} will decide",
            "Thank you. An owner of {list} decides whether {address} becomes a member.",
        ),
        "id": Words(
            "Pemilik {title} akan memutuskan",
            "Terima kasih. Pemilik {list} memutuskan apakah {address} menjadi anggota.",
        ),
    },
    "joined": {
        "en": Words(
            "Welcome to {title}",
            "{address} is a member of the list {list} now.\n\n"
            "To post, write to {list}.\nTo leave, write to {leave}.\n"
            "To reach its owners, write to {owner}.",
        ),
        "id": Words(
            "Selamat datang di {title}",
            "{address} sekarang anggota milis {list}.\n\n"
            "Untuk mengirim, tulis ke {list}.\nUntuk keluar, tulis ke {leave}.\n"
            "Untuk menghubungi pemiliknya, tulis ke {owner}.",
        ),
    },
    "left": {
        "en": Words(
            "You have left {title}", "{address} is no member of the list {list} any longer."
        ),
        "id": Words("Anda telah keluar dari {title}", "{address} bukan lagi anggota milis {list}."),
    },
    "closed": {
        "en": Words(
            "Nobody joins {title} by mail",
            "Members of {list} are added by its owners. Write to {owner}.",
        ),
        "id": Words(
            "{title} tidak dapat diikuti lewat surat",
            "Anggota {list} ditambahkan oleh pemiliknya. Tulislah ke {owner}.",
        ),
    },
    "dynamic": {
        "en": Words(
            "{title} reaches everybody it is for",
            "Nobody joins or leaves {list}: it reaches every account it is meant for.",
        ),
        "id": Words(
            "{title} menjangkau semua yang dituju",
            "Tidak ada yang bergabung atau keluar dari {list}: milis ini menjangkau setiap\n"
            "akun yang dituju.",
        ),
    },
    "member": {
        "en": Words("You are a member of {title}", "{address} is a member of {list} already."),
        "id": Words("Anda anggota {title}", "{address} sudah menjadi anggota {list}."),
    },
    "stranger": {
        "en": Words("You are no member of {title}", "{address} is no member of {list}."),
        "id": Words("Anda bukan anggota {title}", "{address} bukan anggota {list}."),
    },
    "suspended": {
        "en": Words(
            "[{title}] {address} gets no more posts",
            "Mail of the list {list} to its member\n\n  {address}\n\n"
            "came back again and again, on {bounces} days. It gets no more posts until the\n"
            "address is right again and somebody types\n\n"
            "  merpati list add-member {list} {address}\n\nor until it joins anew.",
        ),
        "id": Words(
            "[{title}] {address} tidak menerima kiriman lagi",
            "Surat milis {list} kepada anggotanya\n\n  {address}\n\n"
            "berkali-kali dikembalikan, pada {bounces} hari. Anggota ini tidak menerima\n"
            "kiriman sampai alamatnya benar lagi dan seseorang mengetik\n\n"
            "  merpati list add-member {list} {address}\n\natau sampai ia bergabung lagi.",
        ),
    },
    "help": {
        "en": Words(
            "How to use the list {title}",
            "To post            write to {list}\n"
            "To join            write to {join}\n"
            "To leave           write to {leave}\n"
            "To reach a person  write to {owner}\n\n"
            "Or write to {request} with one of the words\nsubscribe, unsubscribe, help as the"
            " subject.",
        ),
        "id": Words(
            "Cara memakai milis {title}",
            "Mengirim             tulis ke {list}\n"
            "Bergabung            tulis ke {join}\n"
            "Keluar               tulis ke {leave}\n"
            "Menghubungi pemilik  tulis ke {owner}\n\n"
            "Atau tulis ke {request} dengan salah satu kata\nikut, keluar, bantuan sebagai"
            " subjek.",
        ),
    },
}

# Why a post waits.
_REASONS: Final = {
    "moderated": {
        "en": "every post waits for an owner",
        "id": "setiap kiriman menunggu pemilik",
    },
    "outsider": {
        "en": "the author may not post without an owner's consent",
        "id": "penulis tidak boleh mengirim tanpa persetujuan pemilik",
    },
}

APPROVALS: Final = frozenset({"approve", "approved", "yes", "ok", "accept", "setuju", "ya"})
REFUSALS: Final = frozenset({"reject", "rejected", "no", "refuse", "deny", "tolak", "tidak"})
JOINS: Final = frozenset({"subscribe", "join", "ikut", "gabung", "langganan"})
LEAVES: Final = frozenset({"unsubscribe", "leave", "signoff", "keluar", "berhenti"})


def write(letter: str, language: str, **fields: object) -> tuple[str, str]:
    """Subject and text of a letter in a language; English for one that is not known.

    `fields` always has `title` and `list`.
    """
    known = _LETTERS[letter]
    word = language if language in known else "en"
    subject, text = known[word]
    return subject.format(**fields), (text + _FOOTER[word]).format(**fields)


def reason(word: str, language: str) -> str:
    """Why a post waits."""
    known = _REASONS[word]
    return known.get(language, known["en"])


def first_word(*texts: str) -> str:
    """The first word of the first text that has one, in lower case, without its marks."""
    for text in texts:
        for word in text[:200].split(maxsplit=8)[:8]:
            bare = word.strip(".,:;!?*\"'()[]<>").lower()
            if bare and bare not in {"re", "fwd", "fw", "aw", "bls"}:
                return bare
    return ""

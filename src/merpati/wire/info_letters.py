"""What is asked of an info responder, and what it answers, in English and Bahasa Indonesia.

    request = "help" / "index" / "get" name *( [","] name )

It stands in the subject, or is the first words of the text. Anything else is ordinary mail
to the mailbox, and is not answered.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

import msgspec


class Words(NamedTuple):
    """One letter in one language, with fields in braces."""

    subject: str
    text: str


NAMES_MAX: Final = 10  # files of one request
NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}")

_HELP: Final = frozenset({"help", "bantuan", "tolong"})
_INDEX: Final = frozenset({"index", "dir", "daftar", "indeks"})
_GET: Final = frozenset({"get", "send", "ambil", "kirim"})
_MARKS: Final = re.compile(r"(?:\s*(?:re|fwd?|aw|bls)\s*:)+", re.IGNORECASE)
_SCANNED: Final = 500  # characters

_LETTERS: Final[dict[str, dict[str, Words]]] = {
    "help": {
        "en": Words(
            "How to get files from {address}",
            "Write to {address} with one of these as the subject:\n\n"
            "  index       which files there are\n"
            "  get NAME    the file of that name; several names are possible\n"
            "  help        this letter\n",
        ),
        "id": Words(
            "Cara mengambil berkas dari {address}",
            "Tulislah ke {address} dengan salah satu subjek ini:\n\n"
            "  daftar       berkas apa saja yang ada\n"
            "  ambil NAMA   berkas dengan nama itu; boleh beberapa nama\n"
            "  bantuan      surat ini\n",
        ),
    },
    "index": {
        "en": Words(
            "The files of {address}", "These files can be had from {address}:\n\n{files}\n"
        ),
        "id": Words("Berkas di {address}", "Berkas ini dapat diambil dari {address}:\n\n{files}\n"),
    },
    "get": {
        "en": Words("The files you asked for", "With this letter come:\n\n{files}\n{missing}"),
        "id": Words("Berkas yang Anda minta", "Bersama surat ini:\n\n{files}\n{missing}"),
    },
    "none": {
        "en": Words("No such file", "{missing}"),
        "id": Words("Berkas tidak ada", "{missing}"),
    },
}
_MISSING: Final = {
    "en": '\nNot to be had:\n\n{names}\n\nThe subject "index" gives the files there are.\n',
    "id": '\nTidak tersedia:\n\n{names}\n\nSubjek "daftar" memberi berkas yang ada.\n',
}
_FOOTER: Final = {
    "en": "\n-- \nA machine wrote this because you asked for it.\n",
    "id": "\n-- \nSurat ini ditulis mesin karena Anda memintanya.\n",
}


class InfoRequest(msgspec.Struct, frozen=True):
    """What is asked for: "help", "index", or "get" and names of files."""

    verb: str
    names: tuple[str, ...] = ()


def parse(subject: str, text: str) -> InfoRequest | None:
    """The request in a subject, or else at the beginning of a text; None when there is none."""
    marks = _MARKS.match(subject[:_SCANNED])
    subject = subject[marks.end() if marks else 0 : _SCANNED]
    return _parse(subject, alone=True) or _parse(text[:_SCANNED], alone=False)


def _parse(text: str, *, alone: bool) -> InfoRequest | None:
    found = text.replace(",", " ").split(maxsplit=NAMES_MAX + 1)
    verb = found[0].lower().strip(".!") if found else ""
    if verb in _GET:
        names = []
        for word in found[1 : NAMES_MAX + 1]:
            if not NAME.fullmatch(word):
                break
            names.append(word)
        # "send me" is how letters begin; a file's name has a dot or stands alone.
        if names and (alone or all("." in name for name in names[:1])):
            return InfoRequest("get", tuple(dict.fromkeys(names)))
        return None
    if len(found) == 1 or not alone:
        if verb in _HELP:
            return InfoRequest("help")
        if verb in _INDEX:
            return InfoRequest("index")
    return None


def write(
    letter: str, language: str, address: str, files: list[str], missing: list[str]
) -> tuple[str, str]:
    """Subject and text of an answer."""
    word = language if language in _FOOTER else "en"
    listed = "\n".join(f"  {name}" for name in files)
    lost = _MISSING[word].format(names="\n".join(f"  {name}" for name in missing))
    subject, text = _LETTERS[letter][word]
    fields = {"address": address, "files": listed, "missing": lost if missing else ""}
    return subject.format(**fields), text.format(**fields) + _FOOTER[word]

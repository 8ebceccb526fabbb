"""Maildir and Maildir++: the names of files and folders, their flags and their keywords.

A message is a file whose name says its flags after `:2,` (Bernstein's maildir(5)); letters
from `a` on stand for keywords, which a file `dovecot-keywords` beside names. A folder below
INBOX is a directory whose name begins with a dot, with dots between its levels (Maildir++).

`,S=` in a name is the size of the file, `,W=` that of the message as IMAP sees it, with CRLF.
When both are the same the file holds the message byte for byte; else its lines end in LF,
as is usual on disk, and `W` counts the CRs that were left out.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import flags, names

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

KEYWORDS_FILE: Final = "dovecot-keywords"
SUBSCRIPTIONS_FILE: Final = "subscriptions"
KEYWORDS_MAX: Final = 26  # a to z
KEYWORDS_FILE_MAX: Final = 64 * 1024  # octets; ours

# maildir(5); P is "passed" on.
_LETTERS: Final = {
    "D": "$draft",
    "F": "$flagged",
    "P": "$forwarded",
    "R": "$answered",
    "S": "$seen",
    "T": "$deleted",
}
_LETTER_OF: Final = {keyword: letter for letter, keyword in _LETTERS.items()}
_NAME: Final = re.compile(r"(?P<base>.*?)(?:[:;!]2,(?P<letters>[A-Za-z]{0,60}).*)?", re.DOTALL)
_SIZE: Final = re.compile(r",(?P<which>[SW])=(?P<size>[0-9]{1,18})(?=,|\Z)")
_TIME: Final = re.compile(r"([0-9]{1,11})\.")
_KEYWORD_LINE: Final = re.compile(rb"([0-9]{1,2}) ([^\r\n]{1,255})")


class FileName(msgspec.Struct, frozen=True):
    """What the name of a message's file says.

    Attributes:
        base: all before the flags; it stays the same when they change.
        letters: the flags.
        size: of the file, octets; None: not said.
        wire_size: of the message with CRLF, octets; None: not said.
        time: when it was made, Unix seconds; 0: not said.
    """

    base: str
    letters: str = ""
    size: int | None = None
    wire_size: int | None = None
    time: int = 0

    @property
    def is_verbatim(self) -> bool:
        """Whether the file holds the message byte for byte, line ends too."""
        return self.size is not None and self.size == self.wire_size


def parse_name(name: str) -> FileName:
    """What a file name says; any name is one."""
    match = _NAME.fullmatch(name)
    assert match is not None  # it matches everything
    base = match["base"]
    sizes = {found["which"]: int(found["size"]) for found in _SIZE.finditer(base)}
    made = _TIME.match(base)
    return FileName(
        base, match["letters"] or "", sizes.get("S"), sizes.get("W"), int(made[1]) if made else 0
    )


def render_name(unique: str, letters: str, size: int, wire_size: int) -> str:
    """The name of a new file in `cur`; `unique` holds neither `/` nor `:`."""
    return f"{unique},S={size},W={wire_size}:2,{''.join(sorted(letters))}"


def keywords_of(letters: str, table: Mapping[int, str]) -> frozenset[str]:
    """The stored keywords that letters stand for; `table` as `parse_keywords` gives it."""
    found = set()
    for letter in letters:
        keyword = _LETTERS.get(letter)
        if keyword is None and letter.islower():
            keyword = table.get(ord(letter) - ord("a"))
        if keyword is not None:
            found.add(keyword)
    return frozenset(found)


def letters_of(keywords: Iterable[str], table: Sequence[str]) -> str:
    """The letters of stored keywords; one that `table` lacks has none."""
    letters = ""
    for keyword in keywords:
        letter = _LETTER_OF.get(keyword)
        if letter is None and keyword in table[:KEYWORDS_MAX]:
            letter = chr(ord("a") + table.index(keyword))
        letters += letter or ""
    return letters


def has_letter(keyword: str) -> bool:
    """Whether a stored keyword has a letter of its own and needs no place in the table."""
    return keyword in _LETTER_OF


def parse_keywords(data: bytes) -> dict[int, str]:
    """The table in `dovecot-keywords`: stored keywords by number. What is no line is left out."""
    table = {}
    for line in data[:KEYWORDS_FILE_MAX].split(b"\n"):
        match = _KEYWORD_LINE.fullmatch(line.rstrip(b"\r"))
        keyword = flags_keyword(match[2]) if match else None
        if match and keyword:
            table[int(match[1])] = keyword
    return table


def render_keywords(table: Sequence[str]) -> bytes:
    """The file for a table, the keywords spelt as IMAP clients spell them."""
    return b"".join(
        b"%d %b\n" % (number, flags.flag(keyword)) for number, keyword in enumerate(table)
    )


def flags_keyword(flag: bytes) -> str | None:
    r"""The stored keyword of a flag, or None for what is none (`\Recent`)."""
    try:
        return flags.keyword(flag)
    except SyntaxFault:
        return None


def folder_path(directory: str) -> str | None:
    """The mailbox of a Maildir++ directory: `.Archive.2024` is Archive/2024; None for others.

    The root, ``""``, is INBOX. A slash, which no level can hold here, becomes a hyphen.
    """
    if not directory:
        return names.INBOX
    if not directory.startswith(".") or directory in {".", ".."}:
        return None
    return level_path(directory[1:].split("."))


def level_path(levels: Sequence[str]) -> str | None:
    """The mailbox of the levels of a directory's name; None when one of them is empty."""
    read = [
        names.read(level.encode("utf-8", "surrogateescape")).replace("/", "-") for level in levels
    ]
    return names.canonical("/".join(read)) if all(read) else None


def folder_directory(path: str) -> str:
    """The Maildir++ directory of a mailbox, the inverse of `folder_path`.

    A dot within a level is written in modified UTF-7, since there it would divide.
    """
    if path == names.INBOX:
        return ""
    levels = [names.encode(level).decode("ascii") for level in path.split("/")]
    return "." + ".".join(level.replace(".", "&AC4-") for level in levels)


def level_directory(level: str) -> str:
    """One level as the name of a file or directory of its own; it begins with no dot."""
    name = names.encode(level).decode("ascii")
    return f"&AC4-{name[1:]}" if name.startswith(".") else name

"""Rights in mailboxes: the letters of RFC 4314, for every protocol.

A set of rights is a string of its letters in the order of `ALL`, each once: it prints,
compares and is stored as it is, and `letter in rights` is the question asked of it.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model.message import DELETED, SEEN

# RFC 4314 2.1
LOOKUP: Final = "l"  # see it in listings, subscribe to it
READ: Final = "r"  # select it, read what it holds
KEEP_SEEN: Final = "s"  # change \Seen
WRITE: Final = "w"  # change other flags than \Seen and \Deleted
INSERT: Final = "i"  # put messages into it
POST: Final = "p"  # send mail to it; kept, but every address of ours takes mail anyway
CREATE: Final = "k"  # make mailboxes below it
DELETE: Final = "x"  # delete or rename it
DELETE_MESSAGES: Final = "t"  # change \Deleted
EXPUNGE: Final = "e"
ADMINISTER: Final = "a"  # read and change these rights

ALL: Final = "lrswipkxtea"
NONE: Final = ""

# What members of a shared mailbox usually get.
LEVELS: Final = {"none": NONE, "read": "lr", "write": "lrswipkte", "all": ALL}

# The rights of RFC 2086 that RFC 4314 2.1.1 splits: one stands for all of its parts.
VIRTUAL: Final = {"c": "kx", "d": "te"}

FLAGS: Final = "swt"  # all that changing any flag may take
# Who holds one of these may be told which they hold (RFC 4314 4, MYRIGHTS).
KNOWING: Final = "lrikxa"
_CHANGING: Final = frozenset("swite")


@lru_cache(maxsize=64)
def may_change(letters: str) -> bool:
    """Whether a mailbox selected with these rights is open for writing (RFC 4314 5.2)."""
    return not _CHANGING.isdisjoint(letters)


def canonical(letters: str) -> str:
    """A set of rights from letters in any order, RFC 2086's among them.

    Raises:
        Fault: SYNTAX for a letter that is no right.
    """
    for virtual, parts in VIRTUAL.items():
        letters = letters.replace(virtual, parts)
    for letter in letters:
        if letter not in ALL:
            raise Fault(Kind.SYNTAX, f"{letter!r} is no right; the rights are {ALL}")
    return "".join([letter for letter in ALL if letter in letters])


def union(first: str, second: str) -> str:
    """The rights in either."""
    return "".join([letter for letter in ALL if letter in first or letter in second])


def common(first: str, second: str) -> str:
    """The rights in both."""
    return "".join([letter for letter in first if letter in second])


def without(rights: str, taken: str) -> str:
    """The rights of the first that are not in the second."""
    return "".join([letter for letter in rights if letter not in taken])


def shown(rights: str) -> str:
    """Rights as clients are told them: with `c` and `d` for those that know only RFC 2086."""
    old = [name for name, parts in VIRTUAL.items() if any(part in rights for part in parts)]
    return rights + "".join(old)


def level(rights: str) -> str:
    """The name of a set of rights in `LEVELS`, else its letters."""
    return next((name for name, letters in LEVELS.items() if letters == rights), rights)


def from_words(words: str) -> str:
    """Rights from the name of a level, or from letters. Raises Fault SYNTAX."""
    known = LEVELS.get(words)
    return canonical(words) if known is None else known


def settable(keywords: str, rights: str) -> str:
    """Those of stored keywords that these rights let somebody set (RFC 4314 4)."""
    if rights == ALL:
        return keywords
    return " ".join([keyword for keyword in keywords.split() if for_keyword(keyword) in rights])


def for_keyword(keyword: str) -> str:
    """The right that changing a keyword takes (RFC 4314 2.1)."""
    if keyword == SEEN:
        return KEEP_SEEN
    return DELETE_MESSAGES if keyword == DELETED else WRITE

r"""Flags on the wire and keywords in the store, translated both ways.

The store keeps the keywords of RFC 8621 4.1.1: lower case, `$seen` for `\Seen`,
several in one sorted, space-separated string. That string is the key of the
cache here: a mailbox of ten thousand messages has a few dozen different ones,
so FETCH FLAGS is a dictionary look-up per message.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault

if TYPE_CHECKING:
    from collections.abc import Iterable

KEYWORD_MAX: Final = 255  # octets; RFC 8621 4.1.1
FLAGS_MAX: Final = 200  # in one list; ours
_CACHED: Final = 4096  # different sets of flags; ours

# RFC 3501 2.3.2 beside RFC 8621 4.1.1. \Recent belongs to sessions and is never stored.
SYSTEM: Final = {
    "$answered": b"\\Answered",
    "$deleted": b"\\Deleted",
    "$draft": b"\\Draft",
    "$flagged": b"\\Flagged",
    "$seen": b"\\Seen",
}

# The IANA registry of IMAP keywords, and Thunderbird's, spelt as clients spell them.
_SPELLINGS: Final = {
    name.lower().decode(): name
    for name in (
        *(b"$Forwarded", b"$MDNSent", b"$Junk", b"$NotJunk", b"$Phishing", b"$Important"),
        *(b"$Submitted", b"$SubmitPending", b"$hasAttachment", b"$hasNoAttachment"),
        *(b"Junk", b"NonJunk", b"Forwarded", b"MDNSent", b"Old"),
    )
}
_WRITTEN: Final = _SPELLINGS | SYSTEM
_SYSTEM_READ: Final = {flag.lower(): keyword for keyword, flag in SYSTEM.items()}

# RFC 8621 4.1.1 and `atom` of RFC 3501 9 exclude the same characters.
_KEYWORD: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]{1,255}")


def keyword(flag: bytes) -> str:
    r"""The stored keyword of a flag a client names: `\Seen` is `$seen`, `Work` is `work`.

    Raises:
        SyntaxFault: not an atom, too long, `\Recent`, or a system flag nobody defined.
    """
    if flag[:1] == b"\\":
        known = _SYSTEM_READ.get(flag.lower())
        if known is None:
            raise SyntaxFault("there is no such system flag, or it cannot be set")
        return known
    if not _KEYWORD.fullmatch(flag):
        raise SyntaxFault("a keyword is an atom of at most 255 characters")
    return flag.lower().decode("ascii")


def flag(keyword: str) -> bytes:
    r"""The IMAP flag of a stored keyword, in the spelling clients expect.

    Raises:
        ValueError: no keyword the store should hold.
    """
    written = _WRITTEN.get(keyword) or keyword.encode("ascii", "backslashreplace")
    if keyword not in SYSTEM and not _KEYWORD.fullmatch(written):
        raise ValueError(f"not a keyword: {keyword!r}")
    return written


def store_form(keywords: Iterable[str]) -> str:
    """Keywords as the store holds them: each once, sorted, separated by spaces."""
    return " ".join(sorted(set(keywords)))


@lru_cache(maxsize=_CACHED)
def render(stored: str, recent: bool = False) -> bytes:
    r"""The flag list of stored keywords: `"$flagged $seen"` is `(\Flagged \Seen)`.

    Raises:
        ValueError: the string holds what is no keyword.
    """
    flags = [flag(word) for word in stored.split()]
    if recent:
        flags.append(b"\\Recent")
    return b"(" + b" ".join(flags) + b")"

"""Mailbox names: modified UTF-7, INBOX, wildcards, and what a new name may be.

Inside the server a name is text in NFC with `/` between its levels. On the wire
of IMAP4rev1 it is modified UTF-7 (RFC 3501 5.1.3), for clients that enabled
UTF8=ACCEPT or IMAP4rev2 it is UTF-8.

Reading never fails: clients do ask for names that are no modified UTF-7, and the
answer to them is "no such mailbox", not "bad command". Those (see `exact`), and
names that nobody could type or list again, are refused where mailboxes are made,
by `objection`.

A LIST pattern becomes one regular expression in which every literal is found at
its first possible place and never looked for again (atomic groups), so matching
is linear whatever the pattern: taking the first occurrence leaves the most room
for the rest, for `%` within a level and for `*` from level to level.
"""

from __future__ import annotations

import re
import unicodedata
from base64 import b64decode, b64encode
from functools import lru_cache
from typing import Final

SEPARATOR: Final = "/"
INBOX: Final = "INBOX"

NAME_MAX: Final = 1000  # octets of UTF-8; with UTF-7's growth a name fits into a line
DEPTH_MAX: Final = 20  # levels; ours
PATTERN_MAX: Final = 4000  # characters of a LIST pattern; ours

_SHIFTED: Final = re.compile(rb"&([A-Za-z0-9+,]*+)-")
_NEEDS_SHIFT: Final = re.compile("[^\x20-\x7e]+")
_FORBIDDEN: Final = re.compile("[*%\x00-\x1f\x7f-\x9f\u2028\u2029\ufffd\ud800-\udfff]")
_ANY_CASE: Final = re.DOTALL | re.IGNORECASE | re.ASCII
_WILDCARD: Final = re.compile(r"([*%]+)")


def read(raw: bytes, utf8: bool = False) -> str:
    """The text of a name, reference or pattern as a client wrote it.

    Anything decodes: what is no modified UTF-7 stands for itself, and 8-bit bytes
    are read as UTF-8, which some clients send unasked.
    """
    if utf8 or b"&" not in raw:
        return raw.decode("utf-8", "replace")
    parts: list[str] = []
    at = 0
    for match in _SHIFTED.finditer(raw):
        parts.append(raw[at : match.start()].decode("utf-8", "replace"))
        parts.append(_unshift(match[1]))
        at = match.end()
    parts.append(raw[at:].decode("utf-8", "replace"))
    return "".join(parts)


def exact(raw: bytes, utf8: bool = False) -> str:
    """As `read`, for the name of one mailbox.

    A `&` that does not begin what this name is written as becomes U+FFFD, and so the name one
    that cannot be: RFC 9051 A.1 forbids shifts that are not needed, or one too many.
    """
    text = read(raw, utf8)
    if utf8 or b"&" not in raw or encode(text) == raw:
        return text
    return raw.decode("utf-8", "replace").replace("&", "\ufffd")


def decode(raw: bytes, utf8: bool = False) -> str:
    """The canonical name a client wrote; total, like `read`."""
    return canonical(read(raw, utf8))


def encode(name: str, utf8: bool = False) -> bytes:
    """A name for the wire, without quotes; `strings.astring` or `string` adds those.

    Total: lone surrogates, which no name should have, become U+FFFD.
    """
    if not utf8 and name.isascii() and name.isprintable():
        return name.replace("&", "&-").encode("ascii") if "&" in name else name.encode("ascii")
    name = name.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if utf8:
        return name.encode()
    return _NEEDS_SHIFT.sub(_shift, name.replace("&", "&-")).encode("ascii")


def canonical(name: str) -> str:
    """A name as the server keeps it: NFC, `INBOX` in capitals, no `/` at the end.

    RFC 3501 5.1 makes INBOX case-insensitive; its first level is treated so too,
    lest `Inbox/a` and `INBOX/a` be two mailboxes under one.
    """
    if not name.isascii():
        name = unicodedata.normalize("NFC", name)
    if name.endswith(SEPARATOR):  # RFC 3501 6.3.3: only declares that children will follow
        name = name.rstrip(SEPARATOR) or SEPARATOR
    return _inbox(name)


def objection(name: str) -> str:
    """Why a mailbox of this name cannot be made, as a sentence; empty when it can.

    `name` is canonical. What a level may be is the store's to say.
    """
    levels = name.split(SEPARATOR)
    if not all(map(str.strip, levels)):
        return "A mailbox name may not be empty or have an empty level."
    if len(levels) > DEPTH_MAX:
        return f"A mailbox may lie at most {DEPTH_MAX} levels deep."
    if _FORBIDDEN.search(name):
        return "A mailbox name may not contain control characters, * or %, and no stray &."
    if len(name.encode()) > NAME_MAX:
        return f"A mailbox name may have {NAME_MAX} bytes."
    return ""


class Pattern:
    """A LIST or LSUB pattern laid behind its reference (RFC 3501 6.3.8)."""

    __slots__ = ("_inbox", "_match")

    def __init__(self, reference: str, pattern: str) -> None:
        whole = unicodedata.normalize("NFC", reference + pattern)
        if len(whole) > PATTERN_MAX:
            whole = ""  # longer than any name, wildcards aside: matches nothing
        source = _translate(_inbox(whole))
        self._match = re.compile(source, re.DOTALL).fullmatch
        self._inbox = bool(re.fullmatch(source, INBOX, _ANY_CASE))

    def matches(self, name: str) -> bool:
        """True when the pattern covers `name`, which is canonical."""
        if name == INBOX:
            return self._inbox
        return self._match(name) is not None


def _inbox(name: str) -> str:
    head = name[:5]
    if head != INBOX and head.upper() == INBOX and name[5:6] in {"", SEPARATOR}:
        return INBOX + name[5:]
    return name


def _unshift(shifted: bytes) -> str:
    if not shifted:
        return "&"
    padded = shifted.replace(b",", b"/") + b"=" * (-len(shifted) % 4)
    try:
        return b64decode(padded).decode("utf-16-be")
    except ValueError:
        return f"&{shifted.decode('ascii')}-"


def _shift(match: re.Match[str]) -> str:
    packed = b64encode(match[0].encode("utf-16-be")).rstrip(b"=").replace(b"/", b",")
    return f"&{packed.decode('ascii')}-"


@lru_cache(maxsize=256)
def _translate(pattern: str) -> str:
    """The regular expression of a pattern: linear, for the reason the module gives."""
    tokens = _WILDCARD.split(pattern)
    literals = [re.escape(literal) for literal in tokens[::2]]
    stars = ["*" in wildcard for wildcard in tokens[1::2]]
    if not stars:
        return literals[0]
    level = f"[^{SEPARATOR}]"
    source = [literals[0]]
    for number, (star, literal) in enumerate(zip(stars, literals[1:], strict=True), 1):
        if number == len(stars):  # the last literal stands at the end, wherever else it occurs
            source.append((".*" if star else f"{level}*") + literal)
        elif star:
            # From here to the next star everything is one atom, found at the first
            # level that holds it all; `%` inside it stays within its level.
            source.append(f"(?:{level}*+{SEPARATOR})*?(?>{level}*?{literal})")
        else:
            source.append(f"(?>{level}*?{literal})")
    return _close(source, stars)


def _close(source: list[str], stars: list[bool]) -> str:
    """Join the pieces, each run that begins with a star in an atomic group but the last."""
    starts = [number for number, star in enumerate(stars, 1) if star]
    if not starts:
        return "".join(source)
    joined = ["".join(source[: starts[0]])]
    for begin, end in zip(starts, [*starts[1:], len(source)], strict=True):
        run = "".join(source[begin:end])
        joined.append(run if end == len(source) else f"(?>{run})")
    return "".join(joined)

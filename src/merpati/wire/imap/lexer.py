"""One IMAP command, taken in line by line and read token by token.

A command is a line, or several with literals between them (RFC 3501 4.3). The
session reads a line and feeds it; the answer is None when the command is whole,
or the `Literal` that must come first:

    reader = CommandReader(AFTER_LOGIN)
    while (literal := reader.feed(await connection.read_line(reader.limits.line))) is not None:
        if literal.fits:
            ...                                  # "+ go ahead" when it is synchronising
            reader.fill(await connection.read_exactly(literal.size))
        elif literal.synchronising:
            ...                                  # answer BAD: the client will not send it
        else:
            ...                                  # BYE, or discard that many bytes and
            reader.skip("why")                   # go on: the parser will refuse the command

Each line is looked at once, when it comes, and each token once, when the grammar
asks for it, so a thousand literals cost a thousand times one. APPEND's message is
a literal that the session streams to a blob instead (`append.first`).
"""

from __future__ import annotations

import re
from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault

# RFC 2683 3.2.1.5 asks for lines of 8,000 octets; ID, legal before login, may have 30 pairs of
# 30 and 1,024 octets (RFC 2971 3.3), which is what decides here.
LINE_BEFORE_LOGIN: Final = 33 * 1024
LINE_AFTER_LOGIN: Final = 64 * 1024  # long UID lists; ours
LITERAL_BEFORE_LOGIN: Final = 4 * 1024  # a user name or a password
LITERAL_AFTER_LOGIN: Final = 64 * 1024  # a mailbox name or a search string
TOTAL_BEFORE_LOGIN: Final = 64 * 1024
TOTAL_AFTER_LOGIN: Final = 1024 * 1024
PART_COST: Final = 64  # what each line and literal weighs beyond its bytes, in memory
LITERAL_MAX: Final = 2**63 - 1  # number64 of RFC 9051 9; RFC 3501 says 2**32 - 1

_LITERAL: Final = re.compile(rb"(~?)\{([0-9]{1,19})(\+?)\}")
_LITERAL_TAIL: Final = 24  # bytes of a line in which its literal can stand
# A line whose quotes are all closed: only then is `{3}` at its end a literal.
_CLOSED: Final = re.compile(rb'[^"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*"[^"]*+)*', re.DOTALL)

# RFC 3501 9: a tag is ASTRING-CHARs without "+"; it comes back in every answer, so its length is
# limited (ours). A command's name is letters and digits.
TAG_CHARS: Final = rb"([!#$&',\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]{1,255})"
_TAG: Final = re.compile(TAG_CHARS + rb"(?= |\Z)")
_HEAD: Final = re.compile(TAG_CHARS + rb" (?:([Uu][Ii][Dd]) )?([A-Za-z0-9]{1,32})(?= |\Z)")

_ATOM: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")
_ASTRING_ATOM: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_LIST_ATOM: Final = re.compile(rb"[!#$%&'*+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+")
_QUOTED: Final = re.compile(rb'"([^"\\\r\n\0]*+(?:\\["\\][^"\\\r\n\0]*+)*)"')
_ESCAPED: Final = re.compile(rb'\\(["\\])')
_NUMBER: Final = re.compile(rb"[0-9]{1,19}(?![0-9])")


class Limits(msgspec.Struct, frozen=True):
    """What one command may take up, in bytes."""

    line: int
    literal: int
    total: int


BEFORE_LOGIN: Final = Limits(LINE_BEFORE_LOGIN, LITERAL_BEFORE_LOGIN, TOTAL_BEFORE_LOGIN)
AFTER_LOGIN: Final = Limits(LINE_AFTER_LOGIN, LITERAL_AFTER_LOGIN, TOTAL_AFTER_LOGIN)


class BadCommand(SyntaxFault):
    """A command that cannot be read: `tag` for the answer `tag BAD text`, None for `* BAD text`.

    The text never repeats what the peer sent.
    """

    def __init__(self, text: str, tag: bytes | None = None) -> None:
        super().__init__(text)
        self.tag: Final = tag


class Literal(msgspec.Struct, frozen=True):
    """A literal announced at the end of a line (RFC 3501 4.3, RFC 7888, RFC 3516).

    `synchronising`: the client waits for "+ ..." before it sends the bytes.
    `binary`: written `~{n}`, may hold NUL. `fits`: within the reader's limits.
    """

    size: int
    synchronising: bool
    binary: bool
    fits: bool


class CommandReader:
    """Gathers one command; see the module's head for its use."""

    __slots__ = ("_pending", "_taken", "limits", "parts", "refused")

    def __init__(self, limits: Limits = AFTER_LOGIN) -> None:
        self.limits = limits
        self.parts: list[bytes] = []  # line, literal, line, literal, ..., line
        self.refused = ""  # why the command is dead, once a literal was skipped
        self._taken = 0
        self._pending: Literal | None = None

    def feed(self, line: bytes) -> Literal | None:
        """Take a line without its CRLF; the literal to be sent next, or None at the end."""
        if self._pending is not None:
            raise RuntimeError("a literal is due, not a line")  # the session's defect
        self._taken += len(line) + PART_COST
        if not self.refused or not self.parts:
            self.parts.append(line)
        if not line.endswith(b"}"):
            return None
        self._pending = self._announced(line)
        return self._pending

    def fill(self, data: bytes) -> None:
        """Take the bytes of the literal that `feed` announced."""
        if self._pending is None or len(data) != self._pending.size:
            raise RuntimeError("not the literal that was announced")  # the session's defect
        self._pending = None
        if not self.refused:
            self._taken += len(data) + PART_COST
            self.parts.append(data)

    def skip(self, why: str) -> None:
        """Go on without the literal's bytes, which were discarded; the command will be refused."""
        self.refused = self.refused or why
        self.leave()

    def leave(self) -> None:
        """Go on without the literal's bytes, which went elsewhere; only the first line stays."""
        self._pending = None
        del self.parts[1:]

    def head(self) -> tuple[bytes | None, bytes]:
        """Tag and name in capitals, `UID ` before it if it was there; (None, b"") if unreadable."""
        match = _HEAD.match(self.parts[0]) if self.parts else None
        if match is None:
            return None, b""
        name = match[3].upper()
        return match[1], b"UID " + name if match[2] else name

    def _announced(self, line: bytes) -> Literal | None:
        at = line.rfind(b"{", -_LITERAL_TAIL)
        if at < 0:
            return None
        if line[at - 1 : at] == b"~":
            at -= 1
        match = _LITERAL.fullmatch(line, at)
        if match is None:
            return None
        # RFC 7888 3: whatever stands before `{3+}`, its bytes come, and are no command. Who wrote
        # `{3}` where no string can stand waits for an answer.
        if not match[3] and (line[at - 1 : at] not in {b" ", b"("} or not _CLOSED.fullmatch(line)):
            return None
        size = int(match[2])
        if size > LITERAL_MAX:
            return None
        limits = self.limits
        fits = size <= limits.literal and self._taken + size <= limits.total and not self.refused
        return Literal(size, not match[3], bool(match[1]), fits)


class Cursor:
    """A place in a command that moves on token by token; every fault is a SyntaxFault."""

    __slots__ = ("_next", "_parts", "at", "line")

    def __init__(self, parts: list[bytes], at: int = 0) -> None:
        self._parts = parts
        self._next = 1
        self.line = parts[0]
        self.at = at

    def done(self) -> bool:
        """True at the end of the command."""
        return self.at == len(self.line) and self._next >= len(self._parts)

    def end(self) -> None:
        """Expect the end of the command."""
        if not self.done():
            raise SyntaxFault("there is more than this command takes")

    def take(self, token: bytes) -> bool:
        """Move past `token` if it comes next."""
        if self.line.startswith(token, self.at):
            self.at += len(token)
            return True
        return False

    def take_word(self, word: bytes) -> bool:
        """Move past `word`, given in capitals, if it comes next in any case."""
        if self.line[self.at : self.at + len(word)].upper() != word:
            return False
        self.at += len(word)
        return True

    def comes(self, token: bytes) -> bool:
        """True when `token` comes next."""
        return self.line.startswith(token, self.at)

    def expect(self, token: bytes) -> None:
        """Move past `token`, which must come next."""
        if not self.line.startswith(token, self.at):
            raise SyntaxFault(f"expected {token.decode('ascii')!r}")
        self.at += len(token)

    def space(self) -> None:
        """Move past one space, which must come next."""
        if self.line[self.at : self.at + 1] != b" ":
            raise SyntaxFault("an argument is missing, or a space before it")
        self.at += 1

    def match(self, pattern: re.Pattern[bytes], what: str) -> re.Match[bytes]:
        """Move past what `pattern` matches here, which must be something."""
        match = pattern.match(self.line, self.at)
        if match is None:
            raise SyntaxFault(f"expected {what}")
        self.at = match.end()
        return match

    def atom(self, what: str = "an atom") -> bytes:
        """`atom` of RFC 3501 9."""
        return self.match(_ATOM, what)[0]

    def word(self, what: str = "a word") -> bytes:
        """An atom in capitals: the name of an item, key or option."""
        return self.match(_ATOM, what)[0].upper()

    def astring(self) -> bytes:
        """`astring`: an atom, a quoted string or a literal."""
        match = _ASTRING_ATOM.match(self.line, self.at)
        if match is not None and not self._literal_here(match):
            self.at = match.end()
            return match[0]
        return self.string()

    def list_mailbox(self) -> bytes:
        """`list-mailbox`: an astring whose atom may hold wildcards."""
        match = _LIST_ATOM.match(self.line, self.at)
        if match is not None and not self._literal_here(match):
            self.at = match.end()
            return match[0]
        return self.string()

    def string(self) -> bytes:
        """`string`: quoted or a literal."""
        match = _QUOTED.match(self.line, self.at)
        if match is not None:
            text = match[1]
            if not text.isascii() and not _is_utf8(text):  # RFC 9755 3
                raise SyntaxFault("what stands in quotes is ASCII or UTF-8")
            self.at = match.end()
            return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text
        return self._literal()

    def nstring(self) -> bytes | None:
        """`nstring`: a string or NIL."""
        if self.line[self.at : self.at + 3].upper() == b"NIL":
            self.at += 3
            return None
        return self.string()

    def nstring8(self) -> bytes | None:
        """As `nstring`, or `literal8`, which may hold NUL (RFC 3516 7, RFC 5464 5)."""
        if self.comes(b"~{"):
            return self._literal(binary=True)
        return self.nstring()

    def number(self, largest: int) -> int:
        """A number from 0 to `largest`."""
        match = _NUMBER.match(self.line, self.at)
        if match is None or (value := int(match[0])) > largest:
            raise SyntaxFault(f"expected a number of at most {largest}")
        self.at = match.end()
        return value

    def _literal_here(self, match: re.Match[bytes]) -> bool:
        """`~` is an atom by itself, and the beginning of `~{3}`."""
        return match[0] == b"~" and self.line.startswith(b"{", match.end())

    def _literal(self, *, binary: bool = False) -> bytes:
        match = _LITERAL.fullmatch(self.line, self.at)
        if match is None or self._next + 1 >= len(self._parts):
            raise SyntaxFault("expected a string")
        if match[1] and not binary:
            raise SyntaxFault("a binary literal is no string")  # RFC 3516: only where it is named
        data = self._parts[self._next]
        if b"\0" in data and not binary:
            raise SyntaxFault("a string may not contain NUL")
        self.line = self._parts[self._next + 1]
        self._next += 2
        self.at = 0
        return data


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def tag_of(line: bytes) -> bytes | None:
    """The tag a line begins with, None if it has none that could be answered."""
    match = _TAG.match(line)
    return match[1] if match else None


def head_of(line: bytes) -> re.Match[bytes] | None:
    """Tag, `UID` or None, and command name of a line, as groups 1 to 3."""
    return _HEAD.match(line)

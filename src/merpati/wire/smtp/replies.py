"""SMTP replies (RFC 5321 4.2, RFC 2034): written by the server, read by the client.

A reply is one code on one or more lines, `250-` on all but the last, with an
enhanced status code in front of the text of each line when there is one.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault

REPLY_LINE_LIMIT: Final = 512  # octets written, including the CRLF, RFC 5321 4.5.3.1.5
READ_LINE_LIMIT: Final = 4096  # octets read without the CRLF; some peers exceed 512
READ_LINES_LIMIT: Final = 200  # lines of one reply; EHLO with every extension has 40
READ_SIZE_LIMIT: Final = 65536  # octets of one reply

# Room for "250-", "5.7.999 " and the CRLF.
_TEXT_LIMIT: Final = REPLY_LINE_LIMIT - 4 - 10 - 2
_LINE_END: Final = re.compile(r"\r\n|\r|\n")
_CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
_REPLY_LINE: Final = re.compile(rb"([2-5][0-9][0-9])(?:([ -])(.*))?", re.DOTALL)
_ENHANCED: Final = re.compile(r"([245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |\Z)")  # RFC 3463 2
_CAPABILITY: Final = re.compile(r"([A-Za-z0-9][A-Za-z0-9-]*)(?:[ =](.*))?")
_NO_REPLY: Final = "expected a reply: three digits, and text after a space or hyphen"
_TOO_LONG: Final = "the reply is too long"


class Reply(Struct, frozen=True):
    """One whole reply.

    Attributes:
        code: 200 to 599.
        enhanced: the enhanced status code, `5.1.1`, or empty.
        lines: the text of each line, at least one, without code and status;
            control characters replaced by `?`.
    """

    code: int
    enhanced: str = ""
    lines: tuple[str, ...] = ("",)

    @property
    def positive(self) -> bool:
        """2yz: done."""
        return 200 <= self.code < 300

    @property
    def intermediate(self) -> bool:
        """3yz: go on (DATA, AUTH)."""
        return 300 <= self.code < 400

    @property
    def transient(self) -> bool:
        """4yz: try again later."""
        return 400 <= self.code < 500

    @property
    def permanent(self) -> bool:
        """5yz: do not try again."""
        return self.code >= 500

    @property
    def text(self) -> str:
        """The lines joined by spaces."""
        return " ".join(self.lines)

    def __str__(self) -> str:
        """Everything on one line, as a log or a bounce quotes it."""
        status = f"{self.enhanced} " if self.enhanced else ""
        return f"{self.code} {status}{self.text}".rstrip()

    def capabilities(self) -> dict[str, str]:
        """What a reply to EHLO offers: keyword in upper case to its parameters (RFC 5321 4.1.1.1).

        `AUTH=LOGIN`, seen from servers older than RFC 4954, counts as `AUTH LOGIN`.
        """
        offered: dict[str, str] = {}
        for line in self.lines[1:]:
            found = _CAPABILITY.fullmatch(line)
            if found:
                offered.setdefault(found[1].upper(), (found[2] or "").strip())
        return offered


def render(code: int, enhanced: str, text: str, *, utf8: bool = False) -> bytes:
    """The octets of a reply, with CRLF.

    Args:
        code: 200 to 599.
        enhanced: status code put on each line, or empty (greeting, EHLO, 354).
        text: a line for each of its lines; longer ones are folded at a space.
            Other control characters become `?`, so no text can begin a
            second reply.
        utf8: the peer may be sent UTF-8 (RFC 6531 3.7.4.2); else what is not
            ASCII becomes `?`.
    """
    assert 200 <= code <= 599, code
    assert not enhanced or enhanced[0] == str(code)[0], (code, enhanced)
    head = f"{enhanced} " if enhanced else ""
    if len(text) <= _TEXT_LIMIT and text.isascii() and text.isprintable():
        return f"{code} {head}{text}\r\n".encode("ascii")
    lines = [
        piece
        for line in _LINE_END.split(text)
        for piece in _fold(_CONTROL.sub("?", line).encode("utf-8" if utf8 else "ascii", "replace"))
    ]
    prefix = f"{code}-{head}".encode("ascii")
    last = f"{code} {head}".encode("ascii")
    rows = [prefix + line for line in lines[:-1]]
    rows.append(last + lines[-1])
    return b"\r\n".join(rows) + b"\r\n"


def _fold(line: bytes) -> list[bytes]:
    """The line in pieces of at most `_TEXT_LIMIT` octets, cut at spaces, never in a character."""
    pieces = []
    start = 0
    while len(line) - start > _TEXT_LIMIT:
        cut = line.rfind(b" ", start + 1, start + _TEXT_LIMIT)
        if cut < 0:
            cut = start + _TEXT_LIMIT
            while line[cut] & 0xC0 == 0x80:  # inside of a character of at most four octets
                cut -= 1
        pieces.append(line[start:cut])
        start = cut + 1 if line[cut] == 0x20 else cut
    pieces.append(line[start:])
    return pieces


class ReplyParser:
    """Puts a peer's lines together to replies, for the client side.

    Feed it one line at a time; it keeps at most `READ_SIZE_LIMIT` octets.
    """

    __slots__ = ("_code", "_enhanced", "_lines", "_size")

    def __init__(self) -> None:
        self._code = 0
        self._enhanced = ""
        self._lines: list[str] = []
        self._size = 0

    def feed(self, line: bytes) -> Reply | None:
        """Takes a line without CRLF; gives the reply when this was its last line.

        Raises:
            SyntaxFault: the line is not of a reply, does not continue the one
                begun, or a limit is passed. The session cannot go on.
        """
        if not self._lines and line[3:4] != b"-":
            return _single(line)
        found = _REPLY_LINE.fullmatch(line)
        if found is None:
            raise SyntaxFault(_NO_REPLY)
        code = int(found[1])
        if self._lines and code != self._code:
            raise SyntaxFault(f"a reply began with {self._code} and goes on with {code}")
        self._size += len(line)
        if (
            len(line) > READ_LINE_LIMIT
            or self._size > READ_SIZE_LIMIT
            or len(self._lines) >= READ_LINES_LIMIT
        ):
            raise SyntaxFault(_TOO_LONG)
        text = _CONTROL.sub("?", (found[3] or b"").decode("utf-8", "replace"))
        enhanced = _ENHANCED.match(text)
        if not self._lines:
            self._code = code
            # RFC 2034 4: the class of the status is the first digit of the code.
            if enhanced and text[0] == str(code)[0]:
                self._enhanced = enhanced[1]
        if enhanced and enhanced[1] == self._enhanced:
            text = text[enhanced.end() :]
        self._lines.append(text)
        if found[2] == b"-":
            return None
        reply = Reply(self._code, self._enhanced, tuple(self._lines))
        self._enhanced = ""
        self._lines.clear()
        self._size = 0
        return reply


@lru_cache(maxsize=256)  # most servers say the same to each MAIL, RCPT and DATA
def _single(line: bytes) -> Reply:
    """A reply of one line.

    Raises:
        SyntaxFault: it is none.
    """
    found = _REPLY_LINE.fullmatch(line)
    if found is None:
        raise SyntaxFault(_NO_REPLY)
    if len(line) > READ_LINE_LIMIT:
        raise SyntaxFault(_TOO_LONG)
    text = _CONTROL.sub("?", (found[3] or b"").decode("utf-8", "replace"))
    enhanced = _ENHANCED.match(text)
    if enhanced is None or text[0] != chr(line[0]):  # RFC 2034 4
        return Reply(int(found[1]), "", (text,))
    return Reply(int(found[1]), enhanced[1], (text[enhanced.end() :],))

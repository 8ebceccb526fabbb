"""A script cut into tokens (RFC 5228 8.1).

One regular expression runs over the text. No repeat in it gives anything back, so time is
linear in the script's length, whatever it holds.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

from merpati.wire.sieve.program import Problem, SieveFault

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_NUMBER: Final = 2**63 - 1  # RFC 5228 2.4.1 wants 2^31 - 1 at least

_UNITS: Final = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}

_TOKEN: Final = re.compile(
    r"(?P<white>[ \t\r\n]++)"
    r"|(?P<hash>\#[^\r\n]*+)"
    r"|(?P<bracket>/\*[^*]*+(?:\*(?!/)[^*]*+)*\*/)"
    r"|(?P<text>text:[ \t]*+(?:\#[^\r\n]*+)?\r?\n)"
    r"|(?P<word>[A-Za-z_][A-Za-z0-9_]*+)"
    r"|(?P<tag>:[A-Za-z_][A-Za-z0-9_]*+)"
    r"|(?P<number>[0-9]++[KMGkmg]?(?![A-Za-z0-9_]))"
    r'|(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*")'
    r"|(?P<mark>[][(){},;])",
    re.DOTALL | re.IGNORECASE,
)
_TEXT_END: Final = re.compile(r"^\.\r?(?:\n|\Z)", re.MULTILINE)
_QUOTED: Final = re.compile(r"\\(.)", re.DOTALL)
_LINE_END: Final = re.compile(r"\r?\n|\r")
_STUFFED: Final = re.compile(r"^\.\.", re.MULTILINE)  # RFC 5228 2.4.2: ".x" is ".x"
_RESUME: Final = re.compile(r"[ \t\r\n;{}]")  # where reading goes on behind what is no token


class Token(NamedTuple):
    """A token: `kind` is word, tag, number, string, comment, end, or the mark itself.

    `text` of a tag is without its colon, of a string its value with line ends as CRLF, of
    a comment what is written, marks included, of a number its digits and unit.
    """

    kind: str
    text: str
    at: int
    blank: bool = False  # an empty line stands before it


class Source:
    """The text of a script, and where in it something stands."""

    def __init__(self, source: bytes, limit: int) -> None:
        """Decode a script.

        Raises:
            SieveFault: too long, or not UTF-8.
        """
        if len(source) > limit:
            raise SieveFault(
                [Problem(1, 1, f"the script is longer than {limit} bytes; make it shorter")]
            )
        try:
            self.text = source.removeprefix(b"\xef\xbb\xbf").decode()
        except UnicodeDecodeError as fault:
            self.text = source[: fault.start].decode("utf-8", "replace")
            self._lines = self._starts()
            where = self.where(len(self.text))
            text = "these bytes are not UTF-8; save the script in that encoding"
            raise SieveFault([Problem(*where, text)]) from None
        self._lines = self._starts()
        nul = self.text.find("\0")
        if nul >= 0:
            raise SieveFault([Problem(*self.where(nul), "a NUL is not allowed; remove it")])

    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer("\n", self.text))]

    def where(self, at: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self._lines, at)
        return line, at - self._lines[line - 1] + 1


def tokens(source: Source, problems: list[Problem]) -> Iterator[Token]:
    """All tokens but white space, and an "end"; what is none becomes a problem."""
    text = source.text
    at = 0
    blank = False
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            problems.append(Problem(*source.where(at), _complaint(text, at)))
            if text[at] == '"' or text.startswith("/*", at):
                break
            resume = _RESUME.search(text, at + 1)
            at = resume.start() if resume else len(text)
            continue
        kind, start, at = match.lastgroup or "", at, match.end()
        written = match[0]
        if kind == "white":
            blank = written.count("\n") > 1
            continue
        if kind == "text":
            stop = _TEXT_END.search(text, at)
            if stop is None:
                text_problem = 'this "text:" never ends; write a line with only a dot behind it'
                problems.append(Problem(*source.where(start), text_problem))
                break
            value = _STUFFED.sub(".", text[at : stop.start()])
            yield Token("string", _crlf(value), start, blank)
            at = stop.end()
        elif kind == "string":
            value = written[1:-1]
            yield Token("string", _crlf(_QUOTED.sub(r"\1", value)), start, blank)
        elif kind in {"hash", "bracket"}:
            yield Token("comment", written, start, blank)
        elif kind == "mark":
            yield Token(written, written, start, blank)
        else:
            yield Token(kind, written.removeprefix(":"), start, blank)
        blank = False
    yield Token("end", "", len(text))


def number(text: str) -> int | None:
    """The value of a number token; None when it is beyond `MAX_NUMBER`."""
    unit = text[-1].upper() if text[-1].isalpha() else ""
    digits = text[: len(text) - len(unit)].lstrip("0") or "0"
    if len(digits) > 19:
        return None
    value = int(digits) * _UNITS[unit]
    return value if value <= MAX_NUMBER else None


def _crlf(value: str) -> str:
    return _LINE_END.sub("\r\n", value) if "\n" in value or "\r" in value else value


def _complaint(text: str, at: int) -> str:
    if text[at] == '"':
        return 'this string never ends; close it with a "'
    if text.startswith("/*", at):
        return "this comment never ends; close it with */"
    if text[at].isdigit():
        return "a number is digits and perhaps one of K, M, G; put a space behind it"
    return f"{text[at]!r} means nothing here; put it into quotes or remove it"

r"""The grammar of what an IMAP server says: RFC 9051 9, with the extensions' responses.

`faults` takes all that a connection heard and gives the responses that are none. Each literal is
replaced by `\x01` first, so that a response is one line. Responses of extensions are only known
by their names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

ATOM: Final = rb"[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+"
CODE_ATOM: Final = ATOM.replace(rb"\[", b"")
LITERAL: Final = b"\x01"
STRING: Final = rb'(?:"(?:[^"\\\r\n\x00]|\\["\\])*"|\x01)'
NSTRING: Final = rb"(?:NIL|" + STRING + rb")"
ASTRING: Final = rb"(?:" + STRING + rb"|[!#$&'+,\-./0-9:;<=>?@A-Z\[\]^_`a-z|}~]+)"
FLAG: Final = rb"\\?" + ATOM
FLAGS: Final = rb"\((?:%b(?: %b)*)?\)" % (FLAG, FLAG)
SET: Final = rb"[1-9]\d*(?::[1-9]\d*)?(?:,[1-9]\d*(?::[1-9]\d*)?)*"
MONTHS: Final = rb"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
DATE_TIME: Final = rb'"(?: \d|\d\d)-%b-\d{4} \d\d:\d\d:\d\d [+-]\d{4}"' % MONTHS
NUMBERS: Final = rb"(?: [1-9]\d*)*(?: \(MODSEQ \d+\))?"
ADDRESSES: Final = rb"(?:NIL|\((?:\(%b\))+\))" % b" ".join([NSTRING] * 4)
ENVELOPE: Final = rb"\(%b\)" % b" ".join([NSTRING] * 2 + [ADDRESSES] * 6 + [NSTRING] * 2)
PARAMETERS: Final = rb"(?:NIL|\(%b %b(?: %b %b)*\))" % (STRING, STRING, STRING, STRING)
DISPOSITION: Final = rb"(?:NIL|\(%b %b\))" % (STRING, PARAMETERS)
LANGUAGES: Final = rb"(?:%b|\(%b(?: %b)*\))" % (NSTRING, STRING, STRING)
TAIL: Final = rb" %b %b %b" % (DISPOSITION, LANGUAGES, NSTRING)
PART: Final = b" ".join([STRING, STRING, PARAMETERS, NSTRING, NSTRING, STRING, rb"\d+"])
EXTENSIONS: Final = b"|".join([
    *(b"ACL", b"COMPARATOR", b"GENURLAUTH", b"ID", b"JMAPACCESS", b"LANGUAGE", b"LISTRIGHTS"),
    *(b"METADATA", b"MYRIGHTS", b"NAMESPACE", b"QUOTA", b"QUOTAROOT", b"THREAD", b"UIDBATCHES"),
    b"URLFETCH",
])  # fmt: skip
SELECTABILITY: Final = {b"\\noselect", b"\\nonexistent", b"\\marked", b"\\unmarked"}

_LITERAL: Final = re.compile(rb"~?\{(\d+)\}\Z")
_CODES: Final = rb"(?:PERMANENTFLAGS \((?:(?:%b|\\\*)(?: (?:%b|\\\*))*)?\)|%b)" % (
    FLAG, FLAG,
    rb"|".join([
        rb"(?:APPENDUID|COPYUID) [1-9]\d* %b(?: %b)?" % (SET, SET),
        rb"(?:UIDNEXT|UIDVALIDITY|UNSEEN) [1-9]\d*",
        rb"NOUPDATE %b" % STRING,  # RFC 5267 5
        rb"(?!APPENDUID|COPYUID|NOUPDATE|PERMANENT|UID[NV]|UNSEEN)%b(?: [^\]\r\n]+)?" % CODE_ATOM,
    ]),
)  # fmt: skip
_STATUS: Final = re.compile(rb"(OK|NO|BAD|BYE|PREAUTH) (?:\[%b\] )?(?!\[)[^\r\n\x00]+" % _CODES)
_LIST: Final = re.compile(rb'(?:LIST|LSUB) \(([^()]*)\) (?:"[^"\\]"|NIL) %b(?: \(.*\))?' % ASTRING)
_DATA: Final = re.compile(
    b"|".join(
        [
            rb"(?:CAPABILITY|ENABLED)(?: %b)*" % ATOM,
            rb"FLAGS %b" % FLAGS,
            rb"STATUS %b \((?:[A-Z-]+ (?:\d+|\(\w+\)) ?)*(?<! )\)" % ASTRING,
            rb"\d+ (?:EXISTS|RECENT)",
            rb"[1-9]\d* EXPUNGE",
            rb"(?:SEARCH|SORT)" + NUMBERS,
            rb"ESEARCH(?: \(TAG %b[^()]*\))?(?: UID)?(?: [A-Z]+ (?:%b|\d+|\([^()]*\)))*"
            % (ASTRING, SET),
            rb"VANISHED (?:\(EARLIER\) )?%b" % SET,
            rb"(?:%b)(?: .*)?" % EXTENSIONS,
        ]
    ),
    re.DOTALL,
)
_FETCH: Final = re.compile(rb"[1-9]\d* (?:UID)?FETCH \(")
_PARTS: Final = rb"[1-9]\d*(?:\.[1-9]\d*)*"
_TEXTS: Final = rb"(?:HEADER|TEXT|HEADER\.FIELDS(?:\.NOT)? \(%b(?: %b)*\))" % (ASTRING, ASTRING)
_SECTION: Final = rb"BODY\[(?:%b|%b(?:\.(?:%b|MIME))?)?\](?:<\d+>)?" % (_TEXTS, _PARTS, _TEXTS)
_ITEM: Final = re.compile(
    b"|".join([
        rb"(?:%b|RFC822(?:\.HEADER|\.TEXT)?|PREVIEW) %b" % (_SECTION, NSTRING),
        rb"BINARY\[(?:%b)?\](?:<\d+>)? (?:~\x01|%b)" % (_PARTS, NSTRING),
        rb"(?:BINARY\.SIZE\[(?:%b)?\]|UID|RFC822\.SIZE) \d+" % _PARTS,
        rb"FLAGS %b" % FLAGS,
        rb"(?:INTERNALDATE|SAVEDATE) %b|SAVEDATE NIL" % DATE_TIME,
        rb"ENVELOPE %b" % ENVELOPE,
        rb"MODSEQ \(\d+\)",
        rb"(?:EMAILID|THREADID) (?:\([\w-]+\)|NIL)",
    ])
)  # fmt: skip


class NotInGrammarError(Exception):
    """What comes at some place may not stand there."""


class _Reader:
    """A place in a response."""

    def __init__(self, text: bytes, at: int) -> None:
        self._text = text
        self._at = at

    def take(self, pattern: bytes | re.Pattern[bytes]) -> bytes:
        match = re.compile(pattern).match(self._text, self._at)
        if match is None:
            raise NotInGrammarError(self._text[self._at :][:100])
        self._at = match.end()
        return match[0]

    def comes(self, text: bytes) -> bool:
        return self._text.startswith(text, self._at)

    def items(self) -> None:
        """What stands in the parentheses of a FETCH."""
        while True:
            if self.comes(b"BODY ") or self.comes(b"BODYSTRUCTURE "):
                extended = self.take(rb"BODY(?:STRUCTURE)? ") != b"BODY "
                self.body(extended=extended)
            else:
                self.take(_ITEM)
            if not self.comes(b" "):
                self.take(rb"\)\Z")
                return
            self.take(b" ")

    def body(self, *, extended: bool) -> None:
        self.take(rb"\(")
        if self.comes(b"("):
            while self.comes(b"("):
                self.body(extended=extended)
            self.take(b" " + STRING + (b" " + PARAMETERS + TAIL if extended else b""))
        else:
            kind = self.take(PART).lower()
            if kind.startswith(b'"text"'):
                self.take(rb" \d+")
            elif kind.startswith((b'"message" "rfc822"', b'"message" "global"')):
                self.take(b" " + ENVELOPE + b" ")
                self.body(extended=extended)
                self.take(rb" \d+")
            if extended:
                self.take(b" " + NSTRING + TAIL)
        self.take(rb"\)")


def faults(heard: bytes) -> list[bytes]:
    """The responses, up to the last whole one, that are not in the grammar."""
    return [response for response in _responses(heard) if not is_response(response)]


def _responses(heard: bytes) -> Iterator[bytes]:
    at, response = 0, b""
    while (end := heard.find(b"\r\n", at)) >= 0:
        line, at = heard[at:end], end + 2
        response += line
        literal = None if _is_status(response) else _LITERAL.search(line)
        if literal is None:
            yield response
            response = b""
            continue
        data = heard[at : at + int(literal[1])]
        at += len(data)
        binary = literal[0].startswith(b"~")
        if b"\0" not in data or binary:
            response = response[: -len(literal[0])] + (b"~" if binary else b"") + LITERAL


def is_response(response: bytes) -> bool:
    """Whether a response, its literals replaced, is in the grammar."""
    if response.startswith(b"+ "):
        return True
    data = response.removeprefix(b"* ")
    if data == response or _is_status(response):
        return _is_status(response)
    if fetch := _FETCH.match(data):
        try:
            _Reader(data, fetch.end()).items()
        except NotInGrammarError:
            return False
        return True
    if found := _LIST.fullmatch(data):
        attributes = found[1].lower().split(b" ") if found[1] else []
        once = len(set(attributes)) == len(attributes)
        return once and len(SELECTABILITY.intersection(attributes)) < 2
    return _DATA.fullmatch(data) is not None


def _is_status(response: bytes) -> bool:
    tag, _, rest = response.partition(b" ")
    found = _STATUS.fullmatch(rest)
    return found is not None and (tag == b"*" or found[1] not in {b"BYE", b"PREAUTH"})

"""What SEARCH asks for: a tree of keys, read and written (RFC 3501 6.4.4).

The tree is flat where it can be: an OR of ORs is one `Or` of many keys, nested
ANDs are one `And`, a double NOT is none. Clients write their long queries as
chains of OR, so depth is left for what truly nests, and whoever walks the tree
may recurse: it is never deeper than `DEPTH_MAX`.
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import dates, flags, sets, strings

if TYPE_CHECKING:
    from collections.abc import Callable

    from merpati.wire.imap.lexer import Cursor

DEPTH_MAX: Final = 50  # levels of parentheses, ORs and NOTs; ours
KEYS_MAX: Final = 1000  # of one SEARCH; ours
NUMBER_MAX: Final = 2**32 - 1  # RFC 3501 9, number
SIZE_MAX: Final = 2**63 - 1  # RFC 9051 9, number64; RFC 3501 has 2**32 - 1
MODSEQ_MAX: Final = 2**63 - 1  # RFC 7162 7, mod-sequence-value


class UnknownCharset(SyntaxFault):
    """A text in a charset that is not known here (RFC 3501 7.1, BADCHARSET).

    `saves`: the search was to save what it finds (RFC 5182 2.1). `filters`: it names a stored
    one, for which other charsets than UTF-8 are a syntax error (RFC 5466 3.1).
    """

    def __init__(self, *, saves: bool = False, filters: bool = False) -> None:
        super().__init__("this charset is not known here")
        self.saves: Final = saves
        self.filters: Final = filters


class Relation(Enum):
    """How a message's day compares with the one asked for; the value is the key's ending."""

    BEFORE = b"BEFORE"
    ON = b"ON"
    SINCE = b"SINCE"


class All(msgspec.Struct, frozen=True):
    """ALL: every message."""


class And(msgspec.Struct, frozen=True):
    """Two keys or more that must all hold."""

    keys: tuple[SearchKey, ...]


class Or(msgspec.Struct, frozen=True):
    """Two keys or more of which one must hold."""

    keys: tuple[SearchKey, ...]


class Not(msgspec.Struct, frozen=True):
    """A key that must not hold."""

    key: SearchKey


class Numbers(msgspec.Struct, frozen=True):
    """Messages by sequence number."""

    set: sets.SequenceSet


class Uids(msgspec.Struct, frozen=True):
    """UID: messages by UID."""

    set: sets.SequenceSet


class Keyword(msgspec.Struct, frozen=True):
    """SEEN, UNSEEN, KEYWORD ...: a stored keyword (`$seen`, `work`) that must be there or not."""

    keyword: str
    present: bool = True


class Recent(msgspec.Struct, frozen=True):
    """RECENT, or OLD when not `present`. NEW is RECENT and UNSEEN."""

    present: bool = True


class Header(msgspec.Struct, frozen=True):
    """HEADER, FROM, TO, CC, BCC, SUBJECT: a field (lower case) that contains `text`.

    An empty text asks only that the field be there.
    """

    field: str
    text: str


class Body(msgspec.Struct, frozen=True):
    """BODY: text in the body."""

    text: str


class Text(msgspec.Struct, frozen=True):
    """TEXT: text in header or body."""

    text: str


class Day(msgspec.Struct, frozen=True):
    """BEFORE, ON, SINCE a day, counted from 1970-01-01 (`dates.parse_date`).

    `sent`: by the Date header as written, whatever its zone; else by INTERNALDATE.
    """

    relation: Relation
    day: int
    sent: bool = False


class Larger(msgspec.Struct, frozen=True):
    """LARGER: more octets than `size`."""

    size: int


class Smaller(msgspec.Struct, frozen=True):
    """SMALLER: fewer octets than `size`."""

    size: int


class ModSeq(msgspec.Struct, frozen=True):
    r"""MODSEQ: changed at `value` or later (RFC 7162 3.1.5).

    `entry` and `kind` name the flag whose change counts (`/flags/\seen`, `all`). A
    server with one counter for the whole message ignores both, as 3.1.5 allows.
    """

    value: int
    entry: bytes | None = None
    kind: bytes = b""


class SavedDay(msgspec.Struct, frozen=True):
    """SAVEDBEFORE, SAVEDON, SAVEDSINCE: the day it came into the mailbox (RFC 8514 4.3)."""

    relation: Relation
    day: int


class SaveDateSupported(msgspec.Struct, frozen=True):
    """SAVEDATESUPPORTED: every message of a mailbox that has save dates (RFC 8514 4.3)."""


class Within(msgspec.Struct, frozen=True):
    """YOUNGER or OLDER than so many seconds, by INTERNALDATE (RFC 5032 3)."""

    seconds: int
    younger: bool = True


class EmailId(msgspec.Struct, frozen=True):
    """EMAILID (RFC 8474 5.4)."""

    id: str


class ThreadId(msgspec.Struct, frozen=True):
    """THREADID (RFC 8474 5.4)."""

    id: str


class Fuzzy(msgspec.Struct, frozen=True):
    """FUZZY: what comes close to a key is found, too (RFC 6203 3)."""

    key: SearchKey


class Filter(msgspec.Struct, frozen=True):
    """FILTER: the keys that are stored under a name (RFC 5466 3.1)."""

    name: str


SearchKey = (
    All
    | And
    | Or
    | Not
    | Numbers
    | Uids
    | Keyword
    | Recent
    | Header
    | Body
    | Text
    | Day
    | Larger
    | Smaller
    | ModSeq
    | SavedDay
    | SaveDateSupported
    | Within
    | EmailId
    | ThreadId
    | Fuzzy
    | Filter
)

_FLAG_NAMES: Final = {
    keyword[1:].upper().encode(): keyword  # ANSWERED, DELETED, DRAFT, FLAGGED, SEEN
    for keyword in flags.SYSTEM
}
_CONSTANTS: Final[dict[bytes, SearchKey]] = {
    b"ALL": All(),
    b"NEW": And((Recent(), Keyword("$seen", present=False))),
    b"OLD": Recent(present=False),
    b"RECENT": Recent(),
    b"SAVEDATESUPPORTED": SaveDateSupported(),
    **{name: Keyword(keyword) for name, keyword in _FLAG_NAMES.items()},
    **{b"UN" + name: Keyword(keyword, False) for name, keyword in _FLAG_NAMES.items()},
}
_FIELDS: Final = {name.upper().encode(): name for name in ("bcc", "cc", "from", "subject", "to")}
_FIELD_KEYS: Final = {name: key for key, name in _FIELDS.items()}
_DAYS: Final = {
    prefix + relation.value: (relation, bool(prefix))
    for prefix in (b"", b"SENT")
    for relation in Relation
}
_SAVED_DAYS: Final = {b"SAVED" + relation.value: relation for relation in Relation}
UTF8: Final = "utf-8"  # as `codec` gives it
_CODECS: Final = {b"US-ASCII": "ascii", b"UTF-8": UTF8}
CHARSETS: Final = tuple(_CODECS)  # for [BADCHARSET (...)], RFC 3501 7.1

_SET: Final = re.compile(rb"[0-9*][0-9*:,]*|\$")
_DATE: Final = re.compile(rb'("?)([0-9A-Za-z-]+)\1')
_ENTRY: Final = re.compile(rb"/flags/\\?[!#$&'+,\-./0-9:;<=>?@A-Z\[^_`a-z|}~]+")  # RFC 7162 7
_OBJECT_ID: Final = re.compile(rb"[A-Za-z0-9_-]{1,255}")  # RFC 8474 7
_FILTER_NAME: Final = re.compile(rb"[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]{1,255}")  # RFC 5466 4
_ENTRY_KINDS: Final = frozenset((b"priv", b"shared", b"all"))
_SETS_MEET: Final = frozenset((b" ", b")", b""))


class _Frame:
    """Keys that are still being gathered: an open AND, OR or NOT."""

    __slots__ = ("keys", "kind", "wanted")

    def __init__(self, kind: bytes, wanted: int = 0) -> None:
        self.kind = kind
        self.wanted = wanted  # operands an OR still waits for, those already there included
        self.keys: list[SearchKey] = []


def codec(charset: bytes) -> str | None:
    """Python's codec for a CHARSET that SEARCH accepts, else None."""
    return _CODECS.get(charset.upper())


def read_keys(cursor: Cursor, encoding: str = "utf-8") -> SearchKey:
    """All keys up to the end of the command, as one tree; `encoding` is a `codec`.

    Raises:
        SyntaxFault: as every reader of this package.
    """
    stack = [_Frame(b"")]
    for _ in range(KEYS_MAX):
        _open(cursor, stack)
        key = _key(cursor, encoding)
        if _close(cursor, stack, key):
            return _joined(stack[0])
    raise SyntaxFault(f"a SEARCH may have at most {KEYS_MAX} keys")


def _open(cursor: Cursor, stack: list[_Frame]) -> None:
    """Move past `(`, NOT and OR to the next plain key."""
    while True:
        top = stack[-1]
        if cursor.take(b"("):
            stack.append(_Frame(b"("))
        elif cursor.comes(b"N") or cursor.comes(b"n"):
            if not cursor.take_word(b"NOT "):
                return
            if top.kind == b"NOT":
                stack.pop()  # NOT NOT x is x
            else:
                stack.append(_Frame(b"NOT"))
        elif cursor.take_word(b"FUZZY "):
            if top.kind != b"FUZZY":
                stack.append(_Frame(b"FUZZY"))
        elif cursor.take_word(b"OR "):
            if top.kind == b"OR":
                top.wanted += 1  # an OR in an OR fills one place and brings two
            else:
                stack.append(_Frame(b"OR", 2))
        else:
            return
        if len(stack) > DEPTH_MAX:
            raise SyntaxFault(f"a SEARCH may nest at most {DEPTH_MAX} deep")


def _close(cursor: Cursor, stack: list[_Frame], key: SearchKey) -> bool:
    """Hand a finished key to what is open; True when the whole tree is finished."""
    while True:
        top = stack[-1]
        if isinstance(key, And) and top.kind in {b"", b"("}:
            top.keys.extend(key.keys)
        elif isinstance(key, Or) and top.kind == b"OR":
            top.keys.extend(key.keys)
            top.wanted += len(key.keys) - 1
        else:
            top.keys.append(key)
        if top.kind == b"":
            if cursor.done():
                return True
            cursor.space()
            return False
        if top.kind == b"OR":
            if len(top.keys) < top.wanted:
                cursor.space()
                return False
        elif top.kind == b"(" and not cursor.take(b")"):
            cursor.space()
            return False
        key = _joined(stack.pop())


def _joined(frame: _Frame) -> SearchKey:
    if frame.kind == b"NOT":
        key = frame.keys[0]
        return key.key if isinstance(key, Not) else Not(key)
    if frame.kind == b"FUZZY":
        key = frame.keys[0]
        return key if isinstance(key, Fuzzy) else Fuzzy(key)
    if frame.kind == b"OR":
        return Or(tuple(frame.keys))
    return frame.keys[0] if len(frame.keys) == 1 else And(tuple(frame.keys))


def _key(cursor: Cursor, encoding: str) -> SearchKey:
    match = _SET.match(cursor.line, cursor.at)
    if match is not None and cursor.line[match.end() : match.end() + 1] in _SETS_MEET:
        cursor.at = match.end()
        return Numbers(sets.parse(match[0]))
    name = cursor.word("a search key")
    constant = _CONSTANTS.get(name)
    if constant is not None:
        return constant
    if name not in _NAMES:
        raise SyntaxFault("SEARCH knows no such key")
    cursor.space()
    if name in _FIELDS:
        return Header(_FIELDS[name], _text(cursor, encoding))
    if name in _DAYS:
        relation, sent = _DAYS[name]
        return Day(relation, _day(cursor), sent)
    if name in _SAVED_DAYS:
        return SavedDay(_SAVED_DAYS[name], _day(cursor))
    return _READERS[name](cursor, encoding)


def _day(cursor: Cursor) -> int:
    return dates.parse_date(cursor.match(_DATE, "a date such as 1-Feb-1994")[2])


def _object_id(cursor: Cursor) -> str:
    return cursor.match(_OBJECT_ID, "an object id")[0].decode("ascii")


def _within(cursor: Cursor, *, younger: bool) -> SearchKey:
    seconds = cursor.number(NUMBER_MAX)
    if not seconds:
        raise SyntaxFault("an interval has a second at least")
    return Within(seconds, younger)


def _uids(cursor: Cursor, *, after: bool) -> SearchKey:
    """UIDAFTER and UIDBEFORE (RFC 9738 3.2): UIDs above or below one, which need not exist."""
    uid = cursor.number(NUMBER_MAX)
    if not uid:
        raise SyntaxFault("a UID is not 0")
    first, last = (uid + 1, NUMBER_MAX) if after else (1, uid - 1)
    return Uids(sets.SequenceSet(((first, last),) if first <= last else ()))


def _text(cursor: Cursor, encoding: str) -> str:
    try:
        return cursor.astring().decode(encoding)
    except UnicodeDecodeError:
        raise SyntaxFault("a search text is not in its charset") from None


def _header(cursor: Cursor, encoding: str) -> SearchKey:
    field = _text(cursor, encoding).lower()
    cursor.space()
    return Header(field, _text(cursor, encoding))


def _modseq(cursor: Cursor, _encoding: str) -> SearchKey:
    entry, kind = None, b""
    if cursor.comes(b'"'):
        entry = cursor.string()
        if not _ENTRY.fullmatch(entry):
            raise SyntaxFault("an entry is a flag such as /flags/work")
        cursor.space()
        kind = cursor.atom("priv, shared or all").lower()
        if kind not in _ENTRY_KINDS:
            raise SyntaxFault("an entry type is priv, shared or all")
        cursor.space()
    return ModSeq(cursor.number(MODSEQ_MAX), entry, kind)


_READERS: Final[dict[bytes, Callable[[Cursor, str], SearchKey]]] = {
    b"BODY": lambda cursor, encoding: Body(_text(cursor, encoding)),
    b"HEADER": _header,
    b"EMAILID": lambda cursor, _: EmailId(_object_id(cursor)),
    b"FILTER": lambda cursor, _: Filter(
        cursor.match(_FILTER_NAME, "the name of a filter")[0].decode("ascii")
    ),
    b"KEYWORD": lambda cursor, _: Keyword(flags.keyword(cursor.atom())),
    b"LARGER": lambda cursor, _: Larger(cursor.number(SIZE_MAX)),
    b"MODSEQ": _modseq,
    b"OLDER": lambda cursor, _: _within(cursor, younger=False),
    b"SMALLER": lambda cursor, _: Smaller(cursor.number(SIZE_MAX)),
    b"TEXT": lambda cursor, encoding: Text(_text(cursor, encoding)),
    b"THREADID": lambda cursor, _: ThreadId(_object_id(cursor)),
    b"UID": lambda cursor, _: Uids(sets.parse(cursor.match(_SET, "a set of UIDs")[0])),
    b"UIDAFTER": lambda cursor, _: _uids(cursor, after=True),
    b"UIDBEFORE": lambda cursor, _: _uids(cursor, after=False),
    b"UNKEYWORD": lambda cursor, _: Keyword(flags.keyword(cursor.atom()), present=False),
    b"YOUNGER": lambda cursor, _: _within(cursor, younger=True),
}
_NAMES: Final = frozenset().union(_FIELDS, _DAYS, _SAVED_DAYS, _READERS)  # what takes arguments


def render(key: SearchKey) -> bytes:
    """The tree as SEARCH takes it, in UTF-8; texts that need it become literals."""
    if isinstance(key, And):
        return b" ".join(map(_operand, key.keys))
    if isinstance(key, Or):
        return b"OR " + b" OR ".join(map(_operand, key.keys[:-1])) + b" " + _operand(key.keys[-1])
    if isinstance(key, Not):
        return b"NOT " + _operand(key.key)
    if isinstance(key, Fuzzy):
        return b"FUZZY " + _operand(key.key)
    if isinstance(key, Keyword):
        written = flags.SYSTEM.get(key.keyword)
        if written:
            return (b"" if key.present else b"UN") + written[1:].upper()
        return (b"KEYWORD " if key.present else b"UNKEYWORD ") + flags.flag(key.keyword)
    if isinstance(key, Header):
        name = _FIELD_KEYS.get(key.field) or b"HEADER " + strings.astring(key.field.encode())
        return name + b" " + strings.astring(key.text.encode())
    return _render_leaf(key)


def _operand(key: SearchKey) -> bytes:
    """A key where one is expected: an AND goes into parentheses."""
    return b"(" + render(key) + b")" if isinstance(key, And) else render(key)


def _render_leaf(key: SearchKey) -> bytes:
    match key:
        case All():
            return b"ALL"
        case Recent(present=present):
            return b"RECENT" if present else b"OLD"
        case Numbers(set=numbers):
            return numbers.render()
        case Uids(set=uids):
            return b"UID " + uids.render()
        case Body(text=text):
            return b"BODY " + strings.astring(text.encode())
        case Text(text=text):
            return b"TEXT " + strings.astring(text.encode())
        case Larger(size=size):
            return b"LARGER %d" % size
        case Smaller(size=size):
            return b"SMALLER %d" % size
        case Day(relation=relation, day=day, sent=sent):
            prefix = b"SENT" if sent else b""
            return prefix + relation.value + b" " + dates.render_date(day)
        case SavedDay(relation=relation, day=day):
            return b"SAVED" + relation.value + b" " + dates.render_date(day)
        case Within(seconds=seconds, younger=younger):
            return b"%b %d" % (b"YOUNGER" if younger else b"OLDER", seconds)
        case ModSeq(value=value, entry=None):
            return b"MODSEQ %d" % value
        case ModSeq(value=value, entry=entry, kind=kind):
            return b"MODSEQ %b %b %d" % (strings.quoted(entry or b""), kind, value)
        case EmailId(id=text):
            return b"EMAILID " + text.encode("ascii")
        case ThreadId(id=text):
            return b"THREADID " + text.encode("ascii")
        case Filter(name=name):
            return b"FILTER " + name.encode("ascii")
        case SaveDateSupported():
            return b"SAVEDATESUPPORTED"
        case _:
            raise TypeError(key)

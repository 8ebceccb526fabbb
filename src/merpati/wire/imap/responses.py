"""What the server says, made piece by piece so that no piece can break the line.

Every function returns whole lines with their CRLF. Text and codes that hold CR, LF
or NUL are a defect of the caller and raise ValueError; bytes that come from
messages and clients go through `strings`, which makes any of them safe.
"""

from __future__ import annotations

import re
from enum import Enum
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NewType

from merpati.wire.imap import flags, names, strings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from merpati.wire.imap.commands import StatusItem

Code = NewType("Code", bytes)  # a resp-text-code without its brackets
ObjectId = NewType("ObjectId", bytes)  # as `object_id` makes it

CODE_REMEMBERED: Final = 16  # octets: a code without arguments; ours
_CAPABILITY: Final = b"CAPABILITY "
_TEXT: Final = re.compile(rb"[^\x00\r\n]+")
_CODE: Final = re.compile(rb'(?:[^\x00\r\n\]"]|"[^\x00\r\n"\\]*+(?:\\.[^\x00\r\n"\\]*+)*")+')
_NOT_IN_CODE: Final = re.compile(rb"[^!-\\^-~]+")
_ATOM: Final = re.compile(rb"\\?[!#$&'+,\-./0-9:;<=>?@A-Z^_`a-z|}~]+|\\\*")
_SET: Final = re.compile(rb"[0-9][0-9:,]*")
_TEXTS: Final = frozenset({"MAILBOXID"})  # items of STATUS that are no number
_SELECTED: Final = (
    b"* %d EXISTS\r\n%b"
    b"* OK [UIDVALIDITY %d] UIDs valid\r\n"
    b"* OK [UIDNEXT %d] next UID\r\n"
    b"* OK [MAILBOXID (%b)] its id\r\n"  # RFC 8474 4.2
    b"* OK [HIGHESTMODSEQ %d] highest\r\n"  # RFC 7162 3.1.2.1
)


class Condition(Enum):
    """The five status responses (RFC 3501 7.1)."""

    OK = b"OK"
    NO = b"NO"
    BAD = b"BAD"
    BYE = b"BYE"
    PREAUTH = b"PREAUTH"

    __hash__ = object.__hash__  # in C: every answer is looked up by one


# Codes without arguments: RFC 3501 7.1, 5530, 4469, 6154, 7162, 8474 and RFC 9051 7.1.
ALERT: Final = Code(b"ALERT")
ALREADYEXISTS: Final = Code(b"ALREADYEXISTS")
AUTHENTICATIONFAILED: Final = Code(b"AUTHENTICATIONFAILED")
AUTHORIZATIONFAILED: Final = Code(b"AUTHORIZATIONFAILED")
CANNOT: Final = Code(b"CANNOT")
CLIENTBUG: Final = Code(b"CLIENTBUG")
CLOSED: Final = Code(b"CLOSED")
CONTACTADMIN: Final = Code(b"CONTACTADMIN")
EXPUNGEISSUED: Final = Code(b"EXPUNGEISSUED")
HASCHILDREN: Final = Code(b"HASCHILDREN")
INUSE: Final = Code(b"INUSE")
LIMIT: Final = Code(b"LIMIT")
NOMODSEQ: Final = Code(b"NOMODSEQ")
NONEXISTENT: Final = Code(b"NONEXISTENT")
NOPERM: Final = Code(b"NOPERM")
OVERQUOTA: Final = Code(b"OVERQUOTA")
PARSE: Final = Code(b"PARSE")
PRIVACYREQUIRED: Final = Code(b"PRIVACYREQUIRED")
READ_ONLY: Final = Code(b"READ-ONLY")
READ_WRITE: Final = Code(b"READ-WRITE")
SERVERBUG: Final = Code(b"SERVERBUG")
TOOBIG: Final = Code(b"TOOBIG")
TRYCREATE: Final = Code(b"TRYCREATE")
UIDNOTSTICKY: Final = Code(b"UIDNOTSTICKY")
UNAVAILABLE: Final = Code(b"UNAVAILABLE")
UNKNOWN_CTE: Final = Code(b"UNKNOWN-CTE")
USEATTR: Final = Code(b"USEATTR")


def appenduid(uidvalidity: int, uids: bytes) -> Code:
    """[APPENDUID ...] (RFC 4315 3); `uids` by `sets.compress`, several after MULTIAPPEND."""
    return Code(b"APPENDUID %d %b" % (uidvalidity, _set(uids)))


def badcharset(charsets: Iterable[bytes]) -> Code:
    """[BADCHARSET (...)]: the charsets SEARCH takes."""
    return Code(b"BADCHARSET (" + b" ".join(map(strings.astring, charsets)) + b")")


def badurl(url: bytes) -> Code:
    """[BADURL ...] (RFC 4469 4): the URL as given, but for what cannot stand there."""
    return Code(b"BADURL " + _NOT_IN_CODE.sub(b"", url)[:1000])


def capability_code(capabilities: Iterable[bytes]) -> Code:
    """[CAPABILITY ...], in the greeting and after login."""
    return _capability_code(tuple(capabilities))


@lru_cache(maxsize=32)
def _capability_code(capabilities: tuple[bytes, ...]) -> Code:
    return Code(_CAPABILITY + _atoms(capabilities))


def downgraded(shown: bytes) -> Code:
    """[DOWNGRADED ...] (RFC 6858 3): the messages that a client sees a surrogate of."""
    return Code(b"DOWNGRADED " + _set(shown))


def copyuid(uidvalidity: int, source: bytes, target: bytes) -> Code:
    """[COPYUID ...] (RFC 4315 3); both sets name as many UIDs, in step."""
    return Code(b"COPYUID %d %b %b" % (uidvalidity, _set(source), _set(target)))


def highestmodseq(modseq: int) -> Code:
    """[HIGHESTMODSEQ n] (RFC 7162 3.1.2.1)."""
    return Code(b"HIGHESTMODSEQ %d" % modseq)


def object_id(text: str) -> ObjectId:
    """An objectid (RFC 8474 7)."""
    return ObjectId(_atom(text.encode("ascii")))


def mailboxid(id_: str) -> Code:
    """[MAILBOXID (...)] (RFC 8474 4.1, 4.2)."""
    return Code(b"MAILBOXID (%b)" % object_id(id_))


def modified(failed: bytes) -> Code:
    """[MODIFIED set]: what a conditional STORE left alone (RFC 7162 3.1.3)."""
    return Code(b"MODIFIED " + _set(failed))


def permanentflags(keywords: Iterable[str], *, new: bool) -> Code:
    r"""[PERMANENTFLAGS (...)] of stored keywords; `new` adds `\*`: others can be made."""
    written = [flags.flag(keyword) for keyword in keywords]
    if new:
        written.append(b"\\*")
    return Code(b"PERMANENTFLAGS (" + b" ".join(written) + b")")


def uidnext(uid: int) -> Code:
    """[UIDNEXT n]."""
    return Code(b"UIDNEXT %d" % uid)


def uidvalidity(value: int) -> Code:
    """[UIDVALIDITY n]."""
    return Code(b"UIDVALIDITY %d" % value)


def unseen(number: int) -> Code:
    """[UNSEEN n]: the sequence number of the first unseen message."""
    return Code(b"UNSEEN %d" % number)


def tagged(tag: bytes, condition: Condition, text: str, code: Code | None = None) -> bytes:
    """The answer that ends a command; `tag` as `CommandReader` read it."""
    return tag + _resp_cond_state(condition, text, code)


def untagged(condition: Condition, text: str, code: Code | None = None) -> bytes:
    """`* OK [code] text` and its like: greeting, BYE, what SELECT tells."""
    return b"*" + _resp_cond_state(condition, text, code)


def bad(tag: bytes | None, text: str, code: Code | None = None) -> bytes:
    """BAD for a command whose tag may have been unreadable."""
    return b"%b BAD %b\r\n" % (tag or b"*", _resp_text(text, code))


def continuation(text: str) -> bytes:
    """`+ text`: go ahead."""
    return b"+ %b\r\n" % _resp_text(text, None)


def challenge(data: bytes) -> bytes:
    """`+ base64` of an AUTHENTICATE exchange; `data` is base64 already, or empty."""
    if data and not _TEXT.fullmatch(data):
        raise ValueError("a challenge is one line")
    return b"+ %b\r\n" % data


def capability(capabilities: Iterable[bytes]) -> bytes:
    """`* CAPABILITY ...`."""
    return b"* CAPABILITY %b\r\n" % _atoms(capabilities)


def enabled(capabilities: Iterable[bytes]) -> bytes:
    """`* ENABLED ...` (RFC 5161 3.2); none is legal, too."""
    return b" ".join([b"* ENABLED", *map(_atom, capabilities)]) + b"\r\n"


def exists(count: int) -> bytes:
    """`* n EXISTS`."""
    return b"* %d EXISTS\r\n" % count


def recent(count: int) -> bytes:
    """`* n RECENT`."""
    return b"* %d RECENT\r\n" % count


def selected(
    count: int, recent: int | None, uidvalidity: int, uidnext: int, object_id: str, modseq: int
) -> bytes:
    """What SELECT tells in numbers (RFC 3501 6.3.1); `recent`: None for IMAP4rev2."""
    return _SELECTED % (
        count,
        b"" if recent is None else b"* %d RECENT\r\n" % recent,
        uidvalidity,
        uidnext,
        _atom(object_id.encode("ascii")),
        modseq,
    )


def expunge(numbers: Iterable[int]) -> bytes:
    """`* n EXPUNGE` for each, in the order told: each number counts those before as gone."""
    return b"".join([b"* %d EXPUNGE\r\n" % number for number in numbers])


def vanished(uids: bytes, *, earlier: bool = False) -> bytes:
    """`* VANISHED [(EARLIER)] set` (RFC 7162 3.2.10)."""
    return b"* VANISHED %b%b\r\n" % (b"(EARLIER) " if earlier else b"", _set(uids))


def flag_list(keywords: Iterable[str]) -> bytes:
    """`* FLAGS (...)`: the flags that the mailbox knows."""
    return b"* FLAGS (%b)\r\n" % b" ".join(map(flags.flag, keywords))


def fetch(number: int, items: Iterable[bytes]) -> bytes:
    r"""`* n FETCH (...)` of finished items: `UID 7`, `FLAGS (\Seen)`."""
    return b"* %d FETCH (%b)\r\n" % (number, b" ".join(items))


def mailbox_list(
    name: str,
    attributes: Iterable[bytes] = (),
    *,
    utf8: bool = False,
    child_info: Iterable[bytes] = (),
    kind: bytes = b"LIST",
    old_name: str = "",
) -> bytes:
    r"""`* LIST (...) "/" name`, or LSUB by `kind`.

    `attributes` begin with a backslash. `child_info` is CHILDINFO of RFC 5258 3.5:
    the selection options that children met though the mailbox itself did not. `old_name`
    is OLDNAME of RFC 5465 5.4 and RFC 9051 6.3.9.7: what the mailbox was called before.
    """
    info = b" ".join(map(strings.quoted, child_info))
    extended = [b'"CHILDINFO" (%b)' % info] if info else []
    if old_name:
        extended.append(b'"OLDNAME" (%b)' % _mailbox(old_name, utf8))
    return b'* %b (%b) "/" %b%b\r\n' % (
        _atom(kind),
        _atoms(attributes),
        _mailbox(name, utf8),
        b" (%b)" % b" ".join(extended) if extended else b"",
    )


def separator() -> bytes:
    r"""The answer to `LIST "" ""`, which only asks for the separator (RFC 3501 6.3.8)."""
    return b'* LIST (\\Noselect) "/" ""\r\n'


def status(
    name: str,
    items: tuple[StatusItem, ...],
    values: Iterable[int | ObjectId],
    *,
    utf8: bool = False,
) -> bytes:
    """`* STATUS name (MESSAGES 1 ...)`, with a value for each item."""
    return _status_line(items) % (_mailbox(name, utf8), *values)


@lru_cache(maxsize=64)
def _status_line(items: tuple[StatusItem, ...]) -> bytes:
    """Takes the name of the mailbox and a value for each item."""
    pairs = [item.value + (b" (%b)" if item.name in _TEXTS else b" %d") for item in items]
    return b"* STATUS %b (" + b" ".join(pairs) + b")\r\n"


def namespace(
    personal: Iterable[str] = ("",),
    others: Iterable[str] = (),
    shared: Iterable[str] = (),
    *,
    utf8: bool = False,
    say: Callable[[str], str] = str,
) -> bytes:
    """`* NAMESPACE` with the prefixes of each kind, such as `Shared/` (RFC 2342).

    `say` gives their names in the client's language, if they have others (RFC 5255 3.4).
    """
    kinds = [_namespaces(prefixes, say, utf8=utf8) for prefixes in (personal, others, shared)]
    return b"* NAMESPACE %b\r\n" % b" ".join(kinds)


def server_id(fields: Mapping[bytes, bytes | None] | None) -> bytes:
    """`* ID (...)`, or `* ID NIL` (RFC 2971)."""
    if not fields:
        return b"* ID NIL\r\n"
    pairs = [
        b"%b %b" % (strings.quoted(key), strings.nstring(value)) for key, value in fields.items()
    ]
    return b"* ID (%b)\r\n" % b" ".join(pairs)


def _resp_text(text: str, code: Code | None) -> bytes:
    """resp-text, in ASCII; what lies outside is replaced by `?`."""
    if code is None:
        return _plain_text(text)
    raw = text.encode("ascii", "replace")
    if not _TEXT.fullmatch(raw):
        raise ValueError("the text of a response is one line")
    if not _CODE.fullmatch(code):
        raise ValueError("a response code is one line without a closing bracket")
    return b"[%b] %b" % (code, raw)


def _resp_cond_state(condition: Condition, text: str, code: Code | None) -> bytes:
    """resp-cond-state, with the space before it and CRLF.

    Usual ones are remembered, such as the long one of every sign-in.
    """
    if code is None or len(code) <= CODE_REMEMBERED or code.startswith(_CAPABILITY):
        return _remembered_state(condition, text, code)
    return b" %b %b\r\n" % (condition.value, _resp_text(text, code))


@lru_cache(maxsize=256)
def _remembered_state(condition: Condition, text: str, code: Code | None) -> bytes:
    return b" %b %b\r\n" % (condition.value, _resp_text(text, code))


@lru_cache(maxsize=256)
def _plain_text(text: str) -> bytes:
    raw = text.encode("ascii", "replace")
    if not _TEXT.fullmatch(raw) or raw.startswith(b"["):
        raise ValueError("the text of a response is one line that begins with no bracket")
    return raw


@lru_cache(maxsize=256)
def _mailbox(name: str, utf8: bool) -> bytes:
    return strings.string(names.encode(name, utf8), utf8=utf8)


def _namespaces(prefixes: Iterable[str], say: Callable[[str], str], *, utf8: bool) -> bytes:
    parts = []
    for prefix in prefixes:
        name = say(prefix)
        told = b"" if name == prefix else b' "TRANSLATION" (%b)' % _mailbox(name, utf8)
        parts.append(b'(%b "/"%b)' % (_mailbox(prefix, utf8), told))
    return b"(%b)" % b"".join(parts) if parts else b"NIL"


def _set(text: bytes) -> bytes:
    if not _SET.fullmatch(text):
        raise ValueError("not a set of numbers")
    return text


def _atom(text: bytes) -> bytes:
    if not _ATOM.fullmatch(text):
        raise ValueError("not an atom")
    return text


def _atoms(texts: Iterable[bytes]) -> bytes:
    return b" ".join(map(_atom, texts))

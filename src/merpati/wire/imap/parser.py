"""The grammar of IMAP commands: a whole command becomes its struct.

One function per command, found in a table by the command's name, each the ABNF of
its RFC read from left to right. Errors in the arguments carry the tag, so that the
session can answer `tag BAD ...`.

APPEND never comes here whole, since its messages are streamed: see `append`.
"""

from __future__ import annotations

import re
from binascii import Error as Base64Error
from binascii import a2b_base64
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import (
    acl,
    append,
    fetch,
    finding,
    metadata,
    names,
    quota,
    search,
    session,
    sets,
    urlauth,
)
from merpati.wire.imap import commands as c
from merpati.wire.imap.arguments import Arguments
from merpati.wire.imap.lexer import TAG_CHARS, BadCommand, head_of, tag_of
from merpati.wire.imap.notify import read_notify

if TYPE_CHECKING:
    from collections.abc import Callable

    from merpati.wire.imap.lexer import CommandReader

    Reader = Callable[[Arguments], c.Command]

ID_PAIRS_MAX: Final = 30  # RFC 2971 3.3
ID_KEY_MAX: Final = 30  # octets; RFC 2971 3.3
ID_VALUE_MAX: Final = 1024  # octets; RFC 2971 3.3
NUMBER_MAX: Final = 2**32 - 1  # RFC 3501 9, number
MODSEQ_MAX: Final = 2**63 - 1  # RFC 7162 7, mod-sequence-value
SASL_LINE_MAX: Final = 16 * 1024  # a token of OAuth or Kerberos in base64; ours
REMEMBERED_MAX: Final = 200  # octets of a command that is worth remembering; ours
REMEMBERED: Final = 512  # commands; ours

_SIGN: Final = re.compile(rb"([+-]?)[Ff][Ll][Aa][Gg][Ss](\.[Ss][Ii][Ll][Ee][Nn][Tt])?(?= |\Z)")
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/]+={0,2}|=")
_PARTIAL: Final = re.compile(rb"(-?[1-9][0-9]{0,9}):(-?[1-9][0-9]{0,9})")
_SECRET: Final = frozenset({b"LO", b"AU"})  # LOGIN and AUTHENTICATE are not remembered
# A tag; and a command up to its set, and that: those that differ only there are remembered as one.
_NAMING: Final = re.compile(
    TAG_CHARS + rb" (?:((?i:(?:UID )?(?:FETCH|STORE|COPY|MOVE)) )([1-9][0-9:,*]*)(?= ))?"
)
_STATUS_ITEMS: Final = {item.value: item for item in c.StatusItem}
_SELECTIONS: Final = {option.value: option for option in c.ListSelection}
_RETURNS: Final = {option.value: option for option in c.ListReturn}
# RFC 5258 3.1: the options that RECURSIVEMATCH can carry to the parents.
_RECURSIVE_BASE: Final = {c.ListSelection.SUBSCRIBED, c.ListSelection.SPECIAL_USE}


class BadCharset(BadCommand):
    """A SEARCH in a charset unknown here: `tag NO [BADCHARSET (US-ASCII UTF-8)]`.

    `saves`: its RETURN had SAVE, so nothing is saved now (RFC 9051 6.4.4.1). `filters`: the
    answer is BAD, with the same code (RFC 5466 3.1).
    """

    def __init__(self, fault: search.UnknownCharset, tag: bytes) -> None:
        super().__init__(fault.text, tag)
        self.saves: Final = fault.saves and not fault.filters
        self.filters: Final = fault.filters


def parse(reader: CommandReader, *, utf8: bool = False) -> c.Command:
    """The command that `reader` has gathered.

    `utf8`: the client enabled UTF8=ACCEPT or IMAP4rev2, so names are UTF-8.

    Raises:
        BadCommand: with the tag, if there is a readable one.
    """
    if len(reader.parts) == 1 and not reader.refused:
        return parse_line(reader.parts[0], utf8=utf8)
    return _parsed(reader.parts, reader.refused, utf8=utf8)


def parse_line(line: bytes, *, utf8: bool = False) -> c.Command:
    """As `parse`, for a command that came as one line without a literal."""
    match = _NAMING.match(line)
    if match is not None and len(line) <= REMEMBERED_MAX:
        tag, name, numbers = match.groups()
        rest = line[match.end() :]
        try:
            if name is None:
                return msgspec.structs.replace(_remembered(rest, utf8), tag=tag)
            like = _remembered(name + b"1" + rest, utf8)
            return msgspec.structs.replace(like, tag=tag, set=sets.parse(numbers))
        except SyntaxFault:
            pass  # it is read again, for an answer that bears the tag
    return _parsed([line], "", utf8=utf8)


@lru_cache(maxsize=REMEMBERED)
def _remembered(rest: bytes, utf8: bool) -> c.Command:
    """A short command without its tag; clients say the same over and over.

    Raises:
        SyntaxFault: it is none, or it may hold a password. Faults are not remembered.
    """
    if rest[:2].upper() in _SECRET:
        raise SyntaxFault("not to be kept")
    return _parsed([b"T " + rest], "", utf8=utf8)


def check_head(reader: CommandReader) -> None:
    """Refuse a command of which the first line already tells that it is none (RFC 9051 7.6).

    Raises:
        BadCommand: as `parse`.
    """
    _head(reader.parts[0])


def _parsed(parts: list[bytes], refused: str, *, utf8: bool) -> c.Command:
    head, read = _head(parts[0])
    tag, uid, _ = head.groups()
    if refused:
        raise BadCommand(refused, tag)
    arguments = Arguments(parts, head.end(), tag, uid is not None, utf8)
    try:
        command = read(arguments)
        arguments.end()
    except BadCommand:
        raise
    except search.UnknownCharset as fault:
        raise BadCharset(fault, tag) from None
    except SyntaxFault as fault:
        raise BadCommand(fault.text, tag) from None
    return command


def _head(line: bytes) -> tuple[re.Match[bytes], Reader]:
    """Tag, `UID` or None and name of a command, and who reads the rest of it."""
    head = head_of(line)
    if head is None:
        raise BadCommand("expected a tag, a space and a command", tag_of(line))
    tag, uid, name = head.groups()
    read = (_MESSAGE_COMMANDS if uid else _COMMANDS).get(name.upper())
    if read is None:
        raise BadCommand("there is no such command", tag)
    return head, read


def sasl_response(line: bytes) -> bytes | None:
    """A line of an AUTHENTICATE exchange, decoded; None when the client cancels with `*`.

    Raises:
        SyntaxFault: not base64.
    """
    if line == b"*":
        return None
    return _base64(line) if line else b""


def _append(a: Arguments) -> c.Command:
    """One that brings no literal: put together from URLs (RFC 4469)."""
    return append.whole(a, None, None)


def _replace(a: Arguments) -> c.Command:
    return append.whole(a, append.replaced(a), None)


def _login(a: Arguments) -> c.Command:
    a.space()
    user = a.astring()
    a.space()
    password = a.astring()
    try:
        return c.Login(a.tag, user.decode(), password.decode())
    except UnicodeDecodeError:
        raise SyntaxFault("user name and password must be in UTF-8") from None


def _authenticate(a: Arguments) -> c.Command:
    a.space()
    mechanism = a.word("the name of a mechanism")
    if a.done():
        return c.Authenticate(a.tag, mechanism)
    a.space()
    return c.Authenticate(a.tag, mechanism, _base64(a.match(_BASE64, "base64")[0]))


def _base64(text: bytes) -> bytes:
    if text == b"=":  # RFC 4959 3: the empty response
        return b""
    if len(text) > SASL_LINE_MAX:
        raise SyntaxFault("this response is too long")
    try:
        return a2b_base64(text, strict_mode=True)
    except Base64Error:
        raise SyntaxFault("this response is not base64") from None


def _id(a: Arguments) -> c.Command:
    a.space()
    if a.line[a.at :].upper() == b"NIL":
        a.at += 3
        return c.Id(a.tag, None)

    def pair() -> tuple[bytes, bytes | None]:
        key = a.string()
        a.space()
        value = a.nstring()
        if len(key) > ID_KEY_MAX or len(value or b"") > ID_VALUE_MAX:
            raise SyntaxFault("a field of ID is too long")
        return key.lower(), value

    fields = a.list_of(pair)
    if len(fields) > ID_PAIRS_MAX:
        raise SyntaxFault(f"ID may have at most {ID_PAIRS_MAX} fields")
    return c.Id(a.tag, fields)


def _enable(a: Arguments) -> c.Command:
    a.space()
    capabilities = [a.word("a capability")]
    while a.take(b" "):
        capabilities.append(a.word("a capability"))
    return c.Enable(a.tag, tuple(capabilities))


def _select(a: Arguments) -> c.Command:
    return _selected(a, read_only=False)


def _examine(a: Arguments) -> c.Command:
    return _selected(a, read_only=True)


def _selected(a: Arguments, *, read_only: bool) -> c.Command:
    mailbox = a.mailbox()
    found: dict[bytes, c.QResync | None] = {}
    if a.take(b" "):
        for name, value in a.list_of(lambda: _select_option(a), empty=False):
            if name in found:
                raise SyntaxFault("an option is given twice")
            found[name] = value
    condstore = b"CONDSTORE" in found
    written = a.supplied if a.supplied != mailbox else ""  # `inbox`, too (RFC 9051 8)
    return c.Select(a.tag, mailbox, read_only, condstore, found.get(b"QRESYNC"), written)


def _select_option(a: Arguments) -> tuple[bytes, c.QResync | None]:
    name = a.word("CONDSTORE or QRESYNC")
    if name == b"CONDSTORE":
        return name, None
    if name != b"QRESYNC":
        raise SyntaxFault("expected CONDSTORE or QRESYNC")
    a.space()
    a.expect(b"(")
    uidvalidity = a.number(NUMBER_MAX)
    a.space()
    modseq = a.number(MODSEQ_MAX)
    known = match = None
    while match is None and a.take(b" "):
        if a.take(b"("):
            numbers = a.known_set()
            a.space()
            match = numbers, a.known_set()
            a.expect(b")")
        elif known is None:
            known = a.known_set()
        else:
            raise SyntaxFault("expected sequence numbers and UIDs in parentheses")
    a.expect(b")")
    return name, c.QResync(uidvalidity, modseq, known, match)


def _create(a: Arguments) -> c.Command:
    mailbox = a.mailbox()
    use: tuple[bytes, ...] = ()
    if a.take(b" ("):
        if a.word("USE") != b"USE":
            raise SyntaxFault("expected USE")
        a.space()
        use = a.list_of(a.flag)
        a.expect(b")")
    return c.Create(a.tag, mailbox, use, a.written)


def _rename(a: Arguments) -> c.Command:
    old = a.mailbox()
    supplied, a.written = a.written, ""
    new = a.mailbox()
    return c.Rename(a.tag, old, new, supplied or (old if a.written else ""))


def _list(a: Arguments) -> c.Command:
    a.space()
    selection: frozenset[c.ListSelection] = frozenset()
    extended = a.comes(b"(")
    if extended:
        selection = frozenset(
            a.list_of(lambda: a.option(_SELECTIONS, "a selection option of LIST"))
        )
        if c.ListSelection.RECURSIVEMATCH in selection and not selection & _RECURSIVE_BASE:
            raise SyntaxFault("RECURSIVEMATCH needs another option such as SUBSCRIBED")
        a.space()
    reference = names.read(a.astring(), a.utf8)
    a.space()
    if a.comes(b"("):
        extended = True
        written = a.list_of(a.list_mailbox, empty=False)
    else:
        written = (a.list_mailbox(),)
    returns: dict[c.ListReturn, tuple[Any, ...]] = {}
    if a.take(b" "):
        extended = True
        if a.word("RETURN") != b"RETURN":
            raise SyntaxFault("expected RETURN")
        a.space()
        returns = dict(a.list_of(lambda: _list_return(a)))
    patterns = tuple([names.read(pattern, a.utf8) for pattern in written])
    status = returns.get(c.ListReturn.STATUS, ())
    entries = returns.get(c.ListReturn.METADATA, ())
    return c.List(
        a.tag, reference, patterns, selection, frozenset(returns), status, extended, entries
    )


def _list_return(a: Arguments) -> tuple[c.ListReturn, tuple[Any, ...]]:
    option = a.option(_RETURNS, "a return option of LIST")
    if option is c.ListReturn.STATUS:
        a.space()
        return option, _status_items(a)
    if option is c.ListReturn.METADATA:  # RFC 9590 3
        a.space()
        return option, a.list_of(lambda: metadata.entry(a), empty=False)
    return option, ()


def _lsub(a: Arguments) -> c.Command:
    a.space()
    reference = names.read(a.astring(), a.utf8)
    a.space()
    return c.Lsub(a.tag, reference, names.read(a.list_mailbox(), a.utf8))


def _status(a: Arguments) -> c.Command:
    mailbox = a.mailbox()
    a.space()
    return c.Status(a.tag, mailbox, _status_items(a))


def _status_items(a: Arguments) -> tuple[c.StatusItem, ...]:
    items = a.list_of(lambda: a.option(_STATUS_ITEMS, "an item of STATUS"), empty=False)
    return tuple(dict.fromkeys(items))


def _expunge(a: Arguments) -> c.Command:
    return c.Expunge(a.tag, a.set() if a.uid else None)


def _fetch(a: Arguments) -> c.Command:
    wanted = a.set()
    a.space()
    items = fetch.read_items(a)
    if a.done():
        return c.Fetch(a.tag, a.uid, wanted, items)
    a.space()
    found = a.list_of(lambda: _fetch_modifier(a), empty=False)
    modifiers = dict(found)
    if len(modifiers) < len(found):
        raise SyntaxFault("a modifier is given twice")
    since = modifiers.get(b"CHANGEDSINCE")
    vanished = b"VANISHED" in modifiers
    if vanished and (since is None or not a.uid):  # RFC 7162 3.2.6
        raise SyntaxFault("VANISHED needs UID FETCH and CHANGEDSINCE")
    partial = modifiers.get(b"PARTIAL")
    if partial is not None and not a.uid:  # RFC 9394 3.3
        raise SyntaxFault("PARTIAL needs UID FETCH")
    return c.Fetch(a.tag, a.uid, wanted, items, since, vanished, partial)


def _fetch_modifier(a: Arguments) -> tuple[bytes, Any]:
    name = a.word("CHANGEDSINCE, VANISHED or PARTIAL")
    if name == b"PARTIAL":
        a.space()
        return name, _partial(a)
    if name == b"VANISHED":
        return name, 0
    if name != b"CHANGEDSINCE":
        raise SyntaxFault("expected CHANGEDSINCE, VANISHED or PARTIAL")
    a.space()
    return name, a.number(MODSEQ_MAX)


def _partial(a: Arguments) -> tuple[int, int]:
    """partial-range: `1:500`, or `-1:-100` from the end (RFC 9394 4)."""
    match = a.match(_PARTIAL, "a range such as 1:500 or -1:-100")
    first, last = int(match[1]), int(match[2])
    if max(abs(first), abs(last)) > NUMBER_MAX:
        raise SyntaxFault(f"a place in a range is at most {NUMBER_MAX}")
    if (first < 0) is not (last < 0):
        raise SyntaxFault("both ends of a range count from the same side")
    return first, last


def _store(a: Arguments) -> c.Command:
    wanted = a.set()
    a.space()
    since = None
    if a.take(b"("):
        if a.word("UNCHANGEDSINCE") != b"UNCHANGEDSINCE":
            raise SyntaxFault("expected UNCHANGEDSINCE")
        a.space()
        since = a.number(MODSEQ_MAX)
        a.expect(b")")
        a.space()
    sign = a.match(_SIGN, "FLAGS, +FLAGS or -FLAGS")
    a.space()
    mode, silent = c.StoreMode(sign[1]), sign[2] is not None
    return c.Store(a.tag, a.uid, wanted, mode, a.keywords(), silent, since)


def _copy(a: Arguments) -> c.Command:
    return c.Copy(a.tag, a.uid, a.set(), a.mailbox())


def _move(a: Arguments) -> c.Command:
    return c.Move(a.tag, a.uid, a.set(), a.mailbox())


def _bare(kind: Callable[[bytes], c.Command]) -> Reader:
    """The reader of a command without arguments."""
    return lambda a: kind(a.tag)


# Those that UID may precede.
_MESSAGE_COMMANDS: Final[dict[bytes, Reader]] = {
    b"COPY": _copy,
    b"EXPUNGE": _expunge,
    b"FETCH": _fetch,
    b"MOVE": _move,
    b"REPLACE": _replace,
    b"SEARCH": finding.read_search,
    b"SORT": finding.read_sort,
    b"STORE": _store,
    b"THREAD": finding.read_thread,
}
_COMMANDS: Final[dict[bytes, Reader]] = {
    **_MESSAGE_COMMANDS,
    b"APPEND": _append,
    b"AUTHENTICATE": _authenticate,
    b"CANCELUPDATE": finding.read_cancel,
    b"CAPABILITY": _bare(c.Capability),
    b"CHECK": _bare(c.Check),
    b"CLOSE": _bare(c.Close),
    b"COMPRESS": session.read_compress,
    b"CREATE": _create,
    b"DELETE": lambda a: c.Delete(a.tag, a.mailbox(), a.written),
    b"DELETEACL": acl.read_delete,
    b"ENABLE": _enable,
    b"ESEARCH": finding.read_esearch,
    b"EXAMINE": _examine,
    b"GENURLAUTH": urlauth.read_genurlauth,
    b"GETJMAPACCESS": session.read_get_jmap_access,
    b"GETACL": acl.read_get,
    b"GETMETADATA": metadata.read_get,
    b"GETQUOTA": quota.read_get,
    b"GETQUOTAROOT": quota.read_get_root,
    b"ID": _id,
    b"IDLE": _bare(c.Idle),
    b"LANGUAGE": session.read_language,
    b"LIST": _list,
    b"LISTRIGHTS": acl.read_list_rights,
    b"LOGIN": _login,
    b"LOGOUT": _bare(c.Logout),
    b"LSUB": _lsub,
    b"MYRIGHTS": acl.read_my_rights,
    b"NAMESPACE": _bare(c.Namespace),
    b"NOOP": _bare(c.Noop),
    b"NOTIFY": read_notify,
    b"RENAME": _rename,
    b"RESETKEY": urlauth.read_resetkey,
    b"SELECT": _select,
    b"SETACL": acl.read_set,
    b"SETMETADATA": metadata.read_set,
    b"SETQUOTA": quota.read_set,
    b"STARTTLS": _bare(c.StartTls),
    b"STATUS": _status,
    b"SUBSCRIBE": lambda a: c.Subscribe(a.tag, a.mailbox()),
    b"UIDBATCHES": session.read_uid_batches,
    b"UNAUTHENTICATE": session.read_unauthenticate,
    b"UNSELECT": _bare(c.Unselect),
    b"URLFETCH": urlauth.read_urlfetch,
    b"UNSUBSCRIBE": lambda a: c.Unsubscribe(a.tag, a.mailbox()),
}

# Every command there is, in capitals; UID stands before some of them.
NAMES: Final = frozenset(_COMMANDS)

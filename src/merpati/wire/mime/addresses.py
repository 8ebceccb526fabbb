"""Address lists as in From, To and Cc (RFC 5322 3.4, 4.4; RFC 6532), read leniently.

    address-list = address *("," address)
    address      = [phrase] "<" [route] addr-spec ">"  /  addr-spec
                 / phrase ":" [address-list] ";"                (a group)

One regular expression cuts the value into tokens; a loop collects them up to
the next delimiter and then reads what it has collected. Nothing recurses and
every token is looked at a bounded number of times. What makes no address is
kept as well as can be, since a person will want to see it: "John Doe" without
an address is a mailbox with a name and nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.mime import charsets, comments, words

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

MAX_ADDRESSES: Final = 5_000
"""So many mailboxes of one list are read (and as many groups)."""

# Groups: quoted string, delimiter, other word. White space matches none and is passed
# over, as is a quote that is never closed. An encoded word is one token even with a
# comma in it, as some senders write, and a domain literal with its colons.
_TOKEN: Final = re.compile(
    rb'"([^"\\]*+(?:\\.[^"\\]*+)*)"'
    rb"|([,;:<>@])"
    rb"|(=\?[^?\s]{1,60}\?[bBqQ]\?[^?\s]*\?=|\[[^\[\]\s]*+\]|(?:\\.|[^\s\",;:<>@\\]++)+)",
    re.DOTALL,
)
_QUOTED_PAIR: Final = re.compile(rb"\\(.)", re.DOTALL)

# The mailbox that nearly all mail has, which needs no tokens: ASCII, without comments,
# quoted pairs, routes and encoded words (so no "="), up to its comma.
_COMMON: Final = re.compile(
    rb'[ \t]*+(?:(?:"([ !#-<>-\[\]-~]*+)"|([A-Za-z0-9!#$%&\'*+/?^_`{|}~.-]++'
    rb"(?: [A-Za-z0-9!#$%&'*+/?^_`{|}~.-]++)*))?[ \t]*+"
    rb"<([A-Za-z0-9!#$%&'*+/?^_`{|}~.-]++)@([A-Za-z0-9.-]++)>"
    rb"|([A-Za-z0-9!#$%&'*+/?^_`{|}~.-]++)@([A-Za-z0-9.-]++))[ \t]*+(?:,|\Z)"
)

_ATEXT: Final = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]"
_PLAIN_PHRASE: Final = re.compile(rf"(?!.*=\?){_ATEXT}+(?: {_ATEXT}+)*")
_QUOTABLE: Final = re.compile(r"(?!.*=\?)[\t -~]*")
_UTF8_ATEXT: Final = rf"(?:{_ATEXT}|[^\x00-\x7f])"  # RFC 6532 3.2
_DOT_ATOM: Final = re.compile(rf"{_UTF8_ATEXT}+(?:\.{_UTF8_ATEXT}+)*")
_DOMAIN: Final = re.compile(r"[^\x00-\x20\"(),:;<>@\[\\\]\x7f]*|\[[!-Z^-~]*\]")
_QUOTED_STRING: Final = re.compile(r'"([^"\\]*+(?:\\.[^"\\]*+)*)"')
_UNWRITABLE: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class Mailbox(msgspec.Struct, frozen=True, gc=False):
    """One mailbox.

    Attributes:
        name: display name as text, from the phrase or else from a comment.
        local: local part without its quoting.
        domain: as written; a literal with its brackets; empty when there is none.
        phrase: the display name unquoted but with its encoded words, as ENVELOPE
            shows it (RFC 9051 7.5.2); empty in a mailbox that was not parsed,
            and without meaning for `format`.
    """

    name: str
    local: str
    domain: str
    phrase: bytes = b""

    @property
    def address(self) -> str:
        """local@domain as people write it, without quoting; for show and comparison."""
        return f"{self.local}@{self.domain}" if self.domain else self.local

    @property
    def addr_spec(self) -> str:
        """The same with the quoting that its local part needs (RFC 5322 3.4.1)."""
        if not self.domain or _DOT_ATOM.fullmatch(self.local):
            return self.address
        return f"{_quote(self.local)}@{self.domain}"


class GroupStart(msgspec.Struct, frozen=True, gc=False):
    """A group begins; the mailboxes up to its `GroupEnd` are its members."""

    name: str
    phrase: bytes = b""


class GroupEnd(msgspec.Struct, frozen=True, gc=False):
    """The group that began last ends."""


Entry = Mailbox | GroupStart | GroupEnd


class _Token(NamedTuple):
    """A word without its quoting, a delimiter, or a comment."""

    kind: int
    text: bytes
    start: int
    end: int


_QUOTED: Final = 1
_DELIMITER: Final = 2
_WORD: Final = 3
_COMMENT: Final = 4


class _Element:
    """What stands between two commas."""

    __slots__ = ("closed", "comment", "inside", "outside")

    def __init__(self) -> None:
        self.outside: list[_Token] = []
        self.inside: list[_Token] | None = None  # between "<" and ">"
        self.closed = False  # by a ">"
        self.comment = b""


def parse_list(raw: bytes) -> list[Entry]:
    """The mailboxes and group marks of an address list; never raises.

    Group marks are balanced and never nested. After `MAX_ADDRESSES` mailboxes
    and groups the rest is left out.
    """
    raw = raw.translate(None, b"\0\r\n")
    entries = _common(raw)
    if entries is not None:
        return entries
    entries = []
    room = MAX_ADDRESSES
    in_group = False
    for element, delimiter in _elements(raw):
        if delimiter == b":":
            if in_group:
                entries.append(GroupEnd())
            phrase = _join(element.outside)
            entries.append(GroupStart(words.decode(phrase), phrase))
            in_group = True
            room -= 1
        elif element.outside or element.inside is not None:
            entries.append(_mailbox(element))
            room -= 1
        if delimiter == b";" and in_group:
            entries.append(GroupEnd())
            in_group = False
        if not room:
            break
    if in_group:
        entries.append(GroupEnd())
    return entries


def judge(raw: bytes) -> list[tuple[Mailbox, str]]:
    """The mailboxes of a list; behind each that is no address, what is written in its place.

    That is an empty string for each that is one, in the syntax of RFC 5322 3.4 or 4.4.
    """
    raw = raw.translate(None, b"\0\r\n")
    common = _common(raw)
    if common is not None:
        return [(entry, "") for entry in common if isinstance(entry, Mailbox)]
    found: list[tuple[Mailbox, str]] = []
    for element, delimiter in _elements(raw):
        if delimiter != b":" and (element.outside or element.inside is not None):
            entry = _mailbox(element)  # without control characters
            is_one = entry.local and entry.domain and _well_formed(element)
            found.append((entry, "" if is_one else _written(element, raw)))
        if len(found) == MAX_ADDRESSES:
            break
    return found


def _written(element: _Element, raw: bytes) -> str:
    tokens = [*element.outside, *(element.inside or ())]
    if not tokens:
        return "<>"
    first, last = min(one.start for one in tokens), max(one.end for one in tokens)
    return words.decode(raw[first:last]) or "?"  # control characters alone


def _well_formed(element: _Element) -> bool:
    """Whether it holds one address: a local part, one "@" and a domain, and no word more."""
    tokens = element.outside
    if element.inside is not None:
        if not element.closed or any(token.kind == _DELIMITER for token in tokens):
            return False
        tokens = element.inside
    if sum(token.kind == _DELIMITER for token in tokens) != 1:
        return False
    spare, local, domain = _address(tokens)
    rest = len(local) + len(domain) + 1 - sum(len(token.text) for token in tokens)
    return bool(local and domain) and not spare and not rest


def format(entries: Iterable[Entry]) -> bytes:  # noqa: A001 -- pairs with parse_list
    """The list as a header value that may be folded at its spaces.

    What `parse_list` reads from it has the same names, local parts and domains.
    Names that are not ASCII become encoded words; addresses that are not stay
    UTF-8 (RFC 6532). Control characters in names are left out.

    Raises:
        SyntaxFault: a local part or domain that no quoting can express.
    """
    pieces: list[bytes] = []
    separator = b""
    for entry in entries:
        if isinstance(entry, GroupEnd):
            pieces.append(b";")
            separator = b", "
        elif isinstance(entry, GroupStart):
            pieces += (separator, _phrase(entry.name), b":")
            separator = b" "
        else:
            pieces += (separator, _format_mailbox(entry))
            separator = b", "
    return b"".join(pieces)


def mailbox(name: str, addr_spec: str) -> Mailbox:
    """A mailbox of its name and its address; an address that is none yet is all local part."""
    local, _, domain = addr_spec.rpartition("@")
    quoted = _QUOTED_STRING.fullmatch(local)
    if quoted is not None:
        local = re.sub(r"\\(.)", r"\1", quoted[1])
    elif not _DOT_ATOM.fullmatch(local):
        return Mailbox(name, addr_spec, "")
    if not domain or not _DOMAIN.fullmatch(domain):
        return Mailbox(name, addr_spec, "")
    return Mailbox(name, local, domain)


def _common(raw: bytes) -> list[Entry] | None:
    """The list, if it holds nothing but ordinary mailboxes."""
    entries: list[Entry] = []
    at = 0
    while at < len(raw) and len(entries) < MAX_ADDRESSES:
        match = _COMMON.match(raw, at)
        if match is None:
            return None
        at = match.end()
        quoted, atoms, local, domain, bare_local, bare_domain = match.groups(b"")
        phrase = quoted or atoms
        local, domain = local or bare_local, domain or bare_domain
        entries.append(Mailbox(phrase.decode(), local.decode(), domain.decode(), phrase))
    return entries


def _tokens(raw: bytes) -> Iterator[_Token]:
    at = 0
    for start, end in [*comments.spans(raw), (len(raw), len(raw))]:
        for match in _TOKEN.finditer(raw, at, start):
            kind = match.lastindex or 0
            text = match[kind]
            if kind == _QUOTED and b"\\" in text:
                text = _QUOTED_PAIR.sub(rb"\1", text)
            yield _Token(kind, text, match.start(), match.end())
        if start < end:
            yield _Token(_COMMENT, raw[start + 1 : end - 1], start, end)
        at = end


def _elements(raw: bytes) -> Iterator[tuple[_Element, bytes]]:
    """The elements of the list, each with the delimiter that ends it."""
    element = _Element()
    open_angle = in_route = seen_at = False
    for token in _tokens(raw):
        kind, text, _, _ = token
        if kind == _COMMENT:
            element.comment = text
        elif kind != _DELIMITER or text == b"@":
            if not open_angle or element.inside is None:
                element.outside.append(token)
                seen_at |= kind == _DELIMITER
                continue
            if kind == _DELIMITER and not element.inside:
                in_route = True  # "<@relay,@relay:user@domain>", RFC 5322 4.4
            element.inside.append(token)
        elif text == b"<":
            open_angle = True
            element.inside = element.inside or []
        elif text == b">":
            open_angle = in_route = False
            element.closed = True
        elif in_route and text in b",:":
            if text == b":":
                element.inside = []
                in_route = False
        elif text == b"," and not element.outside and element.inside is None:
            element.comment = b""
        elif text != b":" or not (open_angle or seen_at):
            yield element, text
            element = _Element()
            open_angle = in_route = seen_at = False
    yield element, b""


def _mailbox(element: _Element) -> Mailbox:
    if element.inside is not None:
        spare, local, domain = _address(element.inside)
        named = element.outside or spare
    elif any(token.kind == _DELIMITER for token in element.outside):
        named, local, domain = _address(element.outside)
    elif len(element.outside) == 1 and element.outside[0].kind == _WORD:
        named, local, domain = [], element.outside[0].text, b""
    else:
        named, local, domain = element.outside, b"", b""
    phrase = _join(named)
    if not phrase and element.comment:
        phrase = _QUOTED_PAIR.sub(rb"\1", element.comment).strip()
    return Mailbox(
        words.decode(phrase) if phrase else "",
        words.clean(charsets.decode(local)),
        words.clean(charsets.decode(domain)),
        phrase,
    )


def _address(tokens: list[_Token]) -> tuple[list[_Token], bytes, bytes]:
    """Local part and domain around the last "@", and the words before them."""
    at = len(tokens) - 1
    while at >= 0 and (tokens[at].kind != _DELIMITER or tokens[at].text != b"@"):
        at -= 1
    if at < 0:
        return [], _join(tokens), b""
    first = max(at - 1, 0)
    while first > 0 and _touch(tokens[first - 1], tokens[first]):
        first -= 1
    last = at + 1
    while last < len(tokens) and (last == at + 1 or _touch(tokens[last - 1], tokens[last])):
        last += 1
    local = b"".join(token.text for token in tokens[first:at])
    domain = b"".join(token.text for token in tokens[at + 1 : last])
    return tokens[:first], local, domain


def _touch(left: _Token, right: _Token) -> bool:
    """True when both belong to one dot-atom: obs-local-part has white space at its dots."""
    return left.end == right.start or left.text[-1:] == b"." or right.text[:1] == b"."


def _join(tokens: Sequence[_Token]) -> bytes:
    """The words of a phrase, with one space where there was white space or a comment."""
    if not tokens:
        return b""
    pieces = [tokens[0].text]
    end = tokens[0].end
    for token in tokens[1:]:
        pieces.append(token.text if token.start == end else b" " + token.text)
        end = token.end
    return b"".join(pieces)


def _format_mailbox(mailbox: Mailbox) -> bytes:
    local, domain = mailbox.local, mailbox.domain
    if _UNWRITABLE.search(local + domain) or not _DOMAIN.fullmatch(domain):
        raise SyntaxFault(f"{mailbox.address!r} cannot be written as an address")
    if not _DOT_ATOM.fullmatch(local) and (local or domain):
        local = _quote(local)
    address = f"{local}@{domain}" if domain else local
    if mailbox.name or not domain:
        phrase = _phrase(mailbox.name) + b" " if mailbox.name else b""
        return b"%b<%b>" % (phrase, address.encode())
    return address.encode()


def _phrase(name: str) -> bytes:
    name = words.clean(name)
    if _PLAIN_PHRASE.fullmatch(name):
        return name.encode()
    return _quote(name).encode() if _QUOTABLE.fullmatch(name) else words.encode(name)


def _quote(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'

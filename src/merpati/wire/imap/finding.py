"""The commands that find messages: SEARCH, SORT, THREAD, ESEARCH, CANCELUPDATE.

RFC 3501 6.4.4, RFC 5256, RFC 5957 (SORT=DISPLAY), RFC 6203 (RELEVANCY), RFC 7377
(MULTISEARCH), RFC 5267 (CANCELUPDATE).
"""

from __future__ import annotations

import re
from enum import Enum
from typing import TYPE_CHECKING, Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import search
from merpati.wire.imap.commands import Command, Search
from merpati.wire.imap.results import Option, Returns, read_returns

if TYPE_CHECKING:
    from merpati.wire.imap.arguments import Arguments
    from merpati.wire.imap.search import SearchKey

SORT_KEYS_MAX: Final = 20  # of one SORT; ours: there are ten, and none helps twice
SOURCES_MAX: Final = 100  # of one ESEARCH; ours
TAGS_MAX: Final = 100  # of one CANCELUPDATE; ours


class SortBy(Enum):
    """A sort key (RFC 5256 3, RFC 5957 3, RFC 6203 4); the value is its name on the wire."""

    ARRIVAL = b"ARRIVAL"
    CC = b"CC"
    DATE = b"DATE"
    DISPLAYFROM = b"DISPLAYFROM"
    DISPLAYTO = b"DISPLAYTO"
    FROM = b"FROM"
    RELEVANCY = b"RELEVANCY"
    SIZE = b"SIZE"
    SUBJECT = b"SUBJECT"
    TO = b"TO"


class Algorithm(Enum):
    """How THREAD makes threads; the value is its name on the wire."""

    ORDEREDSUBJECT = b"ORDEREDSUBJECT"
    REFERENCES = b"REFERENCES"
    REFS = b"REFS"


class Scope(Enum):
    """Which mailboxes ESEARCH looks through (RFC 7377 2.2, RFC 5465 6)."""

    SELECTED = b"SELECTED"
    INBOXES = b"INBOXES"
    PERSONAL = b"PERSONAL"
    SUBSCRIBED = b"SUBSCRIBED"
    SUBTREE = b"SUBTREE"
    SUBTREE_ONE = b"SUBTREE-ONE"
    MAILBOXES = b"MAILBOXES"


class SortKey(msgspec.Struct, frozen=True):
    """One key of a SORT."""

    by: SortBy
    reverse: bool = False


class Sources(msgspec.Struct, frozen=True):
    """Some mailboxes; those that are named, by their names."""

    scope: Scope
    names: tuple[str, ...] = ()


class Sort(Command, frozen=True):
    """SORT and UID SORT (RFC 5256 3). `returns` as in `Search` (RFC 5267 3).

    `is_utf8`: the charset is UTF-8.
    """

    uid: bool
    order: tuple[SortKey, ...]
    key: SearchKey
    returns: Returns | None = None
    is_utf8: bool = True


class Thread(Command, frozen=True):
    """THREAD and UID THREAD (RFC 5256 3). `is_utf8` as in `Sort`."""

    uid: bool
    algorithm: Algorithm
    key: SearchKey
    is_utf8: bool = True


class MultiSearch(Command, frozen=True):
    """ESEARCH (RFC 7377 2). Without `sources` the selected mailbox is searched.

    `charset`: it names one.
    """

    sources: tuple[Sources, ...]
    key: SearchKey
    returns: Returns
    charset: bool = False


class CancelUpdate(Command, frozen=True):
    """CANCELUPDATE (RFC 5267 4.2): the tags of the searches."""

    tags: tuple[bytes, ...]


_FILTER: Final = re.compile(rb"[ (]FILTER ", re.IGNORECASE)  # among keys that cannot be read
_SORT_BY: Final = {each.value: each for each in SortBy}
_ALGORITHMS: Final = {each.value: each for each in Algorithm}
_SCOPES: Final = {each.value: each for each in Scope}
_NAMED: Final = frozenset({Scope.SUBTREE, Scope.SUBTREE_ONE, Scope.MAILBOXES})


def read_search(a: Arguments) -> Search:
    """SEARCH and UID SEARCH.

    Raises:
        SyntaxFault: as every reader of this package.
    """
    a.space()
    returns = read_returns(a)
    charset = _names_charset(a)
    return Search(a.tag, a.uid, _keys(a, returns), returns, charset)


def read_sort(a: Arguments) -> Sort:
    """SORT and UID SORT. Raises SyntaxFault."""
    a.space()
    returns = read_returns(a)
    order = a.list_of(lambda: _sort_key(a), empty=False)
    if len(order) > SORT_KEYS_MAX:
        raise SyntaxFault(f"a SORT may have at most {SORT_KEYS_MAX} sort keys")
    a.space()
    encoding = _charset(a, returns)
    is_utf8 = encoding == search.UTF8
    return Sort(a.tag, a.uid, order, search.read_keys(a, encoding), returns, is_utf8)


def read_thread(a: Arguments) -> Thread:
    """THREAD and UID THREAD. Raises SyntaxFault."""
    a.space()
    algorithm = a.option(_ALGORITHMS, "the name of a threading algorithm")
    a.space()
    encoding = _charset(a)
    is_utf8 = encoding == search.UTF8
    return Thread(a.tag, a.uid, algorithm, search.read_keys(a, encoding), is_utf8)


def read_esearch(a: Arguments) -> MultiSearch:
    """ESEARCH. Raises SyntaxFault."""
    a.space()
    sources: tuple[Sources, ...] = ()
    if a.take_word(b"IN "):
        sources = a.list_of(lambda: _sources(a), empty=False)
        if sum(max(1, len(each.names)) for each in sources) > SOURCES_MAX:
            raise SyntaxFault(f"an ESEARCH may name at most {SOURCES_MAX} mailboxes")
        a.space()
    returns = read_returns(a) or Returns(frozenset({Option.ALL}))
    charset = _names_charset(a)
    return MultiSearch(a.tag, sources, _keys(a, returns), returns, charset)


def read_cancel(a: Arguments) -> CancelUpdate:
    """CANCELUPDATE. Raises SyntaxFault."""
    tags: list[bytes] = []
    while not tags or not a.done():
        if len(tags) == TAGS_MAX:
            raise SyntaxFault(f"at most {TAGS_MAX} searches can be named")
        a.space()
        tags.append(a.string())
    return CancelUpdate(a.tag, tuple(tags))


def _names_charset(a: Arguments) -> bool:
    return a.line[a.at : a.at + 8].upper() == b"CHARSET "


def _keys(a: Arguments, returns: Returns | None) -> SearchKey:
    encoding = search.UTF8
    if a.take_word(b"CHARSET "):
        encoding = _charset(a, returns)
    # RFC 3501 6.4.4 makes US-ASCII the default; UTF-8 holds it, and RFC 9051 6.4.4 wants that.
    return search.read_keys(a, encoding)


def _charset(a: Arguments, returns: Returns | None = None) -> str:
    """A charset and a space."""
    encoding = search.codec(a.astring())
    if encoding is None:
        saves = returns is not None and Option.SAVE in returns.options
        filters = _FILTER.search(a.line, a.at) is not None
        raise search.UnknownCharset(saves=saves, filters=filters)
    a.space()
    return encoding


def _sort_key(a: Arguments) -> SortKey:
    reverse = a.take_word(b"REVERSE ")
    return SortKey(a.option(_SORT_BY, "a sort key"), reverse)


def _sources(a: Arguments) -> Sources:
    scope = a.option(_SCOPES, "which mailboxes to search")
    if scope not in _NAMED:
        return Sources(scope)
    a.space()
    if a.comes(b"("):
        return Sources(scope, a.list_of(a.name, empty=False))
    return Sources(scope, (a.name(),))

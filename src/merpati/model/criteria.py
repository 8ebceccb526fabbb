"""What is looked for in mail, and how what is found is ordered: no protocol's own words.

IMAP SEARCH, JMAP Email/query, and whoever else looks for mail, translate into this tree;
`services/finding` answers it. Texts are as the person wrote them: folding them is the
finder's part. Moments are Unix milliseconds, days are counted from 1970-01-01.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum

import msgspec


class All(msgspec.Struct, frozen=True):
    """Every message."""


class And(msgspec.Struct, frozen=True):
    """All of these; without any, every message."""

    parts: tuple[Criterion, ...]


class Or(msgspec.Struct, frozen=True):
    """One of these at least; without any, no message."""

    parts: tuple[Criterion, ...]


class Not(msgspec.Struct, frozen=True):
    """What does not meet this."""

    part: Criterion


class Uids(msgspec.Struct, frozen=True):
    """Messages by UID: ascending ranges, both ends included, that do not overlap."""

    ranges: tuple[tuple[int, int], ...]


class Keyword(msgspec.Struct, frozen=True):
    """Messages with a stored keyword (`$seen`, `work`)."""

    keyword: str


class Size(msgspec.Struct, frozen=True):
    """Octets: at least `least`, less than `below` (None: any)."""

    least: int = 0
    below: int | None = None


class Received(msgspec.Struct, frozen=True):
    """When the message came (INTERNALDATE, receivedAt): from `since` on, before `before`."""

    since: int | None = None
    before: int | None = None


class Saved(msgspec.Struct, frozen=True):
    """When the message came into its mailbox (RFC 8514): from `since` on, before `before`."""

    since: int | None = None
    before: int | None = None


class SentDay(msgspec.Struct, frozen=True):
    """The day the Date field names, whatever its zone: from `since` on, before `before`.

    A message that names none was sent on the day it came.
    """

    since: int | None = None
    before: int | None = None


class ModSeq(msgspec.Struct, frozen=True):
    """Changed with this modseq or a later one."""

    least: int


class Content(msgspec.Struct, frozen=True):
    """Emails of one content: EMAILID in IMAP (model/object_ids.py)."""

    blob_id: int
    received_at: int


class Among(msgspec.Struct, frozen=True):
    """Messages by UID, however many: how an index answers."""

    uids: frozenset[int]


class ThreadId(msgspec.Struct, frozen=True):
    """Emails of this thread (RFC 8474)."""

    id: int


class InMailbox(msgspec.Struct, frozen=True):
    """Emails that are in one of these mailboxes of the account (RFC 8621 4.4.1)."""

    mailbox_ids: tuple[int, ...]


class InThread(msgspec.Struct, frozen=True):
    """Emails with an email in their thread that has the keyword, or lacks it (RFC 8621 4.4.1).

    `someInThreadHaveKeyword` is this, `noneInThreadHaveKeyword` its Not, and
    `allInThreadHaveKeyword` the Not of the one with `present` False.
    """

    keyword: str
    present: bool = True


class HasAttachment(msgspec.Struct, frozen=True):
    """Messages with a part that a person would call an attachment (RFC 8621 4.1.4)."""


class Smime(msgspec.Struct, frozen=True):
    """Messages with S/MIME; those whose signature is good, or was when they came (RFC 9219 5)."""

    verified: bool = False
    at_delivery: bool = False


class Header(msgspec.Struct, frozen=True):
    """A field (lower case) that contains the text; an empty text: that is there at all.

    `fuzzy`: words that mean it, best first (RFC 6203).
    """

    field: str
    text: str
    fuzzy: bool = False


class Body(msgspec.Struct, frozen=True):
    """Text in the body; `fuzzy` as in `Header`."""

    text: str
    fuzzy: bool = False


class Text(msgspec.Struct, frozen=True):
    """Text in header or body; `fuzzy` as in `Header`."""

    text: str
    fuzzy: bool = False


class Documents(msgspec.Struct, frozen=True):
    """Text in attached documents, which are opened to see: how a finder asks about new mail."""

    text: str


Criterion = (
    All
    | And
    | Or
    | Not
    | Uids
    | Keyword
    | Size
    | Received
    | Saved
    | SentDay
    | ModSeq
    | Content
    | Among
    | ThreadId
    | InMailbox
    | InThread
    | HasAttachment
    | Smime
    | Header
    | Body
    | Text
    | Documents
)


def holds(criterion: Criterion, leaf: Callable[[Criterion], bool]) -> bool:
    """Whether something meets a criterion, when `leaf` tells what it is asked in the end."""
    match criterion:
        case All():
            return True
        case And(parts=parts):
            return all(holds(part, leaf) for part in parts)
        case Or(parts=parts):
            return any(holds(part, leaf) for part in parts)
        case Not(part=part):
            return not holds(part, leaf)
    return leaf(criterion)


class SortBy(Enum):
    """What messages are ordered by (RFC 5256 3, RFC 5957, RFC 6203 4, RFC 8621 4.4.2)."""

    ARRIVAL = "arrival"
    DATE = "date"  # of the Date field in UTC, else when it came
    SIZE = "size"
    SUBJECT = "subject"  # base subject
    FROM = "from"  # local part of the first address
    TO = "to"
    CC = "cc"
    DISPLAY_FROM = "displayfrom"  # name of the first address, else the address
    DISPLAY_TO = "displayto"
    KEYWORD = "keyword"  # those without it first
    RELEVANCY = "relevancy"  # most relevant first


class SortKey(msgspec.Struct, frozen=True):
    """One key of an order; `keyword` goes with SortBy.KEYWORD."""

    by: SortBy
    reverse: bool = False
    keyword: str = ""


class ThreadBy(Enum):
    """How messages become threads."""

    REFERENCES = "references"  # RFC 5256
    ORDERED_SUBJECT = "orderedsubject"  # RFC 5256
    REFS = "refs"  # as REFERENCES, without gathering by subject; newest activity last

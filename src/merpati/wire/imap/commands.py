"""The commands of IMAP4rev1 and its extensions, one struct each.

`parser.parse` makes them. Mailbox names are canonical text (`names.decode`), flags
are stored keywords (`flags.keyword`). IDLE's DONE and the lines of AUTHENTICATE
are no commands: the session reads them itself.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from merpati.wire.imap.fetch import FetchItem
    from merpati.wire.imap.lexer import Literal
    from merpati.wire.imap.results import Returns
    from merpati.wire.imap.search import SearchKey
    from merpati.wire.imap.sets import SequenceSet


class StatusItem(Enum):
    """What STATUS tells (RFC 3501 6.3.10); the value is its name on the wire."""

    MESSAGES = b"MESSAGES"
    RECENT = b"RECENT"
    UIDNEXT = b"UIDNEXT"
    UIDVALIDITY = b"UIDVALIDITY"
    UNSEEN = b"UNSEEN"
    HIGHESTMODSEQ = b"HIGHESTMODSEQ"  # RFC 7162 3.1.7
    SIZE = b"SIZE"  # RFC 8438
    DELETED = b"DELETED"  # RFC 9051 6.3.11
    DELETED_STORAGE = b"DELETED-STORAGE"  # RFC 9208 4.1.4
    MAILBOXID = b"MAILBOXID"  # RFC 8474 4.3
    APPENDLIMIT = b"APPENDLIMIT"  # RFC 7889 3.2

    __hash__ = object.__hash__  # in C: STATUS is asked for every mailbox, over and over


class ListSelection(Enum):
    """Which mailboxes LIST selects beyond its patterns (RFC 5258 3.1)."""

    SUBSCRIBED = b"SUBSCRIBED"
    REMOTE = b"REMOTE"
    RECURSIVEMATCH = b"RECURSIVEMATCH"
    SPECIAL_USE = b"SPECIAL-USE"  # RFC 6154 3


class ListReturn(Enum):
    """What LIST tells beyond the usual attributes (RFC 5258 3.2)."""

    SUBSCRIBED = b"SUBSCRIBED"
    CHILDREN = b"CHILDREN"
    SPECIAL_USE = b"SPECIAL-USE"  # RFC 6154 3
    STATUS = b"STATUS"  # RFC 5819; the items stand in `List.status`
    MYRIGHTS = b"MYRIGHTS"  # RFC 8440
    METADATA = b"METADATA"  # RFC 9590; the entries stand in `List.metadata`


class StoreMode(Enum):
    """What STORE does with its flags; the value is the sign before FLAGS."""

    REPLACE = b""
    ADD = b"+"
    REMOVE = b"-"

    __hash__ = object.__hash__  # in C


class Command(msgspec.Struct, frozen=True):
    """Any command, and the tag its answer begins with."""

    tag: bytes


class Capability(Command, frozen=True):
    """CAPABILITY (RFC 3501 6.1.1)."""


class Noop(Command, frozen=True):
    """NOOP (RFC 3501 6.1.2)."""


class Logout(Command, frozen=True):
    """LOGOUT (RFC 3501 6.1.3)."""


class StartTls(Command, frozen=True):
    """STARTTLS (RFC 3501 6.2.1)."""


class Authenticate(Command, frozen=True):
    """AUTHENTICATE (RFC 3501 6.2.2).

    `initial`: the client's first response (RFC 4959), decoded, or None if it waits to be asked.
    """

    mechanism: bytes
    initial: bytes | None = None

    def __repr__(self) -> str:
        return f"Authenticate(tag={self.tag!r}, mechanism={self.mechanism!r})"


class Login(Command, frozen=True):
    """LOGIN (RFC 3501 6.2.3)."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Login(tag={self.tag!r}, user={self.user!r})"


class Id(Command, frozen=True):
    """ID (RFC 2971): what the client says of itself, keys in lower case; None for NIL."""

    fields: tuple[tuple[bytes, bytes | None], ...] | None


class Enable(Command, frozen=True):
    """ENABLE (RFC 5161): the capabilities asked for, in capitals, known or not."""

    capabilities: tuple[bytes, ...]


class Namespace(Command, frozen=True):
    """NAMESPACE (RFC 2342)."""


class QResync(msgspec.Struct, frozen=True):
    """What a client remembers of a mailbox (RFC 7162 3.2.5).

    `known`: the UIDs it holds, None for all. `match`: sequence numbers and the UIDs
    they had, in step, to spare expunges that it has already seen.
    """

    uidvalidity: int
    modseq: int
    known: SequenceSet | None = None
    match: tuple[SequenceSet, SequenceSet] | None = None


class Select(Command, frozen=True):
    """SELECT, or EXAMINE when `read_only` (RFC 3501 6.3.1, 6.3.2; RFC 7162 3.1.8, 3.2.5).

    `written`: the name as the client spells it, if it is not how the server does.
    """

    mailbox: str
    read_only: bool = False
    condstore: bool = False
    qresync: QResync | None = None
    written: str = ""


class Create(Command, frozen=True):
    r"""CREATE (RFC 3501 6.3.3), `use` as in RFC 6154 5.2: `\Sent`, spelt as the client did.

    `written` as in `Select`.
    """

    mailbox: str
    use: tuple[bytes, ...] = ()
    written: str = ""


class Delete(Command, frozen=True):
    """DELETE (RFC 3501 6.3.4), `written` as in `Select`."""

    mailbox: str
    written: str = ""


class Rename(Command, frozen=True):
    """RENAME (RFC 3501 6.3.5).

    `written`: the old name as the client spells it, if the server spells any of the two otherwise.
    """

    mailbox: str
    new_name: str
    written: str = ""


class Subscribe(Command, frozen=True):
    """SUBSCRIBE (RFC 3501 6.3.6)."""

    mailbox: str


class Unsubscribe(Command, frozen=True):
    """UNSUBSCRIBE (RFC 3501 6.3.7)."""

    mailbox: str


class List(Command, frozen=True):
    """LIST (RFC 3501 6.3.8, RFC 5258), with STATUS (RFC 5819) and SPECIAL-USE (RFC 6154).

    `reference` and `patterns` are text for `names.Pattern`. `extended`: the client
    used the syntax of RFC 5258, so an empty pattern is no question for the separator.
    """

    reference: str
    patterns: tuple[str, ...]
    selection: frozenset[ListSelection] = frozenset()
    returns: frozenset[ListReturn] = frozenset()
    status: tuple[StatusItem, ...] = ()
    extended: bool = False
    metadata: tuple[str, ...] = ()


class Lsub(Command, frozen=True):
    """LSUB (RFC 3501 6.3.9)."""

    reference: str
    pattern: str


class Status(Command, frozen=True):
    """STATUS (RFC 3501 6.3.10)."""

    mailbox: str
    items: tuple[StatusItem, ...]


class Append(Command, frozen=True):
    """APPEND up to its first message (RFC 3501 6.3.11); `append.messages` reads on.

    `rest` is what follows the mailbox's name in its line, `literal` what was announced there,
    `written` as in `Select`.
    """

    mailbox: str
    rest: bytes
    literal: Literal | None = None
    written: str = ""


class Replace(Append, frozen=True):
    """REPLACE and UID REPLACE (RFC 8508): an APPEND that takes the place of one message.

    `number`: its sequence number or UID, 0 for `*`.
    """

    uid: bool = False
    number: int = 0


class Idle(Command, frozen=True):
    """IDLE (RFC 2177)."""


class Check(Command, frozen=True):
    """CHECK (RFC 3501 6.4.1)."""


class Close(Command, frozen=True):
    """CLOSE (RFC 3501 6.4.2)."""


class Unselect(Command, frozen=True):
    """UNSELECT (RFC 3691)."""


class Expunge(Command, frozen=True):
    """EXPUNGE (RFC 3501 6.4.3), or UID EXPUNGE of `uids` only (RFC 4315 2.1)."""

    uids: SequenceSet | None = None


class Search(Command, frozen=True):
    """SEARCH and UID SEARCH (RFC 3501 6.4.4).

    `returns` is None for the old answer (`* SEARCH 1 2`), else what ESEARCH tells (RFC 4731).
    `charset`: it names one.
    """

    uid: bool
    key: SearchKey
    returns: Returns | None = None
    charset: bool = False


class Fetch(Command, frozen=True):
    """FETCH and UID FETCH (RFC 3501 6.4.5).

    `changed_since`: only messages whose MODSEQ is greater (RFC 7162 3.1.4.1).
    `vanished`: tell the UIDs of the set expunged since then, too (3.2.6).
    `partial`: only these of the set, counted from 1, or from -1 at its end (RFC 9394 3.3).
    """

    uid: bool
    set: SequenceSet
    items: tuple[FetchItem, ...]
    changed_since: int | None = None
    vanished: bool = False
    partial: tuple[int, int] | None = None


class Store(Command, frozen=True):
    """STORE and UID STORE (RFC 3501 6.4.6).

    `unchanged_since`: leave messages alone whose MODSEQ is greater (RFC 7162 3.1.3).
    """

    uid: bool
    set: SequenceSet
    mode: StoreMode
    keywords: tuple[str, ...]
    silent: bool = False
    unchanged_since: int | None = None


class Copy(Command, frozen=True):
    """COPY and UID COPY (RFC 3501 6.4.7)."""

    uid: bool
    set: SequenceSet
    mailbox: str


class Move(Command, frozen=True):
    """MOVE and UID MOVE (RFC 6851)."""

    uid: bool
    set: SequenceSet
    mailbox: str

"""What the commands of a session share: the connection, the account, the selected mailbox."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from merpati.base.clock import Clock, SystemClock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids, SystemIds
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.base.tasks import Tasks
from merpati.net.stream import Connection
from merpati.net.tls import CertificateStore
from merpati.servers.imap.content import Indexes
from merpati.servers.imap.legal import Refused, State
from merpati.servers.imap.view import View
from merpati.servers.imap.watched import Watch
from merpati.services.digest import Digester
from merpati.services.documents import Reader
from merpati.services.finding.finder import Finder
from merpati.services.imap_events import ImapEvents
from merpati.services.login import Login
from merpati.services.notify import Notify
from merpati.services.text_index import TextIndex
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Topic
from merpati.wire.imap import responses
from merpati.wire.imap.responses import Code
from merpati.wire.imap.session import messagelimit
from merpati.wire.imap.texts import ENGLISH, translated


@dataclass(frozen=True, slots=True, kw_only=True)
class ImapSettings:
    """What an IMAP client may do."""

    message_size: int = setting(104_857_600, "The largest message taken by APPEND.", unit="bytes")
    idle_timeout: int = setting(
        1800, "How long a client may say nothing, in IDLE too.", unit="s", minimum=1800
    )
    login_timeout: int = setting(180, "How long a client may take to sign in.", unit="s")
    message_timeout: int = setting(
        1800, "How long one message may take to arrive, however slow the client.", unit="s"
    )
    messages_at_once: int = setting(
        1_000_000, "Messages that one command may fetch, change or copy.", minimum=1000
    )
    errors: int = setting(
        20, "Wrong commands in a row before the connection is closed; five times as many from a "
        "client that has signed in.",
    )  # fmt: skip
    unauthenticate: bool = setting(
        True, "Whether a client may sign out and in again on one connection (UNAUTHENTICATE)."
    )


@dataclass(frozen=True, slots=True)
class Services:
    """What an IMAP session needs; made once for each worker."""

    hostname: str
    settings: ImapSettings
    store: Store
    blob_store: BlobStore
    notify: Notify
    login: Login
    certificates: CertificateStore | None
    clock: Clock
    tasks: Tasks
    log: Log
    digester: Digester = field(default_factory=Digester)
    ids: Ids = field(default_factory=lambda: SystemIds(SystemClock()))
    text_index: TextIndex | None = None
    reader: Reader | None = None  # of attached documents
    jmap_url: str = ""  # of the JMAP session resource (RFC 9698); empty: there is none
    events: ImapEvents | None = None  # scripts of mailboxes (RFC 6785)
    finder: Finder = field(init=False)

    def __post_init__(self) -> None:
        finder = Finder(self.store, self.blob_store, self.text_index, self.reader, self.tasks)
        object.__setattr__(self, "finder", finder)  # the class is frozen, and this its making


class Done(NamedTuple):
    """How a command ended that was obeyed: the text and code of its OK."""

    text: str
    code: Code | None = None


ANSWERED: Final = Done("")  # the command has written its own answer


class Client:
    """One client, and how far it has come.

    Attributes:
        account_id: 0 until it has signed in.
        view: of the selected mailbox, or None.
        changed: the account has changed since the view was last brought up to date.
        idling: it waits, in IDLE or for what NOTIFY tells, and is to be woken by changes.
        over: the session ends after this command.
        indexes: of large parts that it fetches decoded, bit by bit.
        rev2: it speaks IMAP4rev2 (RFC 9051).
        utf8: it takes UTF-8 in names and quoted strings (RFC 6855, RFC 9051).
        full: it signed in to a nearly full mailbox, and was not told so yet.
        downgraded: UIDs of which this command has shown a surrogate (RFC 6858 3).
        uidonly: it knows messages by UID alone (RFC 9586).
        language: of the texts it is told (RFC 5255).
        watch: what NOTIFY asked for (RFC 5465), or None as long as it asked for nothing.
        filled: the mailbox that it has appended to last, which it will name again.
    """

    __slots__ = (
        "_heard",
        "_stop",
        "account",
        "account_id",
        "changed",
        "condstore",
        "connection",
        "downgraded",
        "filled",
        "full",
        "idling",
        "indexes",
        "language",
        "login_without_tls",
        "over",
        "qresync",
        "rev2",
        "services",
        "uidonly",
        "utf8",
        "view",
        "watch",
    )

    def __init__(
        self, connection: Connection, services: Services, *, login_without_tls: bool
    ) -> None:
        self.connection = connection
        self.services = services
        self.login_without_tls = login_without_tls
        self.view: View | None = None
        self.downgraded: list[int] = []
        self.watch: Watch | None = None
        self.forget_user()
        self.changed = False
        self.idling = False
        self.over = False
        self._heard = 0
        self._stop: Callable[[], None] | None = None

    @property
    def state(self) -> State:
        """The state of RFC 3501 3."""
        if self.view is not None:
            return State.SELECTED
        return State.AUTHENTICATED if self.account_id else State.NOT_AUTHENTICATED

    def forget_user(self) -> None:
        """As at the beginning: nobody has signed in, and nothing was enabled (RFC 8437 4.1)."""
        self.account_id = 0
        self.account = ""
        self.filled = ""
        self.full = False
        self.indexes = Indexes()
        self.language = ENGLISH
        self.condstore = self.qresync = False
        self.rev2 = self.utf8 = self.uidonly = False

    @property
    def selected(self) -> View:
        """The view, for commands that are legal only with one."""
        assert self.view is not None
        return self.view

    def writable(self) -> View:
        """The view, to change its messages. Raises Fault when it was opened by EXAMINE."""
        view = self.selected
        if view.read_only:
            raise Refused("the mailbox was opened read-only", responses.READ_ONLY)
        return view

    def open(self, view: View) -> None:
        """Have a mailbox selected, and hear of changes from now on."""
        self.leave()
        self.view = view
        if self._heard != view.account_id:
            self._hear(view.account_id)

    def leave(self) -> None:
        """Have no mailbox selected, on the way to another, which mostly is in the same account."""
        self.view = None
        self.changed = False

    def close(self) -> None:
        """Have no mailbox selected."""
        self.leave()
        self._hear(0)

    def _hear(self, account_id: int) -> None:
        """Be woken by changes of an account, and no other; 0: of none."""
        self._heard = account_id
        if self._stop is not None:
            self._stop()
            self._stop = None
        if account_id:
            self._stop = self.services.notify.listen(Topic.ACCOUNT, account_id, self.announced)

    def end(self, text: str) -> None:
        """Say BYE; the session ends."""
        self.connection.write(responses.untagged(responses.Condition.BYE, self.said(text)))
        self.over = True

    def said(self, text: str) -> str:
        """A text for people, in the client's language."""
        return text if self.language == ENGLISH else translated(text, self.language)

    def enable_condstore(self) -> None:
        """From now on MODSEQ is told (RFC 7162 3.1); the selected mailbox's highest now."""
        if not self.condstore:
            self.condstore = True
            if self.view is not None:
                code = responses.highestmodseq(max(self.view.modseq, 1))
                self.connection.write(
                    responses.untagged(responses.Condition.OK, self.said("now"), code)
                )

    def tell_spelling(self, name: str, written: str, attributes: Iterable[bytes] = ()) -> None:
        """Tell how a name is spelt that the client has `written` otherwise (RFC 9051 6.3.9.7)."""
        if self.rev2 and written:
            line = responses.mailbox_list(name, attributes, utf8=True, old_name=written)
            self.connection.write(line)

    def milliseconds(self) -> int:
        """Now."""
        return int(self.services.clock.now() * 1000)

    def announced(self) -> None:
        """Something changed that this client looks at: `services.notify` calls this."""
        self.changed = True
        if self.idling:
            self.connection.wake()


def whole(view: View) -> None:
    """Raise Fault when a command took only part of its messages that has to take all or none."""
    if view.lowest:
        code = messagelimit(view.limit, view.lowest)
        raise Refused(f"at most {view.limit} messages can be copied at once", code)


Handler = Callable[[Client, Any], Awaitable[Done]]  # what obeys a command of one kind


def gone(missing: int, *, uid: bool) -> None:
    """Raise Fault when messages named by number are gone (RFC 5530 3)."""
    if missing and not uid:
        raise Refused("some of these messages are gone", responses.EXPUNGEISSUED)


def no_mailbox(name: str) -> Fault:
    """The fault of a name that leads nowhere."""
    return Fault(Kind.NOT_FOUND, f"there is no mailbox {name}")

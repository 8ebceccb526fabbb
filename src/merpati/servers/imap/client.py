"""What the commands of a session share: the connection, the account, the selected mailbox."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.base.tasks import Tasks
from merpati.net.stream import Connection
from merpati.net.tls import CertificateStore
from merpati.servers.imap.legal import Refused, State
from merpati.servers.imap.view import View
from merpati.services.login import Login
from merpati.services.notify import Notify
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Topic
from merpati.wire.imap import responses
from merpati.wire.imap.responses import Code


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
    errors: int = setting(20, "Wrong commands in a row before the connection is closed.")


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


class Done(NamedTuple):
    """How a command ended that was obeyed: the text and code of its OK."""

    text: str
    code: Code | None = None


class Client:
    """One client, and how far it has come.

    Attributes:
        account_id: 0 until it has signed in.
        view: of the selected mailbox, or None.
        changed: the account has changed since the view was last brought up to date.
        idling: it waits in IDLE, and is to be woken by changes.
        over: the session ends after this command.
    """

    __slots__ = (
        "_stop",
        "account",
        "account_id",
        "changed",
        "condstore",
        "connection",
        "idling",
        "login_without_tls",
        "over",
        "qresync",
        "services",
        "view",
    )

    def __init__(
        self, connection: Connection, services: Services, *, login_without_tls: bool
    ) -> None:
        self.connection = connection
        self.services = services
        self.login_without_tls = login_without_tls
        self.account_id = 0
        self.account = ""
        self.view: View | None = None
        self.condstore = False
        self.qresync = False
        self.changed = False
        self.idling = False
        self.over = False
        self._stop: Callable[[], None] | None = None

    @property
    def state(self) -> State:
        """The state of RFC 3501 3."""
        if self.view is not None:
            return State.SELECTED
        return State.AUTHENTICATED if self.account_id else State.NOT_AUTHENTICATED

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
        self.close()
        self.view = view
        self._stop = self.services.notify.listen(Topic.ACCOUNT, self.account_id, self._announced)

    def close(self) -> None:
        """Have no mailbox selected."""
        self.view = None
        self.changed = False
        if self._stop is not None:
            self._stop()
            self._stop = None

    def end(self, text: str) -> None:
        """Say BYE; the session ends."""
        self.connection.write(responses.untagged(responses.Condition.BYE, text))
        self.over = True

    def enable_condstore(self) -> None:
        """From now on MODSEQ is told (RFC 7162 3.1); the selected mailbox's highest now."""
        if not self.condstore:
            self.condstore = True
            if self.view is not None:
                code = responses.highestmodseq(max(self.view.modseq, 1))
                self.connection.write(responses.untagged(responses.Condition.OK, "now", code))

    def milliseconds(self) -> int:
        """Now."""
        return int(self.services.clock.now() * 1000)

    def _announced(self) -> None:
        self.changed = True
        if self.idling:
            self.connection.wake()


def gone(missing: int, *, uid: bool) -> None:
    """Raise Fault when messages named by number are gone (RFC 5530 3)."""
    if missing and not uid:
        raise Refused("some of these messages are gone", responses.EXPUNGEISSUED)


def no_mailbox(name: str) -> Fault:
    """The fault of a name that leads nowhere."""
    return Fault(Kind.NOT_FOUND, f"there is no mailbox {name}")

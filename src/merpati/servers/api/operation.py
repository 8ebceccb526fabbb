"""What an operation of the API is: an address, what goes in and out, and who may.

Everything follows from these declarations: routing, validation, rights, the OpenAPI document,
its page in the reference, and the access matrix that the tests walk through.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Protocol

from msgspec import Struct

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.model.account import Account
from merpati.model.administration import Actor, Right, Scope
from merpati.services.administration.hooks import Hooks
from merpati.services.administration.sending import Sending
from merpati.services.administration.tokens import Tokens
from merpati.services.backup.desk import Desk
from merpati.services.diagnose.findings import Finding
from merpati.services.diagnose.marks import Marked
from merpati.services.key_lookup import KeyLookup
from merpati.services.moderation import Moderation
from merpati.services.restore import Restore
from merpati.services.sign_in_history import SignInHistory
from merpati.store import delegates, directory
from merpati.store.api_tokens import ApiToken
from merpati.store.engine import Store, Transaction

BODY_MAX = 1 << 20  # bytes, unless an operation takes more


class Who(Enum):
    """Who may call an operation."""

    ANYONE = "anyone"
    USER = "user"  # whoever has signed in; it concerns the caller alone
    DELEGATE = "delegate"  # whoever has the operation's right in the domain it concerns
    ADMINISTRATOR = "administrator"


class SettingView(Struct, frozen=True, rename="camel", kw_only=True):
    """A setting of the configuration file; secrets are not shown."""

    heading: str
    name: str
    value: Any
    is_default: bool
    reloads: bool
    text: str


class ListenerView(Struct, frozen=True, rename="camel", kw_only=True):
    """What is served where; for devices also who may connect and what they may send."""

    service: str
    host: str
    port: int
    networks: Sequence[str]
    sender: str
    recipients: Sequence[str]
    messages_per_hour: int


class CertificateView(Struct, frozen=True, rename="camel", kw_only=True):
    """A certificate that the server shows. Times are Unix milliseconds."""

    names: Sequence[str]
    not_before: int
    not_after: int
    self_signed: bool
    automatic: bool


class Surroundings(Protocol):
    """What the API is told of the machine, its configuration and the DNS."""

    async def marks(self, domain: str) -> tuple[list[Marked], list[str]]:
        """The records of a domain with their marks, and what is to be done besides."""

    async def findings(self, domains: Sequence[str]) -> dict[str, list[Finding]]:
        """What the doctor finds, of the machine first."""

    def settings(self, language: str) -> list[SettingView]:
        """Every setting of the configuration file, explained in a language."""

    def listeners(self) -> list[ListenerView]:
        """What is served where."""

    async def certificates(self) -> list[CertificateView]:
        """The certificates shown."""


@dataclass(frozen=True, slots=True)
class Services:
    """What operations work with."""

    store: Store
    clock: Clock
    ids: Ids
    hostname: str
    language: str
    moderation: Moderation
    lifetime: int  # of a queued message, seconds
    restore: Restore
    tokens: Tokens
    sending: Sending
    history: SignInHistory
    surroundings: Surroundings
    hooks: Hooks
    backups: Desk
    keys: KeyLookup


@dataclass(frozen=True, slots=True)
class Call:
    """One request that may be made, its parameters read."""

    services: Services
    user: Account
    scope: Scope
    actor: Actor
    path: Mapping[str, str]
    query: Any
    body: Any
    now: int  # Unix milliseconds
    right: Right | None = None  # the operation's
    token: ApiToken | None = None  # a program asks, not a person in front of a browser

    @property
    def senders(self) -> tuple[str, ...]:
        """The addresses that the token sends for; none: all of the caller's."""
        return () if self.token is None else self.token.senders

    @property
    def store(self) -> Store:
        """The store."""
        return self.services.store

    @property
    def address(self) -> str:
        """The address in the path."""
        return self.path["address"].lower()

    @property
    def domain(self) -> str:
        """The domain in the path."""
        return self.path["domain"].lower()

    def number(self, name: str, missing: str) -> int:
        """A number in the path. Raises Fault NOT_FOUND with `missing` for what is none."""
        word = self.path[name]
        if not word.isascii() or not word.isdigit() or len(word) > 18:
            raise Fault(Kind.NOT_FOUND, missing)
        return int(word)

    @property
    def domains(self) -> frozenset[str] | None:
        """The domains that the caller may do this in; None for every one."""
        assert self.right is not None
        return self.scope.where(self.right)

    @property
    def language(self) -> str:
        """Of sentences: what the request says, else the caller's."""
        return getattr(self.query, "language", "") or self.user.language

    def allow(self, subject: str) -> None:
        """Raises Fault DENIED unless the caller may do this for an address, or a domain."""
        assert self.right is not None
        domain = subject.rpartition("@")[2]
        if not self.scope.may(self.right, domain):
            raise Fault(Kind.DENIED, f"you do not administer the {self.right.value} of {domain}")

    async def account(self, tx: Transaction, address: str) -> Account:
        """The account of an address that the caller may administer.

        An address of a domain may lead to an account at home in another, and that counts.
        Raises Fault NOT_FOUND, DENIED.
        """
        found = await directory.account(tx, address)
        if self.right is not None:
            self.allow(found.address)
        await self._check_target(tx, found)
        return found

    async def _check_target(self, tx: Transaction, account: Account) -> None:
        """Nobody administers an account that may do more than they may themselves.

        Else whoever sets passwords in a domain would be one password away from everything.
        """
        if self.scope.everything:
            return
        theirs = await delegates.scope(tx, account)
        held = self.scope.domains
        if theirs.everything or any(
            not rights <= held.get(name, frozenset()) for name, rights in theirs.domains.items()
        ):
            text = f"{account.address} administers more than you do; ask an administrator"
            raise Fault(Kind.DENIED, text)


Does = Callable[[Call], Awaitable[Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One operation.

    Attributes:
        path: Below /api/v1, with `{address}`, `{domain}` and others as parameters.
        name: Unique: `operationId` of the OpenAPI document.
        text: What it does, a sentence.
        topic: The section of the document.
        right: For `DELEGATE`: which.
        query, body: Structs that are read from the request; None: there is none.
        answer: The type of what comes back; None: an empty answer, 204.
        body_max: Bytes of a body.
    """

    method: str
    path: str
    name: str
    text: str
    topic: str
    does: Does
    who: Who = Who.ADMINISTRATOR
    right: Right | None = None
    query: type | None = None
    body: type | None = None
    answer: Any = None
    status: int = 200
    body_max: int = BODY_MAX

    @property
    def reads(self) -> bool:
        """Whether it changes nothing."""
        return self.method == "GET"


def check(operation: Operation, scope: Scope, path: Mapping[str, str]) -> None:
    """Raises Fault DENIED unless somebody may call an operation for what the path names.

    What is named in a body, or found under an address, the operation looks at itself.
    """
    match operation.who:
        case Who.ADMINISTRATOR:
            if not scope.everything:
                raise Fault(Kind.DENIED, "only an administrator may do this")
        case Who.DELEGATE:
            assert operation.right is not None
            subject = path.get("domain") or path.get("address")
            if subject is None:
                if scope.where(operation.right) == frozenset():
                    raise Fault(Kind.DENIED, "only an administrator may do this")
            elif not scope.may(operation.right, subject.rpartition("@")[2]):
                raise Fault(Kind.DENIED, "you do not administer this domain")
        case _:
            pass

"""What a method call acts with: who asks, what they may, what was made before in the request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from merpati.base.clock import Clock
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.model.account import Account
from merpati.services.accept import Accept
from merpati.services.digest import Digester
from merpati.services.guard import Guard
from merpati.services.route import Router
from merpati.services.smime import Smime
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store
from merpati.wire.jmap.faults import MethodFault, wrong
from merpati.wire.jmap.requests import Invocation

CORE: Final = "urn:ietf:params:jmap:core"
MAIL: Final = "urn:ietf:params:jmap:mail"
SUBMISSION: Final = "urn:ietf:params:jmap:submission"
VACATION: Final = "urn:ietf:params:jmap:vacationresponse"
PRINCIPALS: Final = "urn:ietf:params:jmap:principals"
OWNER: Final = "urn:ietf:params:jmap:principals:owner"
QUOTA: Final = "urn:ietf:params:jmap:quota"
# What somebody may use of an account that is not theirs.
SHAREABLE: Final = frozenset({CORE, MAIL, QUOTA})
WEBSOCKET: Final = "urn:ietf:params:jmap:websocket"
VAPID: Final = "urn:ietf:params:jmap:webpush-vapid"

COLLATIONS: Final = ("i;ascii-casemap", "i;ascii-numeric", "i;unicode-casemap")


@dataclass(frozen=True, slots=True, kw_only=True)
class JmapSettings:
    """What a JMAP client may do."""

    upload_size: int = setting(104_857_600, "The largest file that may be uploaded.", unit="bytes")
    request_size: int = setting(10_485_760, "The largest request.", unit="bytes")
    requests: int = setting(8, "Requests of one account that are worked on at the same time.")
    uploads: int = setting(16, "Uploads of one account at the same time.")
    calls: int = setting(64, "Method calls in one request.")
    objects_in_get: int = setting(1000, "Objects that one call may get.")
    objects_in_set: int = setting(1000, "Objects that one call may create, update and destroy.")
    push_connections: int = setting(
        100, "Connections of one account in each worker over which changes are pushed."
    )


@dataclass(frozen=True, slots=True)
class Services:
    """What JMAP needs; made once for each worker."""

    settings: JmapSettings
    store: Store
    blob_store: BlobStore
    clock: Clock
    ids: Ids
    log: Log
    message_size: int = 52_428_800
    digester: Digester = field(default_factory=Digester)
    sending: Sending | None = None
    smime: Smime | None = None


@dataclass(frozen=True, slots=True)
class Sending:
    """What sends mail.

    Attributes:
        hold: seconds that a message may be held back before it leaves.
        recipients: of one message.
    """

    accept: Accept
    router: Router
    guard: Guard | None = None
    hold: int = 2_592_000
    recipients: int = 1000


CredentialName = Callable[[], Awaitable[str]]


async def no_credential() -> str:
    """Of those who signed in with none that has a name."""
    return ""


class Access(NamedTuple):
    """An account that the user may use, as one method call sees it."""

    account_id: int
    is_own: bool
    read_only: bool
    user_id: int = 0


@dataclass(slots=True)
class Call:
    """One method call.

    Attributes:
        user: who asks.
        accounts: those they may use, by their JMAP ids.
        using: the capabilities of the request.
        created: real ids by creation id, of the whole request.
        peer: the address that the request came from.
        credential: tells the name of what the user signed in with, of `store.push`.
    """

    services: Services
    user: Account
    accounts: Mapping[str, Access]
    using: frozenset[str]
    created: dict[str, str] = field(default_factory=dict)
    peer: str = ""
    credential: CredentialName = no_credential

    @property
    def settings(self) -> JmapSettings:
        """The limits."""
        return self.services.settings

    def access(self, account: str, capability: str = MAIL, *, write: bool = False) -> Access:
        """The account of an id, for a method of a capability.

        Raises:
            MethodFault: accountNotFound, accountNotSupportedByMethod, accountReadOnly.
        """
        found = self.accounts.get(account)
        if found is None:
            raise MethodFault("accountNotFound")
        if not found.is_own and capability not in SHAREABLE:
            raise MethodFault("accountNotSupportedByMethod")
        if write and found.read_only:
            raise MethodFault("accountReadOnly")
        return found

    def real(self, id_: str) -> str | None:
        """An id, a creation id with its `#` replaced by what was made; None when nothing was."""
        return self.created.get(id_[1:]) if id_.startswith("#") else id_

    def refer(self, id_: str, name: str) -> str:
        """The same, for a property of an object. Raises SetFault invalidProperties."""
        real = self.real(id_)
        if real is None:
            raise wrong(f"nothing was created as {id_[1:][:100]!r}", name)
        return real

    def now(self) -> int:
        """Unix milliseconds."""
        return int(self.services.clock.now() * 1000)


Run = Callable[[Call, dict[str, Any]], Awaitable[Sequence[tuple[str, dict[str, Any]]]]]


class Method(NamedTuple):
    """A method: the capability that a request must name to use it, and what it does.

    `run` gives the responses: names and arguments.
    """

    capability: str
    run: Run


__all__ = [
    "COLLATIONS", "CORE", "MAIL", "OWNER", "PRINCIPALS", "QUOTA", "SHAREABLE", "SUBMISSION",
    "VACATION", "VAPID", "WEBSOCKET", "Access", "Call", "Invocation", "JmapSettings", "Method",
    "Run", "Sending", "Services",
]  # fmt: skip

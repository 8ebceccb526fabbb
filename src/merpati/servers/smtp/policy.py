"""What SMTP clients may do: the settings of all listeners, and the policy of each."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.base.limits import RateLimit, address_key
from merpati.base.networks import LOOPBACK, Networks
from merpati.base.settings import setting
from merpati.servers.smtp.legal import Role
from merpati.services.hourly_limits import HourlyLimits
from merpati.wire.smtp.paths import NULL, Path

ANYONE: Final = "*"
EVERYONE: Final = "everyone"
NOBODY: Final = "nobody"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmtpSettings:
    """What an SMTP client may do, whichever port it comes to."""

    message_size: int = setting(52_428_800, "The largest message taken.", unit="bytes")
    recipients: int = setting(1000, "Recipients of one message.", minimum=100)
    messages: int = setting(1000, "Messages taken over one connection.")
    errors: int = setting(20, "Refused commands before the connection is closed.")
    idle_commands: int = setting(
        200, "NOOP, RSET and the like between two messages before the connection is closed."
    )
    tarpit: float = setting(
        1.0, "Delay of each reply once half of the errors allowed were made; 0: none.", unit="s",
        minimum=0, maximum=60,
    )  # fmt: skip
    command_timeout: int = setting(300, "How long to wait for the next command.", unit="s")
    message_timeout: int = setting(
        1800, "How long one message may take from MAIL to its end, however slow the peer.", unit="s"
    )
    slowest: int = setting(
        500, "Bytes a second that a message must make after its first five minutes.", minimum=0
    )
    greeting_delay: float = setting(
        0.0,
        "Wait this long before the greeting on smtp ports: who speaks first is refused.",
        unit="s",
        minimum=0,
        maximum=60,
    )
    unlimited: tuple[str, ...] = setting(
        LOOPBACK,
        "Networks whose hosts the limits for each hour and the delays do not count for.",
        example=list(LOOPBACK),
    )
    peer_messages: int = setting(
        5000, "Messages begun by one address in an hour; 0: any.", minimum=0
    )
    peer_recipients: int = setting(
        20_000, "Recipients named by one address in an hour; 0: any.", minimum=0
    )
    peer_errors: int = setting(
        1000, "Commands of one address refused in an hour before it is sent away; 0: any.",
        minimum=0,
    )  # fmt: skip
    verify: str = setting(
        NOBODY,
        "Who is told by VRFY and EXPN whether an address exists.",
        choices=(NOBODY, "accounts", EVERYONE),
    )
    hold: int = setting(
        2_592_000, "How far ahead a client may ask for a message to leave (FUTURERELEASE).",
        unit="s", minimum=60, maximum=31_536_000,
    )  # fmt: skip

    def __post_init__(self) -> None:
        try:
            Networks(self.unlimited)
        except ValueError as problem:
            raise ValueError(f"unlimited {problem}") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one listener is for, and whom it serves.

    Attributes:
        role: what it is for.
        login_without_tls: whether clients on this machine may sign in without TLS.
        require_tls: whether a message is taken over TLS only.
        networks: who may connect; empty: everyone.
        xclient: who may use XCLIENT.
        sender: of every message, whatever the client says; None: the client's own.
        recipients: addresses, and domains as "@example.org", that are written to; "*": all;
            empty: those at home here. Of a device only.
        messages: taken from one address in an hour; 0: as the settings say.
    """

    role: Role = Role.MX
    login_without_tls: bool = False
    require_tls: bool = False
    networks: Networks = field(default_factory=Networks)
    xclient: Networks = field(default_factory=Networks)
    sender: Path | None = None
    recipients: frozenset[str] = frozenset()
    messages: int = 0

    def admits(self, peer: str) -> bool:
        """Whether a client of this address is served at all."""
        return not self.networks or peer in self.networks

    def relays(self, path: Path) -> bool:
        """Whether a device may write to an address that is at home elsewhere."""
        if ANYONE in self.recipients:
            return True
        address = str(path).lower()
        return address in self.recipients or f"@{path.domain}" in self.recipients

    def serves(self, path: Path) -> bool:
        """Whether a device may write to an address at all."""
        return not self.recipients or self.relays(path)

    def envelope_sender(self, path: Path) -> Path:
        """The sender that a message gets; a notification stays one."""
        return path if self.sender is None or path == NULL else self.sender


class Rates:
    """What addresses have used of their hour. What accounts have is the guard's to say."""

    def __init__(self, settings: SmtpSettings, limits: HourlyLimits) -> None:
        self._limits = limits
        self._unlimited = Networks(settings.unlimited)
        self._messages = limits.hourly("smtp messages", settings.peer_messages)
        self._recipients = limits.hourly("smtp recipients", settings.peer_recipients)
        self._errors = limits.hourly("smtp errors", settings.peer_errors)

    def exempt(self, peer: str) -> bool:
        """Whether an address is never counted."""
        return peer in self._unlimited

    def key(self, peer: str) -> str:
        """What an address is counted by, empty when it is not."""
        return "" if self.exempt(peer) else address_key(peer)

    def welcome(self, key: str) -> Fault | None:
        """Why an address is not let in at present: it was refused too often."""
        if key and self._errors is not None and (wait := self._errors.wait(key)):
            return _too_many("refused commands from your address", wait)
        return None

    def failed(self, key: str) -> None:
        """A command of this address was refused."""
        if key and self._errors is not None:
            self._errors.take(key)

    def begin(self, key: str) -> None:
        """A message begins. Raises Fault TOO_MANY."""
        if key:
            _take(self._messages, key, 1, "messages from your address")

    def device(self, peer: str, per_hour: int) -> None:
        """A message of a device begins. Raises Fault TOO_MANY."""
        limit = self._limits.hourly(f"device {per_hour}", per_hour)
        _take(limit, address_key(peer), 1, "messages from this device")

    def address(self, key: str, recipients: int) -> None:
        """A message has so many recipients. Raises Fault TOO_MANY."""
        if key:
            _take(self._recipients, key, recipients, "recipients from your address")


def _take(limit: RateLimit | None, key: str, cost: int, what: str) -> None:
    if limit is not None and not limit.take(key, cost):
        raise _too_many(what, limit.wait(key, cost))


def _too_many(what: str, wait: float) -> Fault:
    if wait == float("inf"):
        return Fault(Kind.TOO_MANY, f"more {what} at once than an hour allows", "4.7.1")
    minutes = max(1, round(wait / 60))
    return Fault(Kind.TOO_MANY, f"too many {what}; try again in {minutes} min", "4.7.1")

"""Which services are served where, and the two sets of ports that `merpati init` offers."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, Kind
from merpati.base.networks import Networks
from merpati.base.settings import REQUIRED, setting

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
SERVICES: Final = (
    "smtp",
    "submission",
    "submissions",
    "lmtp",
    "device",
    "imap",
    "imaps",
    "pop3",
    "pop3s",
    "managesieve",
    "http",
    "https",
    "metrics",
)
SMTP_SERVICES: Final = frozenset({"smtp", "submission", "submissions", "lmtp", "device"})
TLS_SERVICES: Final = frozenset({"submissions", "imaps", "pop3s", "https"})
LOGIN_SERVICES: Final = frozenset({"submission", "imap", "pop3", "managesieve"})

# What a machine can be for, and the listeners that it opens then. Queue and housekeeping are
# the work of each, claimed in the store; who is for the queue alone opens nothing else.
ROLES: Final = {
    "mx": frozenset({"smtp"}),
    "submission": frozenset({"submission", "submissions", "device"}),
    "mailboxes": frozenset({"lmtp", "imap", "imaps", "pop3", "pop3s", "managesieve"}),
    "web": frozenset({"http", "https"}),
    "queue": frozenset[str](),
}

EVERYWHERE: Final = "*"
LOOPBACK: Final = "127.0.0.1"
MAX_PORT: Final = 65_535
LMTP_SOCKET: Final = Path("data/run/lmtp.sock")  # in a folder that only the server's user may enter

# Service: standard port, high port. Metrics are for this machine alone in both sets.
# LMTP has no port of its own (RFC 2033 5); the standard way is a Unix socket.
_PORTS: Final[dict[str, tuple[int | None, int]]] = {
    "smtp": (25, 2525),
    "submission": (587, 2587),
    "submissions": (465, 2465),
    "lmtp": (None, 2424),
    "imap": (143, 2143),
    "imaps": (993, 2993),
    "pop3": (110, 2110),
    "pop3s": (995, 2995),
    "managesieve": (4190, 4190),
    "http": (80, 2080),
    "https": (443, 2443),
    "metrics": (9100, 2910),
}
_ADDRESS: Final = re.compile(r"[^@\s<>]+@[^@\s<>]+")
_HIGH: Final = re.compile(r"high(?:\+(\d{1,5}))?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """A TCP port, or a unix socket, and what is served there."""

    service: str = setting(
        REQUIRED, "What is served.", reload=False, choices=SERVICES, example="imaps"
    )
    host: str = setting(
        EVERYWHERE,
        "Address to listen on; * for all of this machine's, IPv4 and IPv6.",
        reload=False,
    )
    port: int | None = setting(
        None,
        "TCP port; 0 for any free one.",
        reload=False,
        minimum=0,
        maximum=MAX_PORT,
        example=993,
    )
    path: Path | None = setting(
        None, "Unix socket, instead of a port.", reload=False, example="data/smtp.sock"
    )
    login_without_tls: bool = setting(
        False, "Let clients on this machine (127.0.0.1, ::1) log in without TLS.", reload=False
    )

    networks: tuple[str, ...] = setting(
        (),
        "Networks whose hosts may connect to an SMTP service; everyone when empty.",
        reload=False,
        example=["192.0.2.0/24"],
    )
    proxies: tuple[str, ...] = setting(
        (),
        "Load balancers, as networks: they must begin with a PROXY header (version 1 or 2).",
        reload=False,
        example=["10.0.0.5"],
    )
    xclient: tuple[str, ...] = setting(
        (),
        "SMTP proxies, as networks: they may say with XCLIENT whom they speak for.",
        reload=False,
        example=["10.0.0.6"],
    )
    require_tls: bool = setting(False, "Take messages by SMTP over TLS only.", reload=False)
    sender: str = setting(
        "",
        "device: the sender that every message gets, an address of an account here.",
        reload=False,
        example="scanner@example.org",
    )
    recipients: tuple[str, ...] = setting(
        (),
        'device: whom it may write to: addresses, "@example.org", or "*" for everyone; only'
        " mailboxes here when empty.",
        reload=False,
        example=["@example.org"],
    )
    messages_per_hour: int = setting(
        0, "device: how many messages each may send in an hour; 0: any.", reload=False, minimum=0
    )

    def __post_init__(self) -> None:
        self._check_place()
        for name in ("networks", "proxies", "xclient"):
            try:
                Networks(getattr(self, name))
            except ValueError as problem:
                raise ValueError(f"{name} {problem}") from None
        if self.service == "device":
            if not self.networks or not self.sender:
                raise ValueError(
                    "networks and sender are needed for a device listener, which asks for no"
                    ' password: add networks = ["192.0.2.0/24"] and sender = "scanner@example.org"'
                )
            if not _ADDRESS.fullmatch(self.sender):
                raise ValueError(
                    f'sender = "{self.sender[:60]}" is no address: write one of an account here,'
                    ' such as "scanner@example.org".'
                )
        elif self.sender or self.recipients or self.messages_per_hour:
            raise ValueError(
                "sender, recipients and messages_per_hour are for device listeners only:"
                ' remove them, or set service = "device".'
            )
        if self.service == "lmtp" and self.path is None and not self._is_private:
            raise ValueError(
                "host must be 127.0.0.1 for lmtp, which believes whoever connects: set it,"
                ' or networks = ["192.0.2.7"], or a path instead of the port.'
            )

    def _check_place(self) -> None:
        if self.port is None and self.path is None:
            raise ValueError(
                f"port is missing: {self.service} needs a line such as port = 2525"
                " (or a path, for a unix socket)"
            )
        if self.port is not None and self.path is not None:
            raise ValueError(f"path and port are both set for {self.service}: remove one of them.")
        if self.host != EVERYWHERE and not is_address(self.host):
            raise ValueError(
                f'host = "{self.host[:60]}" is no address: write one such as "127.0.0.1" or "*".'
            )

    @property
    def _is_private(self) -> bool:
        return bool(self.networks) or (
            self.host != EVERYWHERE and ipaddress.ip_address(self.host).is_loopback
        )

    @property
    def trusted_proxies(self) -> Networks:
        """The load balancers in front of it."""
        return Networks(self.proxies)

    @property
    def implicit_tls(self) -> bool:
        """Whether TLS begins before the first line (RFC 8314 3)."""
        return self.service in TLS_SERVICES

    def place(self) -> str:
        """Where it listens, for people: `127.0.0.1:2525`, `[::1]:25`, `*:25` or a path."""
        if self.path is not None:
            return str(self.path)
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def port_set(name: str) -> tuple[Listener, ...]:
    """The listeners of `standard`, `high` or `high+N`.

    Raises:
        Fault: CONFIG, when there is no such set or N leads beyond the last port.
    """
    if name == "standard":
        return tuple(
            Listener(
                service=service,
                host=LOOPBACK if service == "metrics" else EVERYWHERE,
                port=standard,
                path=LMTP_SOCKET if standard is None else None,
            )
            for service, (standard, _) in _PORTS.items()
        )
    match = _HIGH.fullmatch(name)
    if match is None:
        raise Fault(
            Kind.CONFIG, f'There is no set of ports "{name[:60]}": use standard, high or high+N.'
        )
    add = int(match[1] or 0)
    room = MAX_PORT - max(high for _, high in _PORTS.values())
    if add > room:
        raise Fault(Kind.CONFIG, f"{name} leads beyond port {MAX_PORT}: add {room} at most.")
    return tuple(
        Listener(
            service=service,
            host=LOOPBACK,
            port=high + add,
            login_without_tls=service in LOGIN_SERVICES,
        )
        for service, (_, high) in _PORTS.items()
    )


def of_roles(listeners: Iterable[Listener], roles: Collection[str]) -> tuple[Listener, ...]:
    """Those that a machine with these roles opens, metrics always; all when it has none."""
    if not roles:
        return tuple(listeners)
    opened = {"metrics"}.union(*(ROLES[role] for role in roles))
    return tuple(one for one in listeners if one.service in opened)


def is_address(text: str) -> bool:
    """Whether `text` is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def endpoint(text: str, default_port: int) -> tuple[str, int] | None:
    """Address and port of `address`, `address:port` or `[address]:port`; None for all else."""
    if text.startswith("[") and "]" in text:
        host, _, rest = text[1:].partition("]")
    elif text.count(":") == 1:
        host, _, rest = text.partition(":")
        rest = ":" + rest
    else:
        host, rest = text, ""
    if not is_address(host) or not re.fullmatch(r"(?::[0-9]{1,5})?", rest):
        return None
    port = int(rest[1:]) if rest else default_port
    return (host, port) if port <= MAX_PORT else None

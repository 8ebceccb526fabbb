"""Which services are served where, and the two sets of ports that `merpati init` offers."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, Kind
from merpati.base.settings import REQUIRED, setting

if TYPE_CHECKING:
    from pathlib import Path

SERVICES: Final = (
    "smtp",
    "submission",
    "submissions",
    "imap",
    "imaps",
    "pop3",
    "pop3s",
    "metrics",
)
TLS_SERVICES: Final = frozenset({"submissions", "imaps", "pop3s"})
LOGIN_SERVICES: Final = frozenset({"submission", "imap", "pop3"})

EVERYWHERE: Final = "*"
LOOPBACK: Final = "127.0.0.1"
MAX_PORT: Final = 65_535

# Service: standard port, high port. Metrics are for this machine alone in both sets.
_PORTS: Final = {
    "smtp": (25, 2525),
    "submission": (587, 2587),
    "submissions": (465, 2465),
    "imap": (143, 2143),
    "imaps": (993, 2993),
    "pop3": (110, 2110),
    "pop3s": (995, 2995),
    "metrics": (9100, 2910),
}
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

    def __post_init__(self) -> None:
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

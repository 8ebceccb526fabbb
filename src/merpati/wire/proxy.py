"""The PROXY protocol, versions 1 and 2: a load balancer tells whose connection it carries on.

The header is the very first thing on a connection, before any TLS (HAProxy's
proxy-protocol.txt, 2020). Whoever connects could write one, so it is read only from
networks that an administrator lists; there it must be, so that no client can slip past the
balancer and speak for itself.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

from msgspec import Struct

from merpati.base.faults import SyntaxFault

V1_LIMIT: Final = 107  # octets with the CRLF, section 2.1
V2_SIGNATURE: Final = b"\r\n\r\n\x00\r\nQUIT\n"  # section 2.2
V2_HEAD: Final = 16  # octets before the addresses
V2_LIMIT: Final = 2048  # octets of addresses and further fields; section 2.2 asks for 216

_V1: Final = re.compile(
    rb"PROXY (?:UNKNOWN(?: [ -~]*)?|(TCP4|TCP6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+)"
    rb" ([0-9]{1,5}) ([0-9]{1,5}))\r\n"
)
_SIZES: Final = {1: 4, 2: 16}  # address family of version 2: octets of an address


class Proxied(Struct, frozen=True):
    """Who connected to the balancer, and where; without addresses it speaks for itself."""

    peer: str = ""
    peer_port: int = 0
    local: str = ""
    local_port: int = 0


def parse(data: bytes) -> tuple[Proxied, int] | None:
    """The header that `data` begins with and its length; None while it is not all there.

    Raises:
        SyntaxFault: `data` begins otherwise.
    """
    if V2_SIGNATURE.startswith(data[: len(V2_SIGNATURE)]):
        return _parse_v2(data)
    end = data.find(b"\n", 0, V1_LIMIT) + 1
    if not end:
        if len(data) >= V1_LIMIT or not b"PROXY ".startswith(data[:6]):
            raise SyntaxFault("expected a PROXY header")
        return None
    found = _V1.fullmatch(data, 0, end)
    if found is None:
        raise SyntaxFault("expected a PROXY header")
    family, source, target, source_port, target_port = found.groups()
    if family is None:
        return Proxied(), end
    version = 4 if family == b"TCP4" else 6
    return (
        Proxied(
            _address(source, version), _port(source_port),
            _address(target, version), _port(target_port),
        ),
        end,
    )  # fmt: skip


def encode(proxied: Proxied) -> bytes:
    """The header of version 1."""
    if not proxied.peer:
        return b"PROXY UNKNOWN\r\n"
    family = "TCP6" if ":" in proxied.peer else "TCP4"
    return (
        f"PROXY {family} {proxied.peer} {proxied.local} {proxied.peer_port}"
        f" {proxied.local_port}\r\n"
    ).encode()


def _parse_v2(data: bytes) -> tuple[Proxied, int] | None:
    if len(data) < V2_HEAD:
        return None
    command, family = data[12], data[13] >> 4
    size = int.from_bytes(data[14:16], "big")
    if command >> 4 != 2 or command & 15 > 1 or size > V2_LIMIT:
        raise SyntaxFault("the PROXY header is of an unknown version or too long")
    end = V2_HEAD + size
    if len(data) < end:
        return None
    octets = _SIZES.get(family, 0)
    if command & 15 == 0 or not octets or data[13] & 15 != 1:  # LOCAL: its own health check
        return Proxied(), end
    if size < 2 * octets + 4:
        raise SyntaxFault("the PROXY header is too short for its addresses")
    at = V2_HEAD + octets
    ports = at + octets
    return (
        Proxied(
            str(ipaddress.ip_address(data[V2_HEAD:at])),
            int.from_bytes(data[ports : ports + 2], "big"),
            str(ipaddress.ip_address(data[at:ports])),
            int.from_bytes(data[ports + 2 : ports + 4], "big"),
        ),
        end,
    )


def _address(text: bytes, version: int) -> str:
    try:
        found = ipaddress.ip_address(text.decode("ascii"))
    except ValueError:
        raise SyntaxFault("the PROXY header has a wrong address") from None
    if found.version != version:
        raise SyntaxFault("the PROXY header has an address of another family")
    return str(found)


def _port(digits: bytes) -> int:
    port = int(digits)
    if port > 65_535:
        raise SyntaxFault("the PROXY header has a wrong port")
    return port

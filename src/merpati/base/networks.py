"""Sets of addresses, as a configuration lists them: `192.0.2.0/24`, `2001:db8::/32`, `unix`."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

UNIX: Final = "unix"  # what a peer on a Unix socket is called
REMEMBERED_MAX: Final = 4096  # addresses; taking one apart costs 10 µs
LOOPBACK: Final = ("127.0.0.0/8", "::1/128", UNIX)


class Networks:
    """Some networks; `address in networks` for an address as text."""

    __slots__ = ("_networks", "_remembered", "_unix")

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """Takes them apart.

        Raises:
            ValueError: One is no network and no address; the text says so.
        """
        self._unix = False
        self._remembered: dict[str, bool] = {}
        networks = []
        for text in texts:
            if text == UNIX:
                self._unix = True
                continue
            try:
                networks.append(ipaddress.ip_network(text, strict=False))
            except ValueError:
                raise ValueError(
                    f'has "{text[:60]}", which is no network: write one such as'
                    ' "192.0.2.0/24", "2001:db8::/32", "192.0.2.7" or "unix".'
                ) from None
        self._networks = tuple(networks)

    def __bool__(self) -> bool:
        return self._unix or bool(self._networks)

    def __contains__(self, address: str) -> bool:
        if address == UNIX:
            return self._unix
        if not self._networks:
            return False
        found = self._remembered.get(address)
        if found is None:
            if len(self._remembered) >= REMEMBERED_MAX:
                self._remembered.clear()
            found = self._remembered[address] = self._look(address)
        return found

    def _look(self, address: str) -> bool:
        try:
            one = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        if isinstance(one, ipaddress.IPv6Address) and one.ipv4_mapped is not None:
            one = one.ipv4_mapped
        return any(one in network for network in self._networks)


THIS_MACHINE: Final = Networks(LOOPBACK)  # peers whose bytes do not leave it

"""The addresses that an account may send mail under."""

from __future__ import annotations

import msgspec


class Senders(msgspec.Struct, frozen=True):
    """The addresses that an account may send mail under.

    Attributes:
        account: its own address, by which a message says who really sent it.
        own: all of them, in lower case.
        behalf: those among them of which the message must say who sends it.
        separator: what divides an address from a detail (RFC 5233); empty: nothing does.
        any_author: whether its messages may be from anybody.
    """

    account: str = ""
    own: frozenset[str] = frozenset()
    behalf: frozenset[str] = frozenset()
    separator: str = ""
    any_author: bool = False

    def may(self, address: str) -> bool:
        """Whether an address is one of them, perhaps with a detail."""
        return bool(self._base(address))

    def must_be_named(self, address: str) -> bool:
        """Whether a message under this address has to say who sent it (RFC 5322 3.6.2)."""
        return self._base(address) in self.behalf

    def _base(self, address: str) -> str:
        """The one of them that an address is, without its detail; empty: none."""
        address = address.lower()
        if address in self.own:
            return address
        local, _, domain = address.rpartition("@")
        base = f"{local.partition(self.separator)[0]}@{domain}" if self.separator else ""
        return base if base in self.own else ""

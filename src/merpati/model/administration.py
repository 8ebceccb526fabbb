"""Who may administer what, and who is behind a change."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Final

import msgspec


class Right(Enum):
    """What a delegated administrator may look after in a domain."""

    ACCOUNTS = "accounts"  # people, their passwords and quotas, aliases, shared mailboxes
    LISTS = "lists"  # mailing lists and posts that wait for an owner
    TRACE = "trace"  # the roads of messages from and to its addresses
    REPORTS = "reports"  # what others report about it, and whether its DNS is right


RIGHTS: Final = tuple(one.value for one in Right)


class Scope(msgspec.Struct, frozen=True):
    """What an account may administer.

    Attributes:
        everything: It is an administrator of the installation.
        domains: What it may do in which domain, by the domain's name.
    """

    everything: bool = False
    domains: Mapping[str, frozenset[Right]] = {}

    @property
    def anything(self) -> bool:
        """Whether it may administer at all."""
        return self.everything or bool(self.domains)

    def may(self, right: Right, domain: str) -> bool:
        """Whether a right holds in a domain."""
        return self.everything or right in self.domains.get(domain.lower(), frozenset())

    def where(self, right: Right) -> frozenset[str] | None:
        """The domains in which a right holds; None for every one."""
        if self.everything:
            return None
        return frozenset(name for name, held in self.domains.items() if right in held)


class Actor(msgspec.Struct, frozen=True):
    """Who makes a change: an account through the API, or somebody at the command line.

    Attributes:
        name: An address, or a user of this machine.
        via: "api", "command", or "imap" (SETQUOTA).
        account_id: 0: no account of ours.
        peer: The client's address; empty: this machine.
        undoes: The change of the audit that they take back; 0: none.
    """

    name: str
    via: str = "command"
    account_id: int = 0
    peer: str = ""
    undoes: int = 0


NOBODY: Final = Scope()

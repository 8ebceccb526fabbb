"""A message that arrives: who sends it, where it leads here and elsewhere, and how it came."""

from __future__ import annotations

import msgspec


class Route(msgspec.Struct, frozen=True):
    """Where one recipient of a message leads once aliases are followed."""

    address: str  # as the client named it
    accounts: tuple[int, ...]  # accounts here
    remote: tuple[tuple[str, str], ...]  # address and destination domain elsewhere


class Origin(msgspec.Struct, frozen=True):
    """How a message came in, for its Received field and its trace."""

    peer: str  # address text
    helo: str
    protocol: str  # RFC 3848: ESMTP, ESMTPS, ESMTPSA ...
    tls_version: str = ""
    cipher: str = ""
    account_id: int = 0  # who submitted it; 0: from outside
    account: str = ""  # the address signed in with


class Arrival(msgspec.Struct, frozen=True):
    """A whole transaction, ready to be taken over."""

    sender: str  # empty: the null path
    routes: tuple[Route, ...]
    origin: Origin
    smtputf8: bool = False

"""Quotas (RFC 9208): their commands and responses.

STORAGE counts in units of 1024 octets on the wire (RFC 9208 5.1); what this module hands
out and takes is the number as it stands there.
"""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import names, strings
from merpati.wire.imap.commands import Command

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from merpati.wire.imap.arguments import Arguments

UNIT: Final = 1024  # octets of STORAGE and DELETED-STORAGE
LIMIT_MAX: Final = 2**63 - 1  # RFC 9051 9, number64
ROOT_MAX: Final = 500  # octets of a root's name; ours


class Resource(Enum):
    """What a quota limits (RFC 9208 5); the value is its name on the wire."""

    STORAGE = b"STORAGE"
    MESSAGE = b"MESSAGE"


class GetQuota(Command, frozen=True):
    """GETQUOTA (RFC 9208 4.1.1)."""

    root: str


class GetQuotaRoot(Command, frozen=True):
    """GETQUOTAROOT (RFC 9208 4.1.2)."""

    mailbox: str


class SetQuota(Command, frozen=True):
    """SETQUOTA (RFC 9208 4.1.3); resources that are not named have no limit any more.

    `unknown`: it names resources that are not counted here.
    """

    root: str
    limits: dict[Resource, int]
    unknown: bool = False


_RESOURCES: Final = {resource.value: resource for resource in Resource}


def read_get(a: Arguments) -> Command:
    """The argument of GETQUOTA."""
    return GetQuota(a.tag, _root(a))


def read_get_root(a: Arguments) -> Command:
    """The argument of GETQUOTAROOT."""
    return GetQuotaRoot(a.tag, a.mailbox())


def read_set(a: Arguments) -> Command:
    """The arguments of SETQUOTA."""
    root = _root(a)
    a.space()
    pairs = a.list_of(lambda: _limit(a))
    limits = dict(pairs)
    if len(limits) < len(pairs):
        raise SyntaxFault("a resource is given twice")
    known = {_RESOURCES[name]: limit for name, limit in limits.items() if name in _RESOURCES}
    return SetQuota(a.tag, root, known, len(known) < len(limits))


def quota(root: str, resources: Mapping[Resource, tuple[int, int]]) -> bytes:
    """`* QUOTA root (STORAGE used limit ...)` (RFC 9208 4.2.1)."""
    told = b" ".join([
        b"%b %d %d" % (resource.value, used, limit)
        for resource, (used, limit) in resources.items()
    ])  # fmt: skip
    return b"* QUOTA %b (%b)\r\n" % (strings.astring(root.encode()), told)


def quota_root(name: str, roots: Iterable[str], *, utf8: bool = False) -> bytes:
    """`* QUOTAROOT name root ...` (RFC 9208 4.2.2)."""
    told = [strings.string(names.encode(name, utf8), utf8=utf8)]
    told += [strings.astring(root.encode()) for root in roots]
    return b"* QUOTAROOT %b\r\n" % b" ".join(told)


def _root(a: Arguments) -> str:
    a.space()
    raw = a.astring()
    if len(raw) > ROOT_MAX:
        raise SyntaxFault("the name of a quota root is not that long")
    return raw.decode("utf-8", "replace")


def _limit(a: Arguments) -> tuple[bytes, int]:
    resource = a.word("STORAGE or MESSAGE")
    a.space()
    return resource, a.number(LIMIT_MAX)

"""Access control lists (RFC 4314): their commands and responses.

Rights are passed as letters; which letters there are is the model's business. An
identifier with a minus before it takes rights away (RFC 4314 2).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from merpati.base.faults import SyntaxFault
from merpati.wire.imap import names, strings
from merpati.wire.imap.commands import Command, StoreMode
from merpati.wire.sasl import prepare_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from merpati.wire.imap.arguments import Arguments

IDENTIFIER_MAX: Final = 500  # octets; an address has at most 254 (RFC 5321 4.5.3.1)

_MOD_RIGHTS: Final = re.compile(rb"([+-]?)([0-9a-z]{0,36})")  # RFC 4314 7, mod-rights


class SetAcl(Command, frozen=True):
    """SETACL (RFC 4314 3.1): rights that replace, add to or are taken from those there are."""

    mailbox: str
    identifier: str
    mode: StoreMode
    rights: str


class DeleteAcl(Command, frozen=True):
    """DELETEACL (RFC 4314 3.2)."""

    mailbox: str
    identifier: str


class GetAcl(Command, frozen=True):
    """GETACL (RFC 4314 3.3)."""

    mailbox: str


class ListRights(Command, frozen=True):
    """LISTRIGHTS (RFC 4314 3.4)."""

    mailbox: str
    identifier: str


class MyRights(Command, frozen=True):
    """MYRIGHTS (RFC 4314 3.5)."""

    mailbox: str


def read_set(a: Arguments) -> Command:
    """The arguments of SETACL."""
    mailbox, identifier = a.mailbox(), _identifier(a)
    a.space()
    found = _MOD_RIGHTS.fullmatch(a.astring())
    if found is None:
        raise SyntaxFault("rights are small letters, with + or - before them")
    return SetAcl(a.tag, mailbox, identifier, StoreMode(found[1]), found[2].decode("ascii"))


def read_delete(a: Arguments) -> Command:
    """The arguments of DELETEACL."""
    return DeleteAcl(a.tag, a.mailbox(), _identifier(a))


def read_get(a: Arguments) -> Command:
    """The argument of GETACL."""
    return GetAcl(a.tag, a.mailbox())


def read_list_rights(a: Arguments) -> Command:
    """The arguments of LISTRIGHTS."""
    return ListRights(a.tag, a.mailbox(), _identifier(a))


def read_my_rights(a: Arguments) -> Command:
    """The argument of MYRIGHTS."""
    return MyRights(a.tag, a.mailbox())


def acl(name: str, entries: Iterable[tuple[str, str]], *, utf8: bool = False) -> bytes:
    """`* ACL name identifier rights ...` (RFC 4314 3.6)."""
    told = [_mailbox(name, utf8=utf8)]
    for identifier, rights in entries:
        told += [_text(identifier), _text(rights)]
    return b"* ACL %b\r\n" % b" ".join(told)


def list_rights(
    name: str, identifier: str, always: str, optional: Iterable[str], *, utf8: bool = False
) -> bytes:
    """`* LISTRIGHTS name identifier always optional ...` (RFC 4314 3.7).

    `optional` are sets of rights that are given or taken together.
    """
    told = [_mailbox(name, utf8=utf8), _text(identifier), _text(always), *map(_text, optional)]
    return b"* LISTRIGHTS %b\r\n" % b" ".join(told)


def my_rights(name: str, rights: str, *, utf8: bool = False) -> bytes:
    """`* MYRIGHTS name rights` (RFC 4314 3.8)."""
    return b"* MYRIGHTS %b %b\r\n" % (_mailbox(name, utf8=utf8), _text(rights))


def _identifier(a: Arguments) -> str:
    a.space()
    raw = a.astring()
    if not raw or len(raw) > IDENTIFIER_MAX:
        raise SyntaxFault("an identifier is an address, or anyone")
    try:
        return prepare_name(raw.decode())
    except UnicodeDecodeError:
        raise SyntaxFault("an identifier must be in UTF-8") from None


def _text(text: str) -> bytes:
    return strings.astring(text.encode())


def _mailbox(name: str, *, utf8: bool) -> bytes:
    return strings.string(names.encode(name, utf8), utf8=utf8)

"""What a running script asks of the world, and what it is told.

The interpreter is pure: it yields one of these questions, is sent the answer named in
the question's docstring, and goes on. A service answers from the store; tests answer
from dictionaries.
"""

from __future__ import annotations

from typing import Literal

import msgspec


class MailboxExists(msgspec.Struct, frozen=True, tag=True):
    """Do all these mailboxes exist, and may the user file mail there? (RFC 5490 3.1) `bool`."""

    mailboxes: tuple[str, ...]


class MailboxIdExists(msgspec.Struct, frozen=True, tag=True):
    """Do mailboxes with all these ids exist? (RFC 9042 4) `bool`."""

    ids: tuple[str, ...]


class SpecialUseExists(msgspec.Struct, frozen=True, tag=True):
    r"""Are there mailboxes for all these uses, such as "\\Junk"? (RFC 8579 3.2) `bool`.

    With a `mailbox`: has that one mailbox all these uses?
    """

    uses: tuple[str, ...]
    mailbox: str | None = None


class Metadata(msgspec.Struct, frozen=True, tag=True):
    """The value of an annotation, or None (RFC 5490 3.3, 4.1). `str | None`.

    `mailbox` None: an annotation of the server.
    """

    mailbox: str | None
    annotation: str


class Duplicate(msgspec.Struct, frozen=True, tag=True):
    """Has a message with this id been remembered under this handle? (RFC 7352 3) `bool`.

    Only asked here: what is to be remembered comes with the `Outcome`, and is stored when
    its actions are. `last`: being seen again makes the time run anew.
    """

    handle: str
    unique_id: str
    seconds: int | None  # None: as long as the service keeps such things
    last: bool


class InLists(msgspec.Struct, frozen=True, tag=True):
    """The first of `values` that is in any of these lists, or None (RFC 6134 2.2). `str | None`."""

    lists: tuple[str, ...]
    values: tuple[str, ...]


class ListsExist(msgspec.Struct, frozen=True, tag=True):
    """Are these all names of lists that can be looked into? (RFC 6134 2.8) `bool`."""

    lists: tuple[str, ...]


class Script(msgspec.Struct, frozen=True, tag=True):
    """The compiled script of that name, or None (RFC 6609 3.2). `Program | None`."""

    name: str
    location: Literal["personal", "global"]


class SpamScore(msgspec.Struct, frozen=True, tag=True):
    """How certain it is that the message is spam, 0 to 100, or None (RFC 5235). `float | None`.

    None: nobody looked at it.
    """


class VirusScore(msgspec.Struct, frozen=True, tag=True):
    """0 untested, 1 clean, 2 replaced, 3 cured, 4 perhaps, 5 infected (RFC 5235 3.3). `int`."""


class EnvironmentItem(msgspec.Struct, frozen=True, tag=True):
    """The value of an item such as "domain" or "imap.cause", or None (RFC 5183 4). `str | None`.

    The items "name", "version", "location" and "phase" are asked for as all others.
    """

    name: str


class MethodCapability(msgspec.Struct, frozen=True, tag=True):
    """What a notification method can do, or None (RFC 5435 5). `str | None`.

    Asked for methods other than mailto only.
    """

    method: str
    capability: str


class MethodsValid(msgspec.Struct, frozen=True, tag=True):
    """Can notifications be sent to all these URIs? (RFC 5435 4) `bool`; never asked for mailto."""

    methods: tuple[str, ...]


Question = (
    MailboxExists
    | MailboxIdExists
    | SpecialUseExists
    | Metadata
    | Duplicate
    | InLists
    | ListsExist
    | Script
    | SpamScore
    | VirusScore
    | EnvironmentItem
    | MethodCapability
    | MethodsValid
)
Answer = object
"""What each question's docstring names last."""

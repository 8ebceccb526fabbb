"""Mailing lists: who they reach, who may post, and the addresses that run them.

Beside its own address a list has one for every role, all made of it: mail to
`sales-owner@example.org` goes to the owners of `sales@example.org`, and
`sales-bounces+TOKEN@example.org` is the return path of what was sent to one member.
"""

from __future__ import annotations

from enum import Enum
from typing import Final

import msgspec


class Posting(Enum):
    """Who may post."""

    ANYONE = "anyone"
    MEMBERS = "members"
    OWNERS = "owners"
    NAMED = "named"  # whoever is named for it, and the owners


class Others(Enum):
    """What becomes of a post of somebody who may not."""

    HOLD = "hold"
    REFUSE = "refuse"


class Joining(Enum):
    """Who may become a member by mail."""

    CLOSED = "closed"  # nobody: owners add and remove
    OPEN = "open"  # whoever confirms it
    ASK = "ask"  # whoever confirms it and is let in by an owner


class Audience(Enum):
    """Whom a list reaches."""

    NAMED = "named"  # its members
    DOMAIN = "domain"  # every account of its domain
    EVERYONE = "everyone"  # every account of this installation
    ADMINS = "admins"  # every administrator


class Replies(Enum):
    """Where an answer to a post goes."""

    AUTHOR = "author"
    LIST = "list"


class Request(Enum):
    """What somebody asked for by mail and has to confirm, or an owner has to allow."""

    JOIN = "join"
    LEAVE = "leave"
    ADMIT = "admit"


class Role(Enum):
    """What the part of an address after the list's own name stands for."""

    POST = ""
    OWNER = "owner"
    REQUEST = "request"  # commands in the subject or the body
    BOUNCES = "bounces"
    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    CONFIRM = "confirm"
    APPROVE = "approve"
    REJECT = "reject"
    MODERATE = "moderate"  # approve or reject, as the answer says


# Those whose address has a token.
TOKENED: Final = frozenset({Role.CONFIRM, Role.APPROVE, Role.REJECT, Role.MODERATE})
_ROLES: Final = {role.value: role for role in Role if role.value}


class MailingList(msgspec.Struct, frozen=True, kw_only=True):
    """A list and its rules.

    Attributes:
        local: the part of its address before "@", lower case.
        domain: of its address, A-labels.
        name: as shown; empty: the local part is.
        language: of what it writes to people: "en" or "id".
        moderated: posts of all but owners wait for an owner.
        archive_id: the account that gets a copy of every post; 0: none.
    """

    id: int
    domain_id: int
    local: str
    domain: str
    name: str = ""
    language: str = "en"
    posting: Posting = Posting.MEMBERS
    others: Others = Others.HOLD
    moderated: bool = False
    joining: Joining = Joining.CLOSED
    audience: Audience = Audience.NAMED
    replies: Replies = Replies.AUTHOR
    archive_id: int = 0

    @property
    def address(self) -> str:
        """Where posts go."""
        return f"{self.local}@{self.domain}"

    @property
    def title(self) -> str:
        """Its name for people."""
        return self.name or self.local

    @property
    def list_id(self) -> str:
        """The identifier of RFC 2919 3, without angle brackets."""
        return f"{self.local}.{self.domain}"

    def role_address(self, role: Role, token: str = "", separator: str = "+") -> str:
        """The address of a role."""
        tail = f"{separator}{token}" if token else ""
        return f"{self.local}-{role.value}{tail}@{self.domain}"


class Person(msgspec.Struct, frozen=True):
    """Somebody a list knows by address: a member, an owner, or one who may post."""

    id: int
    address: str
    is_member: bool
    is_owner: bool
    may_post: bool
    token: str
    suspended: bool
    bounces: int  # days on which mail came back
    bounced_at: int  # ms; 0: never


class HeldPost(msgspec.Struct, frozen=True):
    """A post that waits for an owner."""

    id: int
    list_id: int
    token: str
    trace: str
    blob_id: int
    sender: str
    account_id: int
    smtputf8: bool
    author: str
    subject: str
    received_at: int  # ms


def split_role(local: str, separator: str) -> tuple[str, Role, str] | None:
    """The list's local part, role and token of a role's address; None when it is none.

    `local` is in lower case; whether there is such a list is not looked at.
    """
    base, dash, rest = local.rpartition("-")
    word, _, token = rest.partition(separator)
    if separator == "-" and word not in _ROLES:  # the last dash stood before the token
        base, dash, word = base.rpartition("-")
        token = rest
    role = _ROLES.get(word)
    if not base or not dash or role is None:
        return None
    return base, role, token

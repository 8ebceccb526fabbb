"""Accounts, their domains, and the addresses that lead to them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


@dataclass(frozen=True, slots=True)
class Domain:
    """A domain whose mail is at home here; `name` is lower case, A-labels."""

    id: int
    name: str


class AccountKind(Enum):
    """Whose an account is."""

    PERSON = "person"
    SHARED = "shared"  # nobody signs in to it: its members read and send as its mailbox allows


@dataclass(frozen=True, slots=True)
class Account:
    """A person, or a role, with mailboxes. The address is an attribute and may change."""

    id: int
    address: str
    name: str
    password: str  # Argon2id encoded; empty: cannot sign in
    is_admin: bool
    disabled: bool
    language: str  # "en" or "id"
    quota: int  # bytes; 0: none
    used: int  # bytes
    emails: int
    quota_emails: int = 0  # how many emails; 0: no limit
    kind: AccountKind = AccountKind.PERSON
    browser_only: bool = False  # its password works in the browser alone


@dataclass(frozen=True, slots=True)
class Alias:
    """An address that sends on to others. An empty local part is the domain's catch-all."""

    address: str
    targets: tuple[str, ...]

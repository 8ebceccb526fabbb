"""The text: TOML with a comment for each kind of thing, always in the same order."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from merpati.base import values
from merpati.base.faults import SyntaxFault
from merpati.model.mailing_list import Audience, Joining, Others, Posting, Replies

TEXT_MAX: Final = 16 * 1024 * 1024  # characters

Size = Annotated[int, Meta(ge=0, le=2**53)]
Language = Literal["en", "id"]

COMMENTS: Final = {
    "en": {
        "head": "The configuration of this installation. What is not in here stays as it is,\n"
        "unless you ask for its removal. Sizes are bytes; 0 is no limit.",
        "domain": "Domains: their second names, and what their accounts may hold together.",
        "account": "Accounts: the name shown, quota, further addresses. A new one has no password\n"
        "until it is set (merpati account set), or its hash stands here.",
        "alias": "Aliases: where each leads; @domain is a domain's catch-all.",
        "list": "Mailing lists: who may post, join and answer; members, owners, and who may post.",
    },
    "id": {
        "head": "Konfigurasi instalasi ini. Yang tidak tertulis di sini tetap seperti adanya,\n"
        "kecuali Anda minta dihapus. Ukuran dalam bita; 0 berarti tanpa batas.",
        "domain": "Domain: nama keduanya, dan batas bersama semua akunnya.",
        "account": "Akun: nama yang tampil, kuota, alamat lain. Akun baru tanpa kata sandi sampai\n"
        "diberi (merpati account set), atau hash-nya tertulis di sini.",
        "alias": "Alias: ke mana masing-masing menuju; @domain adalah penampung domain.",
        "list": "Milis: siapa boleh mengirim, bergabung, menjawab; anggota, pemilik, pengirim.",
    },
}


class DomainText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A domain."""

    second_names: list[str] = []
    quota: Size = 0
    quota_emails: Size = 0


class AccountText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An account; `password_hash` None leaves the password as it is."""

    name: str = ""
    admin: bool = False
    disabled: bool = False
    language: Language = "en"
    quota: Size = 0
    quota_emails: Size = 0
    addresses: list[str] = []
    password_hash: str | None = None


class ListText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mailing list."""

    name: str = ""
    language: Language = "en"
    posting: Posting = Posting.MEMBERS
    others: Others = Others.HOLD
    moderated: bool = False
    joining: Joining = Joining.CLOSED
    audience: Audience = Audience.NAMED
    replies: Replies = Replies.AUTHOR
    archive: str = ""
    members: list[str] = []
    owners: list[str] = []
    posters: list[str] = []


# The heading of each kind of thing, by the attribute of `Document`.
KINDS: Final = {"domains": "domain", "accounts": "account", "aliases": "alias", "lists": "list"}


class Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=KINDS):
    """All of it, by name or address."""

    domains: dict[str, DomainText] = {}
    accounts: dict[str, AccountText] = {}
    aliases: dict[str, list[str]] = {}
    lists: dict[str, ListText] = {}


def render(document: Document, language: str = "en") -> str:
    """The text; the same for the same document."""
    comments = COMMENTS["id" if language == "id" else "en"]
    parts = [_comment(comments["head"])]
    for attribute, kind in KINDS.items():
        named: dict[str, Any] = getattr(document, attribute)
        if not named:
            continue
        parts.append(_comment(comments[kind]))
        if kind == "alias":
            lines = [f"{_quoted(name)} = {values.to_toml(named[name])}" for name in sorted(named)]
            parts.append("\n".join(["[alias]", *lines]))
            continue
        parts += [f"[{kind}.{_quoted(name)}]\n{_fields(named[name])}" for name in sorted(named)]
    return "\n\n".join(parts) + "\n"


def read(text: str) -> Document:
    """What a text says. Raises SyntaxFault, which names what is wrong and where."""
    if len(text) > TEXT_MAX:
        raise SyntaxFault(f"the configuration has more than {TEXT_MAX} characters")
    try:
        found = tomllib.loads(text)
        return msgspec.convert(_lower(found), Document)
    except (ValueError, RecursionError) as error:  # of TOML, and of what stands in it
        raise SyntaxFault(f"the configuration cannot be read: {error}") from None


def _lower(found: dict[str, Any]) -> dict[str, Any]:
    """Names of domains and addresses in lower case, as the store has them."""
    return {
        kind: {name.lower(): one for name, one in named.items()}
        if isinstance(named, dict)
        else named
        for kind, named in found.items()
    }


def _fields(one: Struct) -> str:
    plain = msgspec.to_builtins(one)
    return "\n".join(
        f"{name} = {values.to_toml(value)}" for name, value in plain.items() if value is not None
    )


def _quoted(name: str) -> str:
    return values.to_toml(name)


def _comment(text: str) -> str:
    return "\n".join(f"# {line}" for line in text.split("\n"))


def enum_of(name: str, value: Any) -> Any:
    """A rule of a list as its type has it, from a plain value."""
    return msgspec.convert(value, _RULES.get(name, str | bool))


_RULES: Final = {
    "posting": Posting, "others": Others, "joining": Joining, "audience": Audience,
    "replies": Replies,
}  # fmt: skip

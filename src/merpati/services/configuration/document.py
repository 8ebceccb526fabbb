"""The text: TOML with a comment for each kind of thing, always in the same order."""

from __future__ import annotations

import tomllib
from typing import Annotated, Any, Final, Literal, cast

import msgspec
from msgspec import Meta, Struct, structs

from merpati.base import values
from merpati.base.faults import Fault, SyntaxFault
from merpati.model import rights
from merpati.model.administration import Right
from merpati.model.mailing_list import Audience, Joining, Others, Posting, Replies

TEXT_MAX: Final = 16 * 1024 * 1024  # characters

Size = Annotated[int, Meta(ge=0, le=2**53)]
Language = Literal["en", "id"]
SendWord = Literal["no", "as", "behalf"]

COMMENTS: Final = {
    "en": {
        "head": "The configuration of this installation. What is not in here stays as it is,\n"
        "unless you ask for its removal. Sizes are bytes; 0 is no limit.",
        "domain": "Domains: their second names, and what their accounts may hold together.",
        "account": "Accounts: the name shown, quota, further addresses. A new one has no password\n"
        "until it is set (merpati account set), or its hash stands here.",
        "shared": "Shared mailboxes: each member with its rights (read, write, all, or letters of\n"
        'RFC 4314), and "as" or "behalf" who may send with its addresses.',
        "alias": "Aliases: where each leads; @domain is a domain's catch-all.",
        "list": "Mailing lists: who may post, join and answer; members, owners, and who may post.",
        "delegate": "Delegated administrators: what each looks after in which domain: accounts,\n"
        "lists, trace, reports.",
        "rule": "Rules of the queue: new mail that fits all patterns of one is held.",
    },
    "id": {
        "head": "Konfigurasi instalasi ini. Yang tidak tertulis di sini tetap seperti adanya,\n"
        "kecuali Anda minta dihapus. Ukuran dalam bita; 0 berarti tanpa batas.",
        "domain": "Domain: nama keduanya, dan batas bersama semua akunnya.",
        "account": "Akun: nama yang tampil, kuota, alamat lain. Akun baru tanpa kata sandi sampai\n"
        "diberi (merpati account set), atau hash-nya tertulis di sini.",
        "shared": "Kotak surat bersama: tiap anggota dengan haknya (read, write, all, atau huruf\n"
        'RFC 4314), dan "as" atau "behalf" bila boleh mengirim dengan alamatnya.',
        "alias": "Alias: ke mana masing-masing menuju; @domain adalah penampung domain.",
        "list": "Milis: siapa boleh mengirim, bergabung, menjawab; anggota, pemilik, pengirim.",
        "delegate": "Administrator terbatas: apa yang diurus masing-masing di domain mana:\n"
        "accounts, lists, trace, reports.",
        "rule": "Aturan antrean: surat baru yang cocok dengan semua pola sebuah aturan ditahan.",
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


class SharedText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A shared mailbox; a member is "ani@example.org write" or "ani@example.org write as"."""

    name: str = ""
    language: Language = "en"
    quota: Size = 0
    quota_emails: Size = 0
    addresses: list[str] = []
    members: list[Annotated[str, Meta(pattern=r"^\S+ \S+( as| behalf)?$")]] = []


class RuleText(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A rule of the queue."""

    sender: str = ""
    recipient: str = ""
    destination: str = ""
    reason: Annotated[str, Meta(min_length=1, max_length=200)]


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
KINDS: Final = {
    "domains": "domain", "accounts": "account", "shared": "shared", "aliases": "alias",
    "lists": "list", "delegates": "delegate", "rules": "rule",
}  # fmt: skip


class Document(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename=KINDS):
    """All of it, by name or address."""

    domains: dict[str, DomainText] = {}
    accounts: dict[str, AccountText] = {}
    shared: dict[str, SharedText] = {}
    aliases: dict[str, list[str]] = {}
    lists: dict[str, ListText] = {}
    delegates: dict[str, dict[str, list[Right]]] = {}
    rules: list[RuleText] = []


def render(document: Document, language: str = "en") -> str:
    """The text; the same for the same document."""
    comments = COMMENTS["id" if language == "id" else "en"]
    parts = [_comment(comments["head"])]
    for attribute, kind in KINDS.items():
        named: Any = getattr(document, attribute)
        if not named:
            continue
        parts.append(_comment(comments[kind]))
        if kind == "rule":
            parts += [f"[[rule]]\n{_fields(one)}" for one in named]
            continue
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
        return _canonical(msgspec.convert(_lower(found), Document))
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


def _canonical(document: Document) -> Document:
    """The same, as the store has it: rights of members, names and patterns in lower case."""
    shared = {
        name: structs.replace(one, members=sorted(map(_member, one.members)))
        for name, one in document.shared.items()
    }
    delegates = {
        address: {domain.lower(): held for domain, held in domains.items()}
        for address, domains in document.delegates.items()
    }
    rules = [_rule(one) for one in document.rules]
    return structs.replace(document, shared=shared, delegates=delegates, rules=rules)


def _rule(one: RuleText) -> RuleText:
    if not (one.sender or one.recipient or one.destination):
        raise SyntaxFault(f'the rule "{one.reason}" does not say what it holds')
    return RuleText(
        sender=one.sender.lower(), recipient=one.recipient.lower(),
        destination=one.destination.lower(), reason=one.reason,
    )  # fmt: skip


def _member(text: str) -> str:
    try:
        return member_text(*member_of(text))
    except Fault as fault:
        raise SyntaxFault(f"{text}: {fault.text}") from None


def member_of(text: str) -> tuple[str, str, SendWord]:
    """Who a member is, their rights, and how they send. Raises Fault SYNTAX."""
    who, held, *send = text.lower().split()
    return who, rights.from_words(held), cast("SendWord", send[0]) if send else "no"


def member_text(who: str, held: str, send: SendWord) -> str:
    """A member as the text has it."""
    return f"{who} {rights.level(held)}" + ("" if send == "no" else f" {send}")


def _fields(one: Any) -> str:
    plain = msgspec.to_builtins(one)
    return "\n".join(
        f"{name if name.replace('_', '').isalnum() else _quoted(name)} = {values.to_toml(value)}"
        for name, value in plain.items()
        if value is not None and not (value == "" and isinstance(one, RuleText))
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

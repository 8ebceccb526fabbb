"""Domains, accounts, their addresses and aliases."""

from __future__ import annotations

import re
from typing import Final

import msgspec
from msgspec import structs

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.model.account import Account, AccountKind, Alias, Domain
from merpati.model.mailbox import STANDARD, is_shown
from merpati.model.mailing_list import Role, split_role
from merpati.store import expunged, mailboxes, metadata, places, rights, web_sessions
from merpati.store import quota as usage
from merpati.store.engine import Conflict, Row, Topic, Transaction, id_list, one_of
from merpati.store.suppression import one_of_texts, text_list
from merpati.wire.smtp.paths import Path, parse_address, parse_domain

ACCOUNT_COLUMNS: Final = (
    "a.id, r.local || '@' || d.name, a.name, a.password, a.is_admin, a.disabled,"
    " a.language, a.quota, a.used, a.emails, a.quota_emails, a.kind, a.browser_only"
)
ACCOUNT_JOIN: Final = (
    "FROM account a JOIN address r ON r.account_id = a.id AND r.is_primary = 1"
    " JOIN domain d ON d.id = r.domain_id"
)

SETTABLE: Final = frozenset(
    {"name", "password", "is_admin", "disabled", "language", "quota", "quota_emails", "kind"}
)

# What a new address may have before its @: characters that need no quotes, and dots between.
_LOCAL: Final = re.compile(
    r'[^\s\x00-\x20\x7f"(),:;<>@\[\\\].]+(?:\.[^\s\x00-\x20\x7f"(),:;<>@\[\\\].]+)*'
)
_LOCAL_LIMIT: Final = 64  # octets, RFC 5321 4.5.3.1.1

RESERVED: Final = frozenset({"postmaster", "abuse"})  # RFC 5321 4.5.1, RFC 2142 2 and 4

# Where one local part of a domain leads: kind, id, target.
LEADS_TO: Final = (
    "SELECT 1, account_id, '' FROM address WHERE domain_id = $1 AND local = $2"
    " UNION ALL SELECT 2, 0, target FROM alias WHERE domain_id = $1 AND local = $2"
    " UNION ALL SELECT 3, id, '' FROM mailing_list WHERE domain_id = $1 AND local = $2"
)


class Resolved(msgspec.Struct, frozen=True):
    """Where an address of ours leads: to an account, a list, or on to the targets of an alias.

    Attributes:
        account_id: 0: not an account.
        targets: of an alias; the administrators for a reserved name that nobody has.
        list_id: 0: not a list.
        role: which of the list's addresses it is.
        token: what stands after the role.
        tagged: found under the part before the separator: the rest is a detail.
    """

    account_id: int
    targets: tuple[str, ...]
    list_id: int = 0
    role: Role = Role.POST
    token: str = ""
    tagged: bool = False


def split_address(address: str) -> tuple[str, str]:
    """Local part and domain, in the form the directory keeps them: lower case, A-labels.

    RFC 5321 2.4 leaves the case of local parts to their host; here it never matters.

    Raises:
        Fault: SYNTAX when there is no local part or no domain.
    """
    local, _, domain = address.rpartition("@")
    if not local or not domain:
        raise Fault(Kind.SYNTAX, f"{address!r} is not an address; write name@domain")
    return local.lower(), as_kept(domain)


def as_kept(name: str) -> str:
    """A domain name in the form the directory keeps it: lower case, A-labels (RFC 5891 4.4).

    Raises:
        SyntaxFault: other letters than ASCII that no domain may have.
    """
    lower = name.lower()
    return lower if lower.isascii() else Path("", parse_domain(lower)).ascii_domain()


def new_name(name: str) -> str:
    """The name of a domain that is to be served, as it is kept; a dot at its end is dropped.

    Raises:
        Fault: SYNTAX for what is no full name: RFC 5321 2.3.5 knows no other.
    """
    try:
        kept = Path("", parse_domain(name.removesuffix("."), frozenset())).ascii_domain()
    except SyntaxFault:
        kept = ""
    if "." not in kept or kept.startswith("["):
        text = f"{name[:60]!r} is not a domain name; write one such as example.org"
        raise Fault(Kind.SYNTAX, text)
    return kept


def check_local(local: str, address: str) -> None:
    """Raise Fault SYNTAX for a local part that people could not write without quotes."""
    if not _LOCAL.fullmatch(local) or len(local.encode("utf-8", "replace")) > _LOCAL_LIMIT:
        text = (
            f"{address[:80]!r} cannot be an address: what stands before the @ has blanks, brackets,"
            f" quotes or dots where none may be, or more than {_LOCAL_LIMIT} characters"
        )
        raise Fault(Kind.SYNTAX, text)


# Domains


async def add_domain(tx: Transaction, name: str, now: int) -> Domain:
    """Make a domain ours. Raises Fault EXISTS when it is already, SYNTAX when it is no name."""
    name = new_name(name)
    if await tx.row("SELECT 1 FROM domain_alias WHERE name = $1", name):
        text = f"{name} is a domain alias; remove it first with: merpati domain unalias {name}"
        raise Fault(Kind.EXISTS, text)
    try:
        domain_id = await tx.value(
            "INSERT INTO domain (name, created_at) VALUES ($1, $2) RETURNING id", name, now
        )
    except Conflict as error:
        raise Fault(Kind.EXISTS, f"domain {name} exists already") from error
    tx.announce(Topic.DIRECTORY, 0)
    return Domain(domain_id, name)


async def domains(tx: Transaction) -> list[Domain]:
    """All domains of this installation, by name."""
    return [Domain(*row) for row in await tx.rows("SELECT id, name FROM domain ORDER BY name")]


async def domain(tx: Transaction, name: str) -> Domain:
    """One domain. Raises Fault NOT_FOUND."""
    row = await tx.row("SELECT id, name FROM domain WHERE name = $1", as_kept(name))
    if row is None:
        text = f"domain {name} is not served here; add it with: merpati domain add {name}"
        raise Fault(Kind.NOT_FOUND, text)
    return Domain(*row)


async def remove_domain(tx: Transaction, name: str) -> None:
    """Let go of a domain. Raises Fault NOT_FOUND, or IN_USE while it has addresses."""
    found = await domain(tx, name)
    count = await tx.value("SELECT count(*) FROM address WHERE domain_id = $1", found.id)
    if count:
        text = f"domain {name} still has {count} addresses; remove or rename their accounts first"
        raise Fault(Kind.IN_USE, text)
    if await tx.row("SELECT 1 FROM mailing_list WHERE domain_id = $1", found.id):
        text = f"domain {name} still has mailing lists; see: merpati list list"
        raise Fault(Kind.IN_USE, text)
    await tx.run("DELETE FROM alias WHERE domain_id = $1", found.id)
    await tx.run("DELETE FROM domain_alias WHERE domain_id = $1", found.id)
    await tx.run("DELETE FROM signing_key WHERE domain_id = $1", found.id)
    await tx.run("DELETE FROM outflow WHERE domain_id = $1", found.id)
    await tx.run("DELETE FROM domain_quota WHERE domain_id = $1", found.id)
    await tx.run("DELETE FROM delegate WHERE domain_id = $1", found.id)
    await rights.forget_subject(tx, -found.id)
    await tx.run("DELETE FROM domain WHERE id = $1", found.id)
    tx.announce(Topic.DIRECTORY, 0)


async def home(tx: Transaction, name: str) -> Domain | None:
    """The domain where mail for a domain name is at home, if it is one of ours.

    That is the domain of that name, or the one it is an alias of. `name` is lower case,
    A-labels.
    """
    row = await tx.row(
        "SELECT id, name FROM domain WHERE name = $1 UNION ALL SELECT d.id, d.name"
        " FROM domain_alias x JOIN domain d ON d.id = x.domain_id WHERE x.name = $1",
        name,
    )
    return None if row is None else Domain(*row)


async def served(tx: Transaction, name: str) -> str:
    """A domain name that mail is taken for here, a domain alias too, in lower case.

    Records are published, and keys kept, for each of them. Raises Fault NOT_FOUND.
    """
    found = await home(tx, as_kept(name))
    return as_kept(name) if found is not None else (await domain(tx, name)).name


async def add_domain_alias(tx: Transaction, name: str, target: str, now: int) -> None:
    """Let every address of a second domain be the same one of `target`.

    Raises:
        Fault: NOT_FOUND when `target` is not served here, EXISTS when `name` is already,
            SYNTAX when it is no name.
    """
    known = await domain(tx, target)
    name = new_name(name)
    if await tx.row("SELECT 1 FROM domain WHERE name = $1", name):
        raise Fault(Kind.EXISTS, f"{name} is a domain with addresses of its own")
    try:
        await tx.run(
            "INSERT INTO domain_alias (name, domain_id, created_at) VALUES ($1, $2, $3)",
            name, known.id, now,
        )  # fmt: skip
    except Conflict as error:
        text = f"{name} is an alias already; see: merpati domain list"
        raise Fault(Kind.EXISTS, text) from error
    tx.announce(Topic.DIRECTORY, 0)


async def remove_domain_alias(tx: Transaction, name: str) -> None:
    """Serve a second domain no longer. Raises Fault NOT_FOUND."""
    if not await tx.run("DELETE FROM domain_alias WHERE name = $1", as_kept(name)):
        text = f"there is no domain alias {name}; see: merpati domain list"
        raise Fault(Kind.NOT_FOUND, text)
    tx.announce(Topic.DIRECTORY, 0)


async def domain_aliases(tx: Transaction) -> list[tuple[str, str]]:
    """Every second domain with the one it stands for, by name."""
    rows = await tx.rows(
        "SELECT x.name, d.name FROM domain_alias x JOIN domain d ON d.id = x.domain_id"
        " ORDER BY x.name"
    )
    return [(name, target) for name, target in rows]


async def administrators(tx: Transaction, domain_id: int) -> list[str]:
    """Who answers for a domain: its administrators, else all, else its first account."""
    rows = await tx.rows(
        f"SELECT r.local || '@' || d.name, a.domain_id, a.is_admin {ACCOUNT_JOIN}"
        " WHERE a.disabled = 0 AND (a.is_admin = 1 OR a.id = (SELECT min(b.id) FROM account b"
        " WHERE b.domain_id = $1 AND b.disabled = 0)) ORDER BY a.id",
        domain_id,
    )
    own = [
        address for address, its_domain, is_admin in rows if is_admin and its_domain == domain_id
    ]
    return own or [row[0] for row in rows if row[2]] or [row[0] for row in rows]


# Accounts


async def add_account(
    tx: Transaction,
    address: str,
    *,
    name: str,
    password: str,
    now: int,
    is_admin: bool = False,
    quota: int = 0,
    language: str = "en",
    kind: AccountKind = AccountKind.PERSON,
) -> Account:
    """Make an account with its standard mailboxes.

    Args:
        tx: The transaction.
        address: Its primary address, in a domain served here.
        name: The person's name, as shown.
        password: Argon2id encoded, or empty when it cannot sign in.
        now: Unix milliseconds.
        is_admin: Whether it may administer.
        quota: In bytes; 0 is none.
        language: "en" or "id".
        kind: A person's, or one that its members share.

    Raises:
        Fault: NOT_FOUND for an unknown domain, EXISTS for an address in use, SYNTAX.
    """
    check_name(name)
    local, domain_name = split_address(address)
    home = await domain(tx, domain_name)
    await check_free(tx, home.id, local, address)
    account_id = await tx.value(
        "INSERT INTO account (domain_id, name, password, is_admin, disabled, language, quota,"
        " used, emails, modseq, next_mailbox, uidvalidity, created_at, kind)"
        " VALUES ($1, $2, $3, $4, 0, $5, $6, 0, 0, 0, 1, 0, $7, $8) RETURNING id",
        home.id, name, password, int(is_admin), language, quota, now, kind.value,
    )  # fmt: skip
    await usage.join_domain(tx, account_id)
    await add_address(tx, account_id, address, primary=True)
    for mailbox_name, role in STANDARD:
        await mailboxes.create(tx, account_id, mailbox_name, now, role=role)
        await mailboxes.subscribe(tx, account_id, mailbox_name)
    return await account(tx, address)


def check_name(name: str) -> None:
    """Raise Fault SYNTAX for a person's name that is not one line of text."""
    if not is_shown(name):
        raise Fault(Kind.SYNTAX, f"{name!r} is no name: write it in one line of plain text")


async def check_free(tx: Transaction, domain_id: int, local: str, address: str) -> None:
    """Raise Fault EXISTS when an alias or a list has this address, SYNTAX when none can be so."""
    check_local(local, address)
    for kind, _, _ in await tx.rows(LEADS_TO, domain_id, local):
        if kind != 1:
            word = "alias" if kind == 2 else "list"
            article = "an alias" if kind == 2 else "a mailing list"
            text = f"{address} is {article}; remove it first with: merpati {word} remove {address}"
            raise Fault(Kind.EXISTS, text)


async def add_address(
    tx: Transaction, account_id: int, address: str, *, primary: bool = False
) -> None:
    """Let one more address lead to an account. Raises Fault EXISTS, NOT_FOUND."""
    local, domain_name = split_address(address)
    home = await domain(tx, domain_name)
    await check_free(tx, home.id, local, address)
    try:
        await tx.run(
            "INSERT INTO address (domain_id, local, account_id, is_primary)"
            " VALUES ($1, $2, $3, $4)",
            home.id, local, account_id, int(primary),
        )  # fmt: skip
    except Conflict as error:
        raise Fault(Kind.EXISTS, f"address {address} exists already") from error
    tx.announce(Topic.DIRECTORY, 0)


async def accounts(tx: Transaction, domain_name: str = "") -> list[Account]:
    """All accounts, or those of one domain, by address."""
    rows = await tx.rows(
        f"SELECT {ACCOUNT_COLUMNS} {ACCOUNT_JOIN} WHERE d.name = $1 OR $1 = ''"
        " ORDER BY d.name, r.local",
        as_kept(domain_name),
    )
    return [_account(row) for row in rows]


async def account(tx: Transaction, address: str) -> Account:
    """The account that any of its addresses names. Raises Fault NOT_FOUND."""
    found = await find_account(tx, address)
    if found is None:
        raise Fault(Kind.NOT_FOUND, f"there is no account {address}; see: merpati account list")
    return found


async def find_account(tx: Transaction, address: str) -> Account | None:
    """As `account`, or None; any text that is no address is None too."""
    try:
        local, domain_name = split_address(address)
    except Fault:
        return None
    row = await tx.row(
        f"SELECT {ACCOUNT_COLUMNS} {ACCOUNT_JOIN} WHERE a.id = (SELECT n.account_id"
        " FROM address n WHERE n.local = $1 AND n.domain_id = coalesce("
        "(SELECT m.id FROM domain m WHERE m.name = $2),"
        " (SELECT x.domain_id FROM domain_alias x WHERE x.name = $2)))",
        local, domain_name,
    )  # fmt: skip
    return None if row is None else _account(row)


async def account_by_id(tx: Transaction, account_id: int) -> Account | None:
    """The account of a stable id, or None."""
    row = await tx.row(
        f"SELECT {ACCOUNT_COLUMNS} {ACCOUNT_JOIN} WHERE a.id = $1",
        account_id,
    )
    return None if row is None else _account(row)


async def addresses(tx: Transaction, account_id: int) -> list[str]:
    """Every address that leads to an account: the primary one, others, those of domain aliases."""
    rows = await tx.rows(
        "SELECT r.local || '@' || d.name, 1 - r.is_primary AS place, d.name AS domain, r.local"
        " FROM address r JOIN domain d ON d.id = r.domain_id WHERE r.account_id = $1"
        " UNION ALL SELECT r.local || '@' || x.name, 2, x.name, r.local"
        " FROM address r JOIN domain_alias x ON x.domain_id = r.domain_id WHERE r.account_id = $1"
        " ORDER BY place, domain, local",
        account_id,
    )
    return [row[0] for row in rows]


async def own_addresses(tx: Transaction, account_id: int) -> list[str]:
    """The addresses that stand in an account's rows, the primary one first."""
    rows = await tx.rows(
        "SELECT r.local || '@' || d.name AS address FROM address r JOIN domain d"
        " ON d.id = r.domain_id WHERE r.account_id = $1 ORDER BY r.is_primary DESC, address",
        account_id,
    )
    return [row[0] for row in rows]


async def sole_aliases(tx: Transaction, addresses: list[str]) -> list[str]:
    """The aliases that lead to these addresses and nowhere else; no catch-all is among them."""
    of_target = (
        "EXISTS (SELECT 1 FROM alias o WHERE o.domain_id = l.domain_id AND o.local = l.local"
    )
    found = await tx.rows(
        "SELECT DISTINCT l.local || '@' || d.name FROM alias l JOIN domain d ON d.id = l.domain_id"
        f" WHERE l.local <> '' AND {one_of_texts(tx, 'lower(l.target)', 1)}"
        f" AND NOT {of_target} AND NOT ({one_of_texts(tx, 'lower(o.target)', 1)}))",
        text_list(tx, addresses),
    )
    return [row[0] for row in found]


async def set_account(tx: Transaction, account_id: int, /, **changes: str | int) -> None:
    """Change columns of an account.

    They are those of `SETTABLE`. Another password ends all sessions. Raises as `check_name`.
    """
    check_name(str(changes.get("name", "")))
    if not changes or not set(changes) <= SETTABLE:
        raise ValueError(f"not columns to set: {sorted(set(changes) - SETTABLE)}")
    if "password" in changes:
        await web_sessions.end_others(tx, account_id, 0)
    columns = ", ".join(f"{column} = ${n}" for n, column in enumerate(changes, 2))
    await tx.run(f"UPDATE account SET {columns} WHERE id = $1", account_id, *changes.values())
    tx.announce(Topic.DIRECTORY, 0)
    tx.announce(Topic.ACCOUNT, account_id)


async def rename(tx: Transaction, account_id: int, address: str) -> None:
    """Give an account a new primary address; the old one keeps leading to it."""
    local, domain_name = split_address(address)
    home = await domain(tx, domain_name)
    seen = await places.seen_as(tx, account_id)
    await tx.run("UPDATE address SET is_primary = 0 WHERE account_id = $1", account_id)
    kept = await tx.run(
        "UPDATE address SET is_primary = 1 WHERE domain_id = $1 AND local = $2 AND account_id = $3",
        home.id, local, account_id,
    )  # fmt: skip
    if not kept:
        await add_address(tx, account_id, address, primary=True)
    before = await tx.value("SELECT domain_id FROM account WHERE id = $1", account_id)
    await tx.run("UPDATE account SET domain_id = $2 WHERE id = $1", account_id, home.id)
    if before != home.id:
        await usage.recount(tx, before)
        await usage.recount(tx, home.id)
    await places.follow(tx, account_id, seen)
    tx.announce(Topic.DIRECTORY, 0)


async def remove_account(tx: Transaction, account_id: int) -> None:
    """Erase an account with all its mail. Blobs nobody else holds become garbage."""
    await tx.run(
        "UPDATE blob SET refs = refs - held.n FROM (SELECT blob_id, count(*) AS n"
        " FROM mailbox_email WHERE account_id = $1 GROUP BY blob_id) AS held"
        " WHERE id = held.blob_id",
        account_id,
    )
    await expunged.forget_account(tx, account_id)
    await rights.forget_subject(tx, account_id)
    await metadata.forget_user(tx, account_id)
    domain_id = await tx.value("SELECT domain_id FROM account WHERE id = $1", account_id)
    for table in (
        *("mailbox_email", "mailbox", "subscription", "thread_ref", "change", "address"),
        *("mailbox_right", "member", "annotation"),
        "header_page",
        "urlauth_key",
        *("forward", "responder", "response"),
        *("habit", "known_recipient", "sending_freeze", "delegate", "api_token", "api_message"),
        *("handover", "complaint"),
        *("correspondent", "correspondents_read"),
        *("imported", "remote_folder", "remote_message", "collector"),
        *("pop3_policy", "pop3_fetched"),
        *("web_session", "access_token", "ticket", "app_password", "totp", "recovery_code"),
        *("passkey", "sign_in_event"),
        *("sieve_script", "sieve_state", "sieve_memory", "auto_reply"),
        *("push_subscription", "thread_email", "thread_index", "reminder"),
        *("label", "published_key"),
        *("share_notification", "identity", "email_submission", "email_place"),
    ):
        await tx.run(f"DELETE FROM {table} WHERE account_id = $1", account_id)
    await tx.run("UPDATE mailing_list SET archive_id = 0 WHERE archive_id = $1", account_id)
    await tx.run("DELETE FROM account WHERE id = $1", account_id)
    await usage.recount(tx, domain_id or 0)
    tx.announce(Topic.DIRECTORY, 0)
    tx.announce(Topic.ACCOUNT, account_id)


async def active(tx: Transaction, account_ids: list[int]) -> set[int]:
    """Which of these accounts exist and are not disabled."""
    rows = await tx.rows(
        f"SELECT id FROM account WHERE disabled = 0 AND {one_of(tx, 'id', 1)}",
        id_list(tx, account_ids),
    )
    return {row[0] for row in rows}


# Aliases, and where an address leads


async def add_alias(tx: Transaction, address: str, target: str) -> None:
    """Send mail for an address on to a target; "@domain" is the domain's catch-all.

    Raises:
        Fault: NOT_FOUND for an unknown domain, EXISTS when an account has the address.
    """
    domain_id, local = await _alias_key(tx, address)
    if local:
        check_local(local, address)
    if await tx.row("SELECT 1 FROM address WHERE domain_id = $1 AND local = $2", domain_id, local):
        raise Fault(Kind.EXISTS, f"{address} is the address of an account")
    if local and await tx.row(
        "SELECT 1 FROM mailing_list WHERE domain_id = $1 AND local = $2", domain_id, local
    ):
        raise Fault(Kind.EXISTS, f"{address} is the address of a mailing list")
    split_address(target)
    parse_address(target)
    await tx.run(
        "INSERT INTO alias (domain_id, local, target) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        domain_id, local, target,
    )  # fmt: skip
    tx.announce(Topic.DIRECTORY, 0)


async def remove_alias(tx: Transaction, address: str, target: str = "") -> None:
    """Remove one target of an alias, or all. Raises Fault NOT_FOUND."""
    domain_id, local = await _alias_key(tx, address)
    gone = await tx.run(
        "DELETE FROM alias WHERE domain_id = $1 AND local = $2 AND (target = $3 OR $3 = '')",
        domain_id, local, target,
    )  # fmt: skip
    if not gone:
        raise Fault(Kind.NOT_FOUND, f"there is no alias {address}; see: merpati alias list")
    tx.announce(Topic.DIRECTORY, 0)


async def aliases(tx: Transaction) -> list[Alias]:
    """All aliases, by address."""
    rows = await tx.rows(
        "SELECT l.local || '@' || d.name, l.target FROM alias l"
        " JOIN domain d ON d.id = l.domain_id ORDER BY d.name, l.local, l.target"
    )
    found: dict[str, list[str]] = {}
    for address, target in rows:
        found.setdefault(address, []).append(target)
    return [Alias(address, tuple(targets)) for address, targets in found.items()]


async def resolve(
    tx: Transaction, domain_id: int, local: str, separator: str = "+"
) -> Resolved | None:
    """Where a local part of one of our domains leads, or None when nowhere.

    The exact address wins, then a list's address for a role, then the part before the
    separator (RFC 5233), then the administrators for `RESERVED`, then the catch-all.
    """
    found = await _named(tx, domain_id, local)
    if found is not None:
        return found
    role = split_role(local, separator or "+")
    if role is not None:
        base, of_list, token = role
        found = await _named(tx, domain_id, base)
        if found is not None and found.list_id:
            return Resolved(0, (), found.list_id, of_list, token)
    name, _, detail = local.partition(separator) if separator else (local, "", "")
    if detail or name != local:
        found = await _named(tx, domain_id, name)
        if found is not None:
            return structs.replace(found, tagged=True)
    if name in RESERVED:
        found = Resolved(0, tuple(await administrators(tx, domain_id)), tagged=name != local)
        return found if found.targets else None
    return await _named(tx, domain_id, "")


async def _named(tx: Transaction, domain_id: int, local: str) -> Resolved | None:
    rows = await tx.rows(LEADS_TO, domain_id, local)
    if not rows:
        return None
    kind, number, _ = rows[0]
    if kind == 1:
        return Resolved(number, ())
    if kind == 3:
        return Resolved(0, (), number)
    return Resolved(0, tuple(row[2] for row in rows if row[0] == 2))


async def _alias_key(tx: Transaction, address: str) -> tuple[int, str]:
    local, _, domain_name = address.rpartition("@")
    return (await domain(tx, domain_name)).id, local.lower()


def _account(row: Row) -> Account:
    account_id, address, name, password, is_admin, disabled, language, *counts, kind, only = row
    quota, used, emails, quota_emails = counts
    return Account(
        account_id, address, name, password, bool(is_admin), bool(disabled), language,
        quota, used, emails, quota_emails, AccountKind(kind), bool(only),
    )  # fmt: skip

"""Accounts a page at a time, for installations with very many."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from merpati.model.account import Account, AccountKind
from merpati.store import directory
from merpati.store.audit import one_of_texts, text_list
from merpati.store.directory import ACCOUNT_COLUMNS, ACCOUNT_JOIN
from merpati.store.engine import Transaction
from merpati.store.suppression import like

PAGE_MAX: Final = 500  # accounts of one page


async def page(
    tx: Transaction,
    *,
    domains: Collection[str] | None = None,
    search: str = "",
    kind: AccountKind | None = None,
    after: str = "",
    limit: int = 50,
) -> tuple[list[Account], int]:
    """Some accounts by domain and address, and how many there are in all pages.

    Args:
        tx: The transaction.
        domains: Only of these; None for all.
        search: A part of an address or a name; `*` stands for anything.
        kind: Only of this kind.
        after: The last address of the page before.
        limit: At most so many.
    """
    where, args = _where(tx, domains, search, kind)
    total: int = await tx.value(f"SELECT count(*) {ACCOUNT_JOIN} WHERE {where}", *args)
    if after:
        local, domain = directory.split_address(after)
        args += [domain, local]
        one, two = len(args) - 1, len(args)
        where += f" AND (d.name > ${one} OR (d.name = ${one} AND r.local > ${two}))"
    args.append(max(1, min(limit, PAGE_MAX)))
    rows = await tx.rows(
        f"SELECT {ACCOUNT_COLUMNS} {ACCOUNT_JOIN} WHERE {where}"
        f" ORDER BY d.name, r.local LIMIT ${len(args)}",
        *args,
    )
    return [directory._account(row) for row in rows], total


def _where(
    tx: Transaction, domains: Collection[str] | None, search: str, kind: AccountKind | None
) -> tuple[str, list[Any]]:
    parts, args = ["1 = 1"], list[Any]()
    if domains is not None:
        args.append(text_list([name.lower() for name in domains]))
        parts.append(one_of_texts(tx, "d.name", len(args)))
    if search:
        args.append(like(f"*{search}*"))
        pattern = f"LIKE ${len(args)} ESCAPE '\\'"
        parts.append(f"(lower(a.name) {pattern} OR r.local || '@' || d.name {pattern})")
    if kind is not None:
        args.append(kind.value)
        parts.append(f"a.kind = ${len(args)}")
    return " AND ".join(parts), args

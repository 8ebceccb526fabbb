"""Accounts from a table: a CSV file as spreadsheets write it."""

from __future__ import annotations

import asyncio
import csv
import io
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from merpati.base.faults import Fault, Kind
from merpati.base.values import size
from merpati.model.administration import Actor
from merpati.services.administration import accounts, passwords
from merpati.services.administration.accounts import NewAccount
from merpati.services.login import hash_password
from merpati.store import directory
from merpati.store.engine import Store

ROWS_MAX: Final = 500  # of one request: each password costs 70 ms
COLUMNS: Final = ("address", "name", "password", "quota", "language")
# Headings that people write.
OTHER_NAMES: Final = {
    "email": "address", "e-mail": "address", "mail": "address", "alamat": "address",
    "surel": "address", "full name": "name", "nama": "name", "kata sandi": "password",
    "kuota": "quota", "bahasa": "language",
}  # fmt: skip


MORE_CELLS: Final = (
    'the line has more cells than the first one; put what holds a comma between quotes (")'
)


class Table(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A table with a heading: address, and name, password, quota ("2GB"), language as wanted.

    A dry run says what would be done.
    """

    csv: Annotated[str, Meta(max_length=1_000_000)]
    dry_run: bool = False


class RowResult(Struct, frozen=True, rename="camel", kw_only=True):
    """What became of a row: an account, with the password if one was made up; or a problem."""

    line: int
    address: str
    problem: str = ""
    password: str = ""


class TableResult(Struct, frozen=True, rename="camel", kw_only=True):
    """What became of a table."""

    made: int
    rows: list[RowResult]


def read(text: str) -> list[tuple[int, NewAccount | str, str]]:
    """The rows of a table: line, an account to be made or why there is none, and the address.

    Raises:
        Fault: SYNTAX for a table without a column of addresses; TOO_MANY.
    """
    text = text.lstrip("\ufeff")
    between = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=between)
    found: list[tuple[int, NewAccount | str, str]] = []
    try:
        heading = [OTHER_NAMES.get(cell.strip().lower(), cell.strip().lower())
                   for cell in next(rows, [])]  # fmt: skip
        if "address" not in heading:
            text = (
                f"the first line names the columns: {', '.join(COLUMNS)}; address has to be there"
            )
            raise Fault(Kind.SYNTAX, text)
        unknown = [name for name in heading if name and name not in COLUMNS]
        if unknown:  # a password under another heading would be lost, and one made up for it
            text = (
                f'no such column: "{unknown[0]}"; there are {", ".join(COLUMNS)}: name it so,'
                " or take it out"
            )
            raise Fault(Kind.SYNTAX, text)
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if len(found) >= ROWS_MAX:
                raise Fault(Kind.TOO_MANY, f"a table has at most {ROWS_MAX} rows; split it")
            cells = dict(zip(heading, (cell.strip() for cell in row), strict=False))
            cells["name"] = " ".join(cells.get("name", "").split())  # cells may hold lines
            named = [*heading, *[""] * len(row)]
            more = any(cell.strip() for name, cell in zip(named, row, strict=False) if not name)
            wanted = MORE_CELLS if more else _account(cells)
            found.append((rows.line_num, wanted, cells.get("address", "")))
    except csv.Error as error:
        raise Fault(Kind.SYNTAX, f"the table cannot be read: {error}") from None
    return found


async def run(store: Store, actor: Actor, now: int, table: Table) -> TableResult:
    """Make the accounts of a table, each by itself: what is wrong in one stops no other."""
    results = []
    seen: set[str] = set()
    for line, wanted, address in read(table.csv):
        if table.dry_run and address.lower() in seen:
            problem = f"address {address} exists already"
            results.append(RowResult(line=line, address=address, problem=problem))
            continue
        seen.add(address.lower())
        if isinstance(wanted, str):
            results.append(RowResult(line=line, address=address, problem=wanted))
            continue
        try:
            made_up = await _make(store, actor, now, wanted, dry_run=table.dry_run)
            results.append(RowResult(line=line, address=wanted.address, password=made_up))
        except Fault as fault:
            results.append(RowResult(line=line, address=address, problem=fault.text))
    return TableResult(made=sum(not one.problem for one in results), rows=results)


async def _make(store: Store, actor: Actor, now: int, new: NewAccount, *, dry_run: bool) -> str:
    made_up = "" if new.password else passwords.make_up()
    password = passwords.prepare(new.password) if new.password else made_up
    if dry_run:
        local, domain = directory.split_address(new.address)
        home = await store.read(directory.domain, domain)
        await store.read(directory.check_free, home.id, local, new.address)
        if await store.read(directory.find_account, new.address) is not None:
            raise Fault(Kind.EXISTS, f"address {new.address} exists already")
        return ""
    hashed = await asyncio.to_thread(hash_password, password)
    await store.write(accounts.add, actor, now, new, hashed)
    return made_up


def _account(cells: dict[str, str]) -> NewAccount | str:
    values: dict[str, Any] = {
        name: cells[name] for name in ("address", "name", "password", "language") if cells.get(name)
    }
    try:
        if cells.get("quota"):
            values["quota"] = size(cells["quota"])
        return msgspec.convert(values, NewAccount)
    except msgspec.ValidationError as error:
        return str(error)
    except ValueError as error:
        return f"quota {cells['quota']!r}: {error}"

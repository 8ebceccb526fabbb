"""Stores to test on, and the mail to put in them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from merpati.model.message import Digest
from merpati.store import directory, emails, schema
from merpati.store.blobs import Body, content_hash
from merpati.store.postgresql import PostgresqlStore
from merpati.store.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from merpati.model.account import Account
    from merpati.store.engine import Store, Transaction
    from tests.support.postgresql import PostgresServer

NOW: Final = 1_800_000_000_000  # Unix milliseconds
INBOX: Final = 1
ARCHIVE: Final = 6
TEMPLATE: Final = "template_merpati"
_made: list[bytes] = []  # the file of a store with its schema and nothing else


async def sqlite(folder: Path) -> SqliteStore:
    """The store of a folder; a new one has its schema, made once and then copied."""
    if not _made:
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / "merpati.db"
            store = SqliteStore(file)
            await store.write(schema.migrate)
            await store.close()
            _made.append(file.read_bytes())
    file = folder / "merpati.db"
    if not file.exists():
        file.write_bytes(_made[0])
    return SqliteStore(file)


async def postgresql(server: PostgresServer, *, empty: bool = False) -> PostgresqlStore:
    """A new database on a server, with its schema unless it is to be empty."""
    return await PostgresqlStore.open(await new_database(server, empty=empty))


async def new_database(server: PostgresServer, *, empty: bool = False) -> str:
    """The address of a new database."""
    number = server.databases = server.databases + 1
    if number == 1:
        await server.command(f"CREATE DATABASE {TEMPLATE}")
        store = await PostgresqlStore.open(server.dsn(TEMPLATE))
        await store.write(schema.migrate)
        await store.close()
    template = "template0" if empty else TEMPLATE
    # By copying files: by the log, the default, it costs twice the time.
    await server.command(f"CREATE DATABASE test{number} TEMPLATE {template} STRATEGY file_copy")
    return server.dsn(f"test{number}")


async def drop_database(server: PostgresServer, dsn: str) -> None:
    """Give back the 10 MB of a database, which may be memory."""
    name = dsn.partition("@/")[2].partition("?")[0]
    await server.command(f"DROP DATABASE {name} WITH (FORCE)")


async def add_account(store: Store, address: str = "ani@example.org", quota: int = 0) -> Account:
    """An account, its domain made when it is new."""

    async def unit(tx: Transaction) -> Account:
        name = address.rpartition("@")[2]
        if name not in {domain.name for domain in await directory.domains(tx)}:
            await directory.add_domain(tx, name, NOW)
        return await directory.add_account(
            tx, address, name="", password="", now=NOW, quota=quota
        )  # fmt: skip

    return await store.write(unit)


def body(text: str | bytes = "Subject: hello\r\n\r\nworld\r\n", location: str = "") -> Body:
    """A small body, uncompressed; or one that lies in a file."""
    data = text.encode() if isinstance(text, str) else text
    digest = content_hash(data)
    return Body(digest, len(data), 0, b"" if location else data, location)


def digest(*refs: int, preview: str = "") -> Digest:
    """What parsing might have found."""
    return Digest(b"structure", b"envelope", b"bodystructure", NOW, preview, "", refs)


async def add(
    tx: Transaction,
    account_ids: int | Sequence[int],
    content: Body | str = "Subject: hello\r\n\r\nworld\r\n",
    *refs: int,
    mailbox_id: int = INBOX,
    keywords: str = "",
) -> emails.Added:
    """Deliver one message to accounts."""
    ids = [account_ids] if isinstance(account_ids, int) else account_ids
    return await emails.add(
        tx,
        body(content) if isinstance(content, str) else content,
        digest(*refs),
        [emails.Placement(account_id, mailbox_id, keywords) for account_id in ids],
        NOW,
    )

"""A `Post` whose accounts have Sieve scripts."""

from __future__ import annotations

from merpati.app import filtering
from merpati.app.filtering import Installed
from merpati.model.account import Account
from merpati.services.scripts import Scripts, SieveSettings
from merpati.store import emails, mailboxes, sieve
from merpati.store.blobs import Stored
from merpati.store.engine import Transaction
from merpati.wire.sieve import compiler, program
from tests.support.post import Post
from tests.support.server import HOSTNAME


def install(post: Post, settings: SieveSettings | None = None) -> Installed:
    """Have scripts run wherever it delivers."""
    return filtering.install(
        store=post.store, blob_store=post.blobs, router=post.router, accept=post.accept,
        deliver=post.deliver_here, forward=post.expand.forward, clock=post.clock, ids=post.ids,
        hostname=HOSTNAME, settings=settings or SieveSettings(), notify=post.notify, log=post.log,
    )  # fmt: skip


async def activate(post: Post, account: Account, script: str, name: str = "main") -> None:
    """A script that runs from now on."""
    await Scripts(post.store, post.clock).put(account.id, name, script.encode())
    await post.store.write(sieve.activate, account.id, name)


async def everybodys(post: Post, name: str, script: str) -> None:
    """A script that everybody may include."""
    source = script.encode()
    data = program.encode(compiler.compile_script(source))
    await post.store.write(sieve.put, sieve.GLOBAL, name, source, data, post.now)


async def boxes(post: Post, account: Account) -> dict[str, list[tuple[bytes, str]]]:
    """Messages with their keywords in every mailbox that has some."""

    async def read(tx: Transaction) -> dict[str, list[tuple[Stored, str]]]:
        found: dict[str, list[tuple[Stored, str]]] = {}
        for box in await mailboxes.listing(tx, account.id):
            uids = await emails.uids_of(tx, account.id, box.id)
            columns = ("uid", "blob_id", "size", "location", "encoding", "data", "keywords")
            for row in await emails.fetch(tx, account.id, box.id, uids, columns):
                stored = Stored(row[1], row[2], row[3], row[4], row[5] or b"")
                found.setdefault(box.name, []).append((stored, row[6]))
        return found

    rows = await post.store.read(read)
    return {
        name: [(bytes(post.blobs.read(stored)), keywords) for stored, keywords in its]
        for name, its in rows.items()
    }


async def counts(post: Post, account: Account) -> dict[str, int]:
    """How many messages each mailbox has that has some."""
    return {name: len(its) for name, its in (await boxes(post, account)).items()}

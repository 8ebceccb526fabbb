"""The text index: how far it is, bring it up to date, or build it anew.

While the server runs, its own process keeps the index, and this shows how it gets on; without
one the work is done here. Search stays right all the while: what is not indexed yet is read.
"""

from __future__ import annotations

import argparse
import asyncio
import sys

from merpati.app import search
from merpati.app.cli import DONE, FAILED
from merpati.app.commands import session
from merpati.app.commands.check import Bar
from merpati.app.commands.session import Session, say
from merpati.base.faults import Fault, Kind
from merpati.base.log import Level, Log, Sink
from merpati.base.metrics import Metrics
from merpati.net import mesh
from merpati.services import notify
from merpati.services.documents import Reader
from merpati.services.indexer import EVERYTHING, Indexer
from merpati.services.text_index import SearchSettings
from merpati.store import directory, text_index, text_schema
from merpati.store.engine import Store, Topic

LOOK_EVERY = 0.5  # seconds


def configure(parser: argparse.ArgumentParser) -> None:
    """`merpati index [ADDRESS] [--rebuild|--status]`."""
    parser.add_argument("address", nargs="?", help="one account; all when not given")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--rebuild", action="store_true", help="throw it away and build it anew")
    how.add_argument("--status", action="store_true", help="only say how far it is")
    session.add_config_option(parser)
    session.add_json_option(parser)


def run(args: argparse.Namespace) -> int:
    """Do it."""
    return session.with_session(args, lambda one: _index(one, args))


async def _index(one: Session, args: argparse.Namespace) -> int:
    if not one.config[SearchSettings].index:
        raise Fault(Kind.CONFIG, "there is no text index: set index = true under [search]")
    account_ids = await _accounts(one, args.address)
    index = await search.open_index(one.config, one.store)
    try:
        await index.write(text_schema.prepare)
        indexer = _indexer(one, index)
        if args.rebuild:
            await _forget(one, index, account_ids)
        if not args.status:
            await _work(indexer, account_ids)
        emails, documents = await indexer.lag(account_ids)
    finally:
        await index.close()
    if args.json:
        session.print_json({"emails": emails, "documents": documents})
    elif emails or documents:
        say(f"{emails} emails are not in the index yet, and documents of {documents} messages.")
    else:
        say("Everything is in the index.")
    return FAILED if emails and not args.status else DONE


async def _accounts(one: Session, address: str | None) -> list[int]:
    """The account asked for; none for all. Raises Fault NOT_FOUND."""
    return [(await one.store.read(directory.account, address)).id] if address else []


def _indexer(one: Session, index: Store) -> Indexer:
    log = Log(Sink(one.clock, level=Level.ERROR))
    return Indexer(
        f"command {one.ids.token(6)}", one.store, index, one.blobs, Reader(), one.clock, Metrics(),
        log,
    )  # fmt: skip


async def _forget(one: Session, index: Store, account_ids: list[int]) -> None:
    if not account_ids:
        await index.write_long(text_schema.clear)
    for account_id in account_ids:
        await index.write_long(text_index.forget_account, account_id)
    for data in notify.encode({(Topic.ACCOUNT, EVERYTHING)}):
        mesh.send(one.config.data / "run", data)


async def _work(indexer: Indexer, account_ids: list[int]) -> None:
    """Index here, or watch the server do it, until there is nothing left."""
    bar = Bar(shown=sys.stderr.isatty())
    total = 0

    async def show() -> None:
        nonlocal total
        while True:
            emails, documents = await indexer.lag(account_ids)
            total = max(total, emails + documents)
            bar.show("indexing", total - emails - documents, total)
            await asyncio.sleep(LOOK_EVERY)

    showing = asyncio.create_task(show())
    try:
        while not await indexer.finish(account_ids):
            if not any(await indexer.lag(account_ids)):
                break
            await asyncio.sleep(LOOK_EVERY)
    finally:
        showing.cancel()
        await asyncio.gather(showing, return_exceptions=True)
        bar.clear()

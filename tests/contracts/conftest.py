"""Every engine, each test on a store of its own."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from merpati.store.engine import Store
from merpati.store.postgresql import PostgresqlStore
from merpati.store.sqlite import SqliteStore
from tests.support import store as stores
from tests.support.postgresql import PostgresServer, server

__all__ = ["empty", "server", "store"]

Opener = Callable[[], Awaitable[Store]]


@pytest.fixture(params=["sqlite", "postgresql"])
async def empty(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Opener]:
    """Opens one and the same store without a schema, as often as it is called."""
    if request.param == "postgresql":
        running: PostgresServer = request.getfixturevalue("server")
        dsn = await stores.new_database(running, empty=True)
    async with contextlib.AsyncExitStack() as stack:

        async def opened() -> Store:
            one: Store
            if request.param == "sqlite":
                one = SqliteStore(tmp_path / "merpati.db")
            else:
                one = await PostgresqlStore.open(dsn)
            stack.push_async_callback(one.close)
            return one

        yield opened


@pytest.fixture(params=["sqlite", "postgresql"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store with its schema."""
    one: Store
    if request.param == "sqlite":
        one = await stores.sqlite(tmp_path)
        yield one
        await one.close()
        return
    running: PostgresServer = request.getfixturevalue("server")
    dsn = await stores.new_database(running)
    one = await PostgresqlStore.open(dsn)
    yield one
    await one.close()
    await stores.drop_database(running, dsn)

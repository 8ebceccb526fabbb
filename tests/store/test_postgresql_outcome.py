"""A connection that breaks in the middle of COMMIT: the unit happens once, whatever was lost."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory, postgresql_outcome
from merpati.store.engine import Announcement, Topic, Transaction
from merpati.store.postgresql import PostgresqlStore
from tests.support import store as stores
from tests.support.postgresql import PostgresServer
from tests.support.severing import SeveringProxy
from tests.support.store import NOW

COMMIT: Final = b"COMMIT\0"


@pytest.fixture
async def proxy(server: PostgresServer) -> AsyncIterator[SeveringProxy]:
    folder = server.dsn("x").partition("host=")[2]
    async with SeveringProxy(Path(folder) / ".s.PGSQL.5432") as one:
        yield one


@pytest.fixture
async def node(server: PostgresServer, proxy: SeveringProxy) -> AsyncIterator[PostgresqlStore]:
    dsn = await stores.new_database(server)
    name = dsn.partition("@/")[2].partition("?")[0]
    one = await PostgresqlStore.open(
        f"postgresql://merpati@127.0.0.1:{proxy.port}/{name}", connections=2
    )
    await one.listening()
    yield one
    await one.close()


class Unit:
    """Makes a domain, and counts how often it ran and how often it was told of its end."""

    def __init__(self) -> None:
        self.runs = 0
        self.ends = 0

    async def __call__(self, tx: Transaction) -> str:
        self.runs += 1
        await directory.add_domain(tx, "once.example", NOW)
        tx.afterwards(self.end)
        tx.announce(Topic.DIRECTORY, 0)
        return "done"

    def end(self) -> None:
        self.ends += 1


async def domains(node: PostgresqlStore) -> list[str]:
    return [one.name for one in await node.read(directory.domains)]


async def test_what_happened_though_its_answer_was_lost_is_not_done_again(
    node: PostgresqlStore, proxy: SeveringProxy
) -> None:
    unit = Unit()
    heard: list[set[Announcement]] = []
    node.on_commit(heard.append)
    proxy.word, proxy.answered = COMMIT, True
    assert await node.write(unit) == "done"
    assert (proxy.broken, unit.runs, unit.ends) == (1, 1, 1)
    assert heard == [{(Topic.DIRECTORY, 0)}]
    assert await domains(node) == ["once.example"]


async def test_what_did_not_happen_since_the_server_never_heard_of_it_is_done_again(
    node: PostgresqlStore, proxy: SeveringProxy
) -> None:
    unit = Unit()
    proxy.word, proxy.answered = COMMIT, False
    assert await node.write(unit) == "done"
    assert (proxy.broken, unit.runs, unit.ends) == (1, 2, 1)
    assert await domains(node) == ["once.example"]


async def test_a_connection_that_breaks_before_leaves_nothing_and_is_a_temporary_fault(
    node: PostgresqlStore, proxy: SeveringProxy
) -> None:
    unit = Unit()
    proxy.word = b"INSERT INTO domain"
    with pytest.raises(Fault) as caught:
        await node.write(unit)
    assert (caught.value.kind, proxy.broken) == (Kind.UNAVAILABLE, 1)
    assert await domains(node) == []


async def test_where_nobody_can_be_asked_the_fault_is_temporary(
    node: PostgresqlStore, proxy: SeveringProxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_outcome, "LOOK_SECONDS", 0.5)
    unit = Unit()
    proxy.word, proxy.answered, proxy.refuses = COMMIT, True, True
    with pytest.raises(Fault) as caught:
        await node.write(unit)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert (unit.runs, unit.ends) == (1, 0)
    proxy.refuses = False
    assert await domains(node) == ["once.example"]


async def test_a_server_with_another_history_is_not_believed(
    server: PostgresServer, node: PostgresqlStore, proxy: SeveringProxy,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """As after a standby took over, which may have given the same id to another transaction."""
    unit = Unit()

    async def elsewhere(tx: Transaction) -> None:
        """From now on each new connection is told another history."""
        monkeypatch.setattr(postgresql_outcome, "_TIMELINE", "SELECT '00000099'")
        await unit(tx)

    proxy.word, proxy.answered = COMMIT, True
    with pytest.raises(Fault) as caught:
        await node.write(elsewhere)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert (unit.runs, unit.ends) == (1, 0)


async def test_a_unit_that_went_on_after_a_failed_statement_does_not_pass_for_kept(
    node: PostgresqlStore,
) -> None:
    async def careless(tx: Transaction) -> None:
        await directory.add_domain(tx, "once.example", NOW)
        with contextlib.suppress(Exception):
            await tx.run("SELECT 1 / 0")

    with pytest.raises(AssertionError, match="COMMIT answered ROLLBACK"):
        await node.write(careless)
    assert await domains(node) == []


async def test_an_engine_without_a_log_to_ask_takes_writes(
    server: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgresql_outcome, "_TIMELINE", "SELECT no_such_function()")
    node = await PostgresqlStore.open(await stores.new_database(server), connections=2)
    unit = Unit()
    assert await node.write(unit) == "done"
    assert (unit.runs, unit.ends) == (1, 1)
    await node.close()

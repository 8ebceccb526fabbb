from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest

from merpati.base.faults import Fault, Kind
from merpati.store import directory
from merpati.store.engine import Announcement, Topic, Transaction
from merpati.store.postgresql import PAYLOAD_MAX, PostgresqlStore, _decode, _encode
from tests.support import store as stores
from tests.support.postgresql import PostgresServer
from tests.support.store import NOW

SOON = 60.0  # seconds; the tests wait for what happens, not for time to pass


@pytest.fixture
async def node(server: PostgresServer) -> AsyncIterator[PostgresqlStore]:
    one = await stores.postgresql(server)
    yield one
    await one.close()


async def announce(tx: Transaction, *announced: Announcement) -> None:
    for topic, subject in announced:
        tx.announce(topic, subject)


async def test_other_nodes_hear_what_one_announces_and_it_hears_itself_once(
    server: PostgresServer,
) -> None:
    dsn = await stores.new_database(server)
    here, there = await PostgresqlStore.open(dsn), await PostgresqlStore.open(dsn)
    heard_here: list[set[Announcement]] = []
    heard_there: set[Announcement] = set()
    complete = asyncio.Event()

    def hear(announced: set[Announcement]) -> None:
        heard_there.update(announced)
        if (Topic.QUEUE, 0) in heard_there:
            complete.set()

    here.on_commit(heard_here.append)
    there.on_commit(hear)
    await asyncio.gather(here.listening(), there.listening())
    many = {(Topic.ACCOUNT, n) for n in range(10_000, 13_000)}
    await here.write(announce, *many)
    await here.write(announce, (Topic.QUEUE, 0))
    async with asyncio.timeout(SOON):
        await complete.wait()
    assert heard_there == {*many, (Topic.QUEUE, 0)}
    await here.close()
    await there.close()
    assert heard_here == [many, {(Topic.QUEUE, 0)}]


async def test_a_lost_server_is_a_temporary_fault_and_comes_back(server: PostgresServer) -> None:
    dsn = await stores.new_database(server)
    one, other = await PostgresqlStore.open(dsn), await PostgresqlStore.open(dsn)
    await asyncio.gather(one.listening(), other.listening())
    heard = asyncio.Event()
    other.on_commit(lambda _: heard.set())

    async def cut(tx: Transaction) -> None:
        await directory.add_domain(tx, "lost.example", NOW)
        server.restart()
        await directory.add_domain(tx, "lost-too.example", NOW)

    with pytest.raises(Fault) as caught:
        await one.write(cut)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert await one.read(directory.domains) == []
    await one.write(directory.add_domain, "kept.example", NOW)
    assert [domain.name for domain in await other.read(directory.domains)] == ["kept.example"]
    async with asyncio.timeout(SOON):
        while not heard.is_set():  # both listen again after a while
            await asyncio.gather(one.listening(), other.listening())
            await one.write(announce, (Topic.DIRECTORY, 0))
            await asyncio.sleep(0.05)
    await one.close()
    await other.close()


@pytest.mark.parametrize(
    ("dsn", "kind"),
    [
        ("postgresql://merpati@/nowhere?host={host}", Kind.CONFIG),
        ("postgresql://merpati@/postgres?host=/nowhere-at-all", Kind.UNAVAILABLE),
        ("https://not.a.database/", Kind.CONFIG),
    ],
)
async def test_a_database_that_cannot_be_opened_says_why(
    server: PostgresServer, dsn: str, kind: Kind
) -> None:
    host = server.dsn("x").partition("host=")[2]
    with pytest.raises(Fault) as caught:
        await PostgresqlStore.open(dsn.format(host=host))
    assert caught.value.kind is kind


async def test_a_database_that_would_lose_or_mangle_mail_is_refused(
    server: PostgresServer,
) -> None:
    await server.command("CREATE DATABASE ascii ENCODING 'SQL_ASCII' TEMPLATE template0")
    with pytest.raises(Fault, match="encoding SQL_ASCII"):
        await PostgresqlStore.open(server.dsn("ascii"))
    await server.command("CREATE DATABASE careless")
    await server.command("ALTER DATABASE careless SET synchronous_commit = off")
    with pytest.raises(Fault, match="synchronous_commit is off"):
        await PostgresqlStore.open(server.dsn("careless"))


async def test_a_unit_that_never_gets_through_is_given_up(node: PostgresqlStore) -> None:
    tries = 0

    async def collide(tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        await tx.run("DO $do$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '40001'; END $do$")

    with pytest.raises(Fault, match="too busy") as caught:
        await node.write(collide)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert tries > 5
    await node.write(directory.add_domain, "after.example", NOW)  # the lane is free again


async def test_a_long_unit_gets_through_beside_many_short_ones(node: PostgresqlStore) -> None:
    done = asyncio.Event()

    async def make(tx: Transaction) -> None:
        await tx.run("CREATE TABLE t (v BIGINT NOT NULL)")
        await tx.run("INSERT INTO t (v) VALUES (0)")

    async def increase(tx: Transaction, pause: float) -> None:
        value: int = await tx.value("SELECT v FROM t")
        if pause:
            await tx.value(f"SELECT count(pg_sleep({pause}))")
        await tx.run("UPDATE t SET v = $1", value + 1)

    async def hurry() -> int:
        count = 0
        while not done.is_set():
            await node.write(increase, 0)
            count += 1
        return count

    await node.write(make)
    others = [asyncio.create_task(hurry()) for _ in range(4)]
    for _ in range(3):
        await node.write(increase, 0.05)
    done.set()
    count = sum(await asyncio.gather(*others)) + 3

    async def value(tx: Transaction) -> int:
        found: int = await tx.value("SELECT v FROM t")
        return found

    assert await node.read(value) == count


@pytest.mark.parametrize(
    ("state", "kind"),
    [("53100", Kind.NO_SPACE), ("53300", Kind.UNAVAILABLE), ("XX001", Kind.CORRUPT),
     ("25006", Kind.UNAVAILABLE)],
)  # fmt: skip
async def test_failures_of_the_server_are_faults(
    node: PostgresqlStore, state: str, kind: Kind
) -> None:
    async def fail(tx: Transaction) -> None:
        await tx.run(f"DO $do$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $do$")

    for act in (node.write, node.read):
        with pytest.raises(Fault) as caught:
            await act(fail)
        assert caught.value.kind is kind


async def test_wrong_sql_is_a_defect_and_no_fault(node: PostgresqlStore) -> None:
    async def unit(tx: Transaction) -> None:
        await tx.run("SELEKT 1")

    with pytest.raises(Exception, match="SELEKT") as caught:
        await node.write(unit)
    assert not isinstance(caught.value, Fault)


async def test_more_units_than_connections_take_their_turns(server: PostgresServer) -> None:
    one = await PostgresqlStore.open(await stores.new_database(server), connections=2)

    async def slow(tx: Transaction) -> int:
        await tx.value("SELECT pg_sleep(0.01)")
        return 1

    results = await asyncio.gather(*(one.read(slow) for _ in range(12)))
    assert sum(results) == 12
    await one.close()


def test_without_its_driver_it_says_what_to_install() -> None:
    program = (
        "import sys; sys.modules['asyncpg'] = None\n"
        "from merpati.base.faults import Fault, Kind\n"
        "try:\n    import merpati.store.postgresql\n"
        "except Fault as fault:\n    print(fault.kind is Kind.CONFIG, fault.text)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.startswith(b"True ")
    assert b"pip install merpati[postgresql]" in done.stdout


def test_announcements_of_any_number_fit_and_unknown_ones_are_skipped() -> None:
    many = {(Topic.ACCOUNT, 10**15 + n) for n in range(2000)} | {(Topic.QUEUE, 0)}
    payloads = _encode(many)
    assert len(payloads) > 1
    assert all(len(payload) <= PAYLOAD_MAX for payload in payloads)
    assert set().union(*map(_decode, payloads)) == many
    assert _encode(set()) == []
    assert _decode("account:1 weather:2 queue: x account:y") == {(Topic.ACCOUNT, 1)}

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.base.secrets import Secret
from merpati.model.mailbox import INBOX_ID
from merpati.services import collect
from merpati.services.collect import RETRY_MAX, Collect
from merpati.services.sealing import FILE, Sealing
from merpati.store import collector, directory, emails, remote
from merpati.store.blobs import Stored
from merpati.store.collector import Collector, Wanted
from merpati.store.engine import Conflict, Row, Transaction
from tests.servers.pop3.server import Pop3Server
from tests.support import imap
from tests.support.clock import FakeClock
from tests.support.imap_source import Source
from tests.support.pop3_source import Pop3Source
from tests.support.server import ANA, PASSWORD, TestInstance

DAY = 86_400
LETTER = b"Return-Path: <x@example.com>\r\nSubject: one\r\n\r\n.hello\r\n"


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[TestInstance]:
    (tmp_path / "here").mkdir()
    async with TestInstance(tmp_path / "here", clock=FakeClock(1_700_000_000)) as running:
        yield running


@pytest.fixture
async def there(tmp_path: Path) -> AsyncIterator[TestInstance]:
    (tmp_path / "there").mkdir()
    async with TestInstance(tmp_path / "there") as running:
        yield running


@pytest.fixture(params=["pop3", "imap"])
def protocol(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def advance(here: TestInstance, seconds: float) -> None:
    assert isinstance(here.clock, FakeClock)
    here.clock.advance(seconds)


def collecting(here: TestInstance) -> Collect:
    return Collect(
        here.store, here.accept, here.router, Sealing(here.folder, here.ids), here.reaper,
        here.clock, here.log,
    )  # fmt: skip


async def add(
    here: TestInstance, there: TestInstance, protocol: str, password: str = PASSWORD, **values: Any
) -> int:
    """A collector that brings ANA's mail there to BUDI here."""
    port = imap.serve(there) if protocol == "imap" else Pop3Server(there).listen()
    wanted: dict[str, Any] = {
        "account_id": here.budi.id, "protocol": protocol, "host": "127.0.0.1", "port": port,
        "security": "none", "verify": True, "name": ANA, "folder": "INBOX", "keep_days": -1,
        "every": 300, "domain": "",
        "password": Sealing(here.folder, here.ids).close(Secret(password), f"127.0.0.1 {ANA}"),
    } | values  # fmt: skip
    return await here.store.write(collector.add, Wanted(**wanted), here.now)


async def inbox(instance: TestInstance, account_id: int) -> list[bytes]:
    uids = await instance.store.read(emails.uids_of, account_id, INBOX_ID)
    columns = ("uid", "blob_id", "size", "location", "encoding", "data")
    rows = await instance.store.read(emails.fetch, account_id, INBOX_ID, uids, columns)
    return [
        bytes(instance.blobs.read(Stored(row[1], row[2], row[3], row[4], row[5] or b"")))
        for row in rows
    ]


async def state(here: TestInstance, number: int) -> Collector:
    return await here.store.read(collector.get, number)


async def test_mail_is_fetched_once_and_left(
    here: TestInstance, there: TestInstance, protocol: str
) -> None:
    number = await add(here, there, protocol)
    for _ in range(2):
        await there.deliver(LETTER)
    ours = collecting(here)
    assert await ours.turn() == 1
    assert await ours.turn() == 0, "it is not due"
    found = await inbox(here, here.budi.id)
    assert len(found) == 2
    assert found[0].startswith(b"Return-Path: <x@example.com>\r\nReceived: from 127.0.0.1 ")
    assert found[0].count(b"Return-Path") == 1
    assert f" with {protocol.upper()}".encode() in found[0]
    assert found[0].endswith(b"\r\nSubject: one\r\n\r\n.hello\r\n")
    await there.deliver(LETTER.replace(b"one", b"late"))
    advance(here, 301)
    await ours.turn()
    assert [b"late" in one for one in await inbox(here, here.budi.id)] == [False, False, True]
    assert len(await inbox(there, there.ana.id)) == 3
    assert (await state(here, number)).collected == 3


async def test_what_is_here_is_removed_there_when_it_shall_be(
    here: TestInstance, there: TestInstance, protocol: str
) -> None:
    await add(here, there, protocol, keep_days=0)
    await there.deliver(LETTER)
    await collecting(here).turn()
    assert await inbox(there, there.ana.id) == []
    assert len(await inbox(here, here.budi.id)) == 1


async def test_it_may_be_removed_there_some_days_later(
    here: TestInstance, there: TestInstance, protocol: str
) -> None:
    await add(here, there, protocol, keep_days=3)
    await there.deliver(LETTER)
    ours = collecting(here)
    left = []
    for _ in range(4):
        await ours.turn()
        left.append(len(await inbox(there, there.ana.id)))
        advance(here, DAY + 1)
    assert left == [1, 1, 1, 0]
    assert len(await inbox(here, here.budi.id)) == 1


async def test_a_full_mailbox_leaves_all_there_and_says_so(
    here: TestInstance, there: TestInstance
) -> None:
    number = await add(here, there, "pop3", keep_days=0)
    await here.store.write(directory.set_account, here.budi.id, quota=10)
    await there.deliver(LETTER)
    await collecting(here).turn()
    assert len(await inbox(there, there.ana.id)) == 1
    assert "full" in (await state(here, number)).problem


async def test_failures_wait_longer_each_time(
    here: TestInstance, there: TestInstance, protocol: str
) -> None:
    number = await add(here, there, protocol, password="wrong")
    ours = collecting(here)
    waits = []
    for _ in range(6):
        await ours.look(await state(here, number))
        waits.append((await state(here, number)).next_at // 1000 - here.now // 1000)
    found = await state(here, number)
    assert waits[:3] == [600, 1200, 2400]
    assert waits[-1] == min(300 * 2**6, RETRY_MAX)
    assert found.failures == 6
    assert " port " in found.problem
    password = Sealing(here.folder, here.ids).close(Secret(PASSWORD), f"127.0.0.1 {ANA}")
    await here.store.write(collector.change, number, {"password": password}, here.now)
    assert (await state(here, number)).failures == 0


async def test_only_one_worker_looks(here: TestInstance, there: TestInstance) -> None:
    number = await add(here, there, "pop3")
    assert await here.store.write(collector.claim, number, here.now) is not None
    assert await here.store.write(collector.claim, number, here.now) is None
    later = here.now + collector.LEASE
    assert await here.store.write(collector.claim, number, later) is not None


async def test_a_box_for_a_domain_is_taken_apart(here: TestInstance, there: TestInstance) -> None:
    await add(here, there, "pop3", domain="example.org", account_id=here.ana.id)
    for field in (
        b"X-Original-To: budi@example.org",
        b"Received: from x by y for <budi@example.org>; Tue, 14 Nov 2023 22:13:20 +0000",
        b"X-Original-To: nobody@example.org",
        b"To: budi@example.org",
    ):
        await there.deliver(field + b"\r\n\r\ntext\r\n")
    await collecting(here).turn()
    assert len(await inbox(here, here.budi.id)) == 2
    assert len(await inbox(here, here.ana.id)) == 2, "what names nobody here goes to the owner"


def letter(text: str) -> bytes:
    return f"Subject: {text}\r\n\r\n{text}\r\n".encode()


def numbered(*texts: str) -> list[tuple[str, bytes]]:
    return [(f"u{n}", letter(text)) for n, text in enumerate(texts)]


async def subjects(here: TestInstance) -> list[str]:
    return [
        one.partition(b"Subject: ")[2].partition(b"\r")[0].decode()
        for one in await inbox(here, here.budi.id)
    ]


async def look_later(here: TestInstance, seconds: float = 301) -> None:
    advance(here, seconds)
    await collecting(here).turn()


@pytest.mark.parametrize("how", ["refused", "ended"])
async def test_a_message_that_cannot_be_had_keeps_back_no_other(
    here: TestInstance, there: TestInstance, protocol: str, how: str
) -> None:
    messages = numbered(*"0123")
    box = Pop3Source(messages)
    setattr(box, {"refused": "refused", "ended": "ending"}[how], {"u1"})
    contents = [content for _, content in messages]
    source = Source({b"INBOX": contents})
    setattr(source, {"refused": "refused", "ended": "unreadable"}[how], {(b"INBOX", 2)})
    serving = box.serving() if protocol == "pop3" else source.serving()
    async with serving as port:
        number = await add(here, there, protocol, port=port)
        await collecting(here).turn()
        for _ in range(2):
            assert await subjects(here) == ["0", "2", "3"]
            now = await state(here, number)
            assert (now.failures, now.collected) == (0, 3)
            assert now.problem.startswith("1 messages cannot be had there, and are tried again: ")
            await look_later(here)
        messages.append(("late", letter("late")))
        contents.append(letter("late"))
        await look_later(here)
        assert len(await inbox(here, here.budi.id)) == 4


async def test_what_cannot_be_had_is_tried_after_longer_and_longer_waits(
    here: TestInstance, there: TestInstance
) -> None:
    box = Pop3Source(numbered("0", "1"), refused={"u1"})
    async with box.serving() as port:
        number = await add(here, there, "pop3", port=port)
        await collecting(here).turn()
        for _ in range(2 * DAY // 301):  # a look every five minutes, for two days
            await look_later(here)
        assert box.asked.count("u1") == 9, "after 10, 20, 40 minutes ... and then once a day"
        [missing] = await here.store.read(remote.not_here, here.budi.id, f"collector:{number}")
        assert (missing.name, missing.tries) == ("u1", 9)
        assert missing.problem.endswith("said: gone")
        await here.store.write(collector.change, number, {}, here.now)
        await collecting(here).turn()
        assert box.asked.count("u1") == 10, "`collector run` tries at once"
        box.refused.clear()
        await look_later(here)
        await look_later(here)
    assert await subjects(here) == ["0", "1"]
    assert (await state(here, number)).problem == ""


async def test_many_that_end_the_session_keep_back_none_for_ever(
    here: TestInstance, there: TestInstance
) -> None:
    box = Pop3Source(numbered(*map(str, range(30))), ending={f"u{n}" for n in range(29)})
    async with box.serving() as port:
        await add(here, there, "pop3", port=port)
        await collecting(here).turn()
        for _ in range(2):
            await look_later(here, 601)
    assert await subjects(here) == ["29"]


async def test_an_imap_server_that_leaves_one_out_is_told_of(
    here: TestInstance, there: TestInstance
) -> None:
    source = Source({b"INBOX": [letter("0"), letter("1")]}, silent={(b"INBOX", 1)})
    async with source.serving() as port:
        number = await add(here, there, "imap", port=port)
        await collecting(here).turn()
    assert await subjects(here) == ["1"]
    assert "did not send it" in (await state(here, number)).problem


async def test_two_messages_with_one_unique_id_are_two(
    here: TestInstance, there: TestInstance
) -> None:
    """RFC 1939 7: a server may make them from a hash of what two messages have in common."""
    box = Pop3Source([("same", letter("0")), ("same", letter("1"))])
    async with box.serving() as port:
        await add(here, there, "pop3", port=port, keep_days=0)
        await collecting(here).turn()
        await look_later(here)
    assert await subjects(here) == ["0", "1"]
    assert box.messages == []


async def test_new_unique_ids_bring_nothing_twice(here: TestInstance, there: TestInstance) -> None:
    box = Pop3Source(numbered("0", "1", "1"))
    async with box.serving() as port:
        number = await add(here, there, "pop3", port=port, keep_days=3)
        await collecting(here).turn()
        box.messages = [(f"other{n}", content) for n, (_, content) in enumerate(box.messages)]
        box.messages.append(("fresh", letter("2")))
        await look_later(here)
        await look_later(here)
        assert await subjects(here) == ["0", "1", "1", "2"]
        assert len(box.messages) == 4
        assert (await state(here, number)).collected == 4
        await look_later(here, 3 * DAY - 500)
        assert [content for _, content in box.messages] == [letter("2")], (
            "since when is known still"
        )


async def test_a_new_uidvalidity_brings_nothing_twice(
    here: TestInstance, there: TestInstance
) -> None:
    source = Source({b"INBOX": [letter("0"), letter("1"), letter("1")]})
    async with source.serving() as port:
        await add(here, there, "imap", port=port)
        await collecting(here).turn()
        for first in (2, 1):  # UIDs that were others' before
            source.uidvalidity += 1
            source.first = first
            await look_later(here)
        source.folders[b"INBOX"].append(letter("2"))
        await look_later(here)
    assert await subjects(here) == ["0", "1", "1", "2"]


async def test_uids_of_another_uidvalidity_are_not_removed(
    here: TestInstance, there: TestInstance
) -> None:
    """The server ends the session over a message, and has numbered anew in the next one."""
    source = Source({b"INBOX": [letter("0"), letter("1")]}, unreadable={(b"INBOX", 2)})
    source.renumbers = True
    async with source.serving() as port:
        number = await add(here, there, "imap", port=port, keep_days=0)
        await collecting(here).turn()
    assert source.removed == []
    assert "numbered its messages anew" in (await state(here, number)).problem


async def test_an_imap_server_that_sends_all_twice_delivers_once(
    here: TestInstance, there: TestInstance
) -> None:
    source = Source({b"INBOX": [letter("0"), letter("1")]}, twice=True)
    async with source.serving() as port:
        await add(here, there, "imap", port=port)
        await collecting(here).turn()
    assert await subjects(here) == ["0", "1"]


async def test_names_of_another_mailbox_say_nothing(
    here: TestInstance, there: TestInstance
) -> None:
    box, other = Pop3Source(numbered("0", "1")), Pop3Source(numbered("1", "2", "3"))
    async with box.serving() as port, other.serving() as other_port:
        number = await add(here, there, "pop3", port=port)
        await collecting(here).turn()
        sealed = Sealing(here.folder, here.ids).close(Secret(PASSWORD), "127.0.0.1 budi")
        change: dict[str, Any] = {
            "name": "budi", "password": sealed, "port": other_port, "keep_days": 0
        }  # fmt: skip
        await here.store.write(collector.change, number, change, here.now)
        await collecting(here).turn()
    assert await subjects(here) == ["0", "1", "2", "3"]
    assert other.messages == []


async def test_two_looks_at_once_deliver_once(
    here: TestInstance, there: TestInstance, protocol: str
) -> None:
    """`collector run` comes in the middle of a look, and another worker takes it."""
    number = await add(here, there, protocol)
    for n in range(20):
        await there.deliver(letter(str(n)))
    box = Pop3Source([(f"u{n}", letter(str(n))) for n in range(20)])
    source = Source({b"INBOX": [letter(str(n)) for n in range(20)]})
    async with (box if protocol == "pop3" else source).serving() as port:
        await here.store.write(collector.change, number, {"port": port}, here.now)
        one = await state(here, number)
        await asyncio.gather(*(collecting(here).look(one) for _ in range(3)))
    assert sorted(await subjects(here)) == sorted(map(str, range(20)))
    assert (await state(here, number)).failures == 0


async def test_a_collector_that_is_removed_meanwhile_leaves_nothing_behind(
    here: TestInstance, there: TestInstance
) -> None:
    number = await add(here, there, "pop3")
    await there.deliver(LETTER)
    one = await state(here, number)
    await here.store.write(collector.remove, number)
    await collecting(here).look(one)
    assert await inbox(here, here.budi.id) == []
    assert await inbox(there, there.ana.id) != []


async def test_a_disabled_account_has_its_mail_once_it_is_enabled(
    here: TestInstance, there: TestInstance
) -> None:
    number = await add(here, there, "pop3")
    await there.deliver(LETTER)
    await here.store.write(directory.set_account, here.budi.id, disabled=True)
    await collecting(here).turn()
    assert "disabled" in (await state(here, number)).problem
    await here.store.write(directory.set_account, here.budi.id, disabled=False)
    here.router.forget()
    await look_later(here, 601)
    assert len(await inbox(here, here.budi.id)) == 1


async def test_a_slow_mailbox_delays_no_other(here: TestInstance, there: TestInstance) -> None:
    stuck = Pop3Source([], says={b"UIDL": b""})
    async with stuck.serving() as port:
        await add(here, there, "pop3", port=port)
        await add(here, there, "pop3")
        await there.deliver(LETTER)
        lanes = [asyncio.create_task(collecting(here).turn()) for _ in range(2)]
        done, waiting = await asyncio.wait(lanes, timeout=5, return_when="FIRST_COMPLETED")
        assert len(done) == len(waiting) == 1
        for lane in waiting:
            lane.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
    assert len(await inbox(here, here.budi.id)) == 1


@pytest.mark.parametrize(
    ("verb", "answer", "problem"),
    [
        (b"USER", b"+OK " + b"x" * 5000 + b"\r\n", "does not speak POP3: The line is longer"),
        (b"UIDL", b"+OK\r\n1 " + b"x" * 5000 + b"\r\n.\r\n", "does not speak POP3: The line is"),
        (b"UIDL", b"-ERR what?\r\n", "it gives no unique-ids (UIDL), which a collector needs: "),
        (b"PASS", b"-ERR no\r\n", f"{ANA} is not let in: 127.0.0.1 port "),
        (b"PASS", b"-ERR no\r\n", "said: no; a new password is set with: merpati collector set "),
        (b"DELE", b"-ERR read-only\r\n", "could not be removed there: 127.0.0.1 port "),
        (b"QUIT", b"-ERR locked\r\n", "could not be removed there: 127.0.0.1 port "),
    ],
)
async def test_what_is_wrong_is_told_by_name(
    here: TestInstance, there: TestInstance, verb: bytes, answer: bytes, problem: str
) -> None:
    async with Pop3Source(numbered("0"), says={verb: answer}).serving() as port:
        number = await add(here, there, "pop3", port=port, keep_days=0)
        await collecting(here).turn()
    found = await state(here, number)
    assert found.failures == 1
    assert problem in found.problem


async def test_how_the_session_ends_is_nothing_when_nothing_was_to_be_removed(
    here: TestInstance, there: TestInstance
) -> None:
    async with Pop3Source(numbered("0"), says={b"QUIT": b"-ERR\r\n"}).serving() as port:
        number = await add(here, there, "pop3", port=port)
        await collecting(here).turn()
    assert (await state(here, number)).failures == 0


async def held_until(here: TestInstance, number: int, until: int) -> None:
    """Waits until a look may take longer than that."""
    async with asyncio.timeout(10):
        for _ in range(10_000):
            if (await state(here, number)).next_at > until:
                return
            await asyncio.sleep(0.01)


async def test_a_look_that_takes_long_stays_its_workers_own(
    here: TestInstance, there: TestInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collect, "HOLD_EVERY", 0.01)
    async with Pop3Source([], says={b"UIDL": b""}).serving() as port:
        number = await add(here, there, "pop3", port=port)
        turn = asyncio.create_task(collecting(here).turn())
        await held_until(here, number, here.now)
        for _ in range(3):
            before = (await state(here, number)).next_at
            advance(here, 600)
            await held_until(here, number, before)
        turn.cancel()
        await asyncio.gather(turn, return_exceptions=True)


async def test_an_empty_message_keeps_back_no_other(
    here: TestInstance, there: TestInstance
) -> None:
    box = Pop3Source([("u1", b""), ("u2", letter("2"))])
    async with box.serving() as port:
        number = await add(here, there, "pop3", port=port, keep_days=0)
        await collecting(here).turn()
    assert (await state(here, number)).problem == ""
    assert "2" in await subjects(here)


async def test_a_loop_is_left_there_and_the_rest_comes(
    here: TestInstance, there: TestInstance
) -> None:
    await add(here, there, "pop3", keep_days=0)
    await there.deliver(b"Received: from a by b; x\r\n" * 60 + LETTER)
    await there.deliver(LETTER)
    await collecting(here).turn()
    assert len(await inbox(here, here.budi.id)) == 1
    assert len(await inbox(there, there.ana.id)) == 1


async def test_the_trace_tells_where_it_came_from(here: TestInstance, there: TestInstance) -> None:
    await add(here, there, "pop3")
    await there.deliver(LETTER)
    await collecting(here).turn()

    async def steps(tx: Transaction) -> list[Row]:
        return await tx.rows("SELECT kind, about, detail FROM event ORDER BY kind")

    found = {kind: (about, detail) for kind, about, detail in await here.store.read(steps)}
    assert found["received"][0] == "x@example.com"
    assert '"protocol":"POP3"' in found["received"][1]


async def test_a_message_is_here_and_remembered_or_neither(
    here: TestInstance, there: TestInstance, protocol: str
) -> None:
    """The last thing that is written of a message fails, as it does when a crash comes before."""

    async def refuse(tx: Transaction) -> None:
        await tx.run(
            "CREATE TRIGGER crash BEFORE UPDATE OF collected ON collector"
            " BEGIN SELECT RAISE(ABORT, 'a crash'); END"
        )

    async def allow(tx: Transaction) -> None:
        await tx.run("DROP TRIGGER crash")

    await add(here, there, protocol)
    await there.deliver(LETTER)
    await here.store.write(refuse)
    with pytest.raises(Conflict):
        await collecting(here).turn()
    assert await inbox(here, here.budi.id) == []
    await here.store.write(allow)
    advance(here, collector.LEASE / 1000 + 1)
    for _ in range(2):
        await collecting(here).turn()
        advance(here, 301)
    assert len(await inbox(here, here.budi.id)) == 1


def test_a_sealed_password_opens_for_its_purpose_alone(tmp_path: Path) -> None:
    instance = TestInstance(tmp_path)
    sealing = Sealing(tmp_path, instance.ids)
    sealed = sealing.close(Secret("geheim"), "mail.example.com ana")
    assert b"geheim" not in sealed
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    again = Sealing(tmp_path, instance.ids)
    assert again.open(sealed, "mail.example.com ana").reveal() == "geheim"
    for data, purpose in ((sealed, "evil.example.com ana"), (b"short", "x"), (sealed[:-1], "x")):
        with pytest.raises(Fault) as refused:
            again.open(data, purpose)
        assert refused.value.kind is Kind.CONFIG


async def test_an_account_takes_its_collectors_along(
    here: TestInstance, there: TestInstance
) -> None:
    await add(here, there, "pop3")
    await here.store.write(directory.remove_account, here.budi.id)
    assert await here.store.read(collector.listing) == []

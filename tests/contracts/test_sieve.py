from __future__ import annotations

from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.model.change import ChangeKind
from merpati.store import changes, directory, sieve
from merpati.store.engine import Announcement, Store, Topic
from merpati.store.sieve import AutoReply, Memory
from tests.support.store import NOW

DAY = 86_400_000


async def _account(store: Store, name: str = "ana") -> Account:
    async def add(tx: Any) -> Account:
        if name == "ana":
            await directory.add_domain(tx, "example.org", NOW)
        return await directory.add_account(
            tx, f"{name}@example.org", name=name, password="", now=NOW
        )

    return await store.write(add)


async def _put(store: Store, owner: int, name: str, text: bytes = b"keep;") -> sieve.Script:
    return await store.write(sieve.put, owner, name, text, b"program", NOW)


async def test_a_script_is_stored_and_replaced(store: Store) -> None:
    ana = await _account(store)
    first = await _put(store, ana.id, "work")
    again = await _put(store, ana.id, "work", b"discard;")
    assert again.id == first.id
    assert again.modseq > first.modseq
    assert await store.read(sieve.texts, ana.id, "work") == (b"discard;", b"program")
    assert [one.name for one in await store.read(sieve.scripts, ana.id)] == ["work"]


async def test_only_the_active_script_runs(store: Store) -> None:
    ana = await _account(store)
    await _put(store, ana.id, "a", b"keep; # a")
    await _put(store, ana.id, "b", b"keep; # b")
    assert await store.read(sieve.runs, ana.id) is None
    await store.write(sieve.activate, ana.id, "a")
    await store.write(sieve.activate, ana.id, "b")
    found = await store.read(sieve.runs, ana.id)
    assert found is not None
    assert (found.name, found.source) == ("b", b"keep; # b")
    active = [one.name for one in await store.read(sieve.scripts, ana.id) if one.is_active]
    assert active == ["b"]
    await store.write(sieve.activate, ana.id, "")
    assert await store.read(sieve.runs, ana.id) is None


async def test_the_active_script_cannot_be_removed(store: Store) -> None:
    ana = await _account(store)
    await _put(store, ana.id, "a")
    await store.write(sieve.activate, ana.id, "a")
    with pytest.raises(Fault) as caught:
        await store.write(sieve.remove, ana.id, "a")
    assert caught.value.kind is Kind.IN_USE
    await store.write(sieve.activate, ana.id, "")
    await store.write(sieve.remove, ana.id, "a")
    assert await store.read(sieve.scripts, ana.id) == []


async def test_a_script_keeps_running_under_its_new_name(store: Store) -> None:
    ana = await _account(store)
    await _put(store, ana.id, "a")
    await _put(store, ana.id, "b")
    await store.write(sieve.activate, ana.id, "a")
    with pytest.raises(Fault) as caught:
        await store.write(sieve.rename, ana.id, "a", "b")
    assert caught.value.kind is Kind.EXISTS
    await store.write(sieve.rename, ana.id, "a", "c")
    found = await store.read(sieve.runs, ana.id)
    assert found is not None
    assert found.name == "c"


async def _stamp(store: Store, account_id: int) -> int:
    async def read(tx: Any) -> Any:
        return await tx.value("SELECT stamp FROM sieve_state WHERE account_id = $1", account_id)

    return int(await store.read(read))


async def test_every_change_of_a_script_gives_what_runs_another_stamp(store: Store) -> None:
    ana = await _account(store)
    await _put(store, ana.id, "a")
    await store.write(sieve.activate, ana.id, "a")
    stamps = [await _stamp(store, ana.id)]
    await _put(store, ana.id, "included")
    stamps.append(await _stamp(store, ana.id))
    await store.write(sieve.rename, ana.id, "included", "other")
    stamps.append(await _stamp(store, ana.id))
    await store.write(sieve.remove, ana.id, "other")
    stamps.append(await _stamp(store, ana.id))
    await store.write(sieve.set_auto_reply, ana.id, AutoReply(is_enabled=True, text="Away."))
    stamps.append(await _stamp(store, ana.id))
    assert len(set(stamps)) == len(stamps)


async def test_changes_are_in_the_log_of_the_account_and_announced(store: Store) -> None:
    ana = await _account(store)
    before = await store.read(changes.current, ana.id)
    heard: set[Announcement] = set()
    store.on_commit(heard.update)
    script = await _put(store, ana.id, "a")
    await store.write(sieve.activate, ana.id, "a")
    assert (Topic.ACCOUNT, ana.id) in heard
    assert (Topic.DIRECTORY, 0) in heard
    found = await store.read(changes.since, ana.id, 0, before)
    kinds = [(one.kind, one.uids) for one in found]
    assert kinds == [
        (ChangeKind.SCRIPT_CREATED, str(script.id)),
        (ChangeKind.SCRIPT_CHANGED, str(script.id)),
    ]


async def test_there_is_room_for_so_many_scripts(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    ana = await _account(store)
    monkeypatch.setattr(sieve, "SCRIPTS_MAX", 2)
    monkeypatch.setattr(sieve, "TOTAL_MAX", 20)
    await _put(store, ana.id, "a")
    await _put(store, ana.id, "b")
    for name, size, kind in (
        ("c", 1, Kind.TOO_MANY),
        ("b", 16, Kind.OVER_QUOTA),
        ("b", sieve.SIZE_MAX + 1, Kind.TOO_LARGE),
    ):
        with pytest.raises(Fault) as caught:
            await store.read(sieve.have_space, ana.id, name, size)
        assert caught.value.kind is kind
    await store.read(sieve.have_space, ana.id, "b", 15)


async def test_scripts_of_everybody_belong_to_nobody(store: Store) -> None:
    ana = await _account(store)
    await _put(store, sieve.GLOBAL, "spam")
    await _put(store, sieve.GLOBAL, "lists")
    assert await store.read(sieve.scripts, ana.id) == []
    assert len({one.id for one in await store.read(sieve.scripts, sieve.GLOBAL)}) == 2


async def test_an_auto_reply_runs_with_and_without_a_script(store: Store) -> None:
    ana = await _account(store)
    reply = AutoReply(
        is_enabled=True, from_date=NOW, to_date=NOW + DAY, subject="Away", text="t", html="h"
    )
    await store.write(sieve.set_auto_reply, ana.id, reply)
    found = await store.read(sieve.runs, ana.id)
    assert found is not None
    assert (found.name, found.reply) == ("", reply)
    await _put(store, ana.id, "a")
    await store.write(sieve.activate, ana.id, "a")
    await store.write(sieve.set_auto_reply, ana.id, AutoReply(is_enabled=False, text="t"))
    found = await store.read(sieve.runs, ana.id)
    assert found is not None
    assert (found.name, found.reply) == ("a", None)
    assert await store.read(sieve.auto_reply, ana.id) == AutoReply(is_enabled=False, text="t")


async def test_something_is_remembered_for_its_time(store: Store) -> None:
    ana, budi = await _account(store), await _account(store, "budi")
    words = ["handle", "bob@there.test"]

    async def remember(now: int, until: int) -> bool:
        return await store.write(sieve.remember, ana.id, Memory.ANSWERED, words, now, until)

    assert await remember(NOW, NOW + 10)
    assert not await remember(NOW + 9, NOW + 20)
    assert await store.read(sieve.remembers, ana.id, Memory.ANSWERED, words, NOW + 9)
    assert not await store.read(sieve.remembers, budi.id, Memory.ANSWERED, words, NOW + 9)
    assert not await store.read(sieve.remembers, ana.id, Memory.SEEN, words, NOW + 9)
    assert not await store.read(sieve.remembers, ana.id, Memory.ANSWERED, words, NOW + 10)
    assert await remember(NOW + 10, NOW + 20)


async def test_what_is_seen_again_may_be_remembered_for_longer(store: Store) -> None:
    ana = await _account(store)
    for until in (NOW + 10, NOW + 30):
        await store.write(sieve.extend, ana.id, Memory.SEEN, ["a"], until)
    assert await store.read(sieve.remembers, ana.id, Memory.SEEN, ["a"], NOW + 29)


async def test_what_its_time_has_passed_for_is_forgotten(store: Store) -> None:
    ana = await _account(store)
    for n in range(5):
        await store.write(sieve.remember, ana.id, Memory.SEEN, [str(n)], NOW, NOW + n)
    assert await store.write(sieve.forget, NOW + 2) is False
    left = [
        n for n in range(5)
        if await store.read(sieve.remembers, ana.id, Memory.SEEN, [str(n)], NOW)
    ]  # fmt: skip
    assert left == [3, 4]


async def test_nothing_stays_of_an_account_that_is_erased(store: Store) -> None:
    ana = await _account(store)
    await _put(store, ana.id, "a")
    await store.write(sieve.activate, ana.id, "a")
    await store.write(sieve.set_auto_reply, ana.id, AutoReply(is_enabled=True, text="t"))
    await store.write(sieve.remember, ana.id, Memory.SEEN, ["x"], NOW, NOW + 9)
    await store.write(directory.remove_account, ana.id)
    for table in ("sieve_script", "sieve_state", "auto_reply", "sieve_memory"):

        async def count(tx: Any, table: str = table) -> Any:
            return await tx.value(f"SELECT count(*) FROM {table}")

        assert await store.read(count) == 0, table

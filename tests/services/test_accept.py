from __future__ import annotations

import asyncio
import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.arrival import Arrival, Options, Origin, RecipientOptions
from merpati.services.accept import HOPS_MAX
from merpati.services.digest import digest
from merpati.store import directory
from merpati.store.engine import Transaction
from merpati.wire.smtp.paths import parse_address
from tests.support.post import LARGE, LETTER, Post
from tests.support.server import ANA, BUDI

NOWHERE = Origin("", "", "ESMTP")


async def alias(post: Post, address: str, *targets: str) -> None:
    for target in targets:
        await post.store.write(directory.add_alias, address, target)


async def refused(post: Post, kind: Kind, *recipients: str, message: bytes = LETTER) -> Fault:
    with pytest.raises(Fault) as caught:
        await post.send("carl@there.test", *recipients, message=message)
    assert caught.value.kind is kind
    return caught.value


async def test_a_taken_message_is_in_the_mailbox_of_another_connection_at_once(post: Post) -> None:
    await post.send("carl@there.test", ANA)

    # `scan` reads over a connection of its own: it sees what is committed and nothing else.
    assert await post.store.scan(_count, "mailbox_email") == 1


async def test_it_returns_only_after_the_commit(post: Post) -> None:
    committed: list[bool] = []
    post.store.on_commit(lambda _: committed.append(True))
    await post.send("carl@there.test", ANA)
    assert committed


async def test_return_path_and_received_come_first(post: Post) -> None:
    trace = await post.send("carl@there.test", ANA)
    [message] = await post.inbox(post.ana)
    lines = message.split(b"\r\n")
    assert lines[0] == b"Return-Path: <carl@there.test>"
    assert lines[1].startswith(b"Received: from client.test ([192.0.2.9])")
    assert trace.encode() in message
    assert b"for <ana@example.org>" in message
    assert message.endswith(LETTER)


async def test_several_recipients_are_not_named_to_each_other(post: Post) -> None:
    await post.send("carl@there.test", ANA, BUDI)
    [message] = await post.inbox(post.ana)
    assert b"for <" not in message.split(b"From:")[0]


async def test_the_null_path_makes_an_empty_return_path(post: Post) -> None:
    await post.send("", ANA)
    [message] = await post.inbox(post.ana)
    assert message.startswith(b"Return-Path: <>\r\n")


async def test_a_submission_does_not_tell_the_world_where_the_user_sits(post: Post) -> None:
    await post.send(ANA, BUDI, account=post.ana)
    [message] = await post.inbox(post.budi)
    assert b"192.0.2.9" not in message


async def test_local_and_remote_recipients_of_one_message(post: Post) -> None:
    trace = await post.send(ANA, BUDI, "carl@there.test", "dora@else.test", account=post.ana)
    assert len(await post.inbox(post.budi)) == 1
    waiting = await post.waiting()
    assert [(one.address, one.destination) for one in waiting] == [
        ("carl@there.test", "there.test"),
        ("dora@else.test", "else.test"),
    ]
    kinds = await post.kinds(trace)
    assert sorted(kinds) == ["delivered", "named", "queued", "queued", "submitted"]


async def test_one_account_named_twice_gets_one_copy(post: Post) -> None:
    await alias(post, "team@example.org", ANA, BUDI)
    await post.send("carl@there.test", ANA, "ana+tag@example.org", "team@example.org")
    assert len(await post.inbox(post.ana)) == 1
    assert len(await post.inbox(post.budi)) == 1


async def test_over_quota_alone_is_refused_and_nothing_is_kept(post: Post) -> None:
    await post.add_account("full@example.org", quota=100)
    await refused(post, Kind.OVER_QUOTA, "full@example.org", message=LARGE)
    assert await post.queued() == []
    assert post.files() == []
    assert await post.store.read(_count, "blob") == 0


async def test_over_quota_beside_others_waits_in_the_queue_for_that_account(post: Post) -> None:
    await post.add_account("full@example.org", quota=100)
    await post.send("carl@there.test", ANA, "full@example.org")
    assert len(await post.inbox(post.ana)) == 1
    [one] = await post.waiting()
    assert (one.address, one.destination) == ("full@example.org", "")


async def test_over_quota_behind_an_alias_never_gives_the_others_a_second_copy(post: Post) -> None:
    full = await post.add_account("full@example.org", quota=100)
    await alias(post, "team@example.org", ANA, "full@example.org")
    await post.send("carl@there.test", "team@example.org")
    assert len(await post.inbox(post.ana)) == 1
    await post.store.write(directory.set_account, full.id, quota=0)
    await post.work()
    assert len(await post.inbox(full)) == 1
    assert len(await post.inbox(post.ana)) == 1
    assert await post.queued() == []


async def test_a_message_that_has_passed_too_many_servers_is_a_loop(post: Post) -> None:
    hop = b"Received: from a by b; Fri, 15 Jan 2027 08:00:00 +0000\r\n"
    # Ours is one more.
    await post.send("carl@there.test", ANA, message=hop * (HOPS_MAX - 1) + LETTER)
    await refused(post, Kind.LOOP, ANA, message=hop * HOPS_MAX + LETTER)
    await refused(post, Kind.LOOP, ANA, message=hop * HOPS_MAX + LARGE)
    assert len(await post.inbox(post.ana)) == 1
    assert post.files() == []


async def test_a_large_message_leaves_one_file_and_no_spool(post: Post) -> None:
    await post.send("carl@there.test", ANA, BUDI, "carl@there.test", message=LARGE)
    [file] = post.files()
    assert file.parent.name != "incoming"
    [message] = await post.inbox(post.ana)
    assert message.endswith(LARGE)


async def test_the_same_large_message_twice_is_one_file(post: Post) -> None:
    """The Received fields differ, so the same bytes can only come twice from `store`."""
    spools = [post.blobs.spool() for _ in range(2)]
    for spool in spools:
        spool.add(LARGE)
    bodies = [await spool.finish() for spool in spools]
    assert len(post.files()) == 2
    arrival = Arrival("", (await post.router.route(parse_address(ANA), relay=False),), NOWHERE)
    for body in bodies:
        found = digest(LARGE, post.now)
        await post.accept.store(post.ids.trace(), body, found, arrival, post.now)
    assert len(post.files()) == 1
    assert len(await post.inbox(post.ana)) == 2


async def test_a_cancelled_session_never_takes_the_file_of_a_stored_message_away(
    post: Post,
) -> None:
    spool = post.blobs.spool()
    spool.add(LARGE)
    body = await spool.finish()
    arrival = Arrival("", (await post.router.route(parse_address(ANA), relay=False),), NOWHERE)
    found = digest(LARGE, post.now)
    task = asyncio.create_task(post.accept.store("trace", body, found, arrival, post.now))
    await asyncio.sleep(0)  # it waits for the commit
    task.cancel()
    await asyncio.wait([task])
    assert task.cancelled()
    await post.store.write(_nothing)  # behind the row
    assert await post.inbox(post.ana) == [LARGE]  # there, and its file too


async def _nothing(_tx: Transaction) -> None:
    return None


async def _count(tx: Transaction, table: str) -> int:
    return int(await tx.value(f"SELECT count(*) FROM {table}"))


async def test_a_full_disk_is_a_temporary_refusal_before_the_message(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny = SimpleNamespace(f_bavail=10, f_frsize=4096, f_files=0, f_favail=0)
    monkeypatch.setattr(os, "statvfs", lambda _: tiny)
    await refused(post, Kind.NO_SPACE, ANA)
    assert post.files() == []


async def test_a_message_that_was_begun_and_discarded_leaves_nothing(post: Post) -> None:
    await post.send("carl@there.test", ANA)
    _, spool = post.accept.begin()
    spool.add(LARGE)
    assert [file.parent.name for file in post.files()] == ["incoming"]
    spool.discard()
    assert post.files() == []


async def test_the_trace_names_peer_size_and_message_id(post: Post, tmp_path: Path) -> None:
    trace = await post.send(
        "carl@there.test", ANA, message=b"Message-ID: <x@there.test>\r\n\r\nhi\r\n"
    )
    steps = {step.kind.value: step for step in await post.steps(trace)}
    assert set(steps) == {"received", "named", "delivered"}
    assert steps["received"].about == "carl@there.test"
    assert steps["received"].detail["peer"] == "192.0.2.9"
    assert steps["named"].about == "<x@there.test>"
    assert steps["delivered"].detail == {"mailbox": "INBOX", "uid": 1}


async def test_a_queued_message_gets_its_times_from_the_settings(post: Post) -> None:
    await post.send(ANA, "carl@there.test", account=post.ana)
    [(message, _)] = await post.queued()
    assert message.expires_at == post.now + 5 * 86400 * 1000
    assert message.warn_at == post.now + 4 * 3600 * 1000
    assert message.account_id == post.ana.id


async def test_nobody_is_warned_about_a_bounce(post: Post) -> None:
    await post.send("", "carl@there.test")
    [(message, _)] = await post.queued()
    assert message.warn_at == 0


async def test_a_wish_for_a_report_of_success_is_served_here_too(post: Post) -> None:
    await post.send(ANA, BUDI, account=post.ana, wishes=RecipientOptions("SUCCESS"))
    assert await post.inbox(post.budi) == []  # the queue delivers, and reports in one commit
    await post.work()
    assert len(await post.inbox(post.budi)) == 1
    [notice] = await post.notices(post.ana)
    assert b"Action: delivered" in notice


async def test_mail_for_later_waits_though_its_recipient_is_here(post: Post) -> None:
    until = post.now + 3_600_000
    await post.send(ANA, BUDI, account=post.ana, options=Options(hold_until=until))
    await post.work()
    assert await post.inbox(post.budi) == []
    post.time.advance(3601)
    await post.work()
    assert len(await post.inbox(post.budi)) == 1

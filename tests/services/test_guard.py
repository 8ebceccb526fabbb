"""The outbound guard over a whole mail system, submissions as `Accept` makes them."""

from __future__ import annotations

import asyncio
import time
from typing import Final

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model import habit as habits_of
from merpati.model.account import Account
from merpati.model.arrival import Origin, Route
from merpati.services.guard import HELD, Guard, GuardSettings, of_guard, release
from merpati.services.letters import Letters
from merpati.store import blobs, directory, habits, queue, queue_admin
from merpati.store.engine import Transaction
from merpati.store.queue_admin import Selection
from tests.support.post import LETTER, Post
from tests.support.server import ANA, BUDI, HOSTNAME

DAY: Final = 86_400
HOUR: Final = 3_600
OFFICE: Final = "198.51.100.7"
AWAY: Final = "203.0.113.9"


def guard_of(post: Post, **settings: int | bool) -> Guard:
    """A guard as each worker has one."""
    letters = Letters(post.accept, post.router, post.blobs, post.clock, post.ids, HOSTNAME)
    chosen = GuardSettings(**settings)  # type: ignore[arg-type]
    return Guard(post.store, letters, post.clock, chosen, post.metrics, post.log, post.limits)


def strangers(count: int, name: str = "p") -> list[str]:
    return [f"{name}{n}@there.test" for n in range(count)]


async def submit(
    post: Post, guard: Guard, *recipients: str, account: Account | None = None, peer: str = OFFICE
) -> None:
    """One message through `check` and the transaction with `record`."""
    sender = account or post.ana
    remote = [(each, each.rpartition("@")[2]) for each in recipients]
    routes = [Route(each, (), ((each, domain),)) for each, domain in remote]
    origin = Origin(peer=peer, helo="c", protocol="ESMTPSA", account_id=sender.id)
    await guard.check(sender.id, routes, peer)

    async def take_in(tx: Transaction) -> None:
        held = await guard.record(tx, origin, remote, post.now)
        blob_id, _ = await blobs.insert(tx, post.blobs.inline(LETTER), 1)
        await queue.add(
            tx, trace=post.ids.trace(), blob_id=blob_id, sender=sender.address,
            account_id=sender.id, smtputf8=False, received_at=post.now,
            expires_at=post.now + DAY * 5000, warn_at=0, recipients=remote, held=held,
        )  # fmt: skip

    await post.store.write(take_in)


async def live(post: Post, guard: Guard, days: int = 15) -> None:
    """Days of ordinary mail from the office, at two hours of each."""
    post.time.advance(DAY - post.time.now() % DAY + 3 * HOUR)
    for _ in range(days):
        for _ in range(2):
            await submit(post, guard, "bob@there.test", "dora@there.test")
            post.time.advance(HOUR)
        post.time.advance(DAY - 2 * HOUR)
    mail = Selection(account_id=post.ana.id)
    while await post.store.write(queue_admin.delete, mail) == queue_admin.AT_ONCE:
        continue


async def held(post: Post, account: Account) -> int:
    return await post.store.read(queue_admin.count, of_guard(account.id))


async def refused(post: Post, guard: Guard, *recipients: str) -> Fault:
    with pytest.raises(Fault) as caught:
        await submit(post, guard, *recipients)
    return caught.value


async def steal(post: Post, guard: Guard, most: int = 500) -> int:
    """Strangers, one message each, from elsewhere at night, until it is refused: how many."""
    post.time.advance(17 * HOUR)
    for n, address in enumerate(strangers(most)):
        try:
            await submit(post, guard, address, peer=AWAY)
        except Fault:
            return n
        post.time.advance(1.2)
    return most


async def test_a_stolen_password_is_stopped_and_everybody_is_told(post: Post) -> None:
    guard = guard_of(post)
    await post.store.write(directory.set_account, post.budi.id, is_admin=1, language="id")
    await live(post, guard)
    taken = await steal(post, guard)
    assert 40 <= taken <= 100
    assert await held(post, post.ana) == 1  # the message it was seen by: nothing is lost
    fault = await refused(post, guard, "bob@there.test")
    assert (fault.kind, fault.status) == (Kind.DENIED, "5.7.1")
    assert fault.text.startswith(f"{ANA} may not send for now")
    await guard.settle()
    assert await held(post, post.ana) == taken
    [letter] = await post.inbox(post.ana)
    assert b"Subject: Sending from ana@example.org is stopped\r\n" in letter
    assert b"from a network it had never used: 203.0.0.0/16." in letter
    assert BUDI.encode() in letter
    [told] = await post.inbox(post.budi)
    assert b"Subject: Pengiriman dari ana@example.org dihentikan" in told
    assert b"merpati guard release ana@example.org --delete" in told
    assert AWAY.encode() in told
    await guard.settle()
    assert len(await post.inbox(post.ana)) == 1


async def test_others_go_on_sending(post: Post) -> None:
    guard = guard_of(post)
    await submit(post, guard, *strangers(201))
    assert await held(post, post.ana) == 201
    await submit(post, guard, "bob@there.test", account=post.budi)
    await guard.settle()
    assert await held(post, post.budi) == 0


async def test_a_newsletter_to_people_who_are_known_passes(post: Post) -> None:
    guard = guard_of(post)
    people = strangers(300)
    for n in range(0, 300, 50):
        await submit(post, guard, *people[n : n + 50])
        post.time.advance(DAY)
    for n in range(0, 300, 10):
        await submit(post, guard, *people[n : n + 10])
    assert await held(post, post.ana) == 0


async def test_bounces_alone_stop_what_is_still_waiting(post: Post) -> None:
    guard = guard_of(post)
    await submit(post, guard, *strangers(150))
    await post.store.write(guard.failed, post.ana.id, 30, post.now)
    assert await held(post, post.ana) == 0
    await post.store.write(guard.failed, post.ana.id, 30, post.now)
    await guard.settle()
    assert await held(post, post.ana) == 150
    [one] = await post.store.read(habits.freezes)
    assert "failures" in [reason.code for reason in one.reasons]


async def test_failed_deliveries_reach_the_guard(post: Post) -> None:
    guard = guard_of(post)
    post.recorder.on_failed = guard.failed
    sink = await post.sink("there.test")
    sink.on("RCPT", "550 5.1.1 nobody", match="gone@")
    await submit(post, guard, "bob@there.test", "gone@there.test")
    await post.work()
    habit = (await post.store.read(habits.standing, post.ana.id)).habit
    assert (habit.day.now.recipients, habit.day.now.failures) == (2, 1)


async def test_a_false_alarm_is_undone(post: Post) -> None:
    guard = guard_of(post)
    await submit(post, guard, *strangers(201))
    await guard.settle()
    assert await post.store.write(release_ana, post, learn=True)
    assert not await post.store.write(release_ana, post, learn=True)
    guard.forget()
    mail = of_guard(post.ana.id)
    assert await post.store.write(queue_admin.release, mail, post.now) == 201
    await submit(post, guard, *strangers(201, "q"))
    assert await held(post, post.ana) == 0


async def test_a_theft_that_is_over_teaches_nothing(post: Post) -> None:
    guard = guard_of(post)
    await submit(post, guard, *strangers(201))
    assert await post.store.write(release_ana, post, learn=False)
    guard.forget()
    await submit(post, guard, *strangers(20, "q"))
    await submit(post, guard, *strangers(201, "r"))
    assert await held(post, post.ana) == 402


async def told(post: Post) -> None:
    async with asyncio.timeout(30):
        while not await post.inbox(post.ana):  # noqa: ASYNC110 -- the letter comes by itself
            await asyncio.sleep(0.01)


async def release_ana(tx: Transaction, post: Post, *, learn: bool) -> bool:
    return await release(tx, post.ana.id, post.now, learn=learn)


async def test_mail_that_an_administrator_held_stays_held(post: Post) -> None:
    guard = guard_of(post)
    await submit(post, guard, "bob@there.test")
    await post.store.write(queue_admin.hold, Selection(account_id=post.ana.id), "by hand")
    await submit(post, guard, *strangers(201))
    await guard.settle()
    await post.store.write(queue_admin.release, of_guard(post.ana.id), post.now)
    assert [one.reason for one in await post.waiting() if one.held] == ["by hand"]


async def test_what_is_not_sent_elsewhere_is_not_counted(post: Post) -> None:
    guard = guard_of(post)
    origin = Origin(peer=AWAY, helo="c", protocol="ESMTPSA", account_id=post.ana.id)
    here = [(BUDI, ""), ("team@example.org", "@expand")]
    assert await post.store.write(guard.record, origin, here, post.now) == ""
    assert (await post.store.read(habits.standing, post.ana.id)).habit == habits_of.Habit()
    stranger = Origin(peer=AWAY, helo="c", protocol="ESMTP")
    assert await post.store.write(guard.record, stranger, [("b@c.test", "c.test")], post.now) == ""


async def test_a_frozen_account_writes_to_nobody_not_even_here(post: Post) -> None:
    guard = guard_of(post)
    await submit(post, guard, *strangers(201))
    guard.forget()
    with pytest.raises(Fault, match="may not send"):
        await guard.check(post.ana.id, [Route(BUDI, (post.budi.id,), ())], AWAY)


async def test_whoever_was_faster_than_the_freeze_is_refused_in_the_transaction(
    post: Post,
) -> None:
    guard = guard_of(post)
    await submit(post, guard, *strangers(201))
    origin = Origin(peer=AWAY, helo="c", protocol="ESMTPSA", account_id=post.ana.id)
    with pytest.raises(Fault) as caught:
        await post.store.write(guard.record, origin, [("bob@there.test", "there.test")], post.now)
    assert caught.value.kind is Kind.DENIED


async def test_reading_goes_on(post: Post) -> None:
    guard = guard_of(post)
    await submit(post, guard, *strangers(201))
    account = await post.login.verify(ANA, "secret", AWAY, "imap")
    assert account.id == post.ana.id


async def test_limits_of_an_account(post: Post) -> None:
    guard = guard_of(post, messages_per_hour=3)
    for _ in range(3):
        await submit(post, guard, "bob@there.test")
    fault = await refused(post, guard, "bob@there.test")
    assert (fault.kind, fault.status) == (Kind.TOO_MANY, "4.7.1")
    assert "3" not in fault.text
    assert "messages in an hour" in fault.text
    await guard.check(post.ana.id, [Route(BUDI, (post.budi.id,), ())], OFFICE)
    await post.store.write(habits.set_limits, post.ana.id, {"messages_per_hour": 4})
    guard.forget()
    await submit(post, guard, "bob@there.test")
    assert (await refused(post, guard, "bob@there.test")).kind is Kind.TOO_MANY
    post.time.advance(2 * HOUR)
    await submit(post, guard, "bob@there.test")


async def test_limits_hold_for_many_at_once(post: Post) -> None:
    guard = guard_of(post, messages_per_hour=5)
    ends = await asyncio.gather(
        *(submit(post, guard, "bob@there.test") for _ in range(20)), return_exceptions=True
    )
    assert sum(end is None for end in ends) == 5
    assert len(await post.queued()) == 5


async def test_limits_of_a_domain_count_what_every_worker_sends(post: Post) -> None:
    one, other = guard_of(post, domain_recipients_per_hour=10), guard_of(post)
    await submit(post, one, *strangers(6))
    await submit(post, other, *strangers(3), account=post.budi)
    await other.flush()
    await one.flush()
    fault = await refused(post, one, "a@there.test", "b@there.test")
    assert "your domain has reached its limit of recipients" in fault.text
    await submit(post, one, "a@there.test")
    post.time.advance(2 * HOUR)
    await submit(post, one, "a@there.test", "b@there.test")


async def test_without_watching_only_limits_count(post: Post) -> None:
    guard = guard_of(post, watch=False)
    await submit(post, guard, *strangers(1000))
    assert await held(post, post.ana) == 0


async def test_a_worker_that_died_before_it_told_anybody_is_made_up_for(post: Post) -> None:
    await submit(post, guard_of(post), *strangers(201))
    other = guard_of(post)
    other.start(post.tasks, post.notify)
    await told(post)


async def test_a_guard_hears_of_a_freeze_at_once(post: Post) -> None:
    guard = guard_of(post)
    guard.start(post.tasks, post.notify)
    await asyncio.sleep(0)
    await submit(post, guard, *strangers(201))
    await told(post)
    assert HELD in {one.reason for one in await post.waiting()}


async def test_what_a_message_costs(post: Post) -> None:
    """Far from the 30 µs it is held to on a quiet machine; a gross mistake shows all the same."""
    guard = guard_of(post, messages_per_hour=0, messages_per_day=0, strangers_per_hour=1000)
    origin = Origin(peer=OFFICE, helo="c", protocol="ESMTPSA", account_id=post.ana.id)
    remote = [("bob@there.test", "there.test")]
    count = 1000

    async def many(tx: Transaction) -> float:
        begun = time.process_time()
        for _ in range(count):
            await guard.record(tx, origin, remote, post.now)
        return (time.process_time() - begun) / count

    assert await post.store.write(many) < 300e-6


async def test_an_account_has_its_hour_wherever_its_mail_goes_and_however_it_comes(
    post: Post,
) -> None:
    guard = guard_of(post, all_messages_per_hour=2, all_recipients_per_hour=10)
    here = [Route(BUDI, (post.budi.id,), ())]
    await guard.check(post.ana.id, here, "127.0.0.1")  # programs of ours are not counted
    await guard.check(post.ana.id, here, OFFICE)
    await guard.check(post.ana.id, here, AWAY)
    with pytest.raises(Fault, match="its limit of messages in an hour") as caught:
        await guard.check(post.ana.id, here, OFFICE)
    assert (caught.value.kind, caught.value.status) == (Kind.TOO_MANY, "4.7.1")
    with pytest.raises(Fault, match="its limit of recipients in an hour"):
        await guard.check(post.budi.id, here * 11, OFFICE)
    post.time.advance(HOUR)
    await guard.check(post.ana.id, here, OFFICE)

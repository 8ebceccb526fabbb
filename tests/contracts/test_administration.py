from __future__ import annotations

from typing import Any

import msgspec
import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account, AccountKind
from merpati.model.administration import Actor, Right, Scope
from merpati.model.event import Event, EventKind
from merpati.store import (
    account_pages,
    alerts,
    api_messages,
    api_tokens,
    audit,
    delegates,
    directory,
    event_search,
    events,
    handovers,
    lists,
    members,
    report_days,
    reports,
    samples,
    transport,
    webhooks,
)
from merpati.store.engine import Store, Transaction
from merpati.store.handovers import Handover
from merpati.store.members import Send
from merpati.store.reports import Received, Source
from tests.support.store import NOW

ANI = Actor("ani@a.test", "api", 1, "192.0.2.1")
DAY = 86_400_000


async def add(store: Store, *addresses: str) -> list[Account]:
    """Accounts, and their domains."""

    async def unit(tx: Transaction) -> list[Account]:
        known = {one.name for one in await directory.domains(tx)}
        for domain in sorted({address.rpartition("@")[2] for address in addresses} - known):
            await directory.add_domain(tx, domain, NOW)
        return [
            await directory.add_account(
                tx, address, name=address.partition("@")[0].title(), password="", now=NOW
            )
            for address in addresses
        ]

    return await store.write(unit)


async def note(store: Store, action: str, subject: str, **sides: Any) -> None:
    async def unit(tx: Transaction) -> None:
        await audit.record(tx, ANI, NOW, action, subject, **sides)

    await store.write(unit)


async def test_the_audit_keeps_what_differs_and_is_found_by_word_and_domain(store: Store) -> None:
    await note(store, "account.change", "budi@a.test", before={"name": "B", "quota": 1},
               after={"name": "Budi", "quota": 1})  # fmt: skip
    await note(store, "domain.add", "b.test")
    await note(store, "queue.retry", "queue", after={"recipients": 3})
    everything = await store.read(audit.listing)
    assert [one.subject for one in everything] == ["queue", "b.test", "budi@a.test"]
    changed = everything[-1]
    assert (changed.before, changed.after) == ({"name": "B"}, {"name": "Budi"})
    assert (changed.who, changed.peer, changed.domain) == ("ani@a.test", "192.0.2.1", "a.test")

    async def subjects(**asked: Any) -> list[str]:
        return [one.subject for one in await store.read(audit.listing, **asked)]

    assert await subjects(domains={"a.test"}) == ["budi@a.test"]
    assert await subjects(domains=set()) == []
    assert await subjects(search="BUDI@") == ["budi@a.test"]
    assert await subjects(search="100%_") == []
    assert await subjects(before=changed.id + 1) == ["budi@a.test"]
    assert await subjects(limit=1) == ["queue"]


async def test_a_delegate_has_a_scope_until_it_or_its_domain_goes(store: Store) -> None:
    ani, budi = await add(store, "ani@a.test", "budi@b.test")
    assert not (await store.read(delegates.scope, ani)).anything
    assert await store.write(delegates.put, ani.id, "b.test", [Right.TRACE, Right.LISTS]) == ()
    scope = await store.read(delegates.scope, ani)
    assert scope.where(Right.TRACE) == frozenset({"b.test"})
    assert scope.may(Right.LISTS, "B.test")
    assert not scope.may(Right.ACCOUNTS, "b.test")
    [one] = await store.read(delegates.listing)
    assert (one.address, one.domain, one.rights) == (
        "ani@a.test", "b.test", (Right.LISTS, Right.TRACE),
    )  # fmt: skip
    await store.write(directory.remove_account, budi.id)
    await store.write(directory.remove_domain, "b.test")
    assert await store.read(delegates.listing) == []
    await store.write(delegates.put, ani.id, "a.test", [Right.TRACE])
    assert await store.write(delegates.put, ani.id, "a.test", []) == (Right.TRACE,)
    await store.write(directory.set_account, ani.id, is_admin=1)
    admin = await store.read(directory.account, "ani@a.test")
    assert await store.read(delegates.scope, admin) == Scope(everything=True)


async def test_accounts_come_page_by_page(store: Store) -> None:
    await add(store, "c@a.test", "a@b.test", "b@a.test", "d%e@a.test")

    async def page(**asked: Any) -> tuple[list[str], int]:
        found, total = await store.scan(account_pages.page, **asked)
        return [one.address for one in found], total

    assert await page(limit=2) == (["b@a.test", "c@a.test"], 4)
    assert await page(limit=2, after="c@a.test") == (["d%e@a.test", "a@b.test"], 4)
    assert await page(after="a@b.test") == ([], 4)
    assert await page(domains=["B.test"]) == (["a@b.test"], 1)
    assert await page(domains=[]) == ([], 0)
    assert await page(search="%") == (["d%e@a.test"], 1)
    assert await page(search="B@") == (["b@a.test"], 1)
    assert await page(kind=AccountKind.SHARED) == ([], 0)


async def test_samples_are_added_up_and_levels_replaced(store: Store) -> None:
    hour = NOW - NOW % samples.HOUR
    for _ in range(2):
        await store.write(samples.add, hour, hour, {"mail.in": 3})
        await store.write(samples.put, hour, hour, {"storage": 7})
    await store.write(samples.put, hour + samples.HOUR, hour + samples.HOUR, {"storage": 8})
    found = await store.scan(samples.series, ["mail.in", "storage", "none"], hour)
    assert found == {
        "mail.in": [(hour, 6)], "storage": [(hour, 7), (hour + samples.HOUR, 8)], "none": [],
    }  # fmt: skip
    assert await store.write(samples.forget, hour + 1, hour) == 2
    minutes = await store.read(samples.minutes, ["mail.in", "storage"], hour)
    assert minutes == {
        "mail.in": [(hour, 6)], "storage": [(hour, 7), (hour + samples.HOUR, 8)]
    }  # fmt: skip
    assert await store.write(samples.forget, 0, hour + 1) == 2
    await add(store, "ani@a.test")
    assert (await store.scan(samples.levels))["accounts"] == 1


async def test_tokens_are_good_until_they_expire_or_go(store: Store) -> None:
    [ani] = await add(store, "ani@a.test")
    made = await store.write(api_tokens.add, ani.id, "shop", "send", b"d1", NOW, NOW + 10)
    assert await store.read(api_tokens.find, b"d1", NOW + 9) == made
    assert await store.read(api_tokens.find, b"d1", NOW + 10) is None
    assert await store.read(api_tokens.find, b"d2", NOW) is None
    await store.write(api_tokens.used, made.id, NOW + 1)
    [(address, one)] = await store.read(api_tokens.listing, ani.id)
    assert (address, one.used_at) == ("ani@a.test", NOW + 1)
    await store.write(api_tokens.remove, made.id)
    assert await store.read(api_tokens.listing) == []
    await store.write(api_tokens.add, ani.id, "shop", "send", b"d1", NOW, 0)
    await store.write(directory.remove_account, ani.id)
    assert await store.read(api_tokens.find, b"d1", NOW) is None


async def test_messages_are_found_by_their_subject(store: Store) -> None:
    def named(trace: str, subject: str) -> list[Event]:
        return [
            Event(trace, NOW, EventKind.SUBMITTED, "ani@a.test", 1, {}),
            Event(trace, NOW, EventKind.NAMED, f"<{trace}@a>", 1, {"subject": subject}),
        ]

    await store.write(events.record, named("zz1", "Rapat Tahunan") + named("zz2", "100% murah"))
    for text, wanted in (("tahun", ["zz1"]), ("100%", ["zz2"]), ("%", ["zz2"]), ("nope", [])):
        assert await store.scan(event_search.by_subject, text, NOW) == wanted


async def test_reports_are_added_up_by_day(store: Store) -> None:
    day = NOW - NOW % DAY
    good = Source("192.0.2.1", 5, True, False, "none", "a.test", "", "")
    bad = Source("192.0.2.2", 2, False, False, "reject", "a.test", "", "")
    for number, at in enumerate((day + 1, day + 2, day + DAY)):
        received = Received("a.test", "org", str(number), at - 1, at, at, "none")
        await store.write(reports.keep, received, [good, bad])
    assert await store.scan(report_days.dmarc, "a.test", day) == [
        (day, 10, 4), (day + DAY, 5, 2),
    ]  # fmt: skip
    one = transport.Received("a.test", "org", "1", day + 5, 7, 1, b"{}")
    await store.write(transport.keep_report, one)
    assert await store.scan(report_days.tls, "a.test", day) == [(day, 7, 1)]


async def test_a_key_of_a_message_is_used_once_by_each_account(store: Store) -> None:
    for account_id, trace, key in ((1, "b", "k"), (2, "c", "k"), (1, "d", ""), (1, "e", "")):
        await store.write(api_messages.add, account_id, trace, NOW, key, b"x")
    with pytest.raises(Fault) as fault:
        await store.write(api_messages.add, 1, "f", NOW, "k", b"y")
    assert fault.value.kind is Kind.TOO_MANY
    assert await store.read(api_messages.find, 1, "k") == api_messages.Sent("b", b"x")
    assert await store.read(api_messages.find, 1, "") is None
    assert await store.read(api_messages.listing, 1) == ["e", "d", "b"]
    assert await store.read(api_messages.listing, 1, "d", 1) == ["b"]
    assert await store.write(api_messages.forget, NOW + 1) == 4
    assert await store.read(api_messages.listing, 2) == []


async def test_an_alias_is_ones_own_when_it_leads_nowhere_else(store: Store) -> None:
    await add(store, "ani@a.test", "budi@a.test")
    for address, target in (
        ("one@a.test", "Ani@a.test"), ("both@a.test", "ani@a.test"), ("both@a.test", "budi@a.test"),
        ("other@a.test", "budi@a.test"), ("@a.test", "ani@a.test"),
    ):  # fmt: skip
        await store.write(directory.add_alias, address, target)
    assert await store.read(directory.sole_aliases, ["ani@a.test"]) == ["one@a.test"]
    both = ["ani@a.test", "budi@a.test"]
    found = await store.read(directory.sole_aliases, both)
    assert sorted(found) == ["both@a.test", "one@a.test", "other@a.test"]


async def test_a_token_keeps_the_addresses_it_sends_for(store: Store) -> None:
    [ani] = await add(store, "ani@a.test")
    senders = ["shop@a.test", "ani@a.test"]
    made = await store.write(api_tokens.add, ani.id, "s", "send", b"d", NOW, 0, senders)
    assert made.senders == tuple(senders)
    assert await store.read(api_tokens.find, b"d", NOW) == made


async def test_an_alert_opens_once_and_closes_when_all_has_been_well_for_a_while(
    store: Store,
) -> None:
    full = alerts.Found("disk-low", "/data", {"free": 3})
    [opened], _ = await store.write(alerts.settle, {"disk-low"}, [full], NOW)
    assert (opened.subject, opened.detail, opened.told_at) == ("/data", {"free": 3}, 0)
    fuller = alerts.Found("disk-low", "/data", {"free": 2})
    assert await store.write(alerts.settle, {"disk-low"}, [fuller], NOW + 1) == ([], [])
    [known] = await store.read(alerts.listing)
    assert (known.id, known.detail, known.seen_at) == (opened.id, {"free": 2}, NOW + 1)
    assert [one.id for one in await store.read(alerts.untold, NOW)] == [opened.id]
    await store.write(alerts.told, [known], NOW + 1)
    assert await store.read(alerts.untold, NOW) == []
    assert await store.write(alerts.settle, {"other"}, [], NOW + 2 * DAY) == ([], [])
    assert await store.write(alerts.settle, {"disk-low"}, [], NOW + alerts.CALM) == ([], [])
    late = NOW + alerts.CALM + 2
    _, [ended] = await store.write(alerts.settle, {"disk-low"}, [], late)
    assert ended.id == opened.id
    assert await store.read(alerts.listing) == []
    assert await store.write(alerts.settle, {"disk-low"}, [full], late + 1) == ([], [])
    [again] = await store.read(alerts.listing)
    assert (again.id, again.closed_at, again.told_at) == (opened.id, 0, NOW + 1)
    much_later = late + alerts.AGAIN * 2
    await store.write(alerts.settle, {"disk-low"}, [], much_later)
    [afresh], _ = await store.write(
        alerts.settle, {"disk-low"}, [full], much_later + alerts.AGAIN + 1
    )
    assert afresh.id != opened.id
    assert len(await store.read(alerts.listing, ended=True)) == 2
    assert await store.write(alerts.forget, much_later + 1) == 1


async def test_what_webhooks_are_told_is_kept_until_they_take_it(store: Store) -> None:
    hook = await store.write(webhooks.add, "https://a.test/", ["b", "a"], b"sealed", NOW)
    assert (hook.events, hook.secret, hook.enabled) == (frozenset({"a", "b"}), b"sealed", True)
    said = [webhooks.Said(f"e{n}", "a", NOW + n, "{}") for n in range(2)]
    await store.write(webhooks.put, hook.id, said)
    assert await store.read(webhooks.next_due) == {hook.id: NOW}
    assert await store.read(webhooks.due, hook.id, NOW - 1, 10) == []
    first, second = await store.read(webhooks.due, hook.id, NOW + 1, 10)
    await store.write(webhooks.told, first, 204, NOW + 2)
    await store.write(webhooks.failed, second, 500, "no", NOW + 3, NOW + 100)
    assert await store.read(webhooks.next_due) == {hook.id: NOW + 100}
    found = await store.read(webhooks.find, hook.id)
    assert (found.told_at, found.failing_since, found.status) == (NOW + 2, NOW + 3, 500)
    assert [one.name for one in await store.read(webhooks.log, hook.id, 10)] == ["e1", "e0"]
    assert await store.write(webhooks.switch_off, NOW + 3, NOW + 9) == []
    assert await store.write(webhooks.switch_off, NOW + 4, NOW + 9) == [hook.id]
    assert await store.read(webhooks.next_due) == {}
    await store.write(
        webhooks.change, hook.id, url="https://b.test/", events=["c"], enabled=True, secret=b"s"
    )
    again = await store.read(webhooks.find, hook.id)
    assert (again.url, again.off_at, again.failing_since) == ("https://b.test/", 0, 0)
    assert await store.write(webhooks.forget, NOW + 1) == 1
    await store.write(webhooks.remove, hook.id)
    with pytest.raises(Fault):
        await store.read(webhooks.find, hook.id)
    assert await store.read(webhooks.of_name, hook.id, "e1") is None


async def test_what_somebody_owns_is_found_and_a_handover_ends(store: Store) -> None:
    ani, budi = await add(store, "ani@a.test", "budi@a.test")

    async def unit(tx: Transaction) -> None:
        team = await lists.create(tx, "team@a.test", "", "en", NOW)
        await lists.set_person(tx, team.id, "ani@a.test", "t1", NOW, is_owner=True)
        await lists.set_person(tx, team.id, "budi@a.test", "t2", NOW, is_member=True)
        await directory.add_alias(tx, "info@a.test", "Ani@a.test")
        office = await members.add_shared(tx, "office@a.test", name="Office", now=NOW)
        await members.put(tx, office.id, "ani@a.test", held="lr", send=Send.BEHALF)
        await handovers.put(tx, Handover(ani.id, budi.id, NOW, NOW + DAY, "hash", b'{"a":1}'))
        await handovers.end_access(tx, ani.id)

    await store.write(unit)
    mine = ["ani@a.test"]
    assert await store.read(handovers.owned_lists, mine) == [("team@a.test", "ani@a.test")]
    assert await store.read(handovers.aliases_to, mine) == ["info@a.test"]
    found = await store.read(handovers.memberships, ani.id)
    assert found == {"office@a.test": ("lr", Send.BEHALF)}
    assert await store.read(handovers.tokens, ani.id) == 0
    kept = await store.read(handovers.find, ani.id)
    assert kept == Handover(ani.id, budi.id, NOW, NOW + DAY, "hash", b'{"a":1}')
    assert await store.write(handovers.expire, NOW) == 0
    assert await store.write(handovers.expire, NOW + DAY) == 1
    assert await store.read(handovers.find, ani.id) is None


async def test_changes_that_were_one_act_are_found_together(store: Store) -> None:
    await note(store, "alias.change", "info@a.test")
    [first] = await store.read(audit.listing)

    async def unit(tx: Transaction) -> None:
        back = msgspec.structs.replace(ANI, undoes=first.id)
        for action in ("list.add", "list.change"):
            await audit.record(tx, back, NOW + 1, action, "team@a.test")

    await store.write(unit)
    assert (await store.read(audit.find, first.id)).undone_by == first.id + 2
    second = await store.read(audit.find, first.id + 1)
    assert second.undoes == first.id
    assert [one.action for one in await store.read(audit.act, second)] == [
        "list.change", "list.add",
    ]  # fmt: skip
    assert await store.read(audit.act, first) != []
    with pytest.raises(Fault, match="no change 99"):
        await store.read(audit.find, 99)

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.account import AccountKind
from merpati.model.mailbox import INBOX_ID
from merpati.services.administration import handing_over
from merpati.services.app_passwords import AppPasswords
from merpati.services.indonesian import PHRASES
from merpati.services.login import Login, LoginSettings
from merpati.store import (
    app_passwords,
    collector,
    directory,
    forwards,
    handovers,
    mailboxes,
    members,
    rights,
    sieve,
)
from merpati.store.collector import Wanted
from merpati.store.engine import Transaction
from merpati.store.sieve import AutoReply
from tests.support import dictionaries
from tests.support.api import OTHER, ApiInstance
from tests.support.server import ANA, BUDI, DOMAIN, PASSWORD

TEAM = f"team@{DOMAIN}"
OFFICE = f"office@{DOMAIN}"
INFO = f"info@{DOMAIN}"
REPLY = "Ana has left; write to Budi."
DAY = 86_400_000
FETCHED = Wanted(
    account_id=1, protocol="pop3", host="pop.example.com", port=995, security="tls", verify=True,
    name="ana", password=b"sealed", folder="INBOX", keep_days=-1, every=300, domain="",
)  # fmt: skip


async def done(instance: ApiInstance, method: str, path: str, body: Any = None) -> Any:
    answer = await instance.ask(method, path, instance.admin, body)
    assert answer.status < 300, (method, path, answer.body)
    return answer.json if answer.body else None


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    """Ana has all that an account can have."""
    async with ApiInstance(tmp_path) as one:
        await done(one, "POST", "/lists", {"address": TEAM, "owners": [ANA]})
        await done(one, "POST", "/shared", {"address": OFFICE})
        member = {"rights": "read", "send": "behalf"}
        await done(one, "PUT", f"/shared/{OFFICE}/members/{ANA}", member)
        await done(one, "PUT", f"/aliases/{INFO}", {"targets": [ANA, "far@example.com"]})
        await done(one, "PUT", f"/delegates/{ANA}/{DOMAIN}", {"rights": ["lists"]})
        await done(one, "PUT", f"/delegates/{BUDI}/{DOMAIN}", {"rights": ["trace"]})

        async def unit(tx: Transaction) -> None:
            await forwards.set_forward(tx, one.ana.id, ["ana@far.test"], keep=True)
            await sieve.put(tx, one.ana.id, "mine", b"keep;", b"x", one.now)
            await sieve.activate(tx, one.ana.id, "mine")
            own = AutoReply(is_enabled=True, text="on holiday")
            await sieve.set_auto_reply(tx, one.ana.id, own)
            await collector.add(
                tx, msgspec.structs.replace(FETCHED, account_id=one.ana.id), one.now
            )
            at = msgspec.structs.replace(FETCHED, account_id=one.ana.id, domain=DOMAIN)
            await collector.add(tx, at, one.now)

        await one.store.write(unit)
        yield one


async def everything(instance: ApiInstance) -> list[Any]:
    found = [
        (await done(instance, "GET", path))
        for path in ("/configuration", "/shared", "/delegates", f"/lists/{TEAM}", "/accounts")
    ]

    for one in found[1]:
        del one["until"]

    async def unit(tx: Transaction) -> list[Any]:
        return [
            await sieve.runs(tx, instance.ana.id),
            (await forwards.habits(tx, [instance.ana.id])).get(instance.ana.id, None),
            [(one.account_id, one.disabled) for one in await collector.listing(tx)],
            (await directory.account_by_id(tx, instance.ana.id)),
        ]

    rest = await instance.store.read(unit)
    return [*found, *(rest[0], rest[1] and msgspec.structs.replace(rest[1], stamp=0), *rest[2:])]


async def hand_over(instance: ApiInstance, **more: Any) -> Any:
    body = {"to": BUDI, "reply": REPLY, **more}
    return await done(instance, "POST", f"/accounts/{ANA}/hand-over", body)


async def phone(instance: ApiInstance) -> tuple[app_passwords.AppPassword, str]:
    devices = AppPasswords(instance.store, instance.clock, instance.ids)
    return await devices.make(instance.ana.id, "phone", ["imap"])


async def test_a_dry_run_tells_all_and_changes_nothing(instance: ApiInstance) -> None:
    before = await everything(instance)
    told = await hand_over(instance, dryRun=True)
    assert await everything(instance) == before
    for word in (TEAM, OFFICE, INFO, DOMAIN, "ana@far.test", '"mine"', "pop.example.com", REPLY):
        assert any(word in step for step in told["steps"]), word
    said = await done(
        instance, "POST", f"/accounts/{ANA}/hand-over?language=id",
        {"to": BUDI, "reply": REPLY, "dryRun": True},
    )  # fmt: skip
    assert len(said["steps"]) == len(told["steps"])
    assert not set(said["steps"]) & set(told["steps"])
    assert [word for step in said["steps"] for word in dictionaries.english_in(step)] == []


async def test_all_that_somebody_had_passes_to_the_successor(instance: ApiInstance) -> None:
    bearer = await instance.bearer(instance.ana)
    await instance.deliver(b"Subject: hello\r\n\r\nhello\r\n")
    dry = await hand_over(instance, dryRun=True)
    assert (await hand_over(instance))["steps"] == dry["steps"]
    account = await instance.store.read(directory.account, ANA)
    assert (account.kind, account.password, account.disabled) == (AccountKind.SHARED, "", False)
    assert account.emails == 1
    assert (await instance.ask("GET", "/me", bearer)).status == 401
    [shared] = [one for one in await done(instance, "GET", "/shared") if one["address"] == ANA]
    assert shared["members"] == [{"member": BUDI, "rights": "all", "send": "as"}]
    assert ANA in await instance.store.read(members.senders, instance.budi.id)
    people = (await done(instance, "GET", f"/lists/{TEAM}"))["people"]
    assert [one["address"] for one in people if one["owner"]] == [BUDI]
    [alias] = await done(instance, "GET", "/aliases")
    assert set(alias["targets"]) == {"far@example.com", BUDI}
    delegates = await done(instance, "GET", "/delegates")
    held = {one["address"]: sorted(one["rights"]) for one in delegates}
    assert held[BUDI] == ["lists", "trace"]
    assert ANA not in held
    [office] = [one for one in await done(instance, "GET", "/shared") if one["address"] == OFFICE]
    assert office["members"] == [{"member": BUDI, "rights": "read", "send": "behalf"}]
    _, _, _, _, _, runs, habits, collectors, _ = await everything(instance)
    assert (runs.name, runs.reply) == ("", AutoReply(is_enabled=True, text=REPLY))
    assert (habits.targets, habits.stamp) == ((), 0)
    assert collectors == [(instance.ana.id, True), (instance.ana.id, False)]


async def test_it_is_taken_back_as_one_act(instance: ApiInstance) -> None:
    before = await everything(instance)
    await hand_over(instance)
    assert (await done(instance, "GET", f"/accounts/{ANA}/hand-over"))["to"] == BUDI
    back = await done(instance, "POST", f"/accounts/{ANA}/hand-back")
    assert back["steps"] == []
    assert await everything(instance) == before
    answer = await instance.ask("POST", f"/accounts/{ANA}/hand-back", instance.admin)
    assert answer.status == 404
    assert "30 days" in answer.json["detail"]


async def test_who_subscribes_to_a_shared_folder_of_it_still_does(instance: ApiInstance) -> None:
    ana, budi, write = instance.ana.id, instance.budi.id, instance.store.write
    await write(rights.grant, ana, [INBOX_ID], budi, "lr")
    await write(mailboxes.subscribe, budi, f"Other Users/{ANA}/INBOX")
    await hand_over(instance)
    assert await followed(instance) == ["Shared/ana/INBOX"]
    await done(instance, "POST", f"/accounts/{ANA}/hand-back")
    assert await followed(instance) == [f"Other Users/{ANA}/INBOX"]


async def followed(instance: ApiInstance) -> list[str]:
    """What Budi subscribes to in mailboxes of others."""
    names = await instance.store.read(mailboxes.subscriptions, instance.budi.id)
    return [one for one in names if "/" in one]


async def test_the_audit_takes_it_back_and_that_as_well(instance: ApiInstance) -> None:
    before = await everything(instance)
    await hand_over(instance)
    after = await everything(instance)
    number = (await done(instance, "GET", "/audit?search=account.handover"))[0]["id"]
    undone = await done(instance, "POST", f"/audit/{number}/undo")
    assert undone["action"] == "account.handback"
    assert await everything(instance) == before
    await done(instance, "POST", f"/audit/{undone['id']}/undo")
    assert await everything(instance) == after


async def test_what_others_changed_since_stays(instance: ApiInstance) -> None:
    await hand_over(instance)
    await done(instance, "PUT", f"/aliases/{INFO}", {"targets": ["new@example.com"]})
    await done(instance, "DELETE", f"/lists/{TEAM}")
    back = await done(instance, "POST", f"/accounts/{ANA}/hand-back")
    assert sorted(back["steps"]) == [
        f"{INFO} has changed since, and stays as it is.",
        f"{TEAM} has changed since, and stays as it is.",
    ]
    [alias] = await done(instance, "GET", "/aliases")
    assert alias["targets"] == ["new@example.com"]
    delegates = await done(instance, "GET", "/delegates")
    assert {(one["address"], *one["rights"]) for one in delegates} >= {
        (ANA, "lists"), (BUDI, "trace"),
    }  # fmt: skip


async def test_a_device_gets_in_no_more_until_it_is_taken_back(instance: ApiInstance) -> None:
    _, secret = await phone(instance)
    devices = AppPasswords(instance.store, instance.clock, instance.ids)
    login = Login(
        instance.store, instance.clock, instance.ids, LoginSettings(), instance.metrics,
        app_passwords=devices,
    )  # fmt: skip

    async def signs_in(password: str) -> bool:
        try:
            await login.verify(ANA, password, "127.0.0.1", "imap")
        except Fault as fault:
            return fault.kind is not Kind.AUTH_FAILED
        return True

    assert await signs_in(secret)
    await hand_over(instance)
    assert not await signs_in(secret)
    assert not await signs_in(PASSWORD)
    await done(instance, "POST", f"/accounts/{ANA}/hand-back")
    assert await signs_in(secret)
    assert await signs_in(PASSWORD)
    login.close()


async def test_after_a_month_nothing_is_left_to_sign_in_with(instance: ApiInstance) -> None:
    await phone(instance)
    await hand_over(instance)
    until = instance.now + 30 * DAY
    assert await instance.store.write(handovers.expire, until - DAY) == 0
    assert await instance.store.write(handovers.expire, until + DAY) == 1
    assert await instance.store.read(app_passwords.of_account, instance.ana.id) == []
    answer = await instance.ask("POST", f"/accounts/{ANA}/hand-back", instance.admin)
    assert answer.status == 404


@pytest.mark.parametrize(
    ("who", "to", "status"),
    [
        (ANA, ANA, 403),
        (ANA, OFFICE, 403),
        (OFFICE, ANA, 403),
        (ANA, f"nobody@{DOMAIN}", 404),
        (f"admin@{DOMAIN}", ANA, 403),
    ],
)
async def test_what_cannot_be_handed_over(
    instance: ApiInstance, who: str, to: str, status: int
) -> None:
    answer = await instance.ask(
        "POST", f"/accounts/{who}/hand-over", instance.admin, {"to": to, "dryRun": True}
    )
    assert answer.status == status


async def test_a_delegate_hands_over_within_their_domain_alone(instance: ApiInstance) -> None:
    await done(instance, "POST", "/accounts", {"address": f"evi@{DOMAIN}"})
    for to, status in ((f"dewi@{OTHER}", 403), (f"citra@{DOMAIN}", 200)):
        body = {"to": to, "dryRun": True}
        path = f"/accounts/evi@{DOMAIN}/hand-over"
        answer = await instance.ask("POST", path, instance.citra, body)
        assert answer.status == status, to


def test_the_faults_are_there_in_both_languages() -> None:
    texts = dictionaries.arguments(Path(handing_over.__file__), "Fault", 1)
    spoken = {text for text in texts if dictionaries.is_sentence(text)}
    assert {text for text in spoken if not PHRASES.knows(text)} == set()

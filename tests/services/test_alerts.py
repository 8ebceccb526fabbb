"""Somebody is woken when something is wrong: once, and by what is over no more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.model.mailbox import INBOX_ID
from merpati.services import alerts as service
from merpati.services import guard
from merpati.services.alerts import Alerts, AlertSettings, Look
from merpati.services.happenings import Happenings
from merpati.services.letters import Letters
from merpati.store import alerts, directory, emails, habits, samples, webhooks
from merpati.store.alerts import CALM, Alert, Found
from merpati.store.blobs import Stored
from tests.support.clock import FakeClock
from tests.support.server import HOSTNAME, TestInstance

DAY = 86_400


class World:
    """An installation whose administrator is Ana, and something that may be wrong with it."""

    def __init__(self, instance: TestInstance, clock: FakeClock) -> None:
        self.instance, self.clock = instance, clock
        self.wrong: list[Found] = []
        self.letters = Letters(
            instance.accept, instance.router, instance.blobs, clock, instance.ids, HOSTNAME
        )
        self.happenings = Happenings(instance.store, instance.notify, clock, instance.ids)

    def alerts(self, settings: AlertSettings | None = None) -> Alerts:
        async def find(_now: int) -> list[Found]:
            return self.wrong

        looks = [Look(frozenset({"disk-low"}), find)]
        return Alerts(
            "w1", HOSTNAME, self.instance.store, self.letters, self.happenings,
            settings or AlertSettings(), looks, self.clock, self.instance.log,
        )  # fmt: skip

    async def look(self, seconds: float = 60, settings: AlertSettings | None = None) -> None:
        self.clock.advance(seconds)
        await self.alerts(settings).look()

    async def letters_to(self, account_id: int) -> list[bytes]:
        columns = ("uid", "blob_id", "size", "location", "encoding", "data")
        store, blobs = self.instance.store, self.instance.blobs
        uids = range(1, 20)
        rows = await store.read(emails.fetch, account_id, INBOX_ID, list(uids), columns)
        return [bytes(blobs.read(Stored(*row[1:]))) for row in rows]

    async def kinds(self) -> list[str]:
        return [one.kind for one in await self.instance.store.read(alerts.listing)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = FakeClock()
    async with TestInstance(tmp_path, clock=clock) as instance:
        await instance.store.write(directory.set_account, instance.ana.id, is_admin=1)
        yield World(instance, clock)


async def test_administrators_are_told_once_and_reminded_once_a_day(world: World) -> None:
    world.wrong = [Found("disk-low", "/data", {"free": 3})]
    ana, budi = world.instance.ana.id, world.instance.budi.id
    await world.look()
    [letter] = await world.letters_to(ana)
    assert b"The disk of /data has 3 % left." in letter
    assert await world.letters_to(budi) == []
    for _ in range(3):
        await world.look(3600)
    assert len(await world.letters_to(ana)) == 1
    await world.look(DAY)
    assert len(await world.letters_to(ana)) == 2


async def test_one_letter_tells_of_all_that_is_new_in_the_readers_language(world: World) -> None:
    ana = world.instance.ana.id
    await world.instance.store.write(directory.set_account, ana, language="id")
    world.wrong = [Found("disk-low", name, {"free": 3}) for name in ("/data", "/blobs")]
    await world.look()
    [letter] = await world.letters_to(ana)
    assert b"Disk /data tinggal 3 %" in letter
    assert b"Disk /blobs tinggal 3 %" in letter


async def test_whom_the_settings_name_is_told_instead(world: World) -> None:
    world.wrong = [Found("disk-low", "/data", {"free": 3})]
    await world.look(settings=AlertSettings(send_to=("budi@example.org",)))
    assert await world.letters_to(world.instance.ana.id) == []
    assert len(await world.letters_to(world.instance.budi.id)) == 1


async def test_what_is_mended_is_over_and_webhooks_hear_of_both(world: World) -> None:
    hook = await world.instance.store.write(
        webhooks.add, "https://a.test/", ["alert.opened", "alert.closed"], b"", 1
    )
    await world.happenings.load()
    world.wrong = [Found("disk-low", "/data", {"free": 3})]
    await world.look()
    await world.look()
    world.wrong = []
    await world.look()
    assert await world.kinds() == ["disk-low"]  # it may come back at once
    await world.look(CALM / 1000 + 1)
    assert await world.kinds() == []
    told = await world.instance.store.read(webhooks.log, hook.id, 10)
    assert [one.kind for one in told] == ["alert.closed", "alert.opened"]
    assert '"text":"The disk of /data has 3 % left."' in told[-1].body


async def test_two_workers_look_in_turn(world: World) -> None:
    world.wrong = [Found("disk-low", "/data", {"free": 3})]
    await world.look(0)
    world.wrong = [Found("disk-low", "/blobs", {"free": 3})]
    await world.alerts().look()
    [one] = await world.instance.store.read(alerts.listing)
    assert one.subject == "/data"


async def test_what_the_store_shows_is_found(world: World) -> None:
    store, now = world.instance.store, int(world.clock.now() * 1000)
    hour = now - now % samples.HOUR
    counts = {"sign-ins.failed": 900, "sign-ins.throttled": 200, "starts": 31}
    await store.write(samples.add, hour, hour, counts)
    await store.write(guard.freeze, world.instance.budi.id, now, [], "192.0.2.1")
    hook = await store.write(webhooks.add, "https://a.test/", ["a"], b"", 1)
    await store.write(webhooks.put, hook.id, [webhooks.Said("e", "a", now, "{}")])
    [one] = await store.read(webhooks.due, hook.id, now, 1)
    await store.write(webhooks.failed, one, 500, "it answered with 500", now, 0)
    await store.write(webhooks.switch_off, now + 1, now + 2)
    assert await store.read(habits.freezes, ended=False, limit=10)
    await world.look()
    assert sorted(await world.kinds()) == [
        "account-stopped", "restarts", "sign-ins-refused", "webhook-off"
    ]  # fmt: skip


async def test_a_disk_with_room_is_no_alert(tmp_path: Path) -> None:
    assert await service.disks([tmp_path, tmp_path / "none"], 0).find(0) == []
    (tmp_path / "blobs").mkdir()
    [one] = await service.disks([tmp_path, tmp_path / "blobs"], 101).find(0)
    assert one.subject == str(tmp_path)


def test_what_the_doctor_found_is_told_in_the_language_of_the_reader() -> None:
    detail = {"what": "No mail can arrive.", "do": "Remove all but one."}
    one = Alert(1, "doctor", "a.id mx", detail, 1, 1, 0, 0)
    told = service.in_words(one, "id")
    assert told.text == "Dokter menemukan masalah pada a.id mx: Tidak ada surat yang dapat masuk."
    assert told.advice == "Hapus semuanya kecuali satu."
    assert service.in_words(one, "en").advice == "Remove all but one."

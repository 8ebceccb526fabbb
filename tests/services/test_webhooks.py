"""Programs are told what happened: once it is so, signed, in order, and until they take it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from merpati.model.administration import Actor
from merpati.model.arrival import Arrival, Origin
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.tls import client_context
from merpati.services.administration.hooks import Hooks, NewWebhook, WebhookChange
from merpati.services.happenings import Happenings
from merpati.services.sealing import Sealing
from merpati.services.webhooks import OFF_AFTER, PAUSE, RETRIES, Webhooks, WebhookSettings, allowed
from merpati.store import webhooks as rows
from merpati.store.engine import Topic
from merpati.wire import webhook
from merpati.wire.smtp.paths import parse_address
from tests.support.clock import FakeClock
from tests.support.server import BUDI, TestInstance

ADMIN = Actor("admin@example.org", "api", 1, "")


class Receiver:
    """A program that is told; it answers with `status`."""

    def __init__(self) -> None:
        self.status = 200
        self.told: list[tuple[Mapping[str, str], bytes]] = []
        self.url = ""

    async def start(self) -> asyncio.Server:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
        return server

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        body = await reader.readexactly(int(fields["content-length"]))
        self.told.append((fields, body))
        writer.write(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % self.status)
        await writer.drain()
        writer.close()

    @property
    def kinds(self) -> list[str]:
        return [json.loads(body)["type"] for _, body in self.told]


class World:
    """An installation with webhooks, at a clock that stands still."""

    def __init__(self, instance: TestInstance, clock: FakeClock, receiver: Receiver) -> None:
        self.instance, self.clock, self.receiver = instance, clock, receiver
        store, ids = instance.store, instance.ids
        self.settings = WebhookSettings(loopback=True)
        sealing = Sealing(instance.folder, ids)
        self.hooks = Hooks(store, sealing, self.settings, clock, ids)
        self.happenings = Happenings(store, instance.notify, clock, ids)
        instance.accept.tell = self.happenings.steps
        self.https = Https(
            Resolver([("127.0.0.1", 1)], clock), instance.reaper, client_context(verify=True),
            allows=lambda address: allowed(self.settings, address),
        )  # fmt: skip
        self.teller = Webhooks(
            "w1", store, instance.notify, self.https, sealing, self.settings, clock, instance.log
        )

    async def hook(self, *events: Any, url: str = "") -> tuple[int, str]:
        made = await self.hooks.add(
            ADMIN, NewWebhook(url=url or self.receiver.url, events=list(events))
        )
        await self.happenings.load()
        return made.webhook.id, made.secret

    async def message(self) -> None:
        instance = self.instance
        route = await instance.router.route(parse_address(BUDI), relay=False)
        trace_id, spool = instance.accept.begin()
        spool.add(b"Subject: hi\r\n\r\nhello\r\n")
        origin = Origin("192.0.2.1", "c.test", "ESMTP")
        await instance.accept.take(trace_id, spool, Arrival("x@far.test", (route,), origin))

    def later(self, seconds: float) -> None:
        """Time goes by, and whoever waits for it looks at the clock."""
        self.clock.advance(seconds)
        self.instance.notify.committed({(Topic.WEBHOOKS, rows.OUTBOX)})


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 -- nothing announces all of it
            await asyncio.sleep(0.01)


async def heard(world: World, count: int) -> None:
    """The program was told so many things."""

    async def condition() -> bool:
        return len(world.receiver.told) >= count

    await until(condition)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    clock = FakeClock()
    receiver = Receiver()
    server = await receiver.start()
    async with TestInstance(tmp_path, clock=clock) as instance:
        made = World(instance, clock, receiver)
        task = asyncio.create_task(made.teller.run())
        yield made
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    server.close()
    await server.wait_closed()


async def test_what_happens_to_mail_is_told_signed_and_in_order(world: World) -> None:
    _, secret = await world.hook("message.received", "message.delivered")
    await world.message()
    await heard(world, 2)
    assert world.receiver.kinds == ["message.received", "message.delivered"]
    for fields, body in world.receiver.told:
        name, at = fields["webhook-id"], int(fields["webhook-timestamp"])
        key = webhook.read_secret(secret)
        assert webhook.verifies(key, name, at, body, fields["webhook-signature"])
    told = json.loads(world.receiver.told[1][1])
    assert told["data"]["address"] == BUDI
    assert told["data"]["text"] == f"delivered to {BUDI}, into INBOX"


async def test_nothing_is_told_that_nobody_wants(world: World) -> None:
    number, _ = await world.hook("message.bounced")
    await world.message()
    assert await world.hooks.log(number, 10) == []


async def test_what_was_not_taken_is_told_again_later_with_the_same_id(world: World) -> None:
    number, _ = await world.hook("message.received")
    world.receiver.status = 503
    await world.message()
    await heard(world, 1)
    await settled(world, number, tries=1)
    [one] = await world.hooks.log(number, 10)
    assert (one.status, one.problem) == (503, "127.0.0.1 answered with 503")
    world.receiver.status = 200
    world.later(RETRIES[0] - 1)
    await asyncio.sleep(0.1)
    assert len(world.receiver.told) == 1
    world.later(2)
    await heard(world, 2)
    await settled(world, number, tries=2)
    [one] = await world.hooks.log(number, 10)
    assert (one.due_at, one.problem) == (0, "")
    assert len({fields["webhook-id"] for fields, _ in world.receiver.told}) == 1
    [seen] = await world.hooks.listing()
    assert seen.failing_since == 0


async def settled(world: World, number: int, tries: int) -> None:
    async def condition() -> bool:
        return (await world.hooks.log(number, 10))[0].attempts >= tries

    await until(condition)


async def test_it_is_given_up_after_days_and_switched_off_after_more(world: World) -> None:
    number, _ = await world.hook("message.received")
    world.receiver.status = 500
    await world.message()
    for n, seconds in enumerate(RETRIES):
        await settled(world, number, tries=n + 1)
        world.later(seconds + 1)
    await settled(world, number, tries=len(RETRIES) + 1)
    [one] = await world.hooks.log(number, 10)
    assert one.due_at == 0
    world.later(OFF_AFTER / 1000)

    async def is_off() -> bool:
        return not (await world.hooks.listing())[0].enabled

    await until(is_off)
    assert (await world.hooks.listing())[0].switched_off_at
    changed = await world.hooks.change(ADMIN, number, WebhookChange(enabled=True))
    assert (changed.webhook.switched_off_at, changed.webhook.failing_since) == (0, 0)


async def test_a_test_says_what_came_of_it(world: World) -> None:
    number, _ = await world.hook("message.bounced")
    world.receiver.status = 404
    told = await world.hooks.test(number)
    assert (told.status, told.due_at) == (404, 0)
    world.receiver.status = 204
    world.later(PAUSE)
    assert (await world.hooks.test(number)).problem == ""
    assert world.receiver.kinds == ["webhook.test", "webhook.test"]


async def test_this_machine_is_told_only_when_the_settings_allow_it(world: World) -> None:
    number, _ = await world.hook("message.received")
    object.__setattr__(world.settings, "loopback", False)
    assert "this machine" in (await world.hooks.test(number)).problem
    assert world.receiver.told == []


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "192.168.1.1", "::ffff:127.0.0.1",
     "fd00::1", "0.0.0.0", "127.0.0.2", "100.64.0.1", "64:ff9b::7f00:1"],
)  # fmt: skip
def test_addresses_of_our_own_network_are_not_told(address: str) -> None:
    assert not allowed(WebhookSettings(), address)
    assert allowed(WebhookSettings(), "1.1.1.1")


async def test_a_secret_does_not_go_to_another_host(world: World) -> None:
    number, secret = await world.hook("message.received")
    moved = WebhookChange(url=world.receiver.url.replace("127.0.0.1", "localhost"))
    changed = await world.hooks.change(ADMIN, number, moved)
    assert changed.secret
    assert changed.secret != secret
    assert (await world.hooks.test(number)).problem == ""
    fields, body = world.receiver.told[0]
    key = webhook.read_secret(changed.secret)
    at = int(fields["webhook-timestamp"])
    field = fields["webhook-signature"]
    assert webhook.verifies(key, fields["webhook-id"], at, body, field)

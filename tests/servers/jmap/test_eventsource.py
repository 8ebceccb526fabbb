from __future__ import annotations

import asyncio
import json
import socket as sockets
from typing import Any

import pytest

from merpati.servers.jmap import eventsource, push
from merpati.servers.jmap.call import JmapSettings
from merpati.services.login import hash_password
from merpati.store import app_passwords, credentials, email_keywords, mailboxes
from tests.support.http import Site
from tests.support.jmap import JmapInstance
from tests.support.jmap_push import Events, basic
from tests.support.server import ANA, BUDI

PATH = "/jmap/eventsource"
MAIL = b"Subject: x\r\n\r\nx"


@pytest.fixture
async def site(jmap: JmapInstance) -> Site:
    return Site(jmap, jmap.jmap.routes())


async def opened(site: Site, query: str = "?types=*&closeafter=no&ping=0", **fields: str) -> Events:
    client: Events = await Events.ask(site.port, PATH + query, ANA, **fields)
    assert client.status == 200, client.head
    await asyncio.wait_for(client.reader.readuntil(b"\n\n"), 30)  # it listens from here on
    await asyncio.sleep(0.02)
    return client


async def flag(jmap: JmapInstance, uid: int) -> None:
    change = frozenset({"$seen"})
    await jmap.store.write(
        email_keywords.change, jmap.ana.id, 1, [uid], email_keywords.Change.ADD, change
    )


async def test_new_mail_is_told_with_the_states_of_what_it_changed(
    jmap: JmapInstance, site: Site
) -> None:
    client = await opened(site)
    assert b"text/event-stream" in client.head
    await jmap.deliver(MAIL)
    event = await client.event()
    assert event is not None
    assert event["event"] == "state"
    changed = (await jmap.call("Email/get", accountId=jmap.account, ids=[]))["state"]
    assert event["id"] == f"{jmap.ana.id}-{changed}"
    types = ("Mailbox", "Email", "Thread", "EmailDelivery")
    assert json.loads(event["data"]) == {
        "@type": "StateChange",
        "changed": {jmap.account: dict.fromkeys(types, changed)},
    }
    await client.close()


async def test_only_the_types_that_were_asked_for_and_that_changed_are_told(
    jmap: JmapInstance, site: Site
) -> None:
    uid = await jmap.deliver(MAIL)
    delivery = await opened(site, "?types=EmailDelivery,Nonsense&closeafter=no&ping=0")
    every = await opened(site)
    await flag(jmap, uid)
    assert set((await every.changed())[jmap.account]) == {"Mailbox", "Email"}
    assert await delivery.is_quiet()
    await jmap.deliver(MAIL)
    assert set((await delivery.changed())[jmap.account]) == {"EmailDelivery"}
    await delivery.close()
    await every.close()


async def test_the_stream_ends_after_one_event_when_that_is_asked_for(
    jmap: JmapInstance, site: Site
) -> None:
    client = await opened(site, "?types=Email&closeafter=state&ping=0")
    await jmap.deliver(MAIL)
    assert await client.changed()
    assert await client.event() is None


async def test_who_comes_back_is_told_at_once_of_what_was_missed(
    jmap: JmapInstance, site: Site
) -> None:
    client = await opened(site)
    await jmap.deliver(MAIL)
    event = await client.event()
    assert event is not None
    await client.close()
    await jmap.deliver(MAIL)
    again = await opened(site, Last_Event_ID=event["id"])
    assert "EmailDelivery" in (await again.changed())[jmap.account]
    nothing = await opened(site, Last_Event_ID="nonsense")
    assert await nothing.is_quiet()
    await again.close()
    await nothing.close()


async def test_thousands_of_changes_are_a_few_events(jmap: JmapInstance, site: Site) -> None:
    client = await opened(site)
    begun = asyncio.get_running_loop().time()
    for _ in range(40):
        await asyncio.gather(*(jmap.deliver(MAIL) for _ in range(50)))
    state = (await jmap.call("Email/get", accountId=jmap.account, ids=[]))["state"]
    count, last = 0, ""
    while last != state:
        last = (await client.changed())[jmap.account]["Email"]
        count += 1
    assert count < 3 + (asyncio.get_running_loop().time() - begun) / push.PAUSE
    assert await client.is_quiet()
    await client.close()


async def test_a_client_that_reads_nothing_costs_nobody_anything(
    jmap: JmapInstance, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(push, "PAUSE", 0.0)
    monkeypatch.setattr(eventsource, "PAUSE", 0.0)
    slow = sockets.socket()
    slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 2048)
    slow.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(slow, ("127.0.0.1", site.port))
    reader = await opened(site)
    head = f"GET {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: {basic(ANA)}\r\n\r\n"
    await loop.sock_sendall(slow, head.encode())
    for _ in range(300):
        await jmap.deliver(MAIL)
    state = (await jmap.call("Email/get", accountId=jmap.account, ids=[]))["state"]
    while (await reader.changed())[jmap.account]["Email"] != state:
        pass
    slow.close()
    await reader.close()


async def test_pings_come_as_often_as_agreed(
    jmap: JmapInstance, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(eventsource, "PING_LEAST", 1)
    client = await opened(site, "?types=*&closeafter=no&ping=1")
    event = await client.event()
    assert event == {"event": "ping", "data": '{"interval":1}'}
    await client.close()


@pytest.mark.parametrize("query", ["?closeafter=maybe", "?ping=soon", "?ping=-1"])
async def test_a_wish_that_is_none_is_refused(site: Site, query: str) -> None:
    client = await Events.ask(site.port, PATH + query, ANA)
    assert client.status == 400
    await client.close()


def test_pings_are_neither_too_often_nor_too_seldom() -> None:
    assert eventsource.Wish({"ping": "0"}).ping == 0
    assert eventsource.Wish({"ping": "1"}).ping == 5
    assert eventsource.Wish({"ping": "100000"}).ping == 900


async def test_strangers_hear_nothing(site: Site) -> None:
    client = await Events.ask(site.port, PATH, "")
    assert client.status == 401
    await client.close()


async def test_an_account_has_a_number_of_places(jmap: JmapInstance) -> None:
    other = jmap.build(JmapSettings(push_connections=1))
    site = Site(jmap, other.routes())
    first = await opened(site)
    second = await Events.ask(site.port, PATH, ANA)
    assert second.status == 429
    await second.close()
    await first.close()
    status = 429
    for _ in range(1000):
        third = await Events.ask(site.port, PATH, ANA)
        status = third.status
        await third.close()
        if status == 200:
            break
        await asyncio.sleep(0.02)
    assert status == 200


async def test_shared_mailboxes_are_told_of_and_others_of_the_owner_are_not(
    jmap: JmapInstance, site: Site
) -> None:
    other = await jmap.store.write(mailboxes.create, jmap.budi.id, "Other", jmap.now)

    await jmap.store.write(_grant, jmap.budi.id, 1, jmap.ana.id)
    client = await opened(site)
    await jmap.deliver(MAIL, jmap.budi, mailbox_id=other.id)
    assert await client.is_quiet()
    await jmap.deliver(MAIL, jmap.budi)
    changed = await client.changed()
    assert set(changed) == {f"u{jmap.budi.id}"}
    await client.close()


async def _grant(tx: Any, owner: int, mailbox: int, user: int) -> None:
    await tx.run(
        "INSERT INTO mailbox_right (account_id, mailbox_id, subject, negative, rights)"
        " VALUES ($1, $2, $3, 0, 'lr')",
        owner, mailbox, user,
    )  # fmt: skip


async def test_a_closed_account_ends_its_streams(jmap: JmapInstance, site: Site) -> None:
    uid = await jmap.deliver(MAIL)
    client = await opened(site)

    async def close(tx: Any) -> None:
        await tx.run("UPDATE account SET disabled = 1 WHERE id = $1", jmap.ana.id)

    await jmap.store.write(close)
    await flag(jmap, uid)
    assert await client.event() is None


async def test_another_password_ends_its_streams_at_once(jmap: JmapInstance, site: Site) -> None:
    client = await opened(site)
    others = await Events.ask(site.port, PATH, BUDI)
    new = hash_password("quite another one")
    await jmap.store.write(credentials.change_password, jmap.ana.id, new)
    assert await client.event() is None
    await jmap.deliver(MAIL, jmap.budi)
    assert await others.changed()
    await others.close()


async def test_a_stream_goes_on_when_something_else_was_revoked(
    jmap: JmapInstance, site: Site
) -> None:
    client = await opened(site)
    await jmap.store.write(app_passwords.remove_all, jmap.ana.id)
    assert await client.is_quiet()
    await jmap.deliver(MAIL)
    assert await client.changed()
    await client.close()


async def test_a_server_that_stops_ends_them_without_delay(jmap: JmapInstance) -> None:
    site = Site(jmap, jmap.jmap.routes())
    client = await opened(site)
    [listener] = jmap._listeners
    before = asyncio.get_running_loop().time()
    await listener.drain(5)
    assert asyncio.get_running_loop().time() - before < 2
    assert await client.event() is None

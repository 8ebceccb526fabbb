from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.model.account import Account
from merpati.model.event import Event, EventKind
from merpati.store import events, mailboxes
from tests.support.api import ApiInstance
from tests.support.server import ANA, BUDI

PEOPLE = "/me/correspondents"
LETTER = (
    b"From: ana@example.org\r\nTo: %b\r\nCc: =?utf-8?q?Citra_=C3=A9?= <citra@c.test>\r\n\r\nx\r\n"
)


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        yield one


async def sent(instance: ApiInstance, to: bytes, at: int = 1000, keywords: str = "") -> None:
    box = await instance.store.read(mailboxes.by_role, instance.ana.id, "sent")
    assert box is not None
    await instance.deliver(LETTER % to, mailbox_id=box, received_at=at, keywords=keywords)


async def people(instance: ApiInstance, user: Account | None = None) -> list[Any]:
    answer = await instance.ask("GET", PEOPLE, user or instance.ana)
    assert answer.status == 200
    keys = ("email", "name", "letters", "lastAt")
    return [tuple(one[key] for key in keys) for one in answer.json]


async def test_those_in_sent_mail_are_told_the_latest_first(instance: ApiInstance) -> None:
    assert await people(instance) == []
    await sent(instance, b'"Dedi, S.E." <Dedi@D.test>', 1000)
    await sent(instance, b"eko@e.test", 3000)
    await sent(instance, b"never@f.test", 4000, "$draft")
    assert await people(instance) == [
        ("citra@c.test", "Citra é", 2, 3000),
        ("eko@e.test", "", 1, 3000),
        ("dedi@d.test", "Dedi, S.E.", 1, 1000),
    ]
    await sent(instance, b"eko@e.test", 5000)  # read on from there
    assert ("eko@e.test", "", 2, 5000) in await people(instance)
    assert await people(instance, instance.budi) == []


async def test_a_mailing_to_many_tells_of_nobody(instance: ApiInstance) -> None:
    await sent(instance, b", ".join(b"p%d@many.test" % n for n in range(150)))
    assert await people(instance) == []


async def test_somebody_is_forgotten(instance: ApiInstance) -> None:
    await sent(instance, b"eko@e.test")
    assert len(await people(instance)) == 2
    for status in (204, 404):
        answer = await instance.ask("DELETE", f"{PEOPLE}/Eko%40e.test", instance.ana)
        assert answer.status == status
    assert [one[0] for one in await people(instance)] == ["citra@c.test"]


async def test_the_sender_hears_nothing_of_where_others_forward_their_mail(
    instance: ApiInstance,
) -> None:
    ana, budi = instance.ana.id, instance.budi.id
    to = {"to": [BUDI, "x@there.test"], "recipients": 2, "account": ANA}
    steps: list[tuple[EventKind, str, int, dict[str, Any]]] = [
        (EventKind.SUBMITTED, ANA, ana, to),
        (EventKind.NAMED, "<a@example.org>", ana, {}),
        (EventKind.FILTERED, BUDI, budi, {"script": "mine"}),
        (EventKind.DELIVERED, BUDI, budi, {"mailbox": "Hidden"}),
        (EventKind.QUEUED, "private@elsewhere.test", budi, {}),
        (EventKind.QUEUED, "x@there.test", ana, {}),
        (EventKind.SENT, "x@there.test", ana, {"host": "mx.there.test", "tls": "TLSv1.3"}),
    ]
    trace, now = instance.ids.trace(), instance.now
    told = [
        Event(trace, now + n, kind, about, account, detail)
        for n, (kind, about, account, detail) in enumerate(steps)
    ]
    await instance.store.write(events.record, told)
    answer = await instance.ask("GET", "/me/trace?what=a@example.org", instance.ana)
    [road] = answer.json
    assert [(step["kind"], step["about"]) for step in road["steps"]] == [
        ("submitted", ANA), ("named", "<a@example.org>"), ("filtered", BUDI), ("delivered", BUDI),
        ("queued", "x@there.test"), ("sent", "x@there.test"),
    ]  # fmt: skip
    assert b"elsewhere" not in answer.body
    assert b"Hidden" not in answer.body
    assert b"mine" not in answer.body

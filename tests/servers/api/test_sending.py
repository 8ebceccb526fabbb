"""Programs that send through the API: as whom, once, and what they are told afterwards."""

from __future__ import annotations

import email
from base64 import b64encode
from collections.abc import AsyncIterator
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from merpati.model.mailbox import INBOX_ID
from merpati.store import directory, emails, queue, suppression
from merpati.store.blobs import Stored
from tests.support.api import ApiInstance
from tests.support.server import ANA, BUDI

FAR = "x@far.test"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        yield one


async def token(instance: ApiInstance, *senders: str) -> str:
    asked = {"name": "shop", "use": "send", "senders": list(senders)}
    made = await instance.ask("POST", "/tokens", instance.ana, asked)
    assert made.status == 201, made.body
    secret: str = made.json["secret"]
    return secret


async def received(instance: ApiInstance, uid: int = 1) -> EmailMessage:
    """What Budi has got."""
    columns = ("uid", "blob_id", "size", "location", "encoding", "data")
    [row] = await instance.store.read(emails.fetch, instance.budi.id, INBOX_ID, [uid], columns)
    found = email.message_from_bytes(
        bytes(instance.blobs.read(Stored(*row[1:]))), policy=policy.default
    )
    assert isinstance(found, EmailMessage)
    return found


async def test_a_message_has_what_was_asked_for(instance: ApiInstance) -> None:
    wanted = {
        "from": f"Toko Ána <{ANA}>", "to": [f"Búdi <{BUDI}>"], "cc": [f"Far <{FAR}>"],
        "replyTo": ["ana+order@example.org"], "subject": "Pesanan é", "text": "Terima kasih",
        "html": "<p>Terima kasih <img src='cid:logo'></p>",
        "headers": {"X-Order": "7", "List-Unsubscribe": "<https://x.test/u>"},
        "attachments": [
            {"name": "a.txt", "type": "text/plain", "content": "aGk="},
            {"name": "l.png", "type": "image/png", "content": "aGk=", "contentId": "logo"},
        ],
    }  # fmt: skip
    answer = await instance.ask("POST", "/messages", instance.ana, wanted)
    assert answer.status == 202, answer.body
    message = await received(instance)
    assert message["from"].addresses[0].display_name == "Toko Ána"
    assert message["to"].addresses[0].addr_spec == BUDI
    assert (message["x-order"], message["reply-to"]) == ("7", "ana+order@example.org")
    assert message["list-unsubscribe"] == "<https://x.test/u>"
    kinds = [part.get_content_type() for part in message.walk() if not part.is_multipart()]
    assert sorted(kinds) == ["image/png", "text/html", "text/plain", "text/plain"]


@pytest.mark.parametrize(
    "change",
    [{"from": BUDI}, {"from": "Ana"}, {"from": f"{ANA}, {BUDI}"},
     {"headers": {"From": BUDI}}, {"headers": {"Resent-From": BUDI}}, {"headers": {"a b": "x"}},
     {"headers": {"X": "a\r\nBcc: x@y.test"}}, {"to": ["Budi"]},
     {"attachments": [{"name": "a", "type": "text/plain", "content": "!"}]}],
)  # fmt: skip
async def test_what_is_wrong_is_refused(instance: ApiInstance, change: dict[str, Any]) -> None:
    answer = await instance.ask("POST", "/messages", instance.ana, {"to": [BUDI], **change})
    assert answer.status in {400, 403}, answer.body
    assert (await instance.ask("GET", "/messages", instance.ana)).json == []


async def test_a_token_for_one_address_sends_for_no_other(instance: ApiInstance) -> None:
    await instance.store.write(directory.add_alias, "shop@example.org", ANA)
    secret = await token(instance, "shop@example.org")
    wanted = {"to": [BUDI], "text": "x"}
    refused = await instance.ask("POST", "/messages", secret, {**wanted, "from": ANA})
    assert refused.status == 403
    raw = b64encode(f"From: {ANA}\r\n\r\nx".encode()).decode()
    answer = await instance.ask(
        "POST", "/messages/raw", secret, {"recipients": [BUDI], "content": raw}
    )
    assert answer.status == 403  # its envelope would be right, its author is not
    assert (await instance.ask("POST", "/messages", secret, wanted)).status == 202
    assert (await received(instance))["from"] == "shop@example.org"
    asked = {"name": "r", "use": "read", "senders": [ANA]}
    assert (await instance.ask("POST", "/tokens", instance.ana, asked)).status == 400
    assert (await instance.ask("GET", "/tokens", instance.ana)).json[0]["senders"] == [
        "shop@example.org"
    ]


async def test_what_is_sent_twice_with_one_key_is_sent_once(instance: ApiInstance) -> None:
    wanted = {"to": [BUDI], "text": "x", "idempotencyKey": "order-7"}
    first = await instance.ask("POST", "/messages", instance.ana, wanted)
    again = await instance.ask("POST", "/messages", instance.ana, wanted)
    assert (again.status, again.json["id"]) == (202, first.json["id"])
    other = await instance.ask("POST", "/messages", instance.ana, {**wanted, "text": "y"})
    assert other.status == 409
    theirs = await instance.ask("POST", "/messages", instance.dewi, wanted)
    assert theirs.json["id"] != first.json["id"]
    assert len((await instance.ask("GET", "/messages", instance.ana)).json) == 1


async def test_what_was_refused_may_be_sent_again_with_its_key(instance: ApiInstance) -> None:
    wanted = {"to": ["nobody@example.org"], "idempotencyKey": "k"}
    assert (await instance.ask("POST", "/messages", instance.ana, wanted)).status == 404
    await instance.add_account("nobody@example.org")
    instance.router.forget()
    assert (await instance.ask("POST", "/messages", instance.ana, wanted)).status == 202


async def test_a_whole_message_goes_as_it_is_but_for_its_blind_copies(
    instance: ApiInstance,
) -> None:
    raw = f"From: {ANA}\nBcc: {FAR}\nSubject: hi\n\nline\n.\nend".encode()
    body = {"recipients": [BUDI], "content": b64encode(raw).decode()}
    answer = await instance.ask("POST", "/messages/raw", instance.ana, body)
    assert answer.status == 202, answer.body
    message = await received(instance)
    assert (message["subject"], message["bcc"]) == ("hi", None)
    assert message.get_content().splitlines() == ["line", ".", "end"]
    assert await instance.store.read(queue.next_due) is None
    bad = {"recipients": [BUDI], "content": "!"}
    assert (await instance.ask("POST", "/messages/raw", instance.ana, bad)).status == 400


async def test_a_program_asks_what_happened_since(instance: ApiInstance) -> None:
    since = instance.now
    sent = await instance.ask("POST", "/messages", instance.ana, {"to": [BUDI, FAR], "text": "x"})
    path = f"/messages/events?since={since}"
    told = (await instance.ask("GET", path, instance.ana)).json
    assert [(one["kind"], one["address"]) for one in told] == [
        ("accepted", ANA), ("delivered", BUDI)
    ]  # fmt: skip
    assert {one["id"] for one in told} == {sent.json["id"]}
    told = (await instance.ask("GET", f"{path}&kind=delivered", instance.ana)).json
    assert [one["address"] for one in told] == [BUDI]
    assert (await instance.ask("GET", path, instance.budi)).json == []
    later = f"/messages/events?since={instance.now + 1}"
    assert (await instance.ask("GET", later, instance.ana)).json == []


async def test_pages_of_what_was_sent_begin_with_the_latest(instance: ApiInstance) -> None:
    for n in range(3):
        await instance.ask("POST", "/messages", instance.ana, {"to": [BUDI], "subject": str(n)})
    first = (await instance.ask("GET", "/messages?limit=2", instance.ana)).json
    rest = await instance.ask("GET", f"/messages?before={first[-1]['id']}", instance.ana)
    ids = [one["id"] for one in [*first, *rest.json]]
    assert (len(ids), ids) == (3, sorted(ids, reverse=True))


async def test_a_program_asks_whether_an_address_is_dead(instance: ApiInstance) -> None:
    now = instance.now
    await instance.store.write(
        suppression.suppress, FAR, now, now + 60_000, status="5.1.1", reply="no such user",
        remote="mx.far.test",
    )  # fmt: skip
    told = await instance.ask("GET", f"/suppressions/{FAR}", instance.ana)
    assert (told.json["status"], told.json["until"]) == ("5.1.1", now + 60_000)
    assert (await instance.ask("GET", f"/suppressions/{BUDI}", instance.ana)).status == 404

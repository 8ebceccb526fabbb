"""Webhooks over the API, and what they are told of sign-ins."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.services.happenings import Happenings
from merpati.services.sign_in_history import SignInHistory
from merpati.store import webhooks
from tests.support.api import ApiInstance
from tests.support.server import ANA

URL = "https://shop.test/in"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        yield one


async def test_a_webhook_is_made_changed_and_removed_and_the_audit_knows(
    instance: ApiInstance,
) -> None:
    admin = instance.admin
    wanted = {"url": URL, "events": ["message.bounced"]}
    made = await instance.ask("POST", "/webhooks", admin, wanted)
    assert made.status == 201, made.body
    secret = made.json["secret"]
    path = f"/webhooks/{made.json['webhook']['id']}"
    listed = await instance.ask("GET", "/webhooks", admin)
    assert secret not in listed.body.decode()
    changed = await instance.ask("PATCH", path, admin, {"events": ["alert.opened"]})
    assert (changed.json["webhook"]["events"], changed.json["secret"]) == (["alert.opened"], "")
    moved = await instance.ask("PATCH", path, admin, {"url": "https://other.test/"})
    assert moved.json["secret"] not in {"", secret}
    off = await instance.ask("PATCH", path, admin, {"enabled": False})
    assert off.json["webhook"]["enabled"] is False
    assert (await instance.ask("POST", f"{path}/test", admin, {})).status == 503
    assert (await instance.ask("GET", f"{path}/deliveries", admin)).json == []
    assert (await instance.ask("DELETE", path, admin)).status == 204
    assert (await instance.ask("GET", f"{path}/deliveries", admin)).status == 404
    told = (await instance.ask("GET", "/audit?search=webhook", admin)).json
    assert {one["action"] for one in told} == {"webhook.add", "webhook.change", "webhook.remove"}
    assert "whsec_" not in str(told)


@pytest.mark.parametrize(
    "change",
    [{"url": "http://shop.test/"}, {"url": "https://192.168.1.1/"}, {"events": []},
     {"events": ["message.lost"]}, {"secret": "whsec_c2hvcnQ="}, {"secret": "x"}],
)  # fmt: skip
async def test_what_cannot_be_a_webhook_is_refused(
    instance: ApiInstance, change: dict[str, object]
) -> None:
    wanted = {"url": URL, "events": ["message.bounced"], **change}
    assert (await instance.ask("POST", "/webhooks", instance.admin, wanted)).status == 400
    assert (await instance.ask("GET", "/webhooks", instance.admin)).json == []


async def test_a_sign_in_from_a_network_that_is_new_is_told_once(instance: ApiInstance) -> None:
    store = instance.store
    hook = await store.write(webhooks.add, URL, ["account.new-network"], b"", 1)
    happenings = Happenings(store, instance.notify, instance.clock, instance.ids)
    await happenings.load()
    history = SignInHistory(store, instance.clock)
    history.happenings = happenings
    for peer, success in (
        ("192.0.2.1", True),  # the first of all: there is no usual network yet
        ("192.0.2.9", True),
        ("203.0.113.5", False),
        ("198.51.100.7", True),
        ("198.51.100.8", True),
        ("2001:db8::1", True),
        ("2001:db8:0:1::2", True),
    ):
        history.note(instance.ana.id, "imap", peer, "password", success=success)
        await history.flush()
    told = [json.loads(one.body)["data"] for one in await store.read(webhooks.log, hook.id, 10)]
    assert [(one["account"], one["peer"]) for one in told[::-1]] == [
        (ANA, "198.51.100.7"), (ANA, "2001:db8::1")
    ]  # fmt: skip

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.store import published_keys
from merpati.wire import openpgp
from tests.support.api import ApiInstance

CORPUS = Path(__file__).parents[2] / "corpora" / "openpgp"
DOMAIN = "example.org"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[ApiInstance]:
    async with ApiInstance(tmp_path) as one:
        yield one


def key(address: str) -> bytes:
    """A key of ours with another user id; nobody looks at signatures here."""
    packets = openpgp.parse((CORPUS / "ana-v4.key").read_bytes()).packets
    user_id = f"Ana <{address}>".encode()
    new = b"\xcd" + bytes((len(user_id),)) + user_id
    return b"".join([new if n == 1 else one.whole for n, one in enumerate(packets)])


async def put(instance: ApiInstance, data: bytes) -> Any:
    body = {"key": base64.b64encode(data).decode()}
    return await instance.ask("PUT", "/me/keys", instance.ana, body)


async def test_a_key_is_published_for_ones_own_addresses_alone(instance: ApiInstance) -> None:
    answer = await put(instance, key("Ana@example.org"))
    assert answer.status == 200
    [one] = answer.json
    assert one["address"] == "ana@example.org"
    assert one["fingerprint"] == "06481c5fe3186e27a9dc0d9dc861feb78f48884e"
    hash_ = openpgp.directory_hash("ana")
    found = await instance.store.read(published_keys.find, DOMAIN, hash_)
    assert openpgp.parse(found).addresses == ("ana@example.org",)
    assert (await instance.ask("GET", "/me/keys", instance.budi)).json == []
    assert (await instance.ask("DELETE", "/me/keys", instance.ana)).status == 204
    assert (await instance.ask("DELETE", "/me/keys", instance.ana)).status == 404
    assert await instance.store.read(published_keys.find, DOMAIN, hash_) == b""


async def test_a_key_of_another_is_refused(instance: ApiInstance) -> None:
    assert (await put(instance, key("budi@example.org"))).status == 403
    assert (await put(instance, b"no key")).status == 400
    assert (await instance.ask("GET", "/me/keys", instance.ana)).json == []


async def test_an_address_that_is_gone_has_no_key(instance: ApiInstance) -> None:
    await put(instance, key("ana@example.org"))

    async def take_away(tx: Any) -> None:
        await tx.run("DELETE FROM address WHERE account_id = $1", instance.ana.id)

    await instance.store.write(take_away)
    hash_ = openpgp.directory_hash("ana")
    assert await instance.store.read(published_keys.find, DOMAIN, hash_) == b""

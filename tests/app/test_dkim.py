from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from merpati.app.commands import dkim
from merpati.app.config import read_config
from merpati.app.installation import open_store
from merpati.store import signing
from merpati.store.signing import ACTIVE, NEXT, RETIRED, StoredKey
from merpati.wire.dkim import keys
from tests.app.conftest import Merpati
from tests.support import signing as letters
from tests.support.dns import DnsServer
from tests.support.store import NOW

RECORD = re.compile(r'([re]\d{8}[a-z]?)\._domainkey\.a\.id\. IN TXT "v=DKIM1; k=(rsa|ed25519); p=')


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are taken from a stock: making an RSA key takes long."""
    monkeypatch.setattr(keys, "generate", letters.pem)


def test_a_new_installation_has_keys_to_publish(merpati: Merpati) -> None:
    listed = merpati("dkim", "list").out
    assert re.search(r"a\.id +r\d{8} +rsa +next +\S+ \S+ +publish it\n", listed)
    assert re.search(r"a\.id +e\d{8} +ed25519 +next +\S+ \S+ +publish it\n", listed)
    shown = merpati("dkim", "show", "a.id").out
    assert [kind for _, kind in RECORD.findall(shown)] == ["rsa", "ed25519"]
    assert all(len(text) <= 255 for text in re.findall(r'"([^"]*)"', shown))
    as_json = merpati("dkim", "show", "a.id", "--json").json
    assert [one["state"] for one in as_json] == ["next", "next"]
    assert "PRIVATE" not in str(as_json)
    assert "_domainkey.a.id.  TXT" in merpati("dns", "a.id").out


def test_a_new_domain_has_keys_too(merpati: Merpati) -> None:
    merpati("domain", "add", "b.id")
    assert len(merpati("dkim", "list", "b.id", "--json").json) == 2
    merpati("domain", "remove", "b.id")
    assert merpati("dkim", "list", "b.id").status == 1
    assert "b.id" not in merpati("dkim", "list").out


def test_a_key_that_was_published_signs_when_it_is_checked(folder: Path, merpati: Merpati) -> None:
    merpati("domain", "add", "c.id")
    config = folder / "merpati.toml"
    before = config.read_text()

    records = {
        one["name"]: {"TXT": keys.quote(one["record"])}
        for one in merpati("dkim", "show", "c.id", "--json").json
    }

    async def check() -> None:
        async with DnsServer(records) as server:
            resolvers = f'[dns]\nnameservers = ["127.0.0.1:{server.port}"]\n'
            config.write_text(before.replace("[dns]\n", resolvers))
            done = await asyncio.to_thread(merpati, "dkim", "check", "c.id")
            assert done.status == 0, done.err

    try:
        asyncio.run(check())
    finally:
        config.write_text(before)
    assert [one["state"] for one in merpati("dkim", "list", "c.id", "--json").json] == [
        "active", "active",
    ]  # fmt: skip


def test_a_dns_that_does_not_answer_is_told(folder: Path, merpati: Merpati) -> None:
    merpati("domain", "add", "e.id")
    config = folder / "merpati.toml"
    before = config.read_text()
    try:
        config.write_text(before.replace("[dns]\n", '[dns]\nnameservers = ["127.0.0.1:1"]\n'))
        done = merpati("dkim", "check", "e.id")
    finally:
        config.write_text(before)
    assert done.status == 1
    assert re.match(r"merpati dkim: The DNS lookup of r\d+\._domainkey\.e\.id", done.err)


def test_rotation_makes_the_next_keys_once(folder: Path, merpati: Merpati) -> None:
    first = merpati("dkim", "show", "a.id", "--json").json
    done = merpati("dkim", "rotate", "a.id")
    assert "There is a next rsa key already; it waits to be published." in done.out
    activate(folder, [one["id"] for one in first])
    done = merpati("dkim", "rotate", "a.id", "--kind", "rsa")
    assert re.match(r"Made the rsa key r\d{8}a?\.\n", done.out)
    kinds = [(one["kind"], one["state"]) for one in merpati("dkim", "show", "a.id", "--json").json]
    assert kinds == [("rsa", "active"), ("rsa", "next"), ("ed25519", "active")]


def activate(folder: Path, ids: list[int]) -> None:
    async def work() -> None:
        store = await open_store(read_config(folder / "merpati.toml"))
        for key_id in ids:
            await store.write(signing.activate, key_id, NOW, NOW)
        await store.close()

    asyncio.run(work())


def test_a_retired_key_signs_no_more_and_says_what_to_do(merpati: Merpati) -> None:
    merpati("domain", "add", "d.id")
    selector = merpati("dkim", "show", "d.id", "--json").json[0]["selector"]
    done = merpati("dkim", "retire", "d.id", selector)
    assert f"{selector} signs no more. If it was stolen, remove its record" in done.out
    assert merpati("dkim", "list", "d.id", "--json").json[-1]["state"] == "retired"
    wrong = merpati("dkim", "retire", "d.id", "x")
    assert wrong.status == 1
    assert wrong.err == "merpati dkim: d.id has no key x; see: merpati dkim list d.id\n"


@pytest.mark.parametrize(
    ("state", "published", "age", "text"),
    [
        (NEXT, False, 0, "publish it"),
        (NEXT, True, 0, "published; signs from "),
        (ACTIVE, True, 0, "published"),
        (ACTIVE, False, 0, "NOT PUBLISHED: publish it"),
        (RETIRED, True, 0, "keep its record until 20"),
        (RETIRED, True, 15 * 86_400, "remove its record"),
        (RETIRED, False, 0, "gone"),
    ],
)
def test_what_to_do_about_a_key(state: str, published: bool, age: int, text: str) -> None:
    key = StoredKey(1, "a.id", "r1", "rsa", state, "", NOW, NOW, NOW if published else 0)
    assert dkim.status(key, NOW + age * 1000).startswith(text)

"""PushSubscription, from its making to what arrives at a push service."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from hmac import digest
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.servers.jmap.call import VAPID
from merpati.services import web_push as service
from merpati.services.sealing import Sealing
from merpati.services.web_push import Vapid, WebPush, WebPushSettings, is_public
from merpati.store import credentials, push
from merpati.wire import web_push
from tests.support.certificates import Authority
from tests.support.dns import DnsServer
from tests.support.http import Site
from tests.support.jmap import JmapInstance
from tests.support.server import ANA, HOSTNAME, password_hash

ROOT = Authority("root")
GOOD = ROOT.issue("push.test")
LETTER = b"Subject: x\r\n\r\nx"
THEIRS = web_push.private_key(b"a program's key of at least 32 bytes")
SECRET = b"0123456789abcdef"
KEYS = {
    "p256dh": web_push.base64url(web_push.public_bytes(THEIRS)),
    "auth": web_push.base64url(SECRET),
}


class PushService:
    """Takes what is posted, and answers with `status`."""

    def __init__(self) -> None:
        self.status = "201 Created"
        self.posts: asyncio.Queue[tuple[dict[str, str], bytes]] = asyncio.Queue()
        self.port = 0

    @property
    def url(self) -> str:
        return f"https://push.test:{self.port}/p/1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = [line.partition(": ") for line in head.split("\r\n")[1:] if line]
            fields = {name.lower(): value for name, _, value in lines}
            body = await reader.readexactly(int(fields["content-length"]))
            fields["line"] = head.split("\r\n")[0]
            writer.write(f"HTTP/1.1 {self.status}\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            self.posts.put_nowait((fields, body))
        except (OSError, EOFError):
            pass
        finally:
            writer.close()

    async def got(self) -> tuple[dict[str, str], bytes]:
        return await asyncio.wait_for(self.posts.get(), 30)

    async def said(self) -> Any:
        return json.loads(decrypted((await self.got())[1]))


def decrypted(sent: bytes) -> bytes:
    """RFC 8291 3.4, from the other side."""
    salt, own_public, text = sent[:16], sent[21:86], sent[86:]
    sender = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), own_public)
    shared = THEIRS.exchange(ec.ECDH(), sender)
    block = web_push._one_block
    info = b"WebPush: info\0" + web_push.public_bytes(THEIRS) + own_public
    pseudo_random = digest(salt, block(digest(SECRET, shared, "sha256"), info), "sha256")
    key = block(pseudo_random, b"Content-Encoding: aes128gcm\0")[:16]
    nonce = block(pseudo_random, b"Content-Encoding: nonce\0")[:12]
    return AESGCM(key).decrypt(nonce, text, b"").removesuffix(b"\x02")


@pytest.fixture
async def push_service(
    jmap: JmapInstance, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[PushService]:
    for name, value in {"GATHER": 0.01, "PAUSE": 0.05, "TURN": 0.1}.items():
        monkeypatch.setattr(service, name, value)
    one = PushService()
    context: ssl.SSLContext = GOOD.server_context()
    server = await asyncio.start_server(one.serve, "127.0.0.1", 0, ssl=context)
    one.port = server.sockets[0].getsockname()[1]
    async with DnsServer({"push.test": {"A": "127.0.0.1"}}) as dns:
        resolver = Resolver([dns.nameserver], jmap.clock)
        https = Https(resolver, jmap.reaper, ROOT.client_context())
        vapid = Vapid(Sealing(jmap.folder, jmap.ids), HOSTNAME, jmap.clock)
        sender = WebPush(
            "w1", jmap.store, jmap.notify, https, vapid, WebPushSettings(), jmap.clock, jmap.ids,
            jmap.log,
        )  # fmt: skip
        task = asyncio.ensure_future(sender.run())
        yield one
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    server.close()


async def call(jmap: JmapInstance, name: str, **arguments: Any) -> Any:
    return await jmap.call(f"PushSubscription/{name}", **arguments)


async def made(jmap: JmapInstance, url: str, **more: Any) -> str:
    new = {"deviceClientId": "d", "url": url, "keys": KEYS, **more}
    told = await call(jmap, "set", create={"k": new})
    assert told["created"], told
    id_: str = told["created"]["k"]["id"]
    return id_


async def verified(jmap: JmapInstance, push_service: PushService, **more: Any) -> str:
    id_ = await made(jmap, push_service.url, **more)
    told = await push_service.said()
    update = {id_: {"verificationCode": told["verificationCode"]}}
    assert (await call(jmap, "set", update=update))["updated"] == {id_: None}
    await looked_at(jmap)
    return id_


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(30):
        while not await condition():  # noqa: ASYNC110 -- the sender announces nothing
            await asyncio.sleep(0.01)


async def has_none(jmap: JmapInstance) -> bool:
    return not (await call(jmap, "get", ids=None))["list"]


async def looked_at(jmap: JmapInstance) -> None:
    """Until all that was verified was looked at once, for what is known from here on."""

    async def looked() -> bool:
        there = await jmap.store.read(push.of_account, jmap.ana.id)
        return all(one.known for one in there)

    await until(looked)


async def test_a_program_proves_that_it_gets_what_is_sent_and_is_then_told(
    jmap: JmapInstance, push_service: PushService
) -> None:
    id_ = await made(jmap, push_service.url, types=["Email"])
    fields, body = await push_service.got()
    assert fields["line"] == "POST /p/1 HTTP/1.1"
    assert fields["content-encoding"] == "aes128gcm"
    assert fields["ttl"] == "86400"
    assert fields["authorization"].startswith("vapid t=")
    told = json.loads(decrypted(body))
    assert told["@type"] == "PushVerification"
    assert told["pushSubscriptionId"] == id_
    await jmap.deliver(LETTER)
    wrong = await call(jmap, "set", update={id_: {"verificationCode": "guess"}})
    assert wrong["notUpdated"][id_]["type"] == "invalidProperties"
    await call(jmap, "set", update={id_: {"verificationCode": told["verificationCode"]}})
    await looked_at(jmap)
    assert push_service.posts.empty()  # what was before is not told
    await jmap.deliver(LETTER)
    state = (await jmap.call("Email/get", accountId=jmap.account, ids=[]))["state"]
    assert await push_service.said() == {
        "@type": "StateChange", "changed": {jmap.account: {"Email": state}},
    }  # fmt: skip


async def test_many_changes_are_few_pushes(jmap: JmapInstance, push_service: PushService) -> None:
    await verified(jmap, push_service)
    begun = asyncio.get_running_loop().time()
    for _ in range(200):
        await jmap.deliver(LETTER)
    state = (await jmap.call("Email/get", accountId=jmap.account, ids=[]))["state"]
    count = 0
    while (await push_service.said())["changed"][jmap.account]["Email"] != state:
        count += 1
    assert count < 3 + (asyncio.get_running_loop().time() - begun) / service.PAUSE
    assert push_service.posts.empty()


async def test_what_a_push_service_did_not_take_is_told_later_with_the_rest(
    jmap: JmapInstance, push_service: PushService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "RETRY_FIRST", 1)
    id_ = await verified(jmap, push_service)
    push_service.status = "503 Busy"
    await jmap.deliver(LETTER)
    await push_service.got()
    await jmap.deliver(LETTER)
    push_service.status = "201 Created"
    state = (await jmap.call("Email/get", accountId=jmap.account, ids=[]))["state"]
    assert (await push_service.said())["changed"][jmap.account]["Email"] == state
    assert [one["id"] for one in (await call(jmap, "get", ids=None))["list"]] == [id_]


async def test_a_subscription_that_its_service_does_not_know_any_more_goes(
    jmap: JmapInstance, push_service: PushService
) -> None:
    await verified(jmap, push_service)
    push_service.status = "410 Gone"
    await jmap.deliver(LETTER)
    await push_service.got()
    await until(lambda: has_none(jmap))


async def test_a_subscription_ends_with_what_it_was_made_with(
    jmap: JmapInstance, push_service: PushService
) -> None:
    """RFC 8620 7.2."""
    jmap.signed_in_with = push.password(jmap.ana.password)
    mine = await verified(jmap, push_service)
    await jmap.deliver(LETTER)
    assert (await push_service.said())["@type"] == "StateChange"
    await jmap.store.write(credentials.change_password, jmap.ana.id, password_hash("another"))
    await until(lambda: has_none(jmap))
    assert (await call(jmap, "get", ids=[mine]))["notFound"] == [mine]
    await jmap.deliver(LETTER)
    await asyncio.sleep(0.3)
    while not push_service.posts.empty():  # of before
        assert (await push_service.said())["@type"] == "StateChange"
    assert not await jmap.store.read(push.of_account, jmap.ana.id)


async def test_nobody_sees_what_was_made_with_another_credential(jmap: JmapInstance) -> None:
    """RFC 8620 7.2.1."""
    jmap.signed_in_with = "session:1"
    id_ = await made(jmap, "https://push.example/a")
    jmap.signed_in_with = "session:2"
    other = await made(jmap, "https://push.example/b")
    assert [one["id"] for one in (await call(jmap, "get", ids=None))["list"]] == [other]
    assert (await call(jmap, "get", ids=[id_]))["notFound"] == [id_]
    told = await call(jmap, "set", update={id_: {"types": None}}, destroy=[id_])
    assert told["notDestroyed"][id_]["type"] == "notFound"
    jmap.signed_in_with = "session:1"
    told = await call(jmap, "set", update={id_: {"types": ["Email"]}})
    assert told["updated"] == {id_: None}
    assert (await call(jmap, "set", destroy=[id_]))["destroyed"] == [id_]


async def test_without_keys_the_object_is_sent_as_it_is(
    jmap: JmapInstance, push_service: PushService
) -> None:
    await made(jmap, push_service.url, keys=None)
    fields, body = await push_service.got()
    assert fields["content-type"] == "application/json"
    assert json.loads(body)["@type"] == "PushVerification"


async def test_who_takes_over_tells_what_nobody_told(
    jmap: JmapInstance, push_service: PushService
) -> None:
    await verified(jmap, push_service)

    async def lose(tx: Any) -> None:  # an announcement that got lost
        await tx.run("UPDATE account SET modseq = modseq + 1 WHERE id = $1", jmap.ana.id)
        await tx.run(
            "INSERT INTO change (account_id, modseq, n, kind, mailbox_id, uids, emails, threads)"
            " SELECT id, modseq, 0, 2, 1, '1', '', '' FROM account WHERE id = $1",
            jmap.ana.id,
        )

    await jmap.store.write(lose)
    await made(jmap, push_service.url, deviceClientId="another")  # all are looked at again
    said = [await push_service.said() for _ in range(2)]
    assert {one["@type"] for one in said} == {"PushVerification", "StateChange"}


# What can be asked for


async def test_the_url_and_the_keys_are_never_told(jmap: JmapInstance) -> None:
    id_ = await made(jmap, "https://push.example/a")
    told = await call(jmap, "get", ids=[id_, "nope"])
    [one] = told["list"]
    assert set(one) == {"id", "deviceClientId", "verificationCode", "expires", "types"}
    assert one["verificationCode"] is None
    assert told["notFound"] == ["nope"]
    for name in ("url", "keys"):
        refused = await call(jmap, "get", ids=None, properties=[name])
        assert refused["type"] == "forbidden"
    assert (await call(jmap, "get", ids=None, properties=["song"]))["type"] == "invalidArguments"


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"url": "http://push.example/"}, "url"),
        ({"url": "https://10.0.0.1/"}, "url"),
        ({"deviceClientId": ""}, "deviceClientId"),
        ({"keys": {"p256dh": "x", "auth": "y"}}, "keys"),
        ({"keys": {**KEYS, "p256dh": web_push.base64url(b"\x04" + bytes(64))}}, "keys"),
        ({"types": "Email"}, "types"),
        ({"types": ["a b"]}, "types"),
        ({"expires": "tomorrow"}, "expires"),
        ({"expires": "2001-01-01T00:00:00Z"}, "expires"),
        ({"verificationCode": "x"}, "verificationCode"),
    ],
)
async def test_what_cannot_be_subscribed_is_refused(
    jmap: JmapInstance, change: dict[str, Any], name: str
) -> None:
    new = {"deviceClientId": "d", "url": "https://push.example/a", **change}
    told = await call(jmap, "set", create={"k": new})
    error = told["notCreated"]["k"]
    assert (error["type"], error["properties"]) == ("invalidProperties", [name])


async def test_what_was_left_out_is_told_and_a_code_may_be_null(jmap: JmapInstance) -> None:
    """RFC 8620 5.3, 7.2."""
    new: dict[str, Any] = {"deviceClientId": "d", "url": "https://push.example/a"}
    made = (await call(jmap, "set", create={"k": new}))["created"]["k"]
    assert (made["keys"], made["types"], made["verificationCode"]) == (None, None, None)
    new |= {"keys": None, "types": None, "verificationCode": None, "expires": None}
    made = (await call(jmap, "set", create={"k": new}))["created"]["k"]
    assert made.keys() == {"id", "expires"}


async def test_no_subscription_lives_longer_than_a_week(jmap: JmapInstance) -> None:
    told = await call(
        jmap, "set",
        create={"k": {
            "deviceClientId": "d", "url": "https://p.example/", "expires": "2999-01-01T00:00:00Z",
        }},
    )  # fmt: skip
    assert told["created"]["k"]["expires"] < "2900"
    id_ = told["created"]["k"]["id"]
    longer = await call(jmap, "set", update={id_: {"expires": "2999-01-01T00:00:00Z"}})
    assert longer["updated"][id_]["expires"] < "2900"


async def test_what_is_fixed_stays_and_what_is_gone_is_gone(jmap: JmapInstance) -> None:
    id_ = await made(jmap, "https://push.example/a")
    told = await call(jmap, "set", update={id_: {"url": "https://other.example/"}})
    assert told["notUpdated"][id_]["type"] == "invalidProperties"
    assert (await call(jmap, "set", destroy=[id_]))["destroyed"] == [id_]
    again = await call(jmap, "set", destroy=[id_], update={id_: {"types": None}})
    assert again["notDestroyed"][id_]["type"] == "notFound"
    assert again["notUpdated"][id_]["type"] == "notFound"


async def test_nobody_sees_the_subscriptions_of_others(jmap: JmapInstance) -> None:
    id_ = await made(jmap, "https://push.example/a")
    told = await jmap.call("PushSubscription/get", user=jmap.budi, ids=[id_])
    assert told["notFound"] == [id_]


async def test_an_account_cannot_make_us_push_to_strangers_all_day(jmap: JmapInstance) -> None:
    create = {
        f"k{n}": {"deviceClientId": f"d{n}", "url": "https://push.example/"} for n in range(20)
    }
    told = await call(jmap, "set", create=create)
    assert len(told["created"]) == 10
    assert {one["type"] for one in told["notCreated"].values()} == {"rateLimit"}


async def test_the_session_object_tells_the_key_that_pushes_are_signed_by(
    jmap: JmapInstance,
) -> None:
    site = Site(jmap, jmap.jmap.routes())
    told = (await site.get("/jmap/session", user=ANA)).json
    key = told["capabilities"][VAPID]["applicationServerKey"]
    web_push.check_point(web_push.decode_key(key, web_push.KEY_SIZE))


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("9.9.9.9", True), ("2620:fe::fe", True), ("127.0.0.1", False), ("10.1.2.3", False),
        ("169.254.1.1", False), ("::1", False), ("fe80::1%eth0", False), ("fd00::1", False),
        ("::ffff:10.0.0.1", False), ("64:ff9b::a00:1", False), ("2002:a00:1::1", False),
        ("224.0.0.1", False), ("0.0.0.0", False), ("100.64.0.1", False),
    ],
)  # fmt: skip
def test_only_addresses_of_the_internet_are_public(address: str, wanted: bool) -> None:
    assert is_public(address) is wanted

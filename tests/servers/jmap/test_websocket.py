from __future__ import annotations

import asyncio
import contextlib
import json
import socket as sockets
from typing import Any

import pytest

from merpati.servers.jmap.call import CORE, MAIL, WEBSOCKET, JmapSettings
from merpati.services.login import hash_password
from merpati.store import credentials
from tests.support.http import Site
from tests.support.jmap import JmapInstance
from tests.support.jmap_push import KEY, Socket, basic
from tests.support.server import ANA

LETTER = b"Subject: x\r\n\r\nx"


@pytest.fixture
async def site(jmap: JmapInstance) -> Site:
    return Site(jmap, jmap.jmap.routes())


@pytest.fixture
async def socket(site: Site) -> Any:
    client = await Socket.open(site.port, ANA)
    assert client.status == 101, client.head
    yield client
    await client.close()


def request(*calls: Any, **more: Any) -> dict[str, Any]:
    return {"@type": "Request", "using": [CORE, MAIL], "methodCalls": calls, **more}


async def test_the_session_object_says_where_it_is(site: Site) -> None:
    told = (await site.get("/jmap/session", user=ANA)).json
    assert told["capabilities"][WEBSOCKET] == {
        "url": f"ws://127.0.0.1:{site.port}/jmap/ws",
        "supportsPush": True,
    }


async def test_the_handshake_answers_the_key_and_names_the_subprotocol(socket: Socket) -> None:
    head = socket.head.decode().lower()
    assert "sec-websocket-protocol: jmap\r\n" in head
    assert "upgrade: websocket\r\n" in head


async def test_a_request_is_answered_under_its_id(site: Site, socket: Socket) -> None:
    socket.say(request(["Core/echo", {"a": 1}, "c"], id="R1"))
    told = await socket.said()
    state = (await site.get("/jmap/session", user=ANA)).json["state"]
    assert told == {
        "@type": "Response",
        "requestId": "R1",
        "methodResponses": [["Core/echo", {"a": 1}, "c"]],
        "sessionState": state,
    }


async def test_requests_are_answered_in_turn(socket: Socket) -> None:
    for n in range(50):
        socket.say(request(["Core/echo", {"n": n}, "c"], id=f"R{n}"))
    for n in range(50):
        told = await socket.said()
        assert (told["requestId"], told["methodResponses"][0][1]) == (f"R{n}", {"n": n})


@pytest.mark.parametrize(
    ("text", "type_", "id_"),
    [
        ("{", "notJSON", None),
        ("[]", "notRequest", None),
        ('{"@type":"Song","id":"R"}', "notRequest", "R"),
        ('{"@type":"Request","id":"R","using":["x"],"methodCalls":[]}', "unknownCapability", "R"),
        ('{"@type":"WebSocketPushEnable","dataTypes":"all"}', "notRequest", None),
    ],
)
async def test_what_is_no_request_is_refused_and_the_connection_goes_on(
    socket: Socket, text: str, type_: str, id_: str | None
) -> None:
    socket.send(1, text.encode())
    told = await socket.said()
    assert told["@type"] == "RequestError"
    assert told["type"] == f"urn:ietf:params:jmap:error:{type_}"
    assert told["requestId"] == id_
    socket.say(request(["Core/echo", {}, "c"]))
    assert (await socket.said())["@type"] == "Response"


async def test_changes_are_pushed_when_asked_for_and_until_not_wanted(
    jmap: JmapInstance, socket: Socket
) -> None:
    await jmap.deliver(LETTER)
    socket.say({"@type": "WebSocketPushEnable", "dataTypes": ["Email"]})
    socket.say(request(["Core/echo", {}, "c"]))
    assert (await socket.said())["@type"] == "Response"  # what was before is not told
    await jmap.deliver(LETTER)
    told = await socket.said()
    assert told["@type"] == "StateChange"
    assert set(told["changed"][jmap.account]) == {"Email"}
    push_state = told["pushState"]
    socket.say({"@type": "WebSocketPushDisable"})
    socket.say(request(["Core/echo", {}, "c"]))
    assert (await socket.said())["@type"] == "Response"
    await jmap.deliver(LETTER)
    socket.say(request(["Core/echo", {}, "c"]))
    assert (await socket.said())["@type"] == "Response"
    socket.say({"@type": "WebSocketPushEnable", "dataTypes": None, "pushState": push_state})
    told = await socket.said()
    assert "EmailDelivery" in told["changed"][jmap.account]


async def test_a_message_may_come_in_pieces_with_pings_between(socket: Socket) -> None:
    text = json.dumps(request(["Core/echo", {"a": "é" * 200}, "c"]), ensure_ascii=False).encode()
    middle = text.index("é".encode()) + 1  # inside of a character
    socket.send(1, text[:middle], final=False)
    socket.send(9, b"are you there")
    socket.send(0, text[middle:300], final=False)
    socket.send(0, text[300:])
    assert await socket.frame() == (10, b"are you there")
    assert (await socket.said())["methodResponses"][0][1] == {"a": "é" * 200}


async def test_large_messages_go_both_ways(socket: Socket) -> None:
    big = "x" * 300_000
    socket.say(request(["Core/echo", {"big": big}, "c"]))
    assert (await socket.said())["methodResponses"][0][1]["big"] == big


async def test_a_message_that_is_too_big_ends_the_connection(jmap: JmapInstance) -> None:
    site = Site(jmap, jmap.build(JmapSettings(request_size=1000)).routes())
    client = await Socket.open(site.port, ANA)
    client.send(1, b"x" * 1001)
    assert await client.close_code() == 1009
    await client.close()


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"\x81\x01x", 1002),  # not masked
        (b"\xc1\x80\0\0\0\0", 1002),  # a reserved bit
        (b"\x83\x80\0\0\0\0", 1002),  # no such opcode
        (b"\x80\x80\0\0\0\0", 1002),  # a continuation of nothing
        (b"\x09\x80\0\0\0\0", 1002),  # a ping in pieces
        (b"\x81\x81\0\0\0\0\xff", 1007),
        (b"\x82\x81\0\0\0\0x", 1003),
        (b"\x88\x82\0\0\0\0\x03\xe8", 1000),
        (b"\x88\x80\0\0\0\0", 1000),
        (b"\x88\x81\0\0\0\0x", 1002),
        (b"\x88\x82\0\0\0\0\0\x01", 1002),
    ],
)
async def test_the_end_has_its_code(socket: Socket, raw: bytes, code: int) -> None:
    socket.writer.write(raw)
    assert await socket.close_code() == code
    assert await asyncio.wait_for(socket.reader.read(), 30) == b""


@pytest.mark.parametrize(
    "fields",
    [
        {"Sec_WebSocket_Protocol": "chat"},
        {"Sec_WebSocket_Version": "8"},
        {"Sec_WebSocket_Key": "short"},
        {"Upgrade": "h2c"},
        {"Connection": "keep-alive"},
    ],
)
async def test_another_handshake_is_refused(site: Site, fields: dict[str, str]) -> None:
    client = await Socket.open(site.port, ANA, **fields)
    assert client.status == 426
    await client.close()


async def test_pages_of_other_sites_are_kept_out(site: Site) -> None:
    client = await Socket.open(site.port, ANA, Origin="https://evil.example")
    assert client.status == 403
    own = await Socket.open(site.port, ANA, Origin=f"http://127.0.0.1:{site.port}")
    assert own.status == 101
    await client.close()
    await own.close()


async def test_strangers_are_kept_out(site: Site) -> None:
    client = await Socket.open(site.port, "")
    assert client.status == 401
    await client.close()


async def test_a_client_that_asks_and_never_reads_is_left_to_wait(
    jmap: JmapInstance, site: Site
) -> None:
    loop = asyncio.get_running_loop()
    slow = sockets.socket()
    slow.setsockopt(sockets.SOL_SOCKET, sockets.SO_RCVBUF, 4096)
    slow.setblocking(False)
    await loop.sock_connect(slow, ("127.0.0.1", site.port))
    await loop.sock_sendall(
        slow,
        (
            "GET /jmap/ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n"
            f"Sec-WebSocket-Protocol: jmap\r\nAuthorization: {basic(ANA)}\r\n\r\n"
        ).encode(),
    )
    await asyncio.wait_for(loop.sock_recv(slow, 1000), 30)
    text = json.dumps(request(["Core/echo", {"big": "x" * 50_000}, "c"])).encode()
    one = b"\x81\xfe" + len(text).to_bytes(2, "big") + bytes(4) + text
    sent = 0
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(1.5):
            while sent < 30_000_000:
                await loop.sock_sendall(slow, one)
                sent += len(one)
    assert sent < 30_000_000
    other = await Socket.open(site.port, ANA)
    other.say(request(["Core/echo", {}, "c"]))
    assert (await other.said())["@type"] == "Response"
    await other.close()
    slow.close()


async def test_a_server_that_stops_says_so(jmap: JmapInstance) -> None:
    site = Site(jmap, jmap.jmap.routes())
    client = await Socket.open(site.port, ANA)
    await asyncio.sleep(0.05)
    [listener] = jmap._listeners
    ending = asyncio.ensure_future(listener.drain(5))
    assert await client.close_code() == 1001
    await client.close()
    await ending


async def test_another_password_ends_it_at_once(jmap: JmapInstance, socket: Socket) -> None:
    socket.say(request(["Core/echo", {}, "c"]))
    assert (await socket.said())["@type"] == "Response"
    new = hash_password("quite another one")
    await jmap.store.write(credentials.change_password, jmap.ana.id, new)
    assert await socket.close_code() == 1008

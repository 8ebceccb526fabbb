from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from merpati.base.log import Level, Log, Sink
from merpati.servers.web import session
from merpati.servers.web.session import Web
from tests.servers.web.conftest import Opener
from tests.support.certificates import Authority
from tests.support.clock import FakeClock
from tests.support.sockets import until

ROOT = Authority("root")


async def hello(request: Request) -> Response:
    return PlainTextResponse(f"hello {request.url.scheme} {request.client.host}")  # type: ignore[union-attr]


async def echo(request: Request) -> Response:
    return JSONResponse({"size": len(await request.body())})


async def broken(request: Request) -> Response:
    raise LookupError("a defect")


ROUTES = [
    Route("/", hello),
    Route("/echo", echo, methods=["POST"]),
    Route("/broken", broken),
]
GET = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
LAST = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"


async def test_a_page_is_served(serve: Opener) -> None:
    async with serve(ROUTES) as site:
        assert await site.get("/") == (200, "text/plain; charset=utf-8", b"hello http 127.0.0.1")
        assert (await site.get("/nothing"))[0] == 404
        assert b"\r\ndate: Fri, 15 Jan 2027 08:00:00 GMT\r\n" in await site.raw(LAST)


async def test_a_page_is_served_over_tls(serve: Opener) -> None:
    issued = ROOT.issue("localhost")
    async with serve(ROUTES, server=issued.server_context(), client=ROOT.client_context()) as site:
        assert (await site.get("/"))[2] == b"hello https 127.0.0.1"


async def test_one_connection_takes_many_requests_pipelined_or_in_pieces(serve: Opener) -> None:
    async with serve(ROUTES) as site:
        answer = await site.raw(GET + GET, GET[:20], GET[20:], LAST)
        assert answer.count(b"HTTP/1.1 200 OK\r\n") == 4
        assert site.listener.accepted == 1


async def test_a_large_body_arrives_whole(serve: Opener) -> None:
    body = b"x" * 5_000_000
    head = f"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n"
    async with serve(ROUTES) as site:
        answer = await site.raw(f"{head}Connection: close\r\n\r\n".encode(), body)
        assert answer.endswith(b'{"size":5000000}')


async def test_a_client_that_reads_slowly_holds_the_application_back(serve: Opener) -> None:
    sent = 0

    async def much(request: Request) -> Response:
        async def chunks() -> object:
            nonlocal sent
            for _ in range(200):
                sent += 1
                yield b"x" * 100_000

        return StreamingResponse(chunks())  # type: ignore[arg-type]

    async with serve([Route("/", much)]) as site:
        reader, writer = await asyncio.open_connection("127.0.0.1", site.port, limit=4096)
        writer.write(LAST)
        await asyncio.sleep(0.3)
        held = sent
        assert held < 150  # what fits into the kernel's buffers
        size = len(await reader.read())
        assert size > 200 * 100_000
        assert sent == 200
        writer.close()


async def test_a_client_that_leaves_is_noticed(serve: Opener) -> None:
    begun, left = asyncio.Event(), asyncio.Event()

    async def long(request: Request) -> Response:
        begun.set()
        while not await request.is_disconnected():  # noqa: ASYNC110 -- how Starlette tells it
            await asyncio.sleep(0.01)
        left.set()
        raise ClientDisconnect

    async with serve([Route("/", long)]) as site:
        _, writer = await asyncio.open_connection("127.0.0.1", site.port)
        writer.write(GET)
        async with asyncio.timeout(30):
            await begun.wait()
            writer.close()
            await left.wait()


async def test_a_defect_is_logged_and_answered_vaguely(serve: Opener) -> None:
    async with serve(ROUTES) as site:
        status, _, body = await site.get("/broken")
        assert (status, body) == (500, b"Internal Server Error")
        assert "http.failed" in site.log.read_text()
        assert (await site.get("/"))[0] == 200


async def test_what_is_not_http_is_refused(serve: Opener) -> None:
    async with serve(ROUTES) as site:
        assert (await site.raw(b"EHLO there\r\n")).startswith(b"HTTP/1.1 400 ")


async def test_a_client_that_drips_its_header_is_cut_off(
    serve: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "REQUEST_TIMEOUT", 0.2)
    async with serve(ROUTES) as site:
        answer = b""
        with suppress(ConnectionError):  # what still came after the end is answered by a reset
            answer = await site.raw(*(GET[n : n + 1] for n in range(20)))
        assert answer == b""


async def test_idle_connections_do_not_hold_up_a_stop_and_busy_ones_finish(serve: Opener) -> None:
    begun = asyncio.Event()

    async def slow(request: Request) -> Response:
        begun.set()
        await asyncio.sleep(0.3)
        return PlainTextResponse("done")

    async with serve([*ROUTES, Route("/slow", slow)]) as site:
        fresh, writer1 = await asyncio.open_connection("127.0.0.1", site.port)
        used, writer2 = await asyncio.open_connection("127.0.0.1", site.port)
        writer2.write(GET)
        await used.readuntil(b"127.0.0.1")
        busy, writer3 = await asyncio.open_connection("127.0.0.1", site.port)
        writer3.write(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n")
        async with asyncio.timeout(30):
            await begun.wait()
        began = time.monotonic()
        assert await site.listener.drain(20) == 0
        assert 0.2 < time.monotonic() - began < 19  # it did not wait for the idle ones
        assert (await busy.read()).endswith(b"done")
        assert await fresh.read() == await used.read() == b""
        for writer in (writer1, writer2, writer3):
            writer.close()


async def test_one_client_too_many_is_told_so(serve: Opener) -> None:
    async with serve(ROUTES) as site:
        pairs = [await asyncio.open_connection("127.0.0.1", site.port) for _ in range(20)]
        await until(lambda: site.listener.active == 20)
        assert (await site.raw(b"")).startswith(b"HTTP/1.1 503 ")
        for _, writer in pairs:
            writer.close()


def _scope(path: str, peer: str = "192.0.2.7", **more: Any) -> dict[str, Any]:
    return {
        "type": "http", "scheme": "http", "method": "GET", "path": path, "query_string": b"",
        "client": (peer, 5), "headers": [(b"host", b"mail.test:2080")], **more,
    }  # fmt: skip


async def _asked(scope: dict[str, Any], log: Log, https: int = 2443) -> tuple[int, str]:
    """Status and Location of the answer of an application that only knows /here."""

    async def here(_: Request) -> PlainTextResponse:
        return PlainTextResponse("here")

    routes = [Route("/here", here, methods=["GET", "POST"]),
              Route("/.well-known/acme-challenge/x", here)]  # fmt: skip
    web = Web(routes, FakeClock(), log, https)
    told: list[Any] = []

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    await web._answer(scope, receive, send)
    headers = dict(told[0]["headers"])
    return told[0]["status"], headers.get(b"location", b"").decode()


async def test_clear_text_from_elsewhere_is_shown_the_way_to_tls() -> None:
    log = Log(Sink(FakeClock(), level=Level.ERROR))
    assert await _asked(_scope("/here"), log) == (308, "https://mail.test:2443/here")
    assert await _asked(_scope("/h re", query_string=b"a=1"), log, 443) == (
        308, "https://mail.test/h%20re?a=1",
    )  # fmt: skip
    assert (await _asked(_scope("/here", method="POST"), log))[0] == 403
    password = [(b"host", b"mail.test"), (b"authorization", b"Basic eA==")]
    assert (await _asked(_scope("/here", headers=password), log))[0] == 403
    for fine in (
        _scope("/here", peer="127.0.0.1"),
        _scope("/here", scheme="https"),
        _scope("/.well-known/acme-challenge/x"),
    ):
        assert (await _asked(fine, log))[0] == 200
    assert (await _asked(_scope("/here"), log, 0))[0] == 200

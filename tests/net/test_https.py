from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net.dns import Resolver
from merpati.net.https import Https, Response
from merpati.net.reaper import Reaper
from tests.support.certificates import Authority, Issued
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer

ROOT = Authority("root")
GOOD = ROOT.issue("web.test")


class Web:
    """Answers every request with the same bytes and keeps what was asked."""

    def __init__(self, answer: bytes, *, stays: bool) -> None:
        self.answer = answer
        self.asked = b""
        self._stays = stays

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            self.asked = await reader.readuntil(b"\r\n\r\n")
            if b"\r\nContent-Length: " in self.asked:
                length = self.asked.partition(b"\r\nContent-Length: ")[2].partition(b"\r\n")[0]
                self.asked += await reader.readexactly(int(length))
            writer.write(self.answer)
            await writer.drain()
            if self._stays:
                await reader.read()
        except (OSError, EOFError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def web(
    answer: bytes, *, context: ssl.SSLContext | None = None, stays: bool = False
) -> AsyncIterator[tuple[Web, Callable[..., asyncio.Future[Response]]]]:
    """A server at web.test, and a function that asks it."""
    one = Web(answer, stays=stays)
    server = await asyncio.start_server(
        one.serve, "127.0.0.1", 0, ssl=context or GOOD.server_context()
    )
    port = server.sockets[0].getsockname()[1]
    async with DnsServer({"web.test": {"A": "127.0.0.1"}}) as dns:
        resolver = Resolver([dns.nameserver], FakeClock())
        https = Https(resolver, Reaper(0.02), ROOT.client_context())

        def ask(method: str = "GET", path: str = "/a", **more: object) -> asyncio.Future[Response]:
            options = {"limit": 1000, "within": 5.0, **more}
            return asyncio.ensure_future(
                https.request(method, "web.test", path, port=port, **options)  # type: ignore[arg-type]
            )

        yield one, ask
    server.close()


def answer(body: bytes, *fields: str, status: str = "200 OK") -> bytes:
    rows = [f"HTTP/1.1 {status}", *fields, f"Content-Length: {len(body)}"]
    return "".join(f"{row}\r\n" for row in rows).encode() + b"\r\n" + body


async def test_an_answer_comes_with_status_fields_and_body() -> None:
    async with web(answer(b"policy", "Content-Type: text/plain")) as (one, ask):
        found = await ask(path="/.well-known/mta-sts.txt?x=1")
        assert (found.status, found.body) == (200, b"policy")
        assert found.fields["content-type"] == "text/plain"
        assert one.asked.startswith(b"GET /.well-known/mta-sts.txt?x=1 HTTP/1.1\r\n")
        assert b"\r\nHost: web.test:" in one.asked


async def test_an_answer_may_come_in_chunks_or_end_with_the_connection() -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    async with web(chunked, stays=True) as (_, ask):
        assert (await ask()).body == b"abcde"
    async with web(b"HTTP/1.0 200 OK\r\n\r\nabcde") as (_, ask):
        assert (await ask()).body == b"abcde"


async def test_what_is_posted_arrives_whole() -> None:
    async with web(answer(b"", status="201 Created")) as (one, ask):
        found = await ask("POST", body=b"x" * 100_000, media_type="application/tlsrpt+gzip")
        assert found.status == 201
        assert one.asked.endswith(b"\r\n\r\n" + b"x" * 100_000)
        assert b"\r\nContent-Type: application/tlsrpt+gzip\r\n" in one.asked


async def test_a_redirect_is_an_answer_and_not_followed() -> None:
    async with web(answer(b"", "Location: https://web.test/b", status="301 Moved")) as (_, ask):
        assert (await ask()).status == 301


@pytest.mark.parametrize(
    "sent",
    [
        answer(b"x" * 1001),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 2000,
        b"HTTP/1.1 200 OK\r\nA: " + b"x" * 100_000 + b"\r\n\r\n",
    ],
)
async def test_an_answer_that_is_too_large_is_cut_off(sent: bytes) -> None:
    async with web(sent) as (_, ask):
        with pytest.raises(Fault, match="more than 1000 bytes"):
            await ask()


@pytest.mark.parametrize(
    "sent",
    [b"", b"220 mx.test ESMTP\r\n", b"HTTP/1.1 200 OK\r\nContent-Le", answer(b"abc")[:-1]],
)
async def test_half_an_answer_is_none(sent: bytes) -> None:
    async with web(sent) as (_, ask):
        with pytest.raises(Fault) as caught:
            await ask()
        assert caught.value.kind is Kind.UNAVAILABLE


async def test_a_server_that_drips_is_left_in_time() -> None:
    async with web(answer(b"abc")[:-1], stays=True) as (_, ask):
        with pytest.raises(Fault, match=r"within 0\.2 s"):
            await ask(within=0.2)


@pytest.mark.parametrize(
    "issued",
    [
        Authority("other").issue("web.test"),
        ROOT.issue("other.test"),
        ROOT.issue("web.test", days=-1),
    ],
)
async def test_a_server_without_a_good_certificate_is_asked_nothing(issued: Issued) -> None:
    async with web(answer(b"abc"), context=issued.server_context()) as (one, ask):
        with pytest.raises(Fault) as caught:
            await ask()
        assert one.asked == b""
        causes = []
        cause: BaseException | None = caught.value
        while cause is not None:
            causes.append(cause)
            cause = cause.__cause__
        assert isinstance(causes[-1], ssl.SSLCertVerificationError)


async def test_a_host_without_an_address_is_unavailable() -> None:
    async with DnsServer() as dns:
        https = Https(Resolver([dns.nameserver], FakeClock()), Reaper(0.02), ROOT.client_context())
        with pytest.raises(Fault, match=r"none\.test has no address"):
            await https.request("GET", "none.test", "/", limit=10, within=1)

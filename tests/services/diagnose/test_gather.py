from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.net import sntp
from merpati.net.dns import Resolver
from merpati.net.own_addresses import own_addresses
from merpati.net.reaper import Reaper
from merpati.net.tls import make_self_signed
from merpati.services.diagnose import gather
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer, Trouble
from tests.support.smtp_sink import SmtpSink

DAY = 86_400


@pytest.fixture
async def dns() -> AsyncIterator[DnsServer]:
    zone = {
        "there.test": {"MX": "10 mx.there.test."},
        "mx.there.test": {"A": "127.0.0.1"},
        "time.test": {"A": "127.0.0.1"},
    }
    async with DnsServer(zone) as server:
        yield server


@pytest.fixture
async def resolver(dns: DnsServer) -> AsyncIterator[Resolver]:
    resolver = Resolver([dns.nameserver], FakeClock(), timeout=1, attempts=1)
    yield resolver
    await resolver.close()


@pytest.fixture
def unused_port() -> Iterator[int]:
    """A port that stays taken, with nobody who listens."""
    with socket.socket() as tcp:
        tcp.bind(("127.0.0.1", 0))
        yield tcp.getsockname()[1]


# certificates


def test_a_certificate_is_read_with_its_tlsa_record(tmp_path: Path) -> None:
    now = FakeClock().now()
    chain, _ = make_self_signed(["mail.example.id", "mta-sts.example.id"], now, days=30)
    (tmp_path / "good.pem").write_bytes(chain)
    (tmp_path / "bad.pem").write_bytes(b"no certificate")
    [shown] = gather.read_certificates(
        [tmp_path / "good.pem", tmp_path / "bad.pem", tmp_path / "none.pem"]
    )
    assert shown.certificate.names == ("mail.example.id", "mta-sts.example.id")
    assert shown.certificate.self_signed
    assert shown.certificate.not_after - now == pytest.approx(29 * DAY, abs=1)
    assert shown.tlsa.startswith("3 1 1 ")
    assert shown.issuer == ""


def test_disks_are_told_once_each(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    [disk] = gather.disks([tmp_path, tmp_path / "below", tmp_path / "missing"])
    assert disk.folder == str(tmp_path)
    assert 0 < disk.free <= disk.size


def test_own_addresses_are_addresses_and_private_ones_are_no_sources() -> None:
    assert set(gather.sources()) <= set(own_addresses())
    assert not any(one.startswith(("10.", "192.168.", "127.")) for one in gather.sources())


# the clock


class TimeServer(asyncio.DatagramProtocol):
    """An SNTP server whose clock is `ahead` of ours; `change` spoils its replies."""

    def __init__(self, clock: FakeClock, ahead: float) -> None:
        self.clock = clock
        self.ahead = ahead
        self.change: Any = bytes
        self.transport: Any = None

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        moment = self.clock.now() + self.ahead + sntp.EPOCH
        now = struct.pack("!II", int(moment) & 0xFFFFFFFF, int(moment % 1 * 2**32))
        reply = bytes([0x24, 2, 0, 0]) + bytes(20) + data[40:48] + now + now
        self.transport.sendto(self.change(reply), addr)


@pytest.fixture
async def time_server() -> AsyncIterator[TimeServer]:
    server = TimeServer(FakeClock(), 90.25)
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: server, local_addr=("127.0.0.1", 0)
    )
    yield server
    transport.close()


def port_of(server: TimeServer) -> int:
    port: int = server.transport.get_extra_info("sockname")[1]
    return port


async def test_the_clock_is_compared_with_a_time_server(
    time_server: TimeServer, resolver: Resolver
) -> None:
    off, reason = await gather.clock_offset(
        "time.test", resolver, time_server.clock, port=port_of(time_server)
    )
    assert off == pytest.approx(90.25, abs=0.001)
    assert reason == ""


async def test_a_time_after_2036_is_understood(time_server: TimeServer) -> None:
    time_server.ahead = 10 * 365 * DAY
    off = await sntp.offset("127.0.0.1", time_server.clock, port=port_of(time_server))
    assert off == pytest.approx(10 * 365 * DAY, abs=1)


@pytest.mark.parametrize(
    "change",
    [
        lambda reply: reply[:47],
        lambda reply: bytes([0x24, 0]) + reply[2:],  # kiss of death
        lambda reply: reply[:24] + bytes(8) + reply[32:],  # another question's answer
    ],
)
async def test_a_bad_answer_about_the_time_is_none(time_server: TimeServer, change: Any) -> None:
    time_server.change = change
    with pytest.raises(Fault) as caught:
        await sntp.offset("127.0.0.1", time_server.clock, port=port_of(time_server))
    assert caught.value.kind is Kind.UNAVAILABLE


async def test_nobody_who_tells_the_time_is_told(
    resolver: Resolver, dns: DnsServer, unused_port: int
) -> None:
    clock = FakeClock()
    assert await gather.clock_offset("", resolver, clock) == (None, "")
    nobody = await gather.clock_offset("nobody.test", resolver, clock)
    assert nobody == (None, "nobody.test has no address.")
    refused = await gather.clock_offset("time.test", resolver, clock, port=unused_port)
    assert refused[0] is None
    assert "127.0.0.1 cannot be reached" in refused[1]
    dns.trouble("time.test", Trouble.SERVFAIL)
    resolver.forget()
    assert "SERVFAIL" in (await gather.clock_offset("time.test", resolver, clock))[1]


# the DNS, port 25, our own server


async def test_a_dns_that_answers_is_told_from_one_that_does_not(
    resolver: Resolver, dns: DnsServer
) -> None:
    assert await gather.resolver_failure(resolver) == ""
    dns.trouble(gather.EVERYWHERE_KNOWN, Trouble.SILENCE)
    resolver.forget()
    assert "did not answer" in await gather.resolver_failure(resolver)


async def test_other_servers_are_connected_to(resolver: Resolver, unused_port: int) -> None:
    async with SmtpSink() as sink:
        found = await gather.outgoing(
            ["there.test", "nowhere.test"], resolver, Reaper(), port=sink.port
        )
    assert found == (("there.test", ""), ("nowhere.test", "nowhere.test has no mail server"))
    [(_, reason)] = await gather.outgoing(["there.test"], resolver, Reaper(), port=unused_port)
    assert "connection refused" in reason


async def test_a_server_that_refuses_strangers_does_not_relay() -> None:
    async with SmtpSink() as sink:
        sink.on("RCPT", "550 5.7.1 not here")
        found = await gather.try_server(sink.host, sink.port, "mail.example.id", Reaper())
    assert found == ("", "")


async def test_a_server_that_takes_strangers_mail_relays() -> None:
    async with SmtpSink() as sink:
        reason, relayed = await gather.try_server(sink.host, sink.port, "mail.example.id", Reaper())
        assert not sink.messages
    assert (reason, relayed) == ("", "250 2.1.5 recipient ok")


async def test_a_server_that_turns_clients_away_or_is_silent_is_down(unused_port: int) -> None:
    async with SmtpSink() as sink:
        sink.on("greeting", "554 no")
        reason, _ = await gather.try_server(sink.host, sink.port, "mail.example.id", Reaper())
    assert reason == "it greets with: 554 no"
    reason, _ = await gather.try_server("127.0.0.1", unused_port, "mail.example.id", Reaper())
    assert "connection refused" in reason

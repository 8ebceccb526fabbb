"""What judging a message costs: `python -m bench.judge`, with the DNS answers in memory.

Server CPU of one message of 5 KB, the best of several rounds: SPF, DKIM, DMARC and the name of
the client, and the field that tells the result.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import uvloop

from merpati.base.metrics import Metrics
from merpati.model.arrival import Origin
from merpati.model.verdict import Action
from merpati.net.dns import Resolver
from merpati.services.judge import Judge
from merpati.services.judge_policy import JudgeSettings
from merpati.wire import authentication_results
from merpati.wire.dkim import keys
from merpati.wire.mime.author import author
from merpati.wire.smtp.paths import Path
from tests.support import signing
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer

ROUNDS: Final = 7
NUMBER: Final = 200
PEER: Final = "192.0.2.7"
HOPS: Final = b"".join(
    b"Received: from a%d.example.org (a%d.example.org [192.0.2.%d])\r\n"
    b"\tby b.example.org with ESMTPS id 4Zx1Q0vLz9;\r\n\tThu, 11 Apr 2024 10:00:00 +0000\r\n"
    % (n, n, n)
    for n in range(4)
)
LETTER: Final = HOPS + signing.LETTER + b"Selamat pagi. Terlampir laporan bulan ini.\r\n" * 90


async def judging(content: bytes, judge: Judge) -> float:
    """Microseconds of CPU."""
    sender, origin = Path("ani", "example.org"), Origin(PEER, "mail.example.org", "ESMTPS")
    judged = await judge.judge(sender, origin, content)  # so that the DNS is in memory
    assert judged.action is Action.ACCEPT, judged
    best = float("inf")
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(NUMBER):
            await judge.judge(sender, origin, content)
        best = min(best, time.process_time() - begun)
    return best / NUMBER * 1e6


def parts(content: bytes) -> None:
    """What needs no DNS."""
    for name, work in (
        ("author", lambda: author(content)),
        ("forged results", lambda: authentication_results.forged(content, ["mx.example.net"])),
    ):
        best = float("inf")
        for _ in range(ROUNDS):
            begun = time.process_time()
            for _ in range(NUMBER):
                work()
            best = min(best, time.process_time() - begun)
        print(f"  {name:16} {best / NUMBER * 1e6:7.1f} us")


async def main() -> None:
    """Prints a line for each kind of message."""
    async with DnsServer() as dns:
        dns.set("example.org.", "TXT", f'"v=spf1 ip4:{PEER} -all"')
        dns.set("_dmarc.example.org.", "TXT", '"v=DMARC1; p=reject; rua=mailto:r@example.org"')
        dns.set("7.2.0.192.in-addr.arpa.", "PTR", "mail.example.org.")
        dns.set("mail.example.org.", "A", PEER)
        for kind in keys.KINDS:
            key = signing.key(kind)
            dns.set(f"{key.name}.", "TXT", keys.quote(keys.record(key)))
        clock = FakeClock(signing.NOW)
        resolver = Resolver([dns.nameserver], clock)
        judge = Judge(resolver, clock, "mx.example.net", JudgeSettings(), Metrics())
        print(f"one message of {len(LETTER)} bytes")
        print(f"  {'unsigned':16} {await judging(LETTER, judge):7.1f} us")
        for kind in keys.KINDS:
            content = signing.sign(LETTER, kind)
            print(f"  {kind:16} {await judging(content, judge):7.1f} us")
        parts(LETTER)
        await resolver.close()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())

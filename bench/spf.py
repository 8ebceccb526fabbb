"""Microseconds of CPU an SPF evaluation costs, with the DNS answered from memory.

python -m bench.spf [--seconds 1]
"""

from __future__ import annotations

import argparse
import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any

from merpati.net.asking import answer
from merpati.net.dns import Resolver
from merpati.wire.spf import record
from merpati.wire.spf.check import check_sender
from tests.support.clock import FakeClock
from tests.support.dns import DnsServer
from tests.support.zone import Zone

ZONE: Mapping[str, Mapping[str, Any]] = {
    "direct.example": {"TXT": "v=spf1 ip4:192.0.2.7 -all"},
    "small.example": {"TXT": "v=spf1 mx a -all", "MX": "10 mx.small.example", "A": "192.0.2.1"},
    "mx.small.example": {"A": "192.0.2.7"},
    "office.example": {"TXT": "v=spf1 include:spf.cloud.example include:news.example -all"},
    "spf.cloud.example": {"TXT": "v=spf1 include:a.cloud.example include:b.cloud.example ~all"},
    "a.cloud.example": {"TXT": "v=spf1 " + " ".join(f"ip4:198.51.{n}.0/24" for n in range(20))},
    "b.cloud.example": {"TXT": "v=spf1 " + " ".join(f"ip4:203.0.{n}.0/24" for n in range(20))},
    "news.example": {"TXT": "v=spf1 ip4:203.0.113.0/24 ip4:192.0.2.0/28 ~all"},
    "macros.example": {"TXT": "v=spf1 exists:%{i}._spf.%{l1r+-}.%{d2} -all"},
}


def measure(work: Callable[[], object], seconds: float) -> float:
    """CPU microseconds of one call."""
    count, start = 0, time.process_time()
    while (spent := time.process_time() - start) < seconds:
        for _ in range(100):
            work()
        count += 100
    return spent / count * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0)
    seconds = parser.parse_args().seconds
    zone = Zone(ZONE)
    for domain in ("direct", "small", "office", "macros"):
        sender = f"ani.wijaya@{domain}.example"

        def evaluate(sender: str = sender) -> object:
            zone.questions.clear()
            return zone.answer(check_sender("192.0.2.7", sender, "mail.example.net"))

        result = zone.answer(check_sender("192.0.2.7", sender, "mail.example.net"))
        cost = measure(evaluate, seconds)
        asked = len(zone.questions)
        print(f"{domain:8} {result.verdict.value:8} {asked} questions  {cost:7.1f} µs")
    text = ZONE["a.cloud.example"]["TXT"].encode()
    print(
        f"a record of 21 terms read anew {measure(lambda: record._parse(text), seconds):19.1f} µs"
    )
    asyncio.run(through_resolver(seconds))


async def through_resolver(seconds: float) -> None:
    """The same through `net.asking` and a resolver that remembers every answer."""
    zone = {
        name: {kind: _master_form(kind, value) for kind, value in types.items()}
        for name, types in ZONE.items()
    }
    async with DnsServer(zone) as server:
        resolver = Resolver([server.nameserver], FakeClock())
        for domain in ("direct", "small", "office"):
            sender = f"ani.wijaya@{domain}.example"
            await answer(check_sender("192.0.2.7", sender, "mail.example.net"), resolver)
            count, start = 0, time.process_time()
            while (spent := time.process_time() - start) < seconds:
                await answer(check_sender("192.0.2.7", sender, "mail.example.net"), resolver)
                count += 1
            print(f"{domain:8} through the resolver's memory {spent / count * 1e6:17.1f} µs")
        await resolver.close()


def _master_form(kind: str, value: str) -> str:
    """A value as a zone file has it; a string of TXT holds 255 octets."""
    if kind == "TXT":
        return " ".join(f'"{value[n : n + 255]}"' for n in range(0, len(value), 255))
    return f"{value}." if kind == "MX" else value


if __name__ == "__main__":
    main()

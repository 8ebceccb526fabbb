"""What both kinds of daily reports have in common: DMARC's (RFC 9990) and TLS's (RFC 8460).

When a day (UTC) is over, whichever worker takes the lease on a domain's share of it makes the
report. What could not be sent is tried again once the lease has ended, until nobody wants it.
"""

from __future__ import annotations

import zlib
from collections.abc import Awaitable, Callable
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.store import leases
from merpati.store.engine import Store, Transaction
from merpati.wire.smtp.paths import Path

DAY: Final = 86_400  # seconds
SPREAD: Final = 4 * 3600  # seconds after midnight over which reports are spread (RFC 8460 4.1)
LEASE: Final = 3600  # seconds until a report that could not be sent is tried again
KEPT_DAYS: Final = 2  # days that counts wait for a report to be sent

Post = Callable[[Path, Path, bytes], Awaitable[None]]
"""Puts a letter on its way, signed by its sender's domain: sender, recipient, content."""


class DailyReports:
    """Sees that one kind of report is sent once, by one worker of all."""

    def __init__(
        self,
        kind: str,
        worker: str,
        store: Store,
        clock: Clock,
        hostname: str,
        log: Log,
        *,
        unreported: Callable[[Transaction, int], Awaitable[list[tuple[int, str]]]],
        forget_before: Callable[[Transaction, int], Awaitable[object]],
        send: Callable[[int, str], Awaitable[int]],
    ) -> None:
        """Prepares; `send_due` works.

        Args:
            kind: A word for leases and the log.
            worker: Who sends.
            store: Where the counts and the leases are.
            clock: Says when a day is over.
            hostname: Reports of a host are spread in its own way.
            log: Where trouble is told.
            unreported: Days, and domains, before a day of which there are counts.
            forget_before: Removes the counts of days before one.
            send: Sends what a domain wants to know of a day, and forgets it; to how many
                places. Raises Fault to be asked again.
        """
        self._kind = kind
        self._worker = worker
        self._store = store
        self._clock = clock
        self._hostname = hostname
        self._log = log
        self._unreported = unreported
        self._forget_before = forget_before
        self._send = send

    async def send_due(self) -> int:
        """Send the reports whose time has come and that no other worker has taken; how many."""
        now = self._clock.now()
        today = int(now) // DAY
        await self._store.write(self._forget_before, today - KEPT_DAYS)
        sent = 0
        for day, domain in await self._store.read(self._unreported, today):
            if now < (day + 1) * DAY + _delay(domain, self._hostname):
                continue
            name, ends = f"{self._kind}/{day}/{domain}", int((now + LEASE) * 1000)
            if not await self._store.write(leases.claim, name, self._worker, int(now * 1000), ends):
                continue
            try:
                sent += await self._send(day, domain)
            except Fault as fault:
                self._log.warning(f"{self._kind}.failed", domain=domain, reason=fault.text)
        return sent


def _delay(domain: str, hostname: str) -> int:
    """When after midnight a domain gets its report: another time from each sender."""
    return zlib.crc32(f"{hostname}/{domain}".encode()) % SPREAD

"""Builds what protects mail on its way: policies, certificates, reports; and sets it going."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from merpati.app import certificates
from merpati.app.ground import Ground
from merpati.app.installation import Config
from merpati.app.listeners import endpoint
from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.base.tasks import Tasks
from merpati.net.dns import Resolver
from merpati.net.dns_update import Tsig
from merpati.net.https import Https
from merpati.net.reaper import Reaper
from merpati.net.tls import client_context
from merpati.services.certificates import AcmeSettings, Certificates
from merpati.services.daily_reports import Post
from merpati.services.dns_push import DnsUpdateSettings
from merpati.services.mta_sts import Policies
from merpati.services.notify import Notify
from merpati.services.outbound import OutboundSettings
from merpati.services.tls_reports import Tally, TlsReports, TlsReportSettings
from merpati.services.transport_security import TransportSecurity
from merpati.store.engine import Store, Topic

COUNT_EVERY: Final = 60.0  # seconds between two writes of what was counted
REPORT_EVERY: Final = 900.0
FORGET_EVERY: Final = 3600.0
REFRESH_EVERY: Final = 60.0  # should an announcement be lost, or another node have ordered
RENEW_EVERY: Final = 600.0
RENEW_FIRST: Final = 5.0  # so that a fresh server has its first certificate at once


@dataclass(frozen=True, slots=True)
class Protection:
    """What one worker has of it."""

    tally: Tally
    security: TransportSecurity
    reports: TlsReports
    certificates: Certificates | None

    def start(self, tasks: Tasks, notify: Notify, log: Log) -> None:
        """Begin the periodic work; ends with the tasks."""
        tasks.every(COUNT_EVERY, self.tally.flush, "tls counts")
        tasks.every(REPORT_EVERY, self.reports.send_due, "tls reports")
        tasks.every(FORGET_EVERY, self.reports.forget, "tls history")
        if self.certificates is None:
            return
        refresh, woken = self.certificates.refresh, asyncio.Event()

        def announced() -> None:
            woken.set()
            with suppress(Fault):  # the worker is about to stop
                tasks.spawn(refresh(), "certificates")

        notify.listen(Topic.CERTIFICATES, 0, announced)
        tasks.every(REFRESH_EVERY, refresh, "certificates")
        tasks.spawn(refresh(), "certificates")
        tasks.spawn(_renew(self.certificates, woken, log), "acme")

    async def stop(self, log: Log) -> None:
        """Write what is only in memory."""
        try:
            await self.tally.flush()
        except Fault as fault:
            log.warning("tls-report.not-counted", reason=fault.text)


async def _renew(ordered: Certificates, woken: asyncio.Event, log: Log) -> None:
    """Order what is due: at the start, when something has changed, and now and then."""
    await asyncio.sleep(RENEW_FIRST)
    while True:
        woken.clear()
        try:
            await ordered.renew_due()
        except Fault as fault:
            log.warning("certificate.renewal-failed", reason=fault.text)
        except Exception as problem:  # noqa: BLE001 -- one defect must not end all renewals
            log.defect("certificate.renewal-failed", problem)
        with suppress(TimeoutError):
            async with asyncio.timeout(RENEW_EVERY):
                await woken.wait()


def build(ground: Ground, post: Post) -> Protection:
    """Make it; `post` sends a letter."""
    config, store, clock, log = ground.config, ground.store, ground.clock, ground.log
    security, tally, https = secured(config, store, ground.resolver, ground.reaper, clock, log)
    reports = TlsReports(
        ground.name, store, ground.resolver, https, post, clock, ground.ids, ground.hostname,
        config[TlsReportSettings], log,
    )  # fmt: skip
    ordered = None
    if ground.chain is not None:
        ordered = Certificates(
            ground.name, store, ground.chain, lambda: certificates.files(config),
            certificates.acme_folder(config), ground.hostname, config[AcmeSettings],
            name_server(config), clock, log,
        )  # fmt: skip
    return Protection(tally, security, reports, ordered)


def secured(
    config: Config, store: Store, resolver: Resolver, reaper: Reaper, clock: Clock, log: Log
) -> tuple[TransportSecurity, Tally, Https]:
    """What says how mail to a domain is protected, what it counts, and what it fetches with."""
    authorities = client_context(verify=True)
    https = Https(resolver, reaper, authorities)
    tally = Tally(store, clock)
    policies = Policies(store, resolver, https, clock, log)
    port = config[OutboundSettings].port
    security = TransportSecurity(
        resolver, policies, tally, clock, port=port, authorities=authorities
    )
    return security, tally, https


def name_server(config: Config) -> tuple[tuple[str, int], Tsig | None] | None:
    """The name server that takes updates, and its key; None when there is none."""
    settings = config[DnsUpdateSettings]
    place = endpoint(settings.server, 53) if settings.server else None
    return None if place is None else (place, settings.tsig())

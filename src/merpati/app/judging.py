"""Builds what judges mail from outside and tells other domains about it; and sets it going."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merpati.app.installation import Config, DnsSettings, ServerSettings
from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.base.tasks import Tasks
from merpati.net.dns import Resolver
from merpati.services.daily_reports import Post
from merpati.services.dmarc_digest import Digests
from merpati.services.dmarc_reports import DmarcReports, DmarcReportSettings, Tally
from merpati.services.judge import Judge
from merpati.services.judge_policy import AUTO, YES, JudgeSettings
from merpati.store.engine import Store

COUNT_EVERY: Final = 60.0  # seconds between two writes of what was counted
REPORT_EVERY: Final = 900.0
FORGET_EVERY: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Judging:
    """What one worker has of it."""

    judge: Judge
    tally: Tally
    reports: DmarcReports
    digests: Digests

    def start(self, tasks: Tasks) -> None:
        """Begin the periodic work; ends with the tasks."""
        tasks.every(COUNT_EVERY, self.tally.flush, "dmarc counts")
        tasks.every(REPORT_EVERY, self.reports.send_due, "dmarc reports")
        tasks.every(FORGET_EVERY, self.digests.forget, "dmarc history")

    async def stop(self, log: Log) -> None:
        """Write what is only in memory."""
        try:
            await self.tally.flush()
        except Fault as fault:
            log.warning("dmarc-report.not-counted", reason=fault.text)


def judge(
    config: Config, store: Store, resolver: Resolver, clock: Clock, metrics: Metrics
) -> tuple[Judge, Tally]:
    """What the intake needs: the judge, and what it counts."""
    hostname = config[ServerSettings].hostname
    tally = Tally(store, clock)
    settings = config[JudgeSettings]
    own = {AUTO: bool(config[DnsSettings].nameservers), YES: True}
    return Judge(
        resolver, clock, hostname, settings, metrics, tally.add,
        this_machine=own.get(settings.this_machine, False),
    ), tally  # fmt: skip


def build(
    name: str,
    config: Config,
    store: Store,
    resolver: Resolver,
    judging: tuple[Judge, Tally],
    digests: Digests,
    *,
    post: Post,
    clock: Clock,
    ids: Ids,
    log: Log,
) -> Judging:
    """The rest, which sends letters; `post` puts one on its way."""
    reports = DmarcReports(
        name, store, resolver, post, clock, ids, config[ServerSettings].hostname,
        config[DmarcReportSettings], log,
    )  # fmt: skip
    return Judging(*judging, reports, digests)

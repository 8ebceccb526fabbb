"""Builds what judges mail from outside and tells other domains about it; and sets it going."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from merpati.app.ground import Ground
from merpati.app.installation import DnsSettings
from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.base.tasks import Tasks
from merpati.services.complaints import Complaints, ComplaintSettings
from merpati.services.daily_reports import Post
from merpati.services.dmarc_digest import Digests
from merpati.services.dmarc_reports import DmarcReports, DmarcReportSettings, Tally
from merpati.services.judge import Judge
from merpati.services.judge_policy import AUTO, YES, JudgeSettings
from merpati.services.report_box import ReportBox

COUNT_EVERY: Final = 60.0  # seconds between two writes of what was counted
REPORT_EVERY: Final = 900.0
FORGET_EVERY: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Judging:
    """What one worker has of it."""

    judge: Judge
    tally: Tally
    reports: DmarcReports
    box: ReportBox

    def start(self, tasks: Tasks) -> None:
        """Begin the periodic work; ends with the tasks."""
        tasks.every(COUNT_EVERY, self.tally.flush, "dmarc counts")
        tasks.every(REPORT_EVERY, self.reports.send_due, "dmarc reports")
        tasks.every(FORGET_EVERY, self.box.digests.forget, "dmarc history")
        tasks.every(FORGET_EVERY, self.box.complaints.forget, "complaints history")

    async def stop(self, log: Log) -> None:
        """Write what is only in memory."""
        try:
            await self.tally.flush()
        except Fault as fault:
            log.warning("dmarc-report.not-counted", reason=fault.text)


def judge(ground: Ground) -> tuple[Judge, Tally]:
    """What the intake needs: the judge, and what it counts."""
    tally = Tally(ground.store, ground.clock)
    settings = ground.config[JudgeSettings]
    own = {AUTO: bool(ground.config[DnsSettings].nameservers), YES: True}
    return Judge(
        ground.resolver, ground.clock, ground.hostname, settings, ground.metrics, tally.add,
        this_machine=own.get(settings.this_machine, False),
    ), tally  # fmt: skip


def report_box(ground: Ground) -> ReportBox:
    """What reads reports and complaints of others as they come in."""
    config, store, clock, log = ground.config, ground.store, ground.clock, ground.log
    return ReportBox(
        Digests(store, clock, config[DmarcReportSettings].addresses, log),
        Complaints(store, clock, config[ComplaintSettings], log),
    )


def build(ground: Ground, judging: tuple[Judge, Tally], box: ReportBox, post: Post) -> Judging:
    """The rest, which sends letters; `post` puts one on its way."""
    reports = DmarcReports(
        ground.name, ground.store, ground.resolver, post, ground.clock, ground.ids,
        ground.hostname, ground.config[DmarcReportSettings], ground.log,
    )  # fmt: skip
    return Judging(*judging, reports, box)

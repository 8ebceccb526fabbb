"""DMARC reports: results counted, and told once a day to domains that ask (RFC 9990).

Each worker counts in memory and adds to the store now and then: a crash costs a minute of
counts. `services/daily_reports.py` says who reports, and when; the mail goes to those addresses
of the record that may have it. While the DNS cannot tell which those are, the report waits.

Failure reports (RFC 9991) are not made: they show strangers whom our users hear from. What
others report about us is read by `services/dmarc_digest.py`.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address
from typing import Final

import msgspec

from merpati import __version__
from merpati.base.clock import Clock
from merpati.base.faults import SyntaxFault
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.model.verdict import Action, Judgement
from merpati.net.asking import answer
from merpati.net.dns import Resolver
from merpati.services.daily_reports import DAY, DailyReports, Post
from merpati.store import reports
from merpati.store.engine import Store
from merpati.store.reports import Key
from merpati.wire.dmarc.destinations import verified
from merpati.wire.dmarc.evaluation import DmarcResult, DmarcVerdict
from merpati.wire.dmarc.record import Policy, Record
from merpati.wire.letter import File, Letter, compose
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.reports import aggregate, parcel
from merpati.wire.reports.aggregate import Published, Reason, Report, Row, Signature, SpfCheck
from merpati.wire.smtp.paths import Path, parse_address

RECEIVED_KEPT: Final = 400 * DAY  # seconds that reports of others are kept: a year to compare
MAX_COUNTS: Final = 10_000  # different results one worker keeps between two writes
MAX_SIGNATURES: Final = 10  # of one message that are reported
LARGE: Final = 65_536  # bytes of a mail; reading more would hold up the event loop

_DISPOSITIONS: Final = {
    Action.ACCEPT: "none",
    Action.QUARANTINE: "quarantine",
    Action.DEFER: "none",
    Action.REFUSE: "reject",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class DmarcReportSettings:
    """Daily reports to other domains on mail in their name, and what becomes of those about us."""

    send: bool = setting(True, "Send a report to each domain that asks for one.")
    sender: str = setting(
        "", "Address that reports come from; postmaster of this server when empty."
    )
    organization: str = setting("", "Who reports; the name of this server when empty.")
    addresses: tuple[str, ...] = setting(
        (),
        "Addresses here to which others send reports about our domains (rua= of our records):"
        " they are read and told by merpati report.",
        example=("dmarc-reports@example.org",),
    )

    def __post_init__(self) -> None:
        for name, text in (
            ("sender", self.sender),
            *(("addresses", one) for one in self.addresses),
        ):
            try:
                if text:
                    parse_address(text)
            except SyntaxFault as fault:
                raise ValueError(f"{name} holds what is not an address: {fault.text}") from None


class Tally:
    """Counts what one worker judged until it is written."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counts: Counter[Key] = Counter()
        self._policies: dict[tuple[int, str], str] = {}

    def add(self, judged: Judgement, peer: str) -> None:
        """One more message, if its domain wants to know."""
        dmarc = judged.findings.dmarc
        if dmarc is None or dmarc.verdict not in {DmarcVerdict.PASS, DmarcVerdict.FAIL}:
            return
        if dmarc.record is None or not dmarc.record.rua or not (peer := _address(peer)):
            return
        day = int(self._clock.now()) // DAY
        key = (day, dmarc.found_at, msgspec.json.encode(_row(judged, dmarc, peer)).decode())
        if key not in self._counts and len(self._counts) >= MAX_COUNTS:
            return  # somebody makes them up; the honest ones are among those that are known
        self._counts[key] += 1
        self._policies[day, dmarc.found_at] = msgspec.json.encode(dmarc.record).decode()

    async def flush(self) -> None:
        """Write what was counted; after a failure the next try writes it."""
        counts, self._counts = self._counts, Counter()
        policies, self._policies = self._policies, {}
        if not counts:
            return
        try:
            await self._store.write(reports.count, counts, policies)
        except BaseException:
            self._counts.update(counts)
            self._policies = policies | self._policies
            raise


class DmarcReports:
    """Sends reports, for one worker."""

    def __init__(
        self,
        worker: str,
        store: Store,
        resolver: Resolver,
        post: Post,
        clock: Clock,
        ids: Ids,
        hostname: str,
        settings: DmarcReportSettings,
        log: Log,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._post = post
        self._clock = clock
        self._ids = ids
        self._hostname = hostname
        self._settings = settings
        self._log = log
        self._sender = parse_address(settings.sender or f"postmaster@{hostname}")
        self._daily = DailyReports(
            "dmarc-report", worker, store, clock, hostname, log, unreported=reports.unreported,
            forget_before=reports.forget_days, send=self._send,
        )  # fmt: skip

    async def send_due(self) -> int:
        """Send the reports whose time has come and that no other worker has taken; how many."""
        return await self._daily.send_due()

    async def _send(self, day: int, domain: str) -> int:
        """One domain's report, to all of its addresses."""
        text, counted = await self._store.read(reports.counted, day, domain)
        taken = 0
        if self._settings.send and counted:
            record = msgspec.json.decode(text, type=Record)
            found = await answer(verified(record.rua, domain), self._resolver)
            if found.failure and not found.addresses:
                self._log.warning("dmarc-report.waits", domain=domain, reason=found.failure)
                return 0
            if found.addresses:
                report = build(day, domain, record, counted, self._organization, self._sender)
                for address in found.addresses:
                    await self._mail(report, parse_address(address))
                    taken += 1
            self._log.info("dmarc-report.sent", domain=domain, places=taken)
        await self._store.write(reports.forget, day, domain)
        return taken

    @property
    def _organization(self) -> str:
        return self._settings.organization or self._hostname

    async def _mail(self, report: Report, recipient: Path) -> None:
        submitter = self._sender.ascii_domain()
        packed = parcel.pack(aggregate.render(report))
        total = sum(row.count for row in report.rows)
        passed = sum(row.count for row in report.rows if row.passed)
        domain = report.published.domain
        content = compose(
            Letter(
                author=Mailbox(self._organization, self._sender.local, self._sender.domain),
                recipient=str(recipient),
                subject=parcel.subject(submitter, report),
                text=(
                    f"This is a DMARC aggregate report about {domain}, for programs to read.\n\n"
                    f"Of {total} messages that came here in its name, {passed} passed.\n"
                ),
                date=self._clock.now(),
                message_id=f"{self._ids.trace()}@{self._hostname}",
                files=(File(parcel.file_name(submitter, report), parcel.MEDIA_TYPE, packed),),
            )
        )
        await self._post(self._sender, recipient, content)


def build(
    day: int, domain: str, record: Record, counted: list[tuple[str, int]], organization: str,
    sender: Path,
) -> Report:  # fmt: skip
    """The report on one day's mail of one domain; at least one row."""
    rows = [
        msgspec.structs.replace(msgspec.json.decode(text, type=Row), count=messages)
        for text, messages in counted
    ]
    date = f"{datetime.fromtimestamp(day * DAY, UTC):%Y-%m-%d}"
    return Report(
        org_name=organization,
        email=str(sender),
        report_id=f"{date}.{domain}@{sender.ascii_domain()}",
        begin=day * DAY,
        end=(day + 1) * DAY - 1,
        published=_published(domain, record),
        rows=tuple(rows),
        error="; ".join(record.problems),
        generator=f"Merpati {__version__}",
    )


def _row(judged: Judgement, dmarc: DmarcResult, peer: str) -> Row:
    """A message as it stands in the report, not counted yet."""
    assert dmarc.record is not None
    found = judged.findings
    disposition = _DISPOSITIONS[judged.action]
    reasons: tuple[Reason, ...] = ()
    if dmarc.verdict is DmarcVerdict.PASS:
        if judged.action is Action.ACCEPT and dmarc.record.p is not Policy.NONE:
            disposition = "pass"
    elif judged.override is not None:
        reasons = (Reason(judged.override.value),)
    signatures = [
        Signature(one.domain, one.selector, one.verdict.value)
        for one in found.dkim[:MAX_SIGNATURES]
        if one.domain
    ]
    return Row(
        source_ip=peer,
        count=0,
        disposition=disposition,
        dkim_aligned=dmarc.dkim_aligned,
        spf_aligned=dmarc.spf_aligned,
        reasons=reasons,
        header_from=dmarc.domain,
        envelope_from=found.spf.domain,
        signatures=tuple(signatures),
        spf=SpfCheck(found.spf.domain, found.spf.verdict.value),
    )


def _address(peer: str) -> str:
    """The client's address as reports write it; nothing for a client without one."""
    try:
        found = ip_address(peer.partition("%")[0])
    except ValueError:
        return ""
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return str(found)


def _published(domain: str, record: Record) -> Published:
    return Published(
        domain=domain,
        p=record.p.value,
        sp=record.sp.value if record.sp is not None else "",
        np=record.np.value if record.np is not None else "",
        adkim="s" if record.strict_dkim else "r",
        aspf="s" if record.strict_spf else "r",
        fo=record.fo,
        testing="y" if record.testing else "n",
        discovery_method="treewalk",
    )

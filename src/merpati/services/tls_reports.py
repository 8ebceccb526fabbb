"""TLS reports (RFC 8460): sessions counted, told once a day to domains that ask, and read.

Each worker counts in memory and adds to the store now and then: a crash costs a minute of
counts. `services/daily_reports.py` says who reports, and when: to every place of the domain's
record. A place that takes no report is tried again while the day before yesterday is not over;
then nobody wants it.

Reports about our own domains come by mail. They are kept as they are, and told in words.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Final
from urllib.parse import urlsplit

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, SyntaxFault
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.services.daily_reports import DAY, DailyReports, Post
from merpati.store import directory, leases, transport
from merpati.store.engine import Store
from merpati.store.transport import Counted, Received
from merpati.wire import tls_advice, tls_report
from merpati.wire.smtp.paths import parse_address
from merpati.wire.tls_report import (
    AppliedPolicy,
    FailureDetails,
    PolicyReport,
    Report,
    ResultType,
    Summary,
)

RECEIVED_KEPT: Final = 90 * DAY  # seconds that reports of others are kept
MAX_COUNTS: Final = 10_000  # different ends of sessions one worker keeps between two writes
POST_TIMEOUT: Final = 60.0  # seconds
MAX_ANSWER: Final = 65_536  # octets of what a place says to a report
MAX_REASON: Final = 300  # characters

Key = tuple[int, str, str, str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsReportSettings:
    """Daily reports to other domains on how well their mail was protected on the way."""

    send: bool = setting(True, "Send a report to each domain that asks for one.")
    contact: str = setting(
        "", "Address that reports name for questions; postmaster of this server when empty."
    )

    def __post_init__(self) -> None:
        if self.contact:
            try:
                parse_address(self.contact)
            except SyntaxFault as fault:
                raise ValueError(f"contact is not an address: {fault.text}") from fault


class Tally:
    """Counts one worker's outgoing sessions until they are written."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counts: dict[Key, list[int | str]] = {}

    def add(
        self,
        domain: str,
        policy: AppliedPolicy,
        result: ResultType | None,
        host: str = "",
        address: str = "",
        reason: str = "",
    ) -> None:
        """One more session; without a `result` it was as promised."""
        applied = msgspec.json.encode(policy).decode()
        day = int(self._clock.now()) // DAY
        kind = "" if result is None else result.value
        key = (day, domain.lower(), applied, kind, host if kind else "", address if kind else "")
        known = self._counts.get(key)
        if known is None:
            if len(self._counts) >= MAX_COUNTS:  # details are lost before counts are
                key = (day, domain.lower(), applied, kind, "", "")
            known = self._counts.setdefault(key, [0, reason[:MAX_REASON]])
        known[0] = int(known[0]) + 1

    async def flush(self) -> None:
        """Write what was counted; after a failure the next try writes it."""
        counts, self._counts = self._counts, {}
        if not counts:
            return
        rows = [
            Counted(*key, str(reason), int(sessions)) for key, (sessions, reason) in counts.items()
        ]
        try:
            await self._store.write(transport.count, rows)
        except BaseException:
            for key, counted in counts.items():
                more = self._counts.setdefault(key, [0, counted[1]])
                more[0] = int(more[0]) + int(counted[0])
            raise


class TlsReports:
    """Sends and reads reports, for one worker."""

    def __init__(
        self,
        worker: str,
        store: Store,
        resolver: Resolver,
        https: Https,
        post: Post,
        clock: Clock,
        ids: Ids,
        hostname: str,
        settings: TlsReportSettings,
        log: Log,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._https = https
        self._post = post
        self._clock = clock
        self._ids = ids
        self._hostname = hostname
        self._settings = settings
        self._log = log
        self._sender = parse_address(settings.contact or f"postmaster@{hostname}")
        self._daily = DailyReports(
            "tls-report", worker, store, clock, hostname, log, unreported=transport.unreported,
            forget_before=transport.forget_days, send=self._send,
        )  # fmt: skip

    async def send_due(self) -> int:
        """Send the reports whose time has come and that no other worker has taken; how many."""
        return await self._daily.send_due()

    async def _send(self, day: int, domain: str) -> int:
        """One domain's report, to all of its places.

        Raises:
            Fault: None of them takes it now.
        """
        places = await self._places(domain) if self._settings.send else ()
        taken = 0
        if places:
            sessions = await self._store.read(transport.counted, day, domain)
            report = build(sessions, self._hostname, str(self._sender))
            problem: Fault | None = None
            for place in places:
                try:
                    await self._hand_over(place, domain, report, day)
                    taken += 1
                except Fault as fault:
                    problem = fault
            if problem is not None and not taken:
                raise problem
            self._log.info("tls-report.sent", domain=domain, places=taken)
        await self._store.write(transport.forget_sessions, day, domain)
        return taken

    async def _places(self, domain: str) -> tuple[str, ...]:
        try:
            records = await self._resolver.txt(f"{tls_report.RECORD_NAME}.{domain}")
            return tls_report.read_record(records)
        except SyntaxFault:
            return ()  # who cannot be understood gets nothing

    async def _hand_over(self, place: str, domain: str, report: Report, day: int) -> None:
        packed = tls_report.pack(report)
        recipient = tls_report.mail_address(place)
        if recipient is None:
            await self._upload(place, packed)
            return
        letter = tls_report.Letter(
            domain=domain,
            submitter=self._sender.ascii_domain(),
            sender=self._sender,
            recipient=recipient,
            message_id=f"{self._ids.trace()}@{self._hostname}",
            date=self._clock.now(),
        )
        name = tls_report.file_name(letter, report, day * DAY, (day + 1) * DAY - 1)
        content = tls_report.compose(letter, packed, name, report.report_id)
        await self._post(self._sender, recipient, content)

    async def _upload(self, place: str, packed: bytes) -> None:
        """Raises Fault: the place does not take it."""
        try:
            url = urlsplit(place)
            host, port = url.hostname or "", url.port or 443
        except ValueError as problem:
            raise SyntaxFault(f"{place} is not a URL: {problem}.") from problem
        path = (url.path or "/") + (f"?{url.query}" if url.query else "")
        answer = await self._https.request(
            "POST", host, path, port=port, body=packed, media_type=tls_report.MEDIA_TYPE_GZIP,
            limit=MAX_ANSWER, within=POST_TIMEOUT,
        )  # fmt: skip
        if not 200 <= answer.status < 300:
            raise SyntaxFault(f"{place} answered a report with status {answer.status}.")

    async def read_letter(self, message: bytes | mmap.mmap, language: str = "en") -> list[str]:
        """Keep the report that a message carries; what it says, in sentences.

        Empty when it carries none that concerns us, or none that can be read.
        """
        content = tls_report.attached(message)
        if content is None:
            return []
        try:
            report = await self.receive(content)
        except SyntaxFault as fault:
            self._log.info("tls-report.unreadable", reason=fault.text)
            return []
        return [] if report is None else tls_advice.sentences(report, language)

    async def receive(self, content: bytes) -> Report | None:
        """Keep a report that came for a domain of ours; None when it is about no such domain.

        `content` is the report, JSON or gzip.

        Raises:
            SyntaxFault: It is none.
        """
        report = tls_report.parse(content)
        now = int(self._clock.now() * 1000)
        ours = {one.name for one in await self._store.read(directory.domains)}
        about = {one.policy.policy_domain.lower().removesuffix(".") for one in report.policies}
        for domain in sorted(ours & about):
            shares = [
                one for one in report.policies
                if one.policy.policy_domain.lower().removesuffix(".") == domain
            ]  # fmt: skip
            good = sum(one.summary.total_successful_session_count for one in shares)
            bad = sum(one.summary.total_failure_session_count for one in shares)
            part = msgspec.structs.replace(report, policies=tuple(shares))
            kept = Received(
                domain, report.organization_name[: tls_report.MAX_TEXT],
                report.report_id[: tls_report.MAX_TEXT], now, min(good, 2**62), min(bad, 2**62),
                tls_report.pack(part),
            )  # fmt: skip
            await self._store.write(transport.keep_report, kept)
        return report if ours & about else None

    async def forget(self) -> None:
        """Remove reports of others, policies and leases whose time is over."""
        now = int(self._clock.now() * 1000)
        await self._store.write(transport.forget_reports, now - RECEIVED_KEPT * 1000)
        await self._store.write(transport.forget_policies, now)
        await self._store.write(leases.forget, now)


def build(sessions: list[Counted], organization: str, contact: str) -> Report:
    """The report on sessions of one day to one domain; at least one."""
    day, domain = sessions[0].day, sessions[0].domain
    policies = []
    for applied, group in groupby(sorted(sessions, key=_policy), key=_policy):
        ends = list(group)
        policies.append(
            PolicyReport(
                msgspec.json.decode(applied, type=AppliedPolicy),
                Summary(
                    sum(one.sessions for one in ends if not one.result),
                    sum(one.sessions for one in ends if one.result),
                ),
                tuple(_details(one) for one in ends if one.result),
            )
        )
    return Report(
        organization,
        tls_report.day(day * DAY, (day + 1) * DAY - 1),
        contact,
        f"{datetime.fromtimestamp(day * DAY, UTC):%Y-%m-%d}.{domain}@{organization}",
        tuple(policies),
    )


def _policy(one: Counted) -> str:
    return one.policy


def _details(one: Counted) -> FailureDetails:
    return FailureDetails(
        one.result,
        one.sessions,
        receiving_mx_hostname=one.host,
        receiving_ip=one.address,
        additional_information=one.reason,
    )

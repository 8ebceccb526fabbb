"""Wakes somebody when something is wrong: found by itself, told once, over when it is mended.

Any worker looks, which has just taken the lease. Each *look* answers for some kinds of alert,
at its own pace: what it finds is opened, what it finds no longer is closed. Whoever is to
know is told by one letter of all that is new, and reminded once a day; programs are told by
webhooks.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from merpati.base.clock import Clock
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.base.tasks import Tasks
from merpati.services.happenings import Happenings
from merpati.services.indonesian import say
from merpati.services.letters import Letters
from merpati.store import alerts, directory, habits, leases, queue_admin, samples, webhooks
from merpati.store.alerts import Alert, Found
from merpati.store.engine import Store, Transaction
from merpati.wire import alert_words
from merpati.wire.alert_words import Told
from merpati.wire.mime.addresses import Mailbox

LEASE: Final = "alerts"
DAY: Final = 86_400_000  # ms; a reminder no more often
KEPT: Final = 400 * DAY
RARELY: Final = 6 * 3600.0  # seconds between two looks at what others see of us
STUCK: Final = 900_000  # ms that mail may be overdue
AUTHOR: Final = "postmaster"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSettings:
    """What is worth waking somebody, and whom."""

    enabled: bool = setting(True, "Look now and then whether something is wrong.")
    every: int = setting(60, "How often.", unit="s", minimum=1)
    send_to: tuple[str, ...] = setting(
        (),
        "Who gets a letter; empty: every administrator. An address elsewhere still hears of what"
        " stops the mail here only if this server can send.",
        example=["it@example.org"],
    )
    letters: bool = setting(True, "Write letters; without, alerts are on the dashboard only.")
    queue: int = setting(5000, "Recipients that may wait in the queue.", minimum=1)
    disk_free: int = setting(10, "Free space of a disk that is enough.", unit="%", maximum=90)
    certificate_days: int = setting(10, "Days that a certificate must still be good for.")
    refused_sign_ins: int = setting(1000, "Refused sign-ins within an hour.", minimum=1)
    restarts: int = setting(
        30, "Processes that may be started within an hour; a start of the server is one for each"
        " worker.", minimum=1,
    )  # fmt: skip
    doctor: bool = setting(True, "Have the doctor look every six hours, as others see this server.")


@dataclass(frozen=True, slots=True)
class Look:
    """What finds alerts of some kinds, no more often than every so many seconds."""

    kinds: frozenset[str]
    find: Callable[[int], Awaitable[list[Found]]]
    every: float = 0.0


class Alerts:
    """The alerts of one worker."""

    def __init__(
        self, name: str, hostname: str, store: Store, letters: Letters, happenings: Happenings,
        settings: AlertSettings, looks: Sequence[Look], clock: Clock, log: Log,
    ) -> None:  # fmt: skip
        """`name` is the worker's; `looks` are those of this installation besides our own."""
        self._name = name
        self._hostname = hostname
        self._store = store
        self._letters = letters
        self._happenings = happenings
        self._settings = settings
        self._clock = clock
        self._log = log
        self._looks = [*looks, Look(OWN, self._own)]

    def start(self, tasks: Tasks) -> None:
        """Look now and then, until the worker ends."""
        if self._settings.enabled:
            tasks.every(self._settings.every, self.look, "alerts", jitter=0.2)

    async def look(self) -> None:
        """Find what is wrong, and tell of what is new."""
        now = self._now()
        # Of all workers one looks in each round; its lease ends before the next.
        if not await self._store.write(
            leases.claim, LEASE, self._name, now, now + self._settings.every * 800
        ):
            return
        for one in self._looks:
            if one.every and not await self._is_time(one, now):
                continue
            found = await one.find(now)
            await self._store.write(self._settle, one.kinds, found, now)
        await self._store.write(self._tell, now)
        await self._store.write(alerts.forget, now - KEPT)

    async def _is_time(self, look: Look, now: int) -> bool:
        """Whether what is looked at rarely was not just looked at, by any worker."""
        name = f"{LEASE} {min(look.kinds)}"
        ends = now + int(look.every * 1000)
        return await self._store.write(leases.claim, name, self._name, now, ends)

    async def _settle(
        self, tx: Transaction, kinds: frozenset[str], found: list[Found], now: int
    ) -> None:
        opened, ended = await alerts.settle(tx, kinds, found, now)
        for one in opened:
            await self._happenings.tell(tx, "alert.opened", now, _said(one))
        for one in ended:
            await self._happenings.tell(tx, "alert.closed", now, _said(one))

    async def _tell(self, tx: Transaction, now: int) -> None:
        """One letter to each who is to know, of all that was not told today."""
        wrong = await alerts.untold(tx, now - DAY)
        if not wrong or not self._settings.letters:
            return
        author = await _author(tx, self._hostname)
        for address, language in await self._people(tx) if author else ():
            told = [Told(in_words(one, language), _moment(one.opened_at)) for one in wrong]
            subject, text = alert_words.letter(self._hostname, told, language)
            assert author is not None
            await self._letters.send(tx, author, [address], subject, text)
        await alerts.told(tx, wrong, now)

    async def _people(self, tx: Transaction) -> list[tuple[str, str]]:
        if not self._settings.send_to:
            return await alerts.people(tx)
        found = []
        for address in self._settings.send_to:
            account = await directory.find_account(tx, address)
            found.append((address, account.language if account else "en"))
        return found

    # What is found in the store

    async def _own(self, now: int) -> list[Found]:
        async def unit(tx: Transaction) -> list[Found]:
            found = [*await self._queue(tx, now), *await self._counted(tx, now)]
            for freeze in await habits.freezes(tx, ended=False, limit=100):
                account = await directory.account_by_id(tx, freeze.account_id)
                if account is not None:
                    found.append(Found("account-stopped", account.address))
            off = [one for one in await webhooks.listing(tx) if one.off_at and not one.enabled]
            return found + [Found("webhook-off", one.url, {"problem": one.problem}) for one in off]

        return await self._store.scan(unit)

    async def _queue(self, tx: Transaction, now: int) -> list[Found]:
        found = []
        counts = await queue_admin.counts(tx, now)
        waiting = counts.due + counts.waiting + counts.leased + counts.failing
        limit = self._settings.queue
        if waiting > limit:
            found.append(Found("queue-grows", "", {"count": waiting, "limit": limit}))
        due_at = await alerts.overdue(tx, now - STUCK)
        if due_at:
            found.append(Found("queue-stuck", "", {"minutes": (now - due_at) // 60_000}))
        return found

    async def _counted(self, tx: Transaction, now: int) -> list[Found]:
        """What the hour that is, or the one before, has too much of."""
        names = ("sign-ins.failed", "sign-ins.throttled", "starts")
        series = await samples.series(tx, names, now - now % samples.HOUR - samples.HOUR)
        hours: dict[str, dict[int, int]] = {name: dict(series[name]) for name in names}
        failed, throttled, starts = (hours[name] for name in names)
        refused = max(
            (failed.get(at, 0) + throttled.get(at, 0) for at in {*failed, *throttled}), default=0
        )
        found = []
        limit = self._settings.refused_sign_ins
        if refused > limit:
            found.append(Found("sign-ins-refused", "", {"count": refused, "limit": limit}))
        if (most := max(starts.values(), default=0)) > self._settings.restarts:
            found.append(Found("restarts", "", {"count": most}))
        return found

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


OWN: Final = frozenset({
    "queue-grows", "queue-stuck", "sign-ins-refused", "restarts", "account-stopped", "webhook-off",
})  # fmt: skip


def disks(folders: Sequence[Path], free: int) -> Look:
    """Looks at the disks of folders, of which so much has to be free, in percent."""

    def measure() -> list[Found]:
        found = []
        # Of folders on one disk, the first speaks for it.
        by_disk = {one.stat().st_dev: one for one in reversed(folders) if one.exists()}
        for folder in by_disk.values():
            usage = shutil.disk_usage(folder)
            share = usage.free * 100 // usage.total if usage.total else 100
            if share < free:
                found.append(Found("disk-low", str(folder), {"free": share}))
        return found

    async def find(_now: int) -> list[Found]:
        return await asyncio.to_thread(measure)

    return Look(frozenset({"disk-low"}), find)


def in_words(one: Alert, language: str) -> alert_words.Words:
    """The sentence and the next step."""
    detail = {
        name: say(value, language) if isinstance(value, str) else value
        for name, value in one.detail.items()
    }
    return alert_words.words(one.kind, one.subject, detail, language)


async def _author(tx: Transaction, hostname: str) -> Mailbox | None:
    """Whom letters are from: the domain that the host belongs to, else the first."""
    names = [one.name for one in await directory.domains(tx)]
    around = [name for name in names if f".{hostname}".endswith(f".{name}")]
    domain = max(around, key=len, default=names[0] if names else "")
    return Mailbox("Merpati", AUTHOR, domain) if domain else None


def _said(one: Alert) -> dict[str, object]:
    text, advice = in_words(one, "en")
    return {
        "alert": one.id, "kind": one.kind, "subject": one.subject, "text": text,
        "advice": advice, "openedAt": one.opened_at, "detail": dict(one.detail),
    }  # fmt: skip


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).strftime("%Y-%m-%d %H:%M")

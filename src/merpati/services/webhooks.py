"""Tells programs what happened: signed, in order, again and again until they have taken it.

One worker does it, which holds a lease. Each webhook is served by itself, so one that is slow
or away delays no other. What it did not take is tried again for three days, each time after
a longer while; a webhook that has taken nothing for five days is switched off, and an alert
says so (services/alerts.py). A program may hear of one thing twice: it knows it by its
`webhook-id`.
"""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, SyntaxFault
from merpati.base.settings import setting
from merpati.services.happenings import TEST, write
from merpati.services.web_push import is_public
from merpati.store import leases, webhooks
from merpati.store.engine import Topic
from merpati.store.webhooks import ENDPOINTS, OUTBOX, Telling
from merpati.wire import webhook

if TYPE_CHECKING:
    from collections.abc import Mapping

    from merpati.base.clock import Clock
    from merpati.base.ids import Ids
    from merpati.base.log import Log
    from merpati.net.https import Https
    from merpati.services.notify import Notify
    from merpati.services.sealing import Sealing
    from merpati.store.engine import Store, Transaction

LEASE: Final = "webhooks"
LEASE_SECONDS: Final = 30.0
TURN: Final = 10.0  # seconds between two looks at the lease and at what waits
AT_ONCE: Final = 16  # webhooks that are told something now
TOGETHER: Final = 100  # things that one is told in one go
WITHIN: Final = 20.0  # seconds for one answer
ANSWER_MAX: Final = 65_536  # octets of an answer
PAUSE: Final = 5.0  # seconds after a failure until the webhook's next try of anything
# Seconds until the next try of one thing; then it is given up, after about three days.
RETRIES: Final = (5, 60, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
OFF_AFTER: Final = 5 * 86_400_000  # ms without one success
KEPT: Final = 7 * 86_400_000  # ms
TIDY_EVERY: Final = 600.0  # seconds
GONE: Final = 410  # the program wants to hear no more
TEST_WAIT: Final = 15.0  # seconds until the answer to a test is waited for no longer
TEST_LOOK: Final = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSettings:
    """Telling programs of what happens."""

    private_addresses: bool = setting(
        False, "Send also to programs at private addresses, as in a network of its own."
    )
    loopback: bool = setting(
        False, "Send also to programs on this machine itself; to them http:// will do."
    )


class Webhooks:
    """The teller of one worker, which works while it holds the lease."""

    def __init__(
        self, name: str, store: Store, notify: Notify, https: Https, sealing: Sealing,
        settings: WebhookSettings, clock: Clock, log: Log,
    ) -> None:  # fmt: skip
        """`name` is the worker's; `https` keeps to addresses that `allowed` lets pass."""
        self._name = name
        self._store = store
        self._notify = notify
        self._https = https
        self._sealing = sealing
        self._settings = settings
        self._clock = clock
        self._log = log
        self._wake = asyncio.Event()
        self._places = asyncio.Semaphore(AT_ONCE)
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._rest: dict[int, float] = {}  # when a webhook that failed is tried again
        self._tidied = 0.0

    async def run(self) -> None:
        """Work for ever."""
        stops = [
            self._notify.listen(Topic.WEBHOOKS, one, self._changed) for one in (ENDPOINTS, OUTBOX)
        ]
        try:
            while True:
                if await self._claim():
                    await self._work()
                await asyncio.sleep(TURN)
        finally:
            for stop in stops:
                stop()
            for task in self._busy.values():
                task.cancel()

    def _changed(self) -> None:
        self._wake.set()

    async def _claim(self) -> bool:
        now = self._now()
        ends = now + int(LEASE_SECONDS * 1000)
        if await self._store.write(leases.extend, LEASE, self._name, ends):
            return True
        return await self._store.write(leases.claim, LEASE, self._name, now, ends)

    async def _work(self) -> None:
        """Tell until the lease is lost."""
        held_until = self._clock.monotonic() + TURN
        while True:
            if self._clock.monotonic() >= held_until:
                if not await self._claim():
                    return
                held_until = self._clock.monotonic() + TURN
                await self._tidy()
            self._wake.clear()
            soonest = await self._begin_those_due()
            wait = min(soonest, held_until) - self._clock.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(max(0.05, wait)):
                    await self._wake.wait()

    async def _begin_those_due(self) -> float:
        """Begin to tell each webhook that has something due; when the next one has."""
        soonest = self._clock.monotonic() + TURN
        for webhook_id, due_at in (await self._store.read(webhooks.next_due)).items():
            if webhook_id in self._busy:
                continue  # it wakes us when it is done
            at = max(
                self._clock.monotonic() + (due_at - self._now()) / 1000,
                self._rest.get(webhook_id, 0.0),
            )
            if at > self._clock.monotonic():
                soonest = min(soonest, at)
                continue
            task = asyncio.get_running_loop().create_task(self._serve(webhook_id))
            self._busy[webhook_id] = task
        return soonest

    async def _serve(self, webhook_id: int) -> None:
        """Tell one program what is due, in order, until it does not take something."""
        try:
            async with self._places:
                hook = await self._store.read(webhooks.find, webhook_id)
                waiting = await self._store.read(webhooks.due, webhook_id, self._now(), TOGETHER)
                for one in waiting:
                    if not hook.enabled or not await self._tell(hook, one):
                        break
        except Fault as fault:
            self._log.warning("webhook.failed", webhook=webhook_id, reason=fault.text)
            self._rest[webhook_id] = self._clock.monotonic() + TURN
        except Exception as problem:  # noqa: BLE001 -- one webhook's defect is its own
            self._log.defect("webhook.failed", problem, webhook=webhook_id)
            self._rest[webhook_id] = self._clock.monotonic() + 60 * TURN
        finally:
            self._busy.pop(webhook_id, None)
            self._wake.set()

    async def _tell(self, hook: webhooks.Webhook, one: Telling) -> bool:
        """Tell one thing; whether it was taken."""
        status, problem = await self._post(hook, one)
        now = self._now()
        if 200 <= status < 300:
            self._rest.pop(hook.id, None)
            await self._store.write(webhooks.told, one, status, now)
            return True
        self._rest[hook.id] = self._clock.monotonic() + PAUSE
        due_at = 0
        if status != GONE and one.attempts < len(RETRIES) and one.kind != TEST:
            due_at = now + RETRIES[one.attempts] * 1000
        self._log.info("webhook.delayed", webhook=hook.id, reason=problem, again=bool(due_at))
        await self._store.write(webhooks.failed, one, status, problem, now, due_at)
        return False

    async def _post(self, hook: webhooks.Webhook, one: Telling) -> tuple[int, str]:
        """The status of the answer, 0 for none, and what is wrong with it."""
        timestamp, body = int(self._clock.now()), one.body.encode()
        try:
            place = webhook.place(hook.url)
            if place.is_loopback and not self._settings.loopback:
                return 0, f"{place.host} is this machine; see loopback in [webhooks]"
            key = webhook.read_secret(self._sealing.open(hook.secret, purpose(hook.url)).reveal())
            answer = await self._https.request(
                "POST", place.host, place.path, port=place.port, body=body,
                media_type="application/json", fields=_fields(key, one.name, timestamp, body),
                limit=ANSWER_MAX, within=WITHIN, tls=place.tls,
            )  # fmt: skip
        except SyntaxFault as fault:
            return 0, fault.text
        except Fault as fault:
            return 0, fault.text
        if 200 <= answer.status < 300:
            return answer.status, ""
        return answer.status, f"{place.host} answered with {answer.status}"

    async def _tidy(self) -> None:
        """Switch off what is dead, and let go of what is old."""
        if self._clock.monotonic() - self._tidied < TIDY_EVERY and self._tidied:
            return
        self._tidied = self._clock.monotonic()
        now = self._now()
        for webhook_id in await self._store.write(webhooks.switch_off, now - OFF_AFTER, now):
            self._log.warning("webhook.off", webhook=webhook_id)
        while await self._store.write(webhooks.forget, now - KEPT):
            continue

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


def allowed(settings: WebhookSettings, address: str) -> bool:
    """Whether a webhook may be sent to an address."""
    if address in {"127.0.0.1", "::1"}:
        return settings.loopback
    return settings.private_addresses or is_public(address)


def purpose(url: str) -> str:
    """What a secret is sealed for: whoever changes the row to another host does not get it."""
    return f"webhook {webhook.place(url).host}"


def _fields(key: bytes, name: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    return {
        "webhook-id": name,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": webhook.signature(key, name, timestamp, body),
    }


async def test(store: Store, ids: Ids, clock: Clock, webhook_id: int) -> Telling:
    """Have a program told that this is a test; what came of it, if that is known soon.

    It is the server that tells, so a test from the command line needs it to run. One that was
    switched off hears nothing. Raises Fault NOT_FOUND.
    """
    name, now = f"evt_{ids.token(16)}", int(clock.now() * 1000)

    async def unit(tx: Transaction) -> None:
        await webhooks.find(tx, webhook_id)
        data = {"text": "This is a test.", "webhook": webhook_id}
        await webhooks.put(tx, webhook_id, [write(name, TEST, now, data)])

    await store.write(unit)
    until = clock.monotonic() + TEST_WAIT
    while True:
        one = await store.read(webhooks.of_name, webhook_id, name)
        assert one is not None
        if one.tried_at or clock.monotonic() > until:
            return one
        await asyncio.sleep(TEST_LOOK)

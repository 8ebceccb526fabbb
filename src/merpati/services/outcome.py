"""What a try came to, made durable: recipients served, deferred or given up, senders told.

One transaction holds it all, and acts only on recipients that are still in the queue: if
two workers ever try the same one (a lease that ran out), the second changes nothing and
tells nobody.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.ids import Ids
from merpati.base.metrics import Metrics
from merpati.model.delivery import Outcome, Result
from merpati.model.event import Event, EventKind
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.services.accept import QueueSettings
from merpati.services.bounce import Bounce, Notice, after_return_path
from merpati.store import blobs, directory, events, queue
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Transaction
from merpati.wire import dsn
from merpati.wire.smtp.paths import parse_address

JITTER: Final = 0.1  # of the retry interval, so that a restart does not synchronise 10,000 retries
REPLY_MAX: Final = 500  # characters of a remote server's words kept in the queue


Waiting = Sequence[tuple[QueueMessage, Sequence[QueueRecipient]]]


class Tried(msgspec.Struct, frozen=True):
    """A recipient and what the try came to."""

    recipient: QueueRecipient
    result: Result


class Verdicts(msgspec.Struct, frozen=True):
    """The recipients of one message, sorted by what happens to them next."""

    served: list[Tried]
    deferred: list[Tried]
    failed: list[Tried]
    failure: Notice | None
    warning: Notice | None


class Recorder:
    """Records outcomes for the queue runner of one worker."""

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        bounce: Bounce,
        clock: Clock,
        ids: Ids,
        settings: QueueSettings,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._bounce = bounce
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._count = metrics.counter("merpati_deliveries_total", "Tries by outcome.", ("outcome",))

    async def record(self, message: QueueMessage, tried: Sequence[Tried]) -> None:
        """Make what happened to some recipients of a message durable."""
        now = int(self._clock.now() * 1000)
        verdicts = await self._judge(message, tried, now)
        await self._store.write(self._write, message, verdicts, now)
        for one in tried:
            self._count.inc(one.result.outcome.value)

    async def defer_destination(self, destination: str, reason: Result) -> None:
        """What else is due for a destination that cannot be reached waits for its next try."""
        now = int(self._clock.now() * 1000)
        await self._store.write(
            queue.defer_destination, destination, now, self._next_try(now), reason.status,
            reason.text[:REPLY_MAX],
        )  # fmt: skip

    async def put_off(
        self, message: QueueMessage, recipients: Sequence[QueueRecipient], text: str
    ) -> None:
        """Try again later, however old the message is: the fault is ours."""
        now = int(self._clock.now() * 1000)
        await self._store.write(
            queue.defer, message.id, [one.n for one in recipients], self._next_try(now),
            status="4.3.0", reply=text, remote="",
        )  # fmt: skip

    async def release(self, untried: Waiting) -> None:
        """What was claimed and not tried is due again at once."""
        if untried:
            await self._store.write(_release, untried, int(self._clock.now() * 1000))

    async def _judge(self, message: QueueMessage, tried: Sequence[Tried], now: int) -> Verdicts:
        served = [one for one in tried if one.result.outcome is Outcome.DELIVERED]
        failed = [one for one in tried if one.result.outcome is Outcome.PERMANENT]
        deferred = [one for one in tried if one.result.outcome is Outcome.TEMPORARY]
        if now >= message.expires_at:
            failed, deferred = failed + deferred, []
        late = bool(deferred) and 0 < message.warn_at <= now
        failure = await self._notice(message, failed, dsn.Action.FAILED) if failed else None
        warning = await self._notice(message, deferred, dsn.Action.DELAYED) if late else None
        return Verdicts(served, deferred, failed, failure, warning)

    async def _write(
        self, tx: Transaction, message: QueueMessage, verdicts: Verdicts, now: int
    ) -> None:
        steps = await self._finish(tx, message, verdicts.served, EventKind.SENT, now)
        given_up = await self._finish(tx, message, verdicts.failed, EventKind.FAILED, now)
        steps += given_up
        if given_up and verdicts.failure is not None:
            await self._bounce.send(tx, verdicts.failure, now)
        elif given_up and not message.sender:
            steps += [
                Event(message.trace, now, EventKind.DROPPED, step.about, 0, {}) for step in given_up
            ]
        for one in verdicts.deferred:
            await queue.defer(
                tx, message.id, [one.recipient.n], self._next_try(now), status=one.result.status,
                reply=one.result.text[:REPLY_MAX], remote=one.result.host,
            )  # fmt: skip
            steps.append(_step(message, one, EventKind.DEFERRED, now))
        if verdicts.warning is not None and await queue.warned(tx, message.id):
            await self._bounce.send(tx, verdicts.warning, now)
        await events.record(tx, steps)

    async def _finish(
        self, tx: Transaction, message: QueueMessage, tried: list[Tried], kind: EventKind, now: int
    ) -> list[Event]:
        """Take recipients out of the queue; steps for those that were still in it."""
        if not tried:
            return []
        still = set(await queue.finish(tx, message.id, [one.recipient.n for one in tried]))
        return [_step(message, one, kind, now) for one in tried if one.recipient.n in still]

    async def _notice(
        self, message: QueueMessage, tried: list[Tried], action: dsn.Action
    ) -> Notice | None:
        if not message.sender:
            return None
        stored = await self._store.read(blobs.find, message.blob_id)
        if stored is None:
            return None  # another worker has finished it meanwhile
        try:
            content = self._blobs.read(stored)
            start = after_return_path(content)
            original = content[start : start + dsn.RETURN_LIMIT + 1]
        except Fault as fault:
            original = f"Subject: (the message is damaged: {fault.text})\r\n\r\n".encode()
        until = message.expires_at / 1000 if action is dsn.Action.DELAYED else None
        recipients = [self._reported(one, action, until) for one in tried]
        language = await self._store.read(_language, message.account_id)
        return await self._bounce.compose(message, original, recipients, language)

    def _reported(self, one: Tried, action: dsn.Action, until: float | None) -> dsn.Recipient:
        result = one.result
        status = result.status
        if action is dsn.Action.FAILED and status.startswith("4"):
            status = "4.4.7"  # RFC 3463 3.5: tried until its time was over
        return dsn.Recipient(
            address=parse_address(one.recipient.address),
            action=action,
            status=status,
            diagnostic=result.text,
            remote=result.host,
            last_attempt=self._clock.now(),
            retry_until=until,
        )

    def _next_try(self, now: int) -> int:
        chance = int.from_bytes(self._ids.bytes(4), "big") / 2**32
        return now + int(self._settings.retry * 1000 * (1 + JITTER * (2 * chance - 1)))


def _step(message: QueueMessage, one: Tried, kind: EventKind, now: int) -> Event:
    result = one.result
    detail = {
        "status": result.status,
        "said": result.text[:REPLY_MAX],
        "host": result.host,
        "address": result.address,
        "tls": result.tls,
        "step": result.step,
        "try": one.recipient.attempts,
    }
    return Event(
        message.trace, now, kind, one.recipient.address, message.account_id,
        {key: value for key, value in detail.items() if value},
    )  # fmt: skip


async def _release(tx: Transaction, untried: Waiting, now: int) -> None:
    for message, recipients in untried:
        for one in recipients:
            await queue.defer(
                tx, message.id, [one.n], now, status=one.status, reply=one.reply, remote=one.remote
            )


async def _language(tx: Transaction, account_id: int) -> str:
    account = await directory.account_by_id(tx, account_id) if account_id else None
    return account.language if account else ""

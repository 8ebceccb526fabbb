"""What a try came to, made durable: recipients served, deferred or given up, senders told.

One transaction holds it all, and acts only on recipients that are still in the queue: if
two workers ever try the same one (a lease that ran out), the second changes nothing and
tells nobody. What went well and is to be told to nobody, as nearly all is, is gathered,
and written for many messages in a few statements.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.ids import Ids
from merpati.base.metrics import Metrics
from merpati.model.delivery import Outcome, Result
from merpati.model.event import Event, EventKind
from merpati.model.queue import QueueMessage, QueueRecipient, Tried
from merpati.services.accept import QueueSettings, Tell
from merpati.services.bounce import Bounce, Notice, after_return_path
from merpati.services.notifications import Verdicts, asks_for_success, reported, sort
from merpati.store import blobs, destinations, directory, events, queue, suppression
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store, Transaction
from merpati.wire import dsn

JITTER: Final = 0.1  # of the retry interval, so that a restart does not synchronise 10,000 retries
REPLY_MAX: Final = 500  # characters of a remote server's words kept in the queue
GATHER: Final = 0.005  # seconds; what goes well meanwhile is written together
TOGETHER: Final = 200  # messages in one transaction
SOON: Final = 60_000  # ms until the next try of a destination that took mail just now
# "No such mailbox", "has moved", "no such domain", "takes no mail": for good (RFC 3463, RFC 7505).
GONE: Final = frozenset({"5.1.1", "5.1.2", "5.1.6", "5.1.10"})

Waiting = Sequence[tuple[QueueMessage, Sequence[QueueRecipient]]]
Failed = Callable[[Transaction, int, int, int], Awaitable[None]]
"""Told, in the transaction, of an account's mail that failed: account, recipients, now in ms."""


class _Served(msgspec.Struct, frozen=True):
    message: QueueMessage
    tried: Sequence[Tried]
    done: asyncio.Future[None]


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
        suppress_for: float = 0,
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._bounce = bounce
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._suppress_for = int(suppress_for * 1000)
        self._count = metrics.counter("merpati_deliveries_total", "Tries by outcome.", ("outcome",))
        self.on_failed: Failed | None = None
        self.tell: Tell | None = None  # writes down what programs are to be told
        self._waiting: list[_Served] = []
        self._writing: asyncio.Task[None] | None = None

    # What went well

    def is_plain(self, tried: Sequence[Tried]) -> bool:
        """Whether all went well and nobody is to be told."""
        return bool(tried) and all(
            one.result.outcome is Outcome.DELIVERED and not asks_for_success(one) for one in tried
        )

    def served(self, message: QueueMessage, tried: Sequence[Tried]) -> asyncio.Future[None]:
        """Make what is plain durable together with what else is; done once it is."""
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(_Served(message, tried, done))
        if self._writing is None:
            self._writing = asyncio.ensure_future(self._write_served())
        return done

    async def _write_served(self) -> None:
        while self._waiting:
            await asyncio.sleep(GATHER)
            together, self._waiting = self._waiting[:TOGETHER], self._waiting[TOGETHER:]
            now = int(self._clock.now() * 1000)
            try:
                await self._store.write(self._finish_served, together, now)
            except Exception as problem:  # noqa: BLE001 -- for those who wait
                for one in together:
                    if not one.done.done():
                        one.done.set_exception(problem)
                continue
            for one in together:
                self._count.inc(Outcome.DELIVERED.value, by=len(one.tried))
                if not one.done.done():
                    one.done.set_result(None)
        self._writing = None

    async def _finish_served(self, tx: Transaction, together: Sequence[_Served], now: int) -> None:
        """Many messages of which some recipients were served, in a few statements."""
        pairs = [(one.message.id, tried.recipient.n) for one in together for tried in one.tried]
        still = set(await queue.finish_many(tx, pairs))
        await self.note(
            tx,
            [
                _step(one.message, tried, EventKind.SENT, now)
                for one in together
                for tried in one.tried
                if (one.message.id, tried.recipient.n) in still
            ],
        )

    # All else

    async def record(self, message: QueueMessage, tried: Sequence[Tried]) -> None:
        """Make what happened to some recipients of a message durable."""
        now = int(self._clock.now() * 1000)
        verdicts = sort(message, tried, now)
        notices = await self._compose(message, verdicts.to_tell())
        await self._store.write(self._write, message, verdicts, notices, now)
        for one in tried:
            self._count.inc(one.result.outcome.value)

    async def turned_away(
        self, names: Sequence[str], why: Result, untried: Waiting, lease: str, *, soon: bool
    ) -> None:
        """Destinations let nobody in: what waits for them waits with them, untried.

        `soon`: it took mail just now, so it is likely to do so again before long.
        """
        now = int(self._clock.now() * 1000)
        next_at = self._next_try(now)
        if soon:
            next_at = min(next_at, now + SOON)
        await self._store.write(self._leave_alone, names, why, untried, lease, now, next_at)

    async def _leave_alone(
        self, tx: Transaction, names: Sequence[str], why: Result, untried: Waiting, lease: str,
        now: int, next_at: int,
    ) -> None:  # fmt: skip
        reply = why.text[:REPLY_MAX]
        for name in names:
            await destinations.failed(tx, name, now, next_at, why.status, reply, why.host)
        await queue.give_back(tx, _pairs(untried), lease, now)
        await self.note(
            tx,
            [
                _step(message, Tried(one, why), EventKind.DEFERRED, now)
                for message, recipients in untried
                for one in recipients
            ],
        )

    def reached(self, names: Sequence[str]) -> asyncio.Future[None]:
        """Destinations have answered to a message."""
        now = int(self._clock.now() * 1000)
        return asyncio.ensure_future(self._store.write(destinations.reached, names, now))

    async def paced(self, names: Sequence[str], lanes: int, pause: float) -> None:
        """How much destinations take at once now, for whoever asks."""
        await self._store.write(destinations.paced, names, lanes, int(pause * 1000))

    async def confirmation(
        self,
        message: QueueMessage,
        one: QueueRecipient,
        action: dsn.Action = dsn.Action.DELIVERED,
    ) -> Notice | None:
        """The letter that says what was done here with it, if that is to be told."""
        tried = Tried(one, Result(one.address, Outcome.DELIVERED, "2.0.0", ""))
        if not asks_for_success(tried):
            return None
        return (await self._compose(message, {action: [tried]})).get(action)

    async def confirm(self, tx: Transaction, notice: Notice | None, now: int) -> None:
        """Send it, if there is one, in the transaction that makes it true."""
        if notice is not None:
            await self._bounce.send(tx, notice, now)

    async def put_off(
        self, message: QueueMessage, recipients: Sequence[QueueRecipient], text: str
    ) -> None:
        """Try again later, however old the message is: the fault is ours."""
        now = int(self._clock.now() * 1000)
        await self._store.write(
            queue.defer, message.id, [one.n for one in recipients], self._next_try(now),
            status="4.3.0", reply=text, remote="",
        )  # fmt: skip

    async def give_back(self, untried: Waiting, lease: str) -> None:
        """What was claimed and not tried is due again at once."""
        if untried:
            now = int(self._clock.now() * 1000)
            await self._store.write(queue.give_back, _pairs(untried), lease, now)

    async def _compose(
        self, message: QueueMessage, wanted: Mapping[dsn.Action, Sequence[Tried]]
    ) -> dict[dsn.Action, Notice]:
        """The letters to the sender, by what they tell."""
        notices: dict[dsn.Action, Notice] = {}
        if not wanted or not message.sender:
            return notices
        stored = await self._store.read(blobs.find, message.blob_id)
        if stored is None:
            return notices  # another worker has finished it meanwhile
        try:
            content = self._blobs.read(stored)
            start = after_return_path(content)
            original = content[start : start + dsn.RETURN_LIMIT + 1]
        except Fault as fault:
            original = f"Subject: (the message is damaged: {fault.text})\r\n\r\n".encode()
        language = await self._store.read(_language, message.account_id)
        for action, tried in wanted.items():
            recipients = [reported(message, one, action, self._clock.now()) for one in tried]
            notice = await self._bounce.compose(message, original, recipients, language)
            if notice is not None:
                notices[action] = notice
        return notices

    async def _write(
        self, tx: Transaction, message: QueueMessage, verdicts: Verdicts,
        notices: dict[dsn.Action, Notice], now: int,
    ) -> None:  # fmt: skip
        steps = await self._finish(tx, message, verdicts.served, EventKind.SENT, now)
        if steps:
            for action in (dsn.Action.RELAYED, dsn.Action.DELIVERED):
                if action in notices:
                    await self._bounce.send(tx, notices[action], now)
        given_up = await self._finish(tx, message, verdicts.failed, EventKind.FAILED, now)
        steps += given_up
        if given_up and dsn.Action.FAILED in notices:
            await self._bounce.send(tx, notices[dsn.Action.FAILED], now)
        elif given_up and not message.sender:
            steps += [
                Event(message.trace, now, EventKind.DROPPED, step.about, 0, {}) for step in given_up
            ]
        await self._suppress(tx, verdicts.failed, now)
        if given_up and message.account_id and self.on_failed is not None:
            await self.on_failed(tx, message.account_id, len(given_up), now)
        for one in verdicts.deferred:
            await queue.defer(
                tx, message.id, [one.recipient.n], self._next_try(now), status=one.result.status,
                reply=one.result.text[:REPLY_MAX], remote=one.result.host,
            )  # fmt: skip
            steps.append(_step(message, one, EventKind.DEFERRED, now))
        if verdicts.is_late and await queue.warned(tx, message.id):
            delayed = notices.get(dsn.Action.DELAYED)
            if delayed is not None:
                await self._bounce.send(tx, delayed, now)
        await self.note(tx, steps)

    async def note(self, tx: Transaction, steps: Sequence[Event]) -> None:
        """Write steps down, and what programs are to be told of them."""
        await events.record(tx, steps)
        if self.tell is not None:
            await self.tell(tx, steps)

    async def _finish(
        self, tx: Transaction, message: QueueMessage, tried: Sequence[Tried], kind: EventKind,
        now: int,
    ) -> list[Event]:  # fmt: skip
        """Take recipients out of the queue; steps for those that were still in it."""
        if not tried:
            return []
        still = set(await queue.finish(tx, message.id, [one.recipient.n for one in tried]))
        return [_step(message, one, kind, now) for one in tried if one.recipient.n in still]

    async def _suppress(self, tx: Transaction, failed: Sequence[Tried], now: int) -> None:
        """Addresses that do not exist get nothing more for a while."""
        if not self._suppress_for:
            return
        for one in failed:
            result = one.result
            if result.status in GONE and result.code:  # a server has said so, not we
                await suppression.suppress(
                    tx, one.recipient.address, now, now + self._suppress_for,
                    status=result.status, reply=result.text[:REPLY_MAX], remote=result.host,
                )  # fmt: skip

    def _next_try(self, now: int) -> int:
        chance = int.from_bytes(self._ids.bytes(4), "big") / 2**32
        return now + int(self._settings.retry * 1000 * (1 + JITTER * (2 * chance - 1)))


def _pairs(waiting: Waiting) -> list[queue.Pair]:
    return [(message.id, one.n) for message, recipients in waiting for one in recipients]


def _step(message: QueueMessage, one: Tried, kind: EventKind, now: int) -> Event:
    result = one.result
    detail = {
        "status": result.status,
        "said": result.text[:REPLY_MAX],
        "host": result.host,
        "address": result.address,
        "tls": result.tls,
        "security": result.trust,
        "step": result.step,
        "try": one.recipient.attempts,
    }
    return Event(
        message.trace, now, kind, one.recipient.address, message.account_id,
        {key: value for key, value in detail.items() if value},
    )  # fmt: skip


async def _language(tx: Transaction, account_id: int) -> str:
    account = await directory.account_by_id(tx, account_id) if account_id else None
    return account.language if account else ""

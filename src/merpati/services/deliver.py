"""Delivery into mailboxes here of what waited in the queue: exactly once.

The copy in the mailbox and the end of the queue entry are one transaction.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.model.delivery import Outcome, Result
from merpati.model.message import Digest
from merpati.model.queue import QueueMessage, QueueRecipient, Tried
from merpati.services import landing
from merpati.services.bounce import Notice
from merpati.services.digest import digest
from merpati.services.filing import REJECTED, Decision, Filtering
from merpati.services.outcome import Recorder
from merpati.services.route import Router
from merpati.store import blobs, emails, queue
from merpati.store.blobs import BlobStore
from merpati.store.engine import UNDONE, Store, Transaction
from merpati.wire import list_headers
from merpati.wire.smtp.paths import parse_address

# What a fault of routing or storing means for a recipient; others are temporary.
STATUS: Final = {
    Kind.NOT_FOUND: (Outcome.PERMANENT, "5.1.1"),
    Kind.DENIED: (Outcome.PERMANENT, "5.7.1"),
    Kind.SYNTAX: (Outcome.PERMANENT, "5.1.3"),
    Kind.CORRUPT: (Outcome.TEMPORARY, "4.3.0"),
    Kind.OVER_QUOTA: (Outcome.TEMPORARY, "4.2.2"),
}


class Deliver:
    """Delivers queued messages to accounts of this installation."""

    def __init__(
        self, store: Store, blob_store: BlobStore, router: Router, recorder: Recorder, clock: Clock
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._router = router
        self._recorder = recorder
        self._clock = clock
        self.filter: Filtering | None = None  # runs Sieve scripts

    async def here(self, message: QueueMessage, recipients: Sequence[QueueRecipient]) -> None:
        """Deliver to each recipient that can be delivered to, and record what came of the rest."""
        now = int(self._clock.now() * 1000)
        try:
            stored = await self._store.read(blobs.find, message.blob_id)
            if stored is None:
                return  # another worker has finished it
            content = self._blobs.read(stored)
            found = await asyncio.to_thread(digest, content, now)
        except Fault as fault:
            await self._defer(message, recipients, fault)
            return
        for recipient in recipients:
            try:
                await self._one(message, recipient, content, found, now)
            except Fault as fault:
                await self._defer(message, [recipient], fault)

    async def _one(
        self, message: QueueMessage, recipient: QueueRecipient, content: bytes | mmap.mmap,
        found: Digest, now: int,
    ) -> None:  # fmt: skip
        """Deliver to one recipient as its scripts decide; who refuses is reported to the sender."""
        decisions: list[Decision] = []
        if self.filter is not None:
            path = parse_address(recipient.address)
            route = await self._store.read(self._router.follow, path, relay=True)
            route = msgspec.structs.replace(route, options=recipient.wishes)
            decisions = await self.filter.queued(message, content, found, route, now)
        refusing = [one for one in decisions if one.reject]
        if refusing and not list_headers.read(content).automatic:  # RFC 5429: not to machines
            reason = " ".join(refusing[0].reject.split())  # a notice quotes it in one line
            result = Result(recipient.address, Outcome.PERMANENT, REJECTED, reason)
            await self._recorder.record(message, [Tried(recipient, result)])
            return
        notice = await self._recorder.confirmation(message, recipient)
        unused: list[str] = []
        try:
            await self._store.write(
                self._deliver, message, recipient, found, now, notice, decisions, unused
            )
        except Fault as fault:
            if fault.kind in UNDONE:
                for body in [body for one in decisions for body in one.bodies]:
                    self._blobs.remove(body.location)
            raise
        for location in unused:
            self._blobs.remove(location)

    async def _deliver(
        self, tx: Transaction, message: QueueMessage, recipient: QueueRecipient, found: Digest,
        now: int, notice: Notice | None = None, decisions: Sequence[Decision] = (),
        unused: list[str] | None = None,
    ) -> None:  # fmt: skip
        route = await self._router.follow(tx, parse_address(recipient.address), relay=True)
        body = await blobs.body(tx, message.blob_id)
        if body is None or not await queue.finish(tx, message.id, [recipient.n]):
            return
        served: set[int] = set()
        if self.filter is not None and decisions:
            done = await self.filter.carry_out(
                tx, message.trace, decisions, body, found, now, unused
            )
            if done.refused:
                raise Fault(Kind.OVER_QUOTA, "the mailbox is full")
            await self._recorder.note(tx, done.steps)
            served = done.served
        plain = [account_id for account_id in route.accounts if account_id not in served]
        if plain:
            action = await landing.judged(tx, message.trace)
            folders = [(account_id, route.folder) for account_id in plain]
            land = await landing.choose(tx, plain, folders, action)
            added = await emails.add(tx, body, found, land.placements, now)
            if added.refused:
                raise Fault(Kind.OVER_QUOTA, "the mailbox is full")
            addresses = dict.fromkeys(plain, recipient.address)
            await self._recorder.note(tx, land.steps(message.trace, now, added, addresses))
        if served or plain:
            await self._recorder.confirm(tx, notice, now)
        if route.remote:  # an alias that has come to lead elsewhere since
            blob_id, _ = await blobs.insert(tx, body, 1)
            await queue.add(
                tx, trace=message.trace, blob_id=blob_id, sender=message.sender,
                account_id=message.account_id, smtputf8=message.smtputf8,
                received_at=message.received_at, expires_at=message.expires_at,
                warn_at=message.warn_at, recipients=route.remote, is_own=message.is_own,
            )  # fmt: skip

    async def _defer(
        self, message: QueueMessage, recipients: Sequence[QueueRecipient], fault: Fault
    ) -> None:
        outcome, status = STATUS.get(fault.kind, (Outcome.TEMPORARY, "4.3.0"))
        await self._recorder.record(
            message,
            [Tried(one, Result(one.address, outcome, status, fault.text)) for one in recipients],
        )

"""Telling a sender what became of a message: not delivered, late, or well (RFC 3461, RFC 3464).

A notification goes out with the null path as its sender, and a message that came with the
null path is never answered: so there is never a bounce of a bounce. One that cannot be
delivered itself is dropped, which the trace says.
"""

from __future__ import annotations

import mmap
from collections.abc import Sequence
from typing import Final

import msgspec

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.model.arrival import Arrival, Origin
from merpati.model.event import Event, EventKind
from merpati.model.message import Digest
from merpati.model.queue import QueueMessage
from merpati.services.accept import Accept
from merpati.services.digest import digest
from merpati.services.route import Router
from merpati.store import events
from merpati.store.blobs import BlobStore, Body
from merpati.store.engine import Transaction
from merpati.wire import dsn, trace
from merpati.wire.smtp.paths import NULL, Path, parse_address

ORIGINAL_MAX: Final = dsn.HEADER_LIMIT  # bytes of the original that a notification needs
TOLD: Final = {dsn.Action.FAILED: EventKind.RETURNED, dsn.Action.DELAYED: EventKind.WARNED}
GONE: Final = frozenset({Kind.NOT_FOUND, Kind.DENIED})  # a sender of ours that left meanwhile


class Notice(msgspec.Struct, frozen=True):
    """A notification that is ready to be taken over in a transaction."""

    trace: str
    about: QueueMessage
    kind: EventKind
    body: Body
    digest: Digest
    arrival: Arrival | None  # None: there is nobody to tell


class Bounce:
    """Composes notifications and puts them on their way."""

    def __init__(
        self,
        accept: Accept,
        router: Router,
        blob_store: BlobStore,
        clock: Clock,
        ids: Ids,
        hostname: str,
        language: str,
    ) -> None:
        self._accept = accept
        self._router = router
        self._blobs = blob_store
        self._clock = clock
        self._ids = ids
        self._hostname = hostname
        self._language = language
        self._postmaster = Path("postmaster", hostname)

    async def compose(
        self,
        message: QueueMessage,
        original: bytes | mmap.mmap,
        recipients: Sequence[dsn.Recipient],
        language: str = "",
    ) -> Notice | None:
        """A letter to the sender of a queued message; None when it must not be answered.

        Args:
            message: The message that was not delivered.
            original: Its bytes, from after our Return-Path line.
            recipients: What became of it; all have the same action.
            language: Of the sender, when known.
        """
        if not message.sender:
            return None
        sender = parse_address(message.sender)
        action = recipients[0].action
        now = self._clock.now()
        trace_id = self._ids.trace()
        # RFC 3461 4.3: of what is not a failure, the header alone goes back
        wanted = action is dsn.Action.FAILED and message.options.ret != "HDRS"
        complete = wanted and len(original) <= dsn.RETURN_LIMIT
        report = dsn.Report(
            reporting_mta=self._hostname,
            postmaster=self._postmaster,
            sender=sender,
            message_id=f"{trace_id}@{self._hostname}",
            date=now,
            arrival=message.received_at / 1000,
            recipients=tuple(recipients),
            original=original[:] if complete else original[:ORIGINAL_MAX],
            complete=complete,
            envelope_id=message.options.envid,
            language=language or self._language,
        )
        hop = trace.Hop(host=self._hostname, protocol="ESMTP")
        content = trace.return_path(NULL) + trace.received(hop, trace_id, now) + dsn.compose(report)
        body = self._blobs.inline(content)
        arrival = await self._envelope(sender)
        return Notice(
            trace_id,
            message,
            TOLD.get(action, EventKind.CONFIRMED),
            body,
            digest(content, int(now * 1000)),
            arrival,
        )

    async def _envelope(self, sender: Path) -> Arrival | None:
        try:
            route = await self._router.route(sender, relay=True)
        except Fault as fault:
            if fault.kind in GONE:
                return None
            raise  # the store could not say: the next try will
        origin = Origin(peer="", helo="", protocol="ESMTP")
        return Arrival("", (route,), origin, smtputf8=not sender.is_ascii)

    async def send(self, tx: Transaction, notice: Notice, now: int) -> None:
        """Put a notification on its way in the transaction that makes it true."""
        message = notice.about
        kind = notice.kind if notice.arrival is not None else EventKind.DROPPED
        detail = {"notice": notice.trace} if notice.arrival is not None else {}
        step = Event(message.trace, now, kind, message.sender, message.account_id, detail)
        await events.record(tx, [step])
        if notice.arrival is not None:
            await self._accept.take_in(
                tx, notice.trace, notice.body, notice.digest, notice.arrival, now, patient=True
            )


def after_return_path(content: bytes | mmap.mmap) -> int:
    """Where the message begins that goes to other servers: after our own first line."""
    if content[:12] != b"Return-Path:":
        return 0
    return content.find(b"\n", 0, 2048) + 1

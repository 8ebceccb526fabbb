"""Taking mail over: the one write path of every intake.

A message is spooled as it comes, parsed once, and stored in one transaction with all it
leads to: its copies in the mailboxes here, its queue entries for elsewhere, and its first
steps of the trace. Only when that is durable may a server answer 250.

A stored message that came by SMTP begins with our Return-Path line; the outbound side
sends what follows it. So the same bytes serve mailboxes and queue.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.metrics import Metrics
from merpati.base.settings import setting
from merpati.model.arrival import Arrival, Origin, Route
from merpati.model.event import Event, EventKind
from merpati.model.mailbox import INBOX_ID
from merpati.model.message import Digest
from merpati.services.digest import digest
from merpati.store import blobs, directory, emails, events, queue
from merpati.store.blobs import BlobStore, Body, Spool
from merpati.store.engine import UNDONE, Store, Transaction
from merpati.wire import trace
from merpati.wire.smtp.paths import Path, parse_address

LARGE: Final = 512 * 1024  # bytes; parsing more would hold up the event loop
PARSED_AT_ONCE: Final = 2  # large messages; each is mapped into memory meanwhile
HOPS_MAX: Final = 50  # Received fields, as Postfix; more is a loop (RFC 5321 6.3)


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """How long, and how often, mail that cannot be delivered is tried again."""

    retry: int = setting(900, "Wait this long between two tries.", unit="s")
    lifetime: int = setting(
        432_000, "Return what could not be delivered after this long.", unit="s"
    )
    warn_after: int = setting(
        14_400, "Tell the sender of a delay after this long; 0: never.", unit="s"
    )


class Accept:
    """Takes messages over for the servers of one worker."""

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        clock: Clock,
        ids: Ids,
        hostname: str,
        settings: QueueSettings,
        metrics: Metrics,
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._clock = clock
        self._ids = ids
        self._hostname = hostname
        self._settings = settings
        self._parsing = asyncio.Semaphore(PARSED_AT_ONCE)
        self._taken = metrics.counter(
            "merpati_messages_accepted_total", "Messages taken over.", ("from",)
        )
        self._bytes = metrics.counter(
            "merpati_bytes_accepted_total", "Bytes of the messages taken over."
        )

    def begin(self, sender: Path, routes: tuple[Route, ...], origin: Origin) -> tuple[str, Spool]:
        """Begin a message: its trace id, and a spool that holds its trace fields already.

        Raises:
            Fault: NO_SPACE when the disk is too full to take mail.
        """
        self._blobs.check_space()
        trace_id = self._ids.trace()
        hop = trace.Hop(
            host=self._hostname,
            protocol=origin.protocol,
            id=trace_id,
            date=self._clock.now(),
            name=origin.helo,
            address="" if origin.account_id else origin.peer,
            tls_version=origin.tls_version,
            cipher=origin.cipher,
            recipient=parse_address(routes[0].address) if len(routes) == 1 else None,
        )
        spool = self._blobs.spool()
        spool.add(trace.return_path(sender) + trace.received(hop))
        return trace_id, spool

    async def take(self, trace_id: str, spool: Spool, arrival: Arrival) -> None:
        """Make a whole message durable and deliver what is deliverable here.

        Raises:
            Fault: OVER_QUOTA when every recipient is here and none has room; LOOP
                for a message that loops; NO_SPACE, UNAVAILABLE when it cannot be kept.
                Nothing of it is kept then.
        """
        now = int(self._clock.now() * 1000)
        try:
            content = spool.content()
            if trace.count_received(content[: trace.HOPS_SCAN_LIMIT]) > HOPS_MAX:
                raise Fault(Kind.LOOP, f"it has passed {HOPS_MAX} servers: a mail loop")
            if len(content) > LARGE:
                async with self._parsing:
                    found = await asyncio.to_thread(digest, content, now)
            else:
                found = digest(content, now)
            del content  # a mapped file takes memory for as long as it is mapped
            body = await spool.finish()
        finally:
            spool.discard()
        await self.store(trace_id, body, found, arrival, now)

    async def store(
        self, trace_id: str, body: Body, found: Digest, arrival: Arrival, now: int
    ) -> None:
        """The transaction of `take`, for a message that is ready."""
        try:
            superfluous = await self._store.write(self.take_in, trace_id, body, found, arrival, now)
        except Fault as fault:
            if fault.kind in UNDONE and body.location:
                self._blobs.remove(body.location)
            raise
        if superfluous and body.location:
            self._blobs.remove(body.location)
        self._taken.inc("user" if arrival.origin.account_id else "peer")
        self._bytes.inc(by=body.size)

    async def take_in(
        self, tx: Transaction, trace_id: str, body: Body, found: Digest, arrival: Arrival,
        now: int, *, patient: bool = False,
    ) -> bool:  # fmt: skip
        """Everything a message leads to, in a transaction; whether its own file is superfluous.

        With `patient` a message that nobody has room for waits in the queue: nobody is
        there to hear OVER_QUOTA.
        """
        addresses: dict[int, str] = {}
        remote: dict[str, str] = {}
        for route in arrival.routes:
            for account_id in route.accounts:
                addresses.setdefault(account_id, route.address)
            remote.update(route.remote)
        steps = self._first_steps(trace_id, body, found, arrival, now)
        superfluous = True
        refused: list[int] = []
        if addresses:
            placements = [emails.Placement(account_id, INBOX_ID) for account_id in addresses]
            added = await emails.add(tx, body, found, placements, now)
            superfluous, refused = added.superfluous, added.refused
            steps += [
                Event(trace_id, now, EventKind.DELIVERED, addresses[one.account_id],
                      one.account_id, {"mailbox": "INBOX", "uid": one.uid})
                for one in added.placed
            ]  # fmt: skip
            if refused and not added.placed and not remote and not patient:
                raise Fault(Kind.OVER_QUOTA, "the mailbox is full")
        waiting = await _for_here(tx, refused, addresses) + list(remote.items())
        if waiting:
            own = await self._queue(tx, trace_id, body, arrival, now, waiting)
            superfluous = superfluous and own
            steps += [
                Event(trace_id, now, EventKind.QUEUED, address, arrival.origin.account_id,
                      {"destination": destination or "here"})
                for address, destination in waiting
            ]  # fmt: skip
        await events.record(tx, steps)
        return superfluous

    async def _queue(
        self, tx: Transaction, trace_id: str, body: Body, arrival: Arrival, now: int,
        recipients: list[tuple[str, str]],
    ) -> bool:  # fmt: skip
        blob_id, superfluous = await blobs.insert(tx, body, 1)
        warn_after = self._settings.warn_after
        await queue.add(
            tx,
            trace=trace_id,
            blob_id=blob_id,
            sender=arrival.sender,
            account_id=arrival.origin.account_id,
            smtputf8=arrival.smtputf8,
            received_at=now,
            expires_at=now + self._settings.lifetime * 1000,
            warn_at=now + warn_after * 1000 if warn_after and arrival.sender else 0,
            recipients=recipients,
        )
        return superfluous

    def _first_steps(
        self, trace_id: str, body: Body, found: Digest, arrival: Arrival, now: int
    ) -> list[Event]:
        origin = arrival.origin
        kind = EventKind.SUBMITTED if origin.account_id else EventKind.RECEIVED
        detail = {
            "peer": origin.peer,
            "helo": origin.helo,
            "protocol": origin.protocol,
            "tls": origin.tls_version,
            "account": origin.account,
            "size": body.size,
            "to": [route.address for route in arrival.routes[:20]],
            "recipients": len(arrival.routes),
        }
        steps = [
            Event(trace_id, now, kind, arrival.sender, origin.account_id,
                  {key: value for key, value in detail.items() if value})
        ]  # fmt: skip
        if found.message_id:
            steps.append(
                Event(trace_id, now, EventKind.NAMED, found.message_id, origin.account_id, {})
            )
        return steps


async def _for_here(
    tx: Transaction, refused: list[int], addresses: dict[int, str]
) -> list[tuple[str, str]]:
    """Queue entries for accounts without room, each by its own address.

    The address that the client named may be an alias of several, of whom the others have
    their copy already.
    """
    waiting = []
    for account_id in refused:
        account = await directory.account_by_id(tx, account_id)
        waiting.append((account.address if account else addresses[account_id], ""))
    return waiting

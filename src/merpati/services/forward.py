"""Mail that goes on: under a return path of our own, unchanged but for fields at its top.

What an alias, a forwarding account or a rewritten sender leads to is served in one
transaction with the end of the queue entry: copies for mailboxes here, one queue entry for
all that goes on, one for whatever has a step of its own. So a crash repeats it or it is done.

The author's signature survives, since no byte that it covers changes. A return path outside
of our domains is rewritten (`wire/srs.py`), or else our host would not be among those its
domain lets send; an ARC seal on top says what we found when it came in (RFC 8617).
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final, Protocol

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.ids import Ids
from merpati.model.arrival import NO_RECIPIENT_OPTIONS, RecipientOptions, Route
from merpati.model.delivery import Outcome, Result
from merpati.model.event import Event, EventKind
from merpati.model.message import Digest
from merpati.model.queue import HERE, QueueMessage, QueueRecipient, Tried
from merpati.services import landing
from merpati.services.bounce import Notice, after_return_path
from merpati.services.filing import Decision, Filtering
from merpati.services.outcome import Recorder
from merpati.services.route import DAY, Leads, Router
from merpati.store import blobs, directory, emails, events, forwards, lists, queue
from merpati.store.blobs import BlobStore, Body
from merpati.store.engine import UNDONE, Store, Transaction
from merpati.wire import dsn, list_headers, srs
from merpati.wire.smtp.paths import parse_address

KEY_LIFE: Final = 90 * DAY * 1000  # ms that a key signs
KEY_MEMORY: Final = KEY_LIFE + (srs.DAYS_VALID + 1) * DAY * 1000  # ms that it is known
CHUNK: Final = 256 * 1024  # bytes written at once

Then = Callable[[Transaction], Awaitable[None]]


class Seals(Protocol):
    """What vouches for mail that goes on. Each gives header fields to stand at the top."""

    async def seal(self, domain: str, content: bytes) -> bytes:
        """An ARC set of one of our domains, or nothing."""

    async def sign(self, domain: str, content: bytes) -> bytes:
        """A DKIM signature of one of our domains, or nothing."""


class Unsealed:
    """Without keys mail goes on as it is."""

    async def seal(self, domain: str, content: bytes) -> bytes:  # noqa: ARG002 -- a protocol
        """Nothing."""
        return b""

    async def sign(self, domain: str, content: bytes) -> bytes:  # noqa: ARG002 -- a protocol
        """Nothing."""
        return b""


class Forward:
    """Sends on what aliases, forwarding accounts and rewritten senders lead to."""

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        router: Router,
        recorder: Recorder,
        clock: Clock,
        ids: Ids,
        seals: Seals,
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._router = router
        self._recorder = recorder
        self._clock = clock
        self._ids = ids
        self._seals = seals
        self.filter: Filtering | None = None  # runs Sieve scripts, which send mail on through us
        self.taker: queue.Taker | None = None  # sends on at once what it is sending anyway

    async def serve(
        self,
        message: QueueMessage,
        recipient: QueueRecipient,
        leads: Leads,
        content: bytes | mmap.mmap,
        found: Digest | None,
        then: Then | None = None,
    ) -> None:
        """Serve a recipient that leads on; `then` happens in the same transaction.

        `found` is None where nobody here gets a copy.

        A message that has come through this very address before goes round in circles: it
        ends here. Its author is told unless there is a mailbox that has it.
        """
        loops = bool(leads.forwards) and leads.home in list_headers.read(content).delivered_to
        if loops and not leads.accounts and not leads.later:
            text = f"{leads.address} forwards to an address that forwards back"
            result = Result(recipient.address, Outcome.PERMANENT, "5.4.6", text)
            await self._recorder.record(message, [Tried(recipient, result)])
            return
        notice = await self._recorder.confirmation(message, recipient, _action(leads, loops=loops))
        sealed = None
        if leads.forwards and not loops:
            sealed = await self.sealed(leads.home, content)
        decisions = (
            [] if found is None else await self._decided(message, recipient, leads, content, found)
        )
        unused: list[str] = []
        try:
            superfluous, full = await self._store.write(
                self._write,
                message,
                recipient,
                leads,
                found,
                sealed,
                partial(self._then, then, notice),
                decisions,
                unused,
            )
        except Fault as fault:
            if sealed is not None and sealed.location and fault.kind in UNDONE:
                self._blobs.remove(sealed.location)
            raise
        if superfluous and sealed is not None and sealed.location:
            unused.append(sealed.location)
        for location in unused:
            self._blobs.remove(location)
        if full:
            result = Result(recipient.address, Outcome.TEMPORARY, "4.2.2", "the mailbox is full")
            await self._recorder.record(message, [Tried(recipient, result)])

    async def give_back(
        self, message: QueueMessage, recipient: QueueRecipient, sender: str
    ) -> None:
        """A notification about forwarded mail goes to whom the rewritten sender stands for."""
        if message.sender:
            text = "this address takes only notifications about forwarded mail"
            result = Result(recipient.address, Outcome.PERMANENT, "5.7.1", text)
            await self._recorder.record(message, [Tried(recipient, result)])
            return
        await self._store.write(self._give_back, message, recipient, sender)

    async def _give_back(
        self, tx: Transaction, message: QueueMessage, recipient: QueueRecipient, sender: str
    ) -> None:
        body = await blobs.body(tx, message.blob_id)
        if body is None or not await queue.finish(tx, message.id, [recipient.n]):
            return
        await self.queue(tx, message, body, "", [sender], NO_RECIPIENT_OPTIONS)

    async def queue(
        self, tx: Transaction, message: QueueMessage, body: Body, sender: str, addresses: list[str],
        wishes: RecipientOptions,
    ) -> bool:  # fmt: skip
        """Queue bytes for more recipients under the trace of a message.

        `wishes` are about each of them.

        Returns:
            Whether the body's own file is superfluous.
        """
        now = int(self._clock.now() * 1000)
        blob_id, superfluous = await blobs.insert(tx, body, 1)
        recipients = [(each, await self._router.destination(tx, each)) for each in addresses]
        await queue.add(
            tx, trace=message.trace, blob_id=blob_id, sender=sender,
            account_id=message.account_id, smtputf8=message.smtputf8,
            received_at=message.received_at, expires_at=message.expires_at,
            warn_at=message.warn_at if sender else 0, recipients=recipients,
            options=message.options, is_own=message.is_own,
            recipient_options=dict.fromkeys(addresses, wishes),
            taker=self.taker, stored=blobs.at_hand(blob_id, body),
        )  # fmt: skip
        await events.record(
            tx,
            [
                Event(message.trace, now, EventKind.QUEUED, address, message.account_id,
                      {"destination": destination or "here", "sender": sender})
                for address, destination in recipients
            ],
        )  # fmt: skip
        return superfluous

    async def return_path(self, tx: Transaction, sender: str, domain: str) -> str:
        """Under which return path mail of a sender goes on from one of our domains."""
        if not sender or await self._router.destination(tx, sender) == HERE:
            return sender
        now = int(self._clock.now() * 1000)
        keys = await forwards.srs_keys(tx)
        if keys and keys[0][0] > now - KEY_LIFE:
            secret = keys[0][1]
        else:
            secret = self._ids.bytes(32)
            await forwards.add_srs_key(tx, secret, now, now - KEY_MEMORY)
        return str(srs.forward(parse_address(sender), domain, secret, now // (DAY * 1000)))

    async def _decided(
        self, message: QueueMessage, recipient: QueueRecipient, leads: Leads,
        content: bytes | mmap.mmap, found: Digest,
    ) -> list[Decision]:  # fmt: skip
        """What scripts decide about the copy that stays here; nobody is there to be refused."""
        if self.filter is None or not leads.stamps:
            return []
        now = int(self._clock.now() * 1000)
        route = Route(
            leads.address, leads.accounts, (), detail=leads.detail, stamps=leads.stamps,
            options=recipient.wishes,
        )  # fmt: skip
        decisions = await self.filter.queued(message, content, found, route, now)
        return [one for one in decisions if not one.reject]

    async def sealed(self, home: str, content: bytes | mmap.mmap) -> Body:
        """The message as it goes on, with its own Return-Path line still first."""
        start = after_return_path(content)
        mark = list_headers.delivered_to(home)
        rest = await whole(mark, content, start)
        seal = await self._seals.seal(home.rpartition("@")[2], rest)
        return await keep(self._blobs, content[:start], seal, rest)

    async def _write(
        self, tx: Transaction, message: QueueMessage, recipient: QueueRecipient, leads: Leads,
        found: Digest | None, sealed: Body | None, then: Then, decisions: Sequence[Decision],
        unused: list[str],
    ) -> tuple[bool, bool]:  # fmt: skip
        """Everything a recipient leads to.

        Returns:
            Whether the sealed body's file is superfluous, and whether the one mailbox is
            full: then it alone is tried again, and what goes on has gone.
        """
        came = await lists.progress(tx, message.id, recipient.n)
        body = await blobs.body(tx, message.blob_id)
        if came is None or body is None:
            return True, False
        wishes = recipient.wishes.onward
        full = found is not None and await self._deliver(
            tx, message, leads, body, found, decisions, unused, wishes
        )
        superfluous = True
        begun, _ = came
        if sealed is not None and not begun:
            domain = leads.home.rpartition("@")[2]
            sender = await self.return_path(tx, message.sender, domain)
            superfluous = await self.queue(tx, message, sealed, sender, [*leads.forwards], wishes)
        later = [*leads.later, *([leads.address] if leads.elsewhere else [])]
        if later and not begun:
            await self.queue(tx, message, body, message.sender, later, wishes)
        if not begun:
            await then(tx)
        if full:
            await lists.set_progress(tx, message.id, recipient.n, 0)
        else:
            await lists.end_progress(tx, message.id, recipient.n)
            await queue.finish(tx, message.id, [recipient.n])
        return superfluous, full

    async def _then(self, then: Then | None, notice: Notice | None, tx: Transaction) -> None:
        """What else happens, once."""
        await self._recorder.confirm(tx, notice, int(self._clock.now() * 1000))
        if then is not None:
            await then(tx)

    async def _deliver(
        self, tx: Transaction, message: QueueMessage, leads: Leads, body: Body, found: Digest,
        decisions: Sequence[Decision], unused: list[str], wishes: RecipientOptions,
    ) -> bool:  # fmt: skip
        """Copies for mailboxes that have none of this message yet; whether the only one is full.

        Of several the full ones wait each by itself, under their own address.
        """
        now = int(self._clock.now() * 1000)
        served = {
            step.account_id
            for step in await events.of_trace(tx, message.trace)
            if step.kind in {EventKind.DELIVERED, EventKind.FILTERED}
        }
        if self.filter is not None and decisions and decisions[0].account_id not in served:
            done = await self.filter.carry_out(
                tx, message.trace, decisions, body, found, now, unused
            )
            await events.record(tx, done.steps)
            if done.refused:
                return True  # whoever forwards is one account
            served |= done.served
        plain = [one for one in leads.accounts if one not in served]
        if not plain:
            return False
        folders = [(one, leads.folder) for one in plain]
        action = await landing.judged(tx, message.trace)
        land = await landing.choose(tx, plain, folders, action)
        added = await emails.add(tx, body, found, land.placements, now)
        addresses = dict.fromkeys(plain, leads.address)
        await events.record(tx, land.steps(message.trace, now, added, addresses))
        if added.refused and len(leads.accounts) == 1:
            return True
        waiting = []
        for account_id in added.refused:
            account = await directory.account_by_id(tx, account_id)
            if account is not None:
                waiting.append(account.address)
        if waiting:
            await self.queue(tx, message, body, message.sender, waiting, wishes)
        return False


def _action(leads: Leads, *, loops: bool) -> dsn.Action:
    """What a sender is told who asked to hear of success (RFC 3461 5.2.7, RFC 3464 2.3.3).

    That wish does not go on with the message: members of an alias are nobody's business.
    """
    onward = bool(leads.elsewhere) + (0 if loops else len(leads.forwards))
    if onward + len(leads.later) == 0:
        return dsn.Action.DELIVERED
    if onward == 1 and not (leads.accounts or leads.later):
        return dsn.Action.RELAYED
    return dsn.Action.EXPANDED


async def whole(top: bytes, content: bytes | mmap.mmap, start: int) -> bytes:
    """Header fields and the message below them in one piece, which signing needs."""
    if isinstance(content, bytes):
        return top + content[start:]
    return await asyncio.to_thread(lambda: top + content[start:])


async def keep(blob_store: BlobStore, *pieces: bytes) -> Body:
    """Bytes ready for their row; large ones are durable in their file."""
    spool = blob_store.spool()
    try:
        for piece in pieces:
            for at in range(0, len(piece), CHUNK):
                spool.add(piece[at : at + CHUNK])
                await asyncio.sleep(0)  # others want the loop too
        return await spool.finish()
    finally:
        spool.discard()

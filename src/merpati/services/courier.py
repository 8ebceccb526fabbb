"""Carries a message to another server: which hosts, over which TLS, and what they said."""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Iterator, Sequence
from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.model.delivery import Outcome, Result
from merpati.model.envelope import Envelope, Recipient
from merpati.model.queue import QueueMessage, QueueRecipient
from merpati.net import mx, smtp_client
from merpati.net.dns import Resolver
from merpati.net.reaper import Reaper
from merpati.net.smtp_client import Options, Refused, Tls, TlsMode
from merpati.net.tls import client_context
from merpati.services.bounce import after_return_path
from merpati.services.outcome import Tried
from merpati.store import blobs
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store

CHUNK: Final = 64 * 1024
CONNECT_MAX: Final = 600.0  # seconds, for all hosts and addresses of a destination together


class Unreachable(Fault):
    """No host of a destination grants a session; `why` is what that means for any recipient."""

    def __init__(self, why: Result) -> None:
        super().__init__(Kind.UNAVAILABLE, why.text)
        self.why: Final = why


class Courier:
    """Outgoing sessions of one worker."""

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        resolver: Resolver,
        reaper: Reaper,
        hostname: str,
        port: int,
        chance: mx.Chance,
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._resolver = resolver
        self._reaper = reaper
        self._hostname = hostname
        self._port = port
        self._chance = chance
        context = client_context(verify=False)
        self._encrypted = Options(
            helo=hostname, tls=Tls(mode=TlsMode.OPPORTUNISTIC, context=context)
        )
        self._plain = Options(helo=hostname)

    async def connect(self, destination: str) -> smtp_client.Session:
        """A session with the best host of a domain that grants one.

        Raises:
            Unreachable: none does, for now or for good.
        """
        try:
            targets = await mx.targets(
                self._resolver, destination, {self._hostname.lower()}, self._chance
            )
        except mx.RouteFault as fault:
            final = fault.kind is Kind.NOT_FOUND
            outcome = Outcome.PERMANENT if final else Outcome.TEMPORARY
            raise Unreachable(Result("", outcome, fault.status, fault.text)) from fault
        refusals: list[Refused] = []
        try:
            async with asyncio.timeout(CONNECT_MAX):
                for target in targets:
                    try:
                        return await self._knock(target)
                    except Refused as refused:
                        refusals.append(refused)
        except TimeoutError:
            text = f"The servers of {destination} let nobody in within {CONNECT_MAX:g} seconds."
            raise Unreachable(Result("", Outcome.TEMPORARY, "4.4.1", text)) from None
        # A host that may take it later weighs more than one that never will.
        worst = min(refusals, key=lambda one: one.outcome is Outcome.PERMANENT)
        raise Unreachable(worst.why)

    async def _knock(self, target: mx.Target) -> smtp_client.Session:
        """One host, with TLS if it can, in clear text rather than not at all (RFC 7435)."""
        knock = smtp_client.connect
        args = (self._reaper, target.host, target.addresses, self._port)
        try:
            return await knock(*args, self._encrypted)
        except Refused as refused:
            if not refused.retry_without_tls:
                raise
            return await knock(*args, self._plain)

    async def send(
        self,
        session: smtp_client.Session,
        message: QueueMessage,
        recipients: Sequence[QueueRecipient],
    ) -> list[Tried]:
        """Give one message to the other server; what came of it for each recipient.

        An empty list means that the message is no longer in the queue.
        """
        try:
            stored = await self._store.read(blobs.find, message.blob_id)
            if stored is None:
                return []
            content = self._blobs.read(stored)
        except Fault as fault:
            return [
                Tried(one, Result(one.address, Outcome.TEMPORARY, "4.3.0", fault.text))
                for one in recipients
            ]
        start = after_return_path(content)
        envelope = Envelope(
            sender=message.sender,
            recipients=tuple(Recipient(one.address) for one in recipients),
            size=len(content) - start,
            eight_bit=not all(piece.isascii() for piece in pieces(content, start)),
            utf8=message.smtputf8,
        )
        # Converting would break signatures, and nearly every server takes 8-bit bytes anyway.
        results = await session.send(envelope, pieces(content, start), just_send_8bit=True)
        return [Tried(one, result) for one, result in zip(recipients, results, strict=True)]


def pieces(content: bytes | mmap.mmap, start: int) -> Iterator[bytes]:
    """The message in chunks, from `start` on."""
    for at in range(start, len(content), CHUNK):
        yield content[at : at + CHUNK]

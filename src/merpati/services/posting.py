"""Puts a letter that was composed elsewhere on its way, from an address of this server.

Unlike a notification (`services/bounce.py`) it has a sender, to whom it returns when it cannot
be delivered. It is signed as it leaves, like all mail made here.
"""

from __future__ import annotations

from merpati.base.clock import Clock
from merpati.base.ids import Ids
from merpati.model.arrival import Arrival, Origin
from merpati.services.accept import Accept
from merpati.services.digest import digest
from merpati.services.route import Router
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store
from merpati.wire import trace
from merpati.wire.smtp.paths import Path


class Posting:
    """One worker's way of sending letters of its own."""

    def __init__(
        self,
        store: Store,
        accept: Accept,
        router: Router,
        blob_store: BlobStore,
        clock: Clock,
        ids: Ids,
        hostname: str,
    ) -> None:
        self._store = store
        self._accept = accept
        self._router = router
        self._blobs = blob_store
        self._clock = clock
        self._ids = ids
        self._hostname = hostname

    async def post(self, sender: Path, recipient: Path, content: bytes) -> None:
        """Take a letter over; it is durable on return.

        Raises:
            Fault: NOT_FOUND, the recipient would be here and is not; NO_SPACE, UNAVAILABLE.
        """
        route = await self._router.route(recipient, relay=True)
        now = self._clock.now()
        trace_id = self._ids.trace()
        hop = trace.Hop(host=self._hostname, protocol="ESMTP")
        whole = trace.return_path(sender) + trace.received(hop, trace_id, now) + content
        origin = Origin(peer="", helo="", protocol="ESMTP")
        utf8 = not (sender.is_ascii and recipient.is_ascii)
        at = int(now * 1000)
        arrival = Arrival(str(sender), (route,), origin, smtputf8=utf8)
        await self._store.write(
            self._accept.take_in, trace_id, self._blobs.inline(whole), digest(whole, at), arrival,
            at, patient=True,
        )  # fmt: skip

"""Sends the letters that the server writes itself: notices of lists, answers of responders.

They go out with the null path, in the transaction that makes what they say true.
"""

from __future__ import annotations

from collections.abc import Sequence

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.ids import Ids
from merpati.model.arrival import Arrival, Origin, Route
from merpati.services.accept import Accept
from merpati.services.digest import digest
from merpati.services.route import Router
from merpati.store.blobs import BlobStore
from merpati.store.engine import Transaction
from merpati.wire import letter, trace
from merpati.wire.letter import File, Letter
from merpati.wire.mime.addresses import Mailbox
from merpati.wire.smtp.paths import NULL, parse_address


class Letters:
    """Composes letters and puts them on their way."""

    def __init__(
        self,
        accept: Accept,
        router: Router,
        blob_store: BlobStore,
        clock: Clock,
        ids: Ids,
        hostname: str,
    ) -> None:
        self._accept = accept
        self._router = router
        self._blobs = blob_store
        self._clock = clock
        self._ids = ids
        self._hostname = hostname

    async def send(
        self,
        tx: Transaction,
        author: Mailbox,
        recipients: Sequence[str],
        subject: str,
        text: str,
        *,
        answers: str = "",
        reply_to: str = "",
        files: tuple[File, ...] = (),
    ) -> None:
        """One letter to some people, who see only the first of their addresses.

        Whoever cannot be reached is left out: nobody is there to be told.

        Args:
            tx: The transaction.
            author: Whom it is from.
            recipients: Addresses.
            subject: In words.
            text: Lines ended by LF.
            answers: The Message-ID it answers, with its angle brackets.
            reply_to: Where an answer goes, if not to the author.
            files: What goes with it.
        """
        routes = [route for each in recipients if (route := await self._route(tx, each))]
        if not routes:
            return
        now = self._clock.now()
        trace_id = self._ids.trace()
        content = letter.compose(
            Letter(
                author=author,
                recipient=routes[0].address,
                subject=subject,
                text=text,
                date=now,
                message_id=f"{trace_id}@{self._hostname}",
                answers=answers,
                reply_to=reply_to,
                files=files,
            )
        )
        hop = trace.Hop(host=self._hostname, protocol="ESMTP")
        content = trace.return_path(NULL) + trace.received(hop, trace_id, now) + content
        origin = Origin(peer="", helo="", protocol="ESMTP")
        utf8 = not all(parse_address(route.address).is_ascii for route in routes)
        at = int(now * 1000)
        await self._accept.take_in(
            tx, trace_id, self._blobs.inline(content), digest(content, at),
            Arrival("", tuple(routes), origin, smtputf8=utf8), at, patient=True,
        )  # fmt: skip

    async def _route(self, tx: Transaction, address: str) -> Route | None:
        try:
            return await self._router.follow(tx, parse_address(address), relay=True)
        except Fault:
            return None

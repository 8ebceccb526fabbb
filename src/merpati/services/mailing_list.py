"""Mailing lists: may this be posted, and what becomes of it.

A post is committed once, with one queue entry for the list. A worker then judges it by the
list's rules: it goes to the members (`list_delivery`), waits for an owner, goes back to
its sender, or ends here.
"""

from __future__ import annotations

import mmap
from functools import partial
from typing import Final

from merpati.base.clock import Clock
from merpati.model.delivery import Outcome, Result
from merpati.model.event import Event, EventKind
from merpati.model.queue import QueueMessage, QueueRecipient, Tried
from merpati.services.list_delivery import ListDelivery
from merpati.services.list_rules import ListRules, Verdict
from merpati.services.moderation import Moderation
from merpati.services.outcome import Recorder
from merpati.services.route import Leads
from merpati.store import events, lists, queue
from merpati.store.engine import Store, Transaction
from merpati.wire import list_headers


class Lists:
    """Sees that what the rules say of a post is done."""

    def __init__(
        self,
        store: Store,
        rules: ListRules,
        recorder: Recorder,
        delivery: ListDelivery,
        moderation: Moderation,
        clock: Clock,
    ) -> None:
        self._store = store
        self.rules: Final = rules
        self._recorder = recorder
        self._delivery = delivery
        self._moderation = moderation
        self._clock = clock

    async def serve(
        self,
        message: QueueMessage,
        recipient: QueueRecipient,
        leads: Leads,
        content: bytes | mmap.mmap,
    ) -> None:
        """Do with a post what the list's rules say."""
        one = await self._store.read(lists.by_id, leads.list_id)
        came = await self._store.read(lists.progress, message.id, recipient.n)
        if one is None or came is None:
            return  # finished by another worker, or the list went a moment ago: it is tried again
        facts = list_headers.read(content)
        allowed, after = came
        if not allowed:
            verdict, why = await self._store.read(
                self.rules.judge, one, message.sender, message.account_id, facts
            )
            if verdict is Verdict.DROP:
                await self._store.write(self.drop, message, recipient, why)
                return
            if verdict is Verdict.REFUSE:
                result = Result(recipient.address, Outcome.PERMANENT, "5.7.2", why)
                await self._recorder.record(message, [Tried(recipient, result)])
                return
            if verdict is Verdict.HOLD:
                await self._store.write(
                    self._moderation.hold, one, message, recipient, facts, why, content
                )
                return
        # For its sender a list is where a post ends: "delivered", not "expanded" (RFC 3464 2.3.3)
        notice = await self._recorder.confirmation(message, recipient)
        now = int(self._clock.now() * 1000)
        await self._delivery.give_out(
            one, message, recipient, facts, content, after,
            then=partial(self._recorder.confirm, notice=notice, now=now),
        )  # fmt: skip

    async def drop(
        self, tx: Transaction, message: QueueMessage, recipient: QueueRecipient, why: str
    ) -> None:
        """End a recipient without telling anybody but the trace."""
        now = int(self._clock.now() * 1000)
        if await queue.finish(tx, message.id, [recipient.n]):
            step = Event(message.trace, now, EventKind.ENDED, recipient.address, 0, {"said": why})
            await events.record(tx, [step])

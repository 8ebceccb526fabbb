"""The queue's step for recipients that are more than a mailbox: whatever they lead to is done.

`services/route.py` says what an address means; here each meaning meets the service that
knows it. Every one of them ends the queue entry in the transaction that does the work.
"""

from __future__ import annotations

import asyncio
import mmap
from collections.abc import Sequence
from functools import partial
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.ids import Ids
from merpati.model.delivery import Outcome, Result
from merpati.model.mailing_list import Role
from merpati.model.message import Digest
from merpati.model.queue import QueueMessage, QueueRecipient, Tried
from merpati.services.accept import Accept, QueueSettings
from merpati.services.deliver import STATUS
from merpati.services.digest import digest
from merpati.services.forward import Forward, Seals
from merpati.services.info import Info, InfoSettings
from merpati.services.letters import Letters
from merpati.services.list_delivery import AuthorRule, ListDelivery, ListSettings
from merpati.services.list_mail import ListMail
from merpati.services.list_rules import ListRules
from merpati.services.mailing_list import Lists
from merpati.services.moderation import Moderation
from merpati.services.outcome import Recorder
from merpati.services.route import Leads, Router
from merpati.store import blobs
from merpati.store.blobs import BlobStore
from merpati.store.engine import Store
from merpati.wire import list_headers
from merpati.wire.smtp.paths import parse_address

TRY_LATER: Final = (Outcome.TEMPORARY, "4.3.0")


class Expand:
    """Serves recipients that lead to lists, forwards, responders and rewritten senders.

    `posts.rules` is for whoever takes mail over (`ListRules.check`), `list_mail` for whoever
    serves the link of RFC 8058 (`ListMail.leave`).
    """

    def __init__(
        self,
        store: Store,
        blob_store: BlobStore,
        router: Router,
        recorder: Recorder,
        forward: Forward,
        posts: Lists,
        list_mail: ListMail,
        info: Info,
        clock: Clock,
    ) -> None:
        self._store = store
        self._blobs = blob_store
        self._router = router
        self._recorder = recorder
        self._forward = self.forward = forward
        self.posts: Final = posts
        self.list_mail: Final = list_mail
        self._info = info
        self._clock = clock

    async def serve(self, message: QueueMessage, recipients: Sequence[QueueRecipient]) -> None:
        """Do what each recipient leads to, and record what came of those that fail."""
        try:
            stored = await self._store.read(blobs.find, message.blob_id)
            if stored is None:
                return  # another worker has finished it
            content = self._blobs.read(stored)
        except Fault as fault:
            await self._defer(message, recipients, fault)
            return
        for recipient in recipients:
            try:
                path = parse_address(recipient.address)
                leads = await self._store.read(self._router.leads, path)
                await self._serve(message, recipient, leads, content)
            except Fault as fault:
                await self._defer(message, [recipient], fault)

    async def _serve(
        self, message: QueueMessage, recipient: QueueRecipient, leads: Leads,
        content: bytes | mmap.mmap,
    ) -> None:  # fmt: skip
        if leads.returns_to:
            await self._forward.give_back(message, recipient, leads.returns_to)
        elif leads.list_id and leads.role is Role.POST:
            await self.posts.serve(message, recipient, leads, content)
        elif leads.list_id:
            found = await self._digest(content)
            await self.list_mail.serve(message, recipient, leads, content, found.preview)
        elif leads.responder:
            found = await self._digest(content)
            facts = list_headers.read(content)
            answer = await self._info.prepare(leads.responder, message, facts, found.preview)
            then = partial(self._info.send, answer=answer) if answer is not None else None
            await self._forward.serve(message, recipient, leads, content, found, then)
        else:
            copied = bool(leads.accounts or leads.stamps)
            kept = await self._digest(content) if copied else None
            await self._forward.serve(message, recipient, leads, content, kept)

    async def _digest(self, content: bytes | mmap.mmap) -> Digest:
        return await asyncio.to_thread(digest, content, int(self._clock.now() * 1000))

    async def _defer(
        self, message: QueueMessage, recipients: Sequence[QueueRecipient], fault: Fault
    ) -> None:
        outcome, status = STATUS.get(fault.kind, TRY_LATER)
        await self._recorder.record(
            message,
            [Tried(one, Result(one.address, outcome, status, fault.text)) for one in recipients],
        )


def assemble(
    *,
    store: Store,
    blob_store: BlobStore,
    router: Router,
    accept: Accept,
    recorder: Recorder,
    clock: Clock,
    ids: Ids,
    hostname: str,
    seals: Seals,
    author_rule: AuthorRule,
    list_settings: ListSettings,
    info_settings: InfoSettings,
    queue_settings: QueueSettings,
) -> Expand:
    """The step with all it consists of; the queue runner serves `EXPAND` with it."""
    letters = Letters(accept, router, blob_store, clock, ids, hostname)
    forward = Forward(store, blob_store, router, recorder, clock, ids, seals)
    delivery = ListDelivery(store, blob_store, router, clock, seals, author_rule, list_settings)
    moderation = Moderation(router, letters, clock, ids)
    rules = ListRules(store, router, hostname)
    posts = Lists(store, rules, recorder, delivery, moderation, clock)
    list_mail = ListMail(store, moderation, clock, list_settings, queue_settings)
    info = Info(store, letters, clock, info_settings)
    return Expand(store, blob_store, router, recorder, forward, posts, list_mail, info, clock)

"""What programs can be told of: kinds, and what is said about each.

What is to be told is written in the transaction in which it happens, one row for each webhook
that wants it, and told afterwards by `services/webhooks.py`. So nothing is told that was not,
and nothing is lost when a worker dies in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, Literal

import msgspec

from merpati.base.clock import Clock
from merpati.base.ids import Ids
from merpati.base.tasks import Tasks
from merpati.model.event import Event, EventKind
from merpati.services.administration import trace_words
from merpati.services.notify import Notify
from merpati.store import webhooks
from merpati.store.engine import Store, Topic, Transaction
from merpati.store.webhooks import ENDPOINTS, Said

Happening = Literal[
    "message.received", "message.accepted", "message.delivered", "message.deferred",
    "message.bounced", "message.suppressed", "account.new-network", "alert.opened",
    "alert.closed", "complaint.received", "webhook.test",
]  # fmt: skip
TEST: Final[Happening] = "webhook.test"
REFRESH: Final = 30.0  # seconds; should an announcement be lost
SHOWN: Final = ("subject", "to", "recipients", "size", "status", "said", "host", "tls", "mailbox")

_OF_STEPS: Final[dict[EventKind, Happening]] = {
    EventKind.RECEIVED: "message.received",
    EventKind.SUBMITTED: "message.accepted",
    EventKind.SENT: "message.delivered",
    EventKind.DELIVERED: "message.delivered",
    EventKind.DEFERRED: "message.deferred",
    EventKind.FAILED: "message.bounced",
}


class Happenings:
    """Writes down, for one worker, what webhooks want to be told."""

    def __init__(self, store: Store, notify: Notify, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._notify = notify
        self._clock = clock
        self._ids = ids
        self._wanted: dict[str, list[int]] = {}  # webhooks by kind

    async def start(self, tasks: Tasks) -> None:
        """Know who wants what, until the worker ends."""

        def changed() -> None:
            tasks.spawn(self.load(), "webhooks known")

        self._notify.listen(Topic.WEBHOOKS, ENDPOINTS, changed)
        tasks.every(REFRESH, self.load, "webhooks known")
        await self.load()

    async def load(self) -> None:
        """Ask who wants what."""
        wanted: dict[str, list[int]] = {}
        for hook in await self._store.read(webhooks.listing):
            if hook.enabled:
                for kind in hook.events:
                    wanted.setdefault(kind, []).append(hook.id)
        self._wanted = wanted

    def wants(self, kind: Happening) -> bool:
        """Whether anybody is to be told of this kind."""
        return kind in self._wanted

    async def steps(self, tx: Transaction, steps: Sequence[Event]) -> None:
        """Steps of messages, in the transaction that makes them so."""
        if not self._wanted:
            return
        for step in steps:
            kind = _happening(step)
            if kind is not None and kind in self._wanted:
                await self.tell(tx, kind, step.at, _told(step))

    async def tell(
        self, tx: Transaction, kind: Happening, at: int, data: Mapping[str, Any]
    ) -> None:
        """One thing that happened, in the transaction that makes it so."""
        for webhook_id in self._wanted.get(kind, ()):
            said = write(f"evt_{self._ids.token(16)}", kind, at, data)
            await webhooks.put(tx, webhook_id, [said])

    async def complained(self, tx: Transaction, at: int, data: Mapping[str, Any]) -> None:
        """Somebody complains about mail of ours, in the transaction that keeps it."""
        await self.tell(tx, "complaint.received", at, data)


def write(name: str, kind: Happening, at: int, data: Mapping[str, Any]) -> Said:
    """What is said of something: `type`, `timestamp`, `data`."""
    moment = datetime.fromtimestamp(at / 1000, UTC).isoformat(timespec="milliseconds")
    body = {"type": kind, "timestamp": moment.replace("+00:00", "Z"), "data": data}
    return Said(name, kind, at, msgspec.json.encode(body).decode())


def _happening(step: Event) -> Happening | None:
    kind = _OF_STEPS.get(step.kind)
    if kind == "message.bounced" and trace_words.was_suppressed(step):
        return "message.suppressed"
    return kind


def _told(step: Event) -> dict[str, Any]:
    known = {name: step.detail[name] for name in SHOWN if step.detail.get(name)}
    told = {"id": step.trace, "address": step.about, "text": trace_words.sentence(step), **known}
    advice = trace_words.advice(step)
    return {**told, "advice": advice} if advice else told

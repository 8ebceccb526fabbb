"""Webhooks as administrators see them: made, changed, removed, tried."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from msgspec import UNSET, Meta, Struct, UnsetType

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.ids import Ids
from merpati.base.secrets import Secret
from merpati.model.administration import Actor
from merpati.services import webhooks as telling
from merpati.services.happenings import Happening
from merpati.services.sealing import Sealing
from merpati.services.webhooks import WebhookSettings
from merpati.store import audit, webhooks
from merpati.store.engine import Store, Transaction
from merpati.store.webhooks import Telling, Webhook
from merpati.wire import webhook

SECRET = 32  # bytes
WEBHOOKS_MAX = 50

Url = Annotated[str, Meta(max_length=webhook.URL_MAX)]
Events = Annotated[list[Happening], Meta(min_length=1, max_length=20)]


class NewWebhook(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A program to be told: where, and of what. Without a secret one is made up."""

    url: Url
    events: Events
    secret: Annotated[str, Meta(max_length=100, description="whsec_ and base64")] = ""


class WebhookChange(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """What is to be otherwise; what is left out stays. With another host the secret is new."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    enabled: bool | UnsetType = UNSET


class WebhookView(Struct, frozen=True, rename="camel", kw_only=True):
    """A webhook without its secret. Times are Unix milliseconds, 0: never."""

    id: int
    url: str
    events: list[str]
    enabled: bool
    created_at: int
    told_at: int
    failing_since: int
    switched_off_at: int
    status: int
    problem: str


class MadeWebhook(Struct, frozen=True, rename="camel", kw_only=True):
    """A webhook, and its secret if it is new, which is shown only now."""

    webhook: WebhookView
    secret: str


class TellingView(Struct, frozen=True, rename="camel", kw_only=True):
    """Something that a program was told, or is to be. `dueAt` 0: it is done, or given up."""

    id: str
    kind: str
    at: int
    due_at: int
    attempts: int
    tried_at: int
    status: int
    problem: str
    body: str


class Hooks:
    """The webhooks of an installation."""

    def __init__(
        self, store: Store, sealing: Sealing, settings: WebhookSettings, clock: Clock, ids: Ids
    ) -> None:
        self._store = store
        self._sealing = sealing
        self._settings = settings
        self._clock = clock
        self._ids = ids

    async def listing(self) -> list[WebhookView]:
        """The oldest first."""
        return [view(one) for one in await self._store.read(webhooks.listing)]

    async def add(self, actor: Actor, new: NewWebhook) -> MadeWebhook:
        """Make one. Raises Fault SYNTAX, DENIED, TOO_MANY."""
        self._check(new.url)
        secret = new.secret or webhook.show_secret(self._ids.bytes(SECRET))
        webhook.read_secret(secret)
        sealed = self._sealing.close(Secret(secret), telling.purpose(new.url))
        now = self._now()

        async def unit(tx: Transaction) -> Webhook:
            if len(await webhooks.listing(tx)) >= WEBHOOKS_MAX:
                raise Fault(Kind.TOO_MANY, f"there are at most {WEBHOOKS_MAX} webhooks")
            made = await webhooks.add(tx, new.url, new.events, sealed, now)
            await audit.record(tx, actor, now, "webhook.add", str(made.id), after=told(made))
            return made

        made = await self._store.write(unit)
        return MadeWebhook(webhook=view(made), secret="" if new.secret else secret)

    async def change(self, actor: Actor, webhook_id: int, wanted: WebhookChange) -> MadeWebhook:
        """Change one; raises as `add`, and NOT_FOUND."""
        now = self._now()
        fresh, sealed = "", b""
        if isinstance(wanted.url, str):
            self._check(wanted.url)
            before = await self._store.read(webhooks.find, webhook_id)
            if telling.purpose(before.url) != telling.purpose(wanted.url):
                fresh = webhook.show_secret(self._ids.bytes(SECRET))
                sealed = self._sealing.close(Secret(fresh), telling.purpose(wanted.url))

        async def unit(tx: Transaction) -> Webhook:
            known = await webhooks.find(tx, webhook_id)
            await webhooks.change(
                tx, webhook_id,
                url=wanted.url if isinstance(wanted.url, str) else known.url,
                events=sorted(known.events) if wanted.events is UNSET else wanted.events,
                enabled=known.enabled if wanted.enabled is UNSET else wanted.enabled,
                secret=sealed or known.secret,
            )  # fmt: skip
            now_is = await webhooks.find(tx, webhook_id)
            await audit.record(
                tx, actor, now, "webhook.change", str(webhook_id), before=told(known),
                after=told(now_is),
            )  # fmt: skip
            return now_is

        return MadeWebhook(webhook=view(await self._store.write(unit)), secret=fresh)

    async def remove(self, actor: Actor, webhook_id: int) -> None:
        """Raises Fault NOT_FOUND."""
        await self._store.write(take_away, actor, self._now(), webhook_id)

    async def log(self, webhook_id: int, limit: int) -> list[TellingView]:
        """What it was told in the last week, and is to be told, the latest first."""

        async def unit(tx: Transaction) -> list[Telling]:
            await webhooks.find(tx, webhook_id)
            return await webhooks.log(tx, webhook_id, limit)

        return [telling_view(one) for one in await self._store.read(unit)]

    async def test(self, webhook_id: int) -> TellingView:
        """Have it told that this is a test. Raises Fault NOT_FOUND, UNAVAILABLE."""
        hook = await self._store.read(webhooks.find, webhook_id)
        if not hook.enabled:
            raise Fault(Kind.UNAVAILABLE, "this webhook is switched off; switch it on first")
        return telling_view(await telling.test(self._store, self._ids, self._clock, webhook_id))

    def _check(self, url: str) -> None:
        """Whether a webhook may lead there at all; its address is looked at each time."""
        try:
            place = webhook.place(url)
        except SyntaxFault as fault:
            raise Fault(Kind.SYNTAX, f"{url[:200]}: {fault.text}") from None
        if place.is_loopback and not self._settings.loopback:
            text = f"{place.host} is this machine: set loopback = true in [webhooks] to allow it"
            raise Fault(Kind.DENIED, text)

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


async def take_away(tx: Transaction, actor: Actor, now: int, webhook_id: int) -> None:
    """Remove one. Raises Fault NOT_FOUND."""
    known = await webhooks.find(tx, webhook_id)
    await webhooks.remove(tx, webhook_id)
    await audit.record(tx, actor, now, "webhook.remove", str(webhook_id), before=told(known))


async def set_to(
    tx: Transaction, actor: Actor, now: int, webhook_id: int, wanted: Mapping[str, Any]
) -> None:
    """Make one as it was `told`, as far as that is given, on the same host; its secret stays.

    Raises:
        Fault: NOT_FOUND.
    """
    known = await webhooks.find(tx, webhook_id)
    whole = {**told(known), **wanted}
    await webhooks.change(
        tx, webhook_id, url=whole["url"], events=whole["events"].split(),
        enabled=whole["enabled"], secret=known.secret,
    )  # fmt: skip
    after = told(await webhooks.find(tx, webhook_id))
    await audit.record(
        tx, actor, now, "webhook.change", str(webhook_id), before=told(known), after=after
    )


def view(one: Webhook) -> WebhookView:
    """As shown."""
    return WebhookView(
        id=one.id, url=one.url, events=sorted(one.events), enabled=one.enabled,
        created_at=one.created_at, told_at=one.told_at, failing_since=one.failing_since,
        switched_off_at=one.off_at, status=one.status, problem=one.problem,
    )  # fmt: skip


def telling_view(one: Telling) -> TellingView:
    """As shown."""
    return TellingView(
        id=one.name, kind=one.kind, at=one.at, due_at=one.due_at, attempts=one.attempts,
        tried_at=one.tried_at, status=one.status, problem=one.problem, body=one.body,
    )  # fmt: skip


def told(one: Webhook) -> dict[str, Any]:
    """A webhook as the audit has it."""
    return {"url": one.url, "events": " ".join(sorted(one.events)), "enabled": one.enabled}

"""Alerts as administrators see them."""

from __future__ import annotations

from msgspec import Struct

from merpati.services.alerts import in_words
from merpati.store import alerts
from merpati.store.engine import Store


class AlertView(Struct, frozen=True, rename="camel", kw_only=True):
    """Something wrong, and what to do. Times are Unix milliseconds; `closedAt` 0: it goes on."""

    id: int
    kind: str
    subject: str
    text: str
    advice: str
    opened_at: int
    seen_at: int
    closed_at: int


async def listing(store: Store, language: str, *, ended: bool) -> list[AlertView]:
    """What goes on first, the latest first."""
    found = []
    for one in await store.read(alerts.listing, ended=ended):
        words = in_words(one, language)
        found.append(
            AlertView(
                id=one.id, kind=one.kind, subject=one.subject, text=words.text,
                advice=words.advice, opened_at=one.opened_at, seen_at=one.seen_at,
                closed_at=one.closed_at,
            )
        )  # fmt: skip
    return found

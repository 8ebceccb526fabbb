"""The life of DKIM keys (RFC 6376): made, published, signing, retired, forgotten.

A domain gets a key of each kind as soon as it is served. A person (or a DNS update) has to
publish it; the DNS is asked now and then, and the key signs from when it is there to be seen.
The key it follows signs no more, and its record has to stay in the DNS for as long as mail
signed with it may be on its way. docs/design/signing.md has the table of states.

Any worker does it: a key that is looked after is claimed by moving its next check.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from string import ascii_lowercase
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.log import Log
from merpati.base.tasks import Tasks
from merpati.net.dns import Resolver
from merpati.services.sign import DkimSettings
from merpati.store import signing
from merpati.store.engine import Store, Transaction
from merpati.store.signing import ACTIVE, NEXT, RETIRED, StoredKey
from merpati.wire.dkim import keys
from merpati.wire.dkim.verifier import MAX_RECORDS

EVERY: Final = 300.0  # seconds between two looks for keys to be checked
CHECK_AFTER: Final = {NEXT: 600, ACTIVE: 6 * 3600, RETIRED: 86_400}  # seconds, by state
LEASE: Final = 120  # seconds for the checks of one batch
BATCH: Final = 20  # keys
BATCHES: Final = 50  # at one time
SETTLE: Final = 3600
"""Seconds a key is seen before it takes over, for name servers that are slow to copy a zone."""
KEEP_PUBLISHED: Final = 14 * 86_400
"""Seconds a retired key's record stays: mail signed with it waits 5 days, and counts for 7."""


class Rotation:
    """Looks after the signing keys of all domains."""

    def __init__(
        self, store: Store, resolver: Resolver, clock: Clock, settings: DkimSettings, log: Log
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._clock = clock
        self._settings = settings
        self._log = log

    def start(self, tasks: Tasks) -> None:
        """Begin; ends with the tasks."""
        tasks.every(EVERY, self.look_after, "signing keys")

    async def look_after(self) -> None:
        """Make the keys that are missing or due, and check those whose turn it is."""
        if not self._settings.sign:
            return
        await self.provide()
        for _ in range(BATCHES):
            if not await self.check():
                break

    async def provide(self) -> None:
        """Make a key of each kind for domains without, and the next where one is old."""
        wanted = []
        for kind in keys.KINDS:
            wanted += await self._store.read(signing.lacking, kind, BATCH)
        if self._settings.rotate_after:
            before = self._now() - self._settings.rotate_after * 1000
            wanted += await self._store.read(signing.ageing, before, BATCH)
        for one in wanted:
            try:
                selector = await make_key(self._store, one.domain, one.kind, self._now())
                self._log.info("dkim.key-made", domain=one.domain, selector=selector)
            except Fault as fault:
                if fault.kind not in {Kind.EXISTS, Kind.NOT_FOUND}:  # another worker was quicker
                    raise

    async def check(self) -> int:
        """Ask the DNS for the keys whose turn it is; how many they were."""
        now = self._now()
        due = await self._store.write(signing.claim, now, now + LEASE * 1000, BATCH)
        for key in due:
            try:
                await self.check_key(key)
            except Fault as fault:  # its turn comes again when the claim ends
                self._log.info("dkim.key-unchecked", record=key.name, reason=fault.text)
        return len(due)

    async def check_key(self, key: StoredKey) -> None:
        """Ask the DNS for a key, and move it on. Raises Fault UNAVAILABLE when nobody can tell."""
        shown = await self.is_published(key)
        now = self._now()
        check_at = now + CHECK_AFTER[key.state] * 1000
        if not shown:
            await self._store.write(signing.missed, key.id, check_at)
            if key.state == ACTIVE and key.published_at:
                self._log.warning("dkim.key-unpublished", domain=key.domain, record=key.name)
            if key.state == RETIRED:
                await self._store.write(signing.remove, key.id)
                self._log.info("dkim.key-forgotten", domain=key.domain, selector=key.selector)
            return
        await self._store.write(signing.found, key.id, now, check_at)
        if key.state == NEXT and await self._may_follow(key, now):
            check_at = now + CHECK_AFTER[ACTIVE] * 1000
            if await self._store.write(signing.activate, key.id, now, check_at):
                self._log.info("dkim.key-active", domain=key.domain, selector=key.selector)

    async def _may_follow(self, key: StoredKey, now: int) -> bool:
        """A first key signs at once; one that follows another when all see it."""
        if key.published_at and now - key.published_at >= SETTLE * 1000:
            return True
        others = await self._store.read(signing.keys, key.domain)
        return not any(one.state == ACTIVE and one.kind == key.kind for one in others)

    async def is_published(self, key: StoredKey) -> bool:
        """Whether the DNS shows this very key. Raises Fault UNAVAILABLE when nobody can tell."""
        wanted = keys.parse_record(key.record.encode())
        self._resolver.forget(key.name)
        for record in (await self._resolver.txt(key.name))[:MAX_RECORDS]:
            try:
                found = keys.parse_record(record)
            except SyntaxFault:
                continue
            if found.kind == wanted.kind and found.public == wanted.public:
                return True
        return False

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


async def make_key(store: Store, domain: str, kind: str, now: int) -> str:
    """Make the next key of a kind for a domain; returns its selector.

    Raises:
        Fault: EXISTS when there is a next one already; NOT_FOUND for an unknown domain.
    """
    pem = await asyncio.to_thread(keys.generate, kind)

    async def unit(tx: Transaction) -> str:
        taken = {key.selector for key in await signing.keys(tx, domain)}
        selector = choose_selector(kind, now, taken)
        record = keys.record(keys.load(domain, selector, pem))
        await signing.add(tx, domain, selector, kind, pem.decode(), record, now)
        return selector

    return await store.write(unit)


async def make_keys(store: Store, domain: str, now: int) -> None:
    """Make the first keys of a domain. Raises as `make_key`."""
    for kind in keys.KINDS:
        await make_key(store, domain, kind, now)


def choose_selector(kind: str, now: int, taken: set[str]) -> str:
    """A name that no key of the domain has had: the day, with a letter for the kind."""
    day = datetime.fromtimestamp(now / 1000, UTC).strftime("%Y%m%d")
    first = f"{kind[0]}{day}"
    names = [first, *(first + letter for letter in ascii_lowercase)]
    for name in names:
        if name not in taken:
            return name
    raise Fault(Kind.TOO_MANY, f"{len(names)} keys were made today; wait until tomorrow")

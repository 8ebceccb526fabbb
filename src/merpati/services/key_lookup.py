"""The OpenPGP key of an address: of an account here, or from the directory of its domain (WKD).

A domain has its directory at `openpgpkey.DOMAIN`, or, only when there is no such host, at the
domain itself (draft-koch-openpgp-webkey-service 3.1). Both are asked over HTTPS with a certificate
of the host's name; what a redirect points to is not followed, and no answer is taken from an
address outside the Internet. Of the keys in an answer the first that names the address is given,
without its other user ids.

A lookup tells the other domain that somebody here is about to write to that address. So it is made
for whoever composes an encrypted letter, and never because one is read.
"""

from __future__ import annotations

import asyncio
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store import directory, published_keys
from merpati.wire import openpgp
from merpati.wire.smtp.paths import parse_address

if TYPE_CHECKING:
    from merpati.base.clock import Clock
    from merpati.net.dns import Resolver
    from merpati.net.https import Https
    from merpati.store.engine import Store, Transaction

PATH: Final = "/.well-known/openpgpkey"
WITHIN: Final = 8.0  # seconds; somebody waits for it with a letter open
KEPT: Final = 1000  # addresses
KEEP: Final = 3600.0  # seconds that a key is remembered
KEEP_NONE: Final = 600.0  # and that there is none
AT_ONCE: Final = 16  # lookups elsewhere; more are refused
_HOST: Final = re.compile(r"[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z0-9-]*[a-z][a-z0-9-]*")


class Found(msgspec.Struct, frozen=True, rename="camel"):
    """A key: the address that it is for, its octets, its fingerprint, and who had it."""

    address: str
    key: bytes
    fingerprint: str
    source: str


class _Known(msgspec.Struct, frozen=True):
    """What a lookup came to, until when it holds (monotonic)."""

    found: Found | None
    until: float


class KeyLookup:
    """Looks keys up for one worker. `port` is for tests."""

    def __init__(
        self, store: Store, resolver: Resolver, https: Https, clock: Clock, port: int = 443
    ) -> None:
        """`https` must refuse addresses that are none of the Internet's."""
        self._store = store
        self._resolver = resolver
        self._https = https
        self._clock = clock
        self._port = port
        self._known: OrderedDict[str, _Known] = OrderedDict()
        self._asking: dict[str, asyncio.Task[Found | None]] = {}

    async def find(self, address: str) -> Found:
        """The key of an address.

        Raises:
            Fault: NOT_FOUND when there is none; SYNTAX for what is no address; UNAVAILABLE when
                its domain does not answer; TOO_MANY while many others are looked up.
        """
        path = parse_address(address)
        domain = path.ascii_domain()
        if not _HOST.fullmatch(domain):
            raise Fault(Kind.SYNTAX, "that is no address on the Internet")
        found = await self._store.read(_find_here, path.local, domain)
        if found is None:
            found = await self._elsewhere(path.local, domain)
        if found is None:
            raise Fault(Kind.NOT_FOUND, f"no key of {address} is published")
        return found

    async def _elsewhere(self, local: str, domain: str) -> Found | None:
        if await self._store.read(directory.home, domain) is not None:
            return None
        name = f"{local}@{domain}"
        known = self._known.get(name)
        if known is not None and known.until > self._clock.monotonic():
            return known.found
        task = self._asking.get(name)
        if task is None:
            if len(self._asking) >= AT_ONCE:
                raise Fault(Kind.TOO_MANY, "many keys are being looked up; try again soon")
            task = asyncio.create_task(self._ask(local, domain))
            self._asking[name] = task
            task.add_done_callback(lambda _: self._asking.pop(name, None))
        found = await asyncio.shield(task)
        self._remember(name, found)
        return found

    def _remember(self, name: str, found: Found | None) -> None:
        until = self._clock.monotonic() + (KEEP if found is not None else KEEP_NONE)
        self._known[name] = _Known(found, until)
        self._known.move_to_end(name)
        while len(self._known) > KEPT:
            self._known.popitem(last=False)

    async def _ask(self, local: str, domain: str) -> Found | None:
        """What the domain's own directory has: of the advanced method, else of the direct one."""
        asked = f"/hu/{openpgp.directory_hash(local)}?l={quote(local, safe='')}"
        host, path = f"openpgpkey.{domain}", f"{PATH}/{domain}{asked}"
        if not await self._resolver.addresses(host):
            host, path = domain, f"{PATH}{asked}"
            if not await self._resolver.addresses(host):
                return None
        answer = await self._https.request(
            "GET", host, path, port=self._port, limit=openpgp.SIZE_MAX, within=WITHIN
        )
        if answer.status != 200:
            return None
        return _choose(answer.body, f"{local}@{domain}".lower(), host)


def _choose(data: bytes, address: str, source: str) -> Found | None:
    try:
        keys = openpgp.parse_all(data)
    except Fault:
        return None
    for key in keys:
        if address in key.addresses:
            only = key.only(address)
            return Found(address, only.encode(), only.fingerprint, source)
    return None


async def _find_here(tx: Transaction, local: str, domain: str) -> Found | None:
    data = await published_keys.find(tx, domain, openpgp.directory_hash(local))
    if not data:
        return None
    return Found(f"{local}@{domain}".lower(), data, openpgp.parse(data).fingerprint, domain)

"""Signing mail that leaves: DKIM (RFC 6376) for our domains, ARC (RFC 8617) for what is passed on.

A key is read from the store once and remembered with its worker; an announcement that
another key signs empties the memory. An RSA-2048 signature costs 0.7 ms of the loop, which
is less than handing it to a thread is worth while a message is small; the hash of a large
body (2.7 ms per MB) is made in a thread.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault, SyntaxFault
from merpati.base.log import Log
from merpati.base.settings import setting
from merpati.net.asking import answer
from merpati.net.dns import Resolver
from merpati.store import signing
from merpati.store.engine import Store
from merpati.wire import arc, authentication_results
from merpati.wire.arc import ArcResult, ArcVerdict
from merpati.wire.dkim import keys, signer
from merpati.wire.dkim.canonical import Buffer
from merpati.wire.dkim.content import Content
from merpati.wire.dkim.keys import RSA, SigningKey

LARGE: Final = 256 * 1024
"""Octets from which a body is hashed in a thread: 0.7 ms of the loop."""
MAX_DOMAINS: Final = 10_000
"""Domains whose keys a worker remembers; 4 KB each. The oldest leave first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DkimSettings:
    """Signatures that prove to others that mail comes from our domains."""

    sign: bool = setting(True, "Sign outgoing mail of domains whose key is published.")
    lifetime: int = setting(
        7 * 86_400,
        "A signature counts this long, so that a message cannot be sent again and again by"
        " others; 0 for ever.",
        unit="s",
        minimum=0,
    )
    rotate_after: int = setting(
        0,
        "Make the next key when one has signed for so long; 0 to do it by hand. It signs once"
        " it is published.",
        unit="s",
        minimum=0,
        example="180d",
    )


class Signer:
    """The keys of one worker, and what it signs with them."""

    def __init__(
        self,
        store: Store,
        resolver: Resolver,
        clock: Clock,
        hostname: str,
        settings: DkimSettings,
        log: Log,
    ) -> None:
        self._store = store
        self._resolver = resolver
        self._clock = clock
        self._settings = settings
        self._log = log
        self._hostname = hostname
        self._own_results = re.compile(
            rb"[ \t\r\n]*" + re.escape(hostname.encode()) + rb"[ \t\r\n]*;", re.IGNORECASE
        )
        self._known: dict[str, tuple[SigningKey, ...]] = {}
        self._age = 0

    def forget(self) -> None:
        """Read the keys anew: to be called when `Topic.SIGNING` is announced."""
        self._known.clear()
        self._age += 1

    async def sign(self, domain: str, content: Buffer | Content) -> bytes:
        """DKIM-Signature fields to stand above a message: one for each kind of key.

        Nothing for a domain without a published key, or a message that cannot be signed (no
        From field).

        Args:
            domain: Of the From field, lower case, A-labels.
            content: The message as it leaves, with CRLF line ends.
        """
        if not self._settings.sign:
            return b""
        found = await self._keys(domain)
        if not found:
            return b""
        message = await _prepare(content)
        now = int(self._clock.now())
        lifetime = self._settings.lifetime
        try:
            return b"".join([signer.sign(message, key, now, lifetime) for key in found])
        except SyntaxFault as fault:
            self._log.debug("dkim.unsigned", domain=domain, reason=fault.text)
            return b""

    async def seal(self, domain: str, content: Buffer | Content) -> bytes:
        """An ARC set to stand above a message that is passed on.

        It says what our own Authentication-Results field in the message does. Nothing for a
        domain without a published key, a chain that must not grow, or one of which nobody can
        tell now whether it holds.

        Args:
            domain: One of ours, in whose name it is passed on.
            content: The message as it is passed on, with CRLF line ends.
        """
        if not self._settings.sign:
            return b""
        key = next((key for key in await self._keys(domain) if key.kind == RSA), None)
        if key is None:
            return b""
        message = await _prepare(content)
        now = int(self._clock.now())
        results = self._found_before(message)
        chain = _chain_before(results, message)
        if chain is None:
            chain = await answer(arc.validate(message, now), self._resolver)
        if chain.temporary:  # a seal would say for ever that the chain is broken
            return b""
        try:
            return arc.seal(message, key, results, chain, now)
        except SyntaxFault as fault:
            self._log.warning("arc.unsealed", domain=domain, reason=fault.text)
            return b""

    def _found_before(self, message: Content) -> bytes:
        """What our own Authentication-Results says; forged ones are gone since it came."""
        for field in message.named(b"authentication-results"):
            if self._own_results.match(field.raw_value):
                return field.value
        return f"{self._hostname}; none".encode()

    async def _keys(self, domain: str) -> tuple[SigningKey, ...]:
        known = self._known.get(domain)
        if known is not None:
            return known
        age = self._age
        found = []
        for private in await self._store.read(signing.signing, domain):
            try:
                found.append(keys.load(domain, private.selector, private.pem.encode()))
            except Fault as fault:
                self._log.error("dkim.key-unusable", reason=fault.text)
        known = tuple(found)
        if age == self._age:
            if len(self._known) >= MAX_DOMAINS:
                del self._known[next(iter(self._known))]
            self._known[domain] = known
        return known


def _chain_before(results: bytes, message: Content) -> ArcResult | None:
    """The chain, if it held when the message came (RFC 8617 5.1, cv=); None: look at it now.

    What a mailing list changes breaks the newest signature, not the chain.
    """
    try:
        found = authentication_results.parse(results).results
    except SyntaxFault:
        return None
    if not any(one.method == "arc" and one.result == ArcVerdict.PASS.value for one in found):
        return None
    return ArcResult(ArcVerdict.PASS, instance=len(message.named(arc.SEAL)))


async def _prepare(content: Buffer | Content) -> Content:
    message = content if isinstance(content, Content) else Content(content)
    if len(message) > LARGE:
        await asyncio.to_thread(message.hash_body, "relaxed")
    return message

"""Passkeys: signing in with a device that has a key, alone or beside a password (WebAuthn).

A browser signs for the host name and origin it sees, so a page that only looks like ours gets
nothing that is worth anything here. A challenge is a ticket: good once, for five minutes, on any
worker.
"""

from __future__ import annotations

import asyncio
import importlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from hashlib import sha256
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.ids import Ids
from merpati.model import object_ids
from merpati.model.account import Account
from merpati.services.app_passwords import check_name
from merpati.store import second_factors, tickets
from merpati.store.engine import Store
from merpati.store.second_factors import Passkey

if TYPE_CHECKING:
    from types import ModuleType

LIFETIME: Final = 300_000  # ms
MAKING: Final = "passkey-making"
ASKING: Final = "passkey-asking"


class Site(NamedTuple):
    """Where the browser thinks it is: our host name, and the origin, "https://host:port"."""

    host: str
    origin: str


class Asked(NamedTuple):
    """What a browser is asked: the challenge to come back with, and the options."""

    challenge: str
    options: dict[str, Any]


class Passkeys:
    """The passkeys of all accounts."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def begin_making(self, account: Account, site: Site) -> Asked:
        """Ask for a new one. Raises Fault UNSUPPORTED at a host that has no name."""
        webauthn = await _webauthn()
        rp = _relying_party(site)
        known = await self.of_account(account.id)
        challenge, raw = await self._challenge(MAKING, account.id, {})
        handle = object_ids.account(account.id).encode()
        options = webauthn.creation_options(
            rp, raw, (handle, account.address, account.name),
            [one.credential for one in known if one.rp == rp],
        )  # fmt: skip
        return Asked(challenge, options)

    async def make(
        self, account: Account, site: Site, challenge: str, credential: Mapping[str, Any], name: str
    ) -> Passkey:
        """Keep a new one. Raises Fault SYNTAX, AUTH_FAILED, EXISTS, TOO_MANY."""
        webauthn = await _webauthn()
        named = check_name(name)
        ticket = await self._store.write(tickets.use, challenge, MAKING, self._now())
        if ticket is None or ticket.account_id != account.id:
            raise Fault(Kind.AUTH_FAILED, "this took too long; begin again")
        rp = _relying_party(site)
        raw = _raw(challenge)
        id_, data, counter = _judged(webauthn.registered, rp, site.origin, raw, credential)
        one = Passkey(account.id, _key(id_), rp, data, counter, named, self._now(), 0)
        await self._store.write(second_factors.add_passkey, one)
        return one

    async def begin(self, site: Site, account_id: int, data: dict[str, Any]) -> Asked:
        """Ask for one of an account; of any, for 0. `data` is kept until the answer comes."""
        webauthn = await _webauthn()
        rp = _relying_party(site)
        known = await self.of_account(account_id) if account_id else []
        challenge, raw = await self._challenge(ASKING, account_id, data)
        options = webauthn.request_options(
            rp, raw, [one.credential for one in known if one.rp == rp], alone=not account_id
        )
        return Asked(challenge, options)

    async def verify(
        self, site: Site, challenge: str, credential: Mapping[str, Any]
    ) -> tuple[Passkey, bool, dict[str, Any]]:
        """Whose passkey has answered, whether it stands alone, and what `begin` was given.

        Raises:
            Fault: AUTH_FAILED for an answer that is not right, or too late.
        """
        webauthn = await _webauthn()
        ticket = await self._store.write(tickets.use, challenge, ASKING, self._now())
        if ticket is None:
            raise Fault(Kind.AUTH_FAILED, "this took too long; begin again")
        id_ = _judged(webauthn.credential_id, credential)
        found = await self._store.read(second_factors.passkey, _key(id_))
        if found is None or (ticket.account_id and found.account_id != ticket.account_id):
            raise Fault(Kind.AUTH_FAILED, "this passkey is not known here")
        alone = not ticket.account_id
        counter = _judged(
            webauthn.asserted, found.rp, site.origin, _raw(challenge), credential,
            found.credential, alone=alone,
        )  # fmt: skip
        if _relying_party(site) != found.rp or not await self._store.write(
            second_factors.use_passkey, found, counter, self._now()
        ):
            raise Fault(Kind.AUTH_FAILED, "this passkey was copied; remove it")
        return found, alone, ticket.data

    async def of_account(self, account_id: int) -> list[Passkey]:
        """All of an account, the oldest first."""
        return await self._store.read(second_factors.passkeys, account_id)

    async def rename(self, account_id: int, id_: str, name: str) -> None:
        """Give one another name. Raises Fault NOT_FOUND, SYNTAX."""
        named = check_name(name)
        if not await self._store.write(second_factors.rename_passkey, account_id, id_, named):
            raise Fault(Kind.NOT_FOUND, "there is no such passkey")

    async def remove(self, account_id: int, id_: str) -> None:
        """Let one work no longer. Raises Fault NOT_FOUND."""
        if not await self._store.write(second_factors.remove_passkey, account_id, id_):
            raise Fault(Kind.NOT_FOUND, "there is no such passkey")

    async def _challenge(
        self, kind: str, account_id: int, data: dict[str, Any]
    ) -> tuple[str, bytes]:
        raw = self._ids.bytes(32)
        challenge = urlsafe_b64encode(raw).decode().rstrip("=")
        ends = self._now() + LIFETIME
        await self._store.write(tickets.issue, challenge, kind, account_id, data, ends)
        return challenge, raw

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


async def _webauthn() -> Any:
    """The grammar, whose library takes 0.3 s to import: in a thread, the first time."""
    module: ModuleType = await asyncio.to_thread(importlib.import_module, "merpati.wire.webauthn")
    return module


def _relying_party(site: Site) -> str:
    """The host's name; passkeys are for names alone (WebAuthn 5.1.2)."""
    try:
        ip_address(site.host.strip("[]"))
    except ValueError:
        return site.host
    text = "passkeys need a host name; open this page by its name instead of its address"
    raise Fault(Kind.UNSUPPORTED, text)


def _judged(check: Any, *args: Any, **more: Any) -> Any:
    """What a check says; an answer that is not right is a wrong credential."""
    try:
        return check(*args, **more)
    except SyntaxFault as fault:
        raise Fault(Kind.AUTH_FAILED, fault.text) from None


def _raw(challenge: str) -> bytes:
    return urlsafe_b64decode(challenge + "=" * (-len(challenge) % 4))


def _key(credential_id: bytes) -> str:
    """What a passkey is known by here; its own id may have a kilobyte."""
    return urlsafe_b64encode(sha256(credential_id).digest()[:18]).decode()

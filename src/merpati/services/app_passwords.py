"""Passwords of single devices and programs, each for some protocols, perhaps from some networks.

Eight groups of four characters: the first six characters find the password, the other 26 are
130 random bits, which is why one SHA-256 is enough where people's own passwords need Argon2id.
People type them, so case, spaces and hyphens do not matter.
"""

from __future__ import annotations

import re
from base64 import b32encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.ids import Ids
from merpati.base.networks import Networks
from merpati.base.secrets import same
from merpati.store import app_passwords
from merpati.store.app_passwords import AppPassword
from merpati.store.engine import Store

PROTOCOLS: Final = ("imap", "pop3", "smtp", "managesieve", "jmap", "dav", "eas")
PUBLIC: Final = 6  # characters
LENGTH: Final = 32  # of all
NAME_MAX: Final = 100  # characters
NETWORKS_MAX: Final = 20

_NOISE: Final = str.maketrans("", "", " -")
_FORM: Final = re.compile(rf"[a-z2-7]{{{LENGTH}}}")


class AppPasswords:
    """Makes and checks them."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def make(
        self,
        account_id: int,
        name: str,
        protocols: Sequence[str],
        networks: Sequence[str] = (),
        expires_at: int = 0,
    ) -> tuple[AppPassword, str]:
        """A new one, and what to type, which nobody can tell later.

        Raises:
            Fault: SYNTAX for a name, protocol, network or time that will not do; TOO_MANY.
        """
        checked = tuple(one for one in PROTOCOLS if one in protocols)
        if not checked or len(checked) != len(set(protocols)):
            raise SyntaxFault(f"protocols are some of {', '.join(PROTOCOLS)}")
        if len(networks) > NETWORKS_MAX:
            raise SyntaxFault(f"at most {NETWORKS_MAX} networks")
        try:
            Networks(networks)
        except ValueError as error:
            raise SyntaxFault(f"networks {error}") from None
        now = int(self._clock.now() * 1000)
        if expires_at and expires_at <= now:
            raise SyntaxFault("expiresAt is in the past")
        text = b32encode(self._ids.bytes(LENGTH * 5 // 8)).decode().lower()
        one = AppPassword(
            text[:PUBLIC], check_name(name), checked, tuple(networks), now, expires_at, 0, "", "",
            _digest(text),
        )  # fmt: skip
        await self._store.write(app_passwords.add, account_id, one)
        return one, "-".join(text[at : at + 4] for at in range(0, LENGTH, 4))

    async def find(self, account_id: int, given: str) -> AppPassword | None:
        """The one of an account that this is, right in every character; expired or not."""
        if not LENGTH <= len(given) <= 2 * LENGTH:
            return None
        text = given.translate(_NOISE).lower()
        if _FORM.fullmatch(text) is None:
            return None
        found = await self._store.read(app_passwords.find, account_id, text[:PUBLIC])
        return found if found is not None and same(found.hash, _digest(text)) else None

    def refusal(self, one: AppPassword, peer: str, protocol: str) -> str:
        """Why a right one may not be used here and now; empty when it may."""
        if one.expires_at and one.expires_at <= self._clock.now() * 1000:
            return "this app password has expired"
        if protocol not in one.protocols:
            return f"this app password is not for {protocol}"
        if one.networks and peer not in Networks(one.networks):
            return "this app password may not be used from your address"
        return ""

    async def of_account(self, account_id: int) -> list[AppPassword]:
        """All of an account, the oldest first."""
        return await self._store.read(app_passwords.of_account, account_id)

    async def rename(self, account_id: int, id_: str, name: str) -> None:
        """Give one another name. Raises Fault NOT_FOUND, SYNTAX."""
        if not await self._store.write(app_passwords.rename, account_id, id_, check_name(name)):
            raise Fault(Kind.NOT_FOUND, "there is no such app password")

    async def revoke(self, account_id: int, id_: str) -> None:
        """Let one work no longer. Raises Fault NOT_FOUND."""
        if not await self._store.write(app_passwords.remove, account_id, id_):
            raise Fault(Kind.NOT_FOUND, "there is no such app password")


def check_name(name: str) -> str:
    """A name for a thing of one's own. Raises SyntaxFault."""
    cleaned = " ".join(name.split())
    if not 0 < len(cleaned) <= NAME_MAX or not cleaned.isprintable():
        raise SyntaxFault(f"a name has 1 to {NAME_MAX} characters")
    return cleaned


def _digest(text: str) -> bytes:
    return sha256(text[PUBLIC:].encode()).digest()

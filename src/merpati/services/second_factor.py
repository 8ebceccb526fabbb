"""What is asked for beside a password: codes of an authenticator app, and recovery codes.

A code has six digits, so wrong ones are counted for the account, wherever they come from: a
password that leaked must not be worth a few days of guessing. Each code works once.
"""

from __future__ import annotations

import asyncio
from base64 import b32encode
from hashlib import sha256
from typing import Final, NamedTuple

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.limits import RateLimit
from merpati.base.secrets import Secret
from merpati.model.account import Account
from merpati.services.sealing import Sealing
from merpati.store import second_factors
from merpati.store.engine import Store
from merpati.store.second_factors import Factors
from merpati.wire import totp

RECOVERY_CODES: Final = 10
RECOVERY_SIZE: Final = 10  # bytes: 80 random bits, so that SHA-256 is enough
WRONG_CODES: Final = 10  # in a row; then one in three minutes
_NOISE: Final = str.maketrans("", "", " -")


class Enrolment(NamedTuple):
    """What an authenticator app needs: the secret as text, as address, and as SVG image."""

    secret: str
    uri: str
    qr: str


class SecondFactor:
    """The codes of all accounts."""

    def __init__(self, store: Store, clock: Clock, ids: Ids, sealing: Sealing, issuer: str) -> None:
        """`issuer`: what apps show beside the codes; our host name."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sealing = sealing
        self._issuer = issuer
        self._wrong = RateLimit(1 / 180, WRONG_CODES, clock)

    async def factors(self, account_id: int) -> Factors:
        """What an account has."""
        return await self._store.read(second_factors.factors, account_id)

    async def enrol(self, account: Account) -> Enrolment:
        """Begin with an app. Raises Fault EXISTS when there is one."""
        secret = self._ids.bytes(totp.SECRET_SIZE)
        sealed = self._sealing.close(Secret(totp.text(secret)), _purpose(account.id))
        if not await self._store.write(second_factors.begin_totp, account.id, sealed):
            raise Fault(Kind.EXISTS, "there is an authenticator app already; remove it first")
        uri = totp.uri(secret, account.address, self._issuer)
        return Enrolment(totp.text(secret), uri, await qr(uri))

    async def confirm(self, account: Account, code: str) -> list[str]:
        """Turn the app on by its first code; the recovery codes, if there were none.

        Raises:
            Fault: AUTH_FAILED for a wrong code, NOT_FOUND before `enrol`.
        """
        found = await self._store.read(second_factors.totp, account.id)
        if found is None or found.confirmed_at:
            raise Fault(Kind.NOT_FOUND, "begin with the authenticator app first")
        self._check(account.id)
        step = totp.find_step(self._open(account.id, found.secret), code, self._clock.now())
        now = int(self._clock.now() * 1000)
        if step is None or not await self._store.write(
            second_factors.confirm_totp, account.id, found.secret, step, now
        ):
            self._wrong.take(str(account.id))
            raise Fault(Kind.AUTH_FAILED, "wrong code")
        return await self.first_codes(account)

    async def remove(self, account: Account) -> None:
        """Do without the app. Raises Fault NOT_FOUND."""
        if not await self._store.write(second_factors.remove_totp, account.id):
            raise Fault(Kind.NOT_FOUND, "there is no authenticator app")

    async def verify(self, account: Account, kind: str, code: str) -> None:
        """Take a code of the app ("totp"), or a recovery code ("recovery").

        Raises:
            Fault: AUTH_FAILED for a wrong one, TOO_MANY after too many.
        """
        self._check(account.id)
        right = await (self._is_totp if kind == "totp" else self._is_recovery)(account.id, code)
        if not right:
            self._wrong.take(str(account.id))
            raise Fault(Kind.AUTH_FAILED, "wrong code")
        self._wrong.forget(str(account.id))

    async def new_codes(self, account: Account) -> list[str]:
        """Ten recovery codes; older ones are worthless from now on."""
        texts = [
            b32encode(self._ids.bytes(RECOVERY_SIZE)).decode().lower()
            for _ in range(RECOVERY_CODES)
        ]
        hashes = [_digest(text) for text in texts]
        await self._store.write(second_factors.replace_codes, account.id, hashes)
        return ["-".join(text[at : at + 4] for at in range(0, len(text), 4)) for text in texts]

    async def first_codes(self, account: Account) -> list[str]:
        """Recovery codes for one that has none; else nothing."""
        left = (await self.factors(account.id)).recovery_codes
        return [] if left else await self.new_codes(account)

    async def _is_totp(self, account_id: int, code: str) -> bool:
        found = await self._store.read(second_factors.totp, account_id)
        if found is None or not found.confirmed_at:
            return False
        step = totp.find_step(self._open(account_id, found.secret), code, self._clock.now())
        return step is not None and await self._store.write(
            second_factors.use_step, account_id, step
        )

    async def _is_recovery(self, account_id: int, code: str) -> bool:
        digest = _digest(code.translate(_NOISE).lower())
        return await self._store.write(second_factors.use_code, account_id, digest)

    def _check(self, account_id: int) -> None:
        if self._wrong.wait(str(account_id)):
            raise Fault(Kind.TOO_MANY, "too many wrong codes; wait a few minutes")

    def _open(self, account_id: int, sealed: bytes) -> bytes:
        # Kept as text, because that is what `Sealing` keeps.
        return totp.secret(self._sealing.open(sealed, _purpose(account_id)).reveal())


async def qr(text: str) -> str:
    """A text as QR code: an SVG image."""
    return await asyncio.to_thread(_draw, text)


def _draw(text: str) -> str:
    import segno  # noqa: PLC0415 -- 0.1 s that only those pay who set something up, in a thread

    made: str = segno.make(text, error="m", micro=False).svg_inline(scale=4, border=4, light="#fff")
    return made.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _purpose(account_id: int) -> str:
    return f"totp of account {account_id}"

"""Sessions: refresh tokens that are good once, and access tokens that are good for an hour.

A session belongs to a browser that signed in, or to an application that a person let in (OAuth
2.0). Tokens are random; the store has their hashes, and a worker remembers for a minute whose an
access token is. Revoking removes rows and is announced, so what a worker remembers is dropped at
once, or after that minute should the announcement be lost.

A refresh token is a family, the same for all of a session, and a secret that changes with each use
(RFC 9700 4.14.2). Who comes with a secret of the past shows that two have the token, and the
session ends. The secret just before is an exception for half a minute, because answers get lost and
two tabs wake at the same time: it is answered with the secret that replaced it, which is kept
sealed with it.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections import OrderedDict
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, NamedTuple

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.log import Log
from merpati.base.secrets import same
from merpati.base.settings import setting
from merpati.store import web_sessions
from merpati.store.engine import Store, Transaction
from merpati.store.web_sessions import APPLICATION, BROWSER, Refresh, WebSession

GRACE: Final = 30_000  # ms
REMEMBERED: Final = 60.0  # seconds that a worker trusts what it knows of a token
REMEMBERED_MAX: Final = 20_000
CONFIRMED: Final = 600_000  # ms after which a person has to prove again who it is
CLIENT_MAX: Final = 200  # characters of what a client says it is
UNREMEMBERED: Final = 86_400_000  # ms without use; browsers forget it when they are closed
SECRET: Final = 32  # bytes

# What only a person in front of a browser may do, never an application.
OWN: Final = frozenset({"account", "admin"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SignInSettings:
    """How long a sign-in by the web pages lasts, and programs that sign in by OAuth."""

    access_lifetime: int = setting(
        3600, "How long an access token is good.", unit="s", minimum=60, maximum=86_400
    )
    remember_days: int = setting(
        30, "How many days without use a browser stays signed in that asked for it.", minimum=1
    )
    application_days: int = setting(
        180, "How many days without use an application stays signed in.", minimum=1
    )
    register: bool = setting(True, "Let any program register itself as an OAuth client (RFC 7591).")


class Opened(NamedTuple):
    """What a client is given; `expires_in` in seconds."""

    session: WebSession
    access: str
    refresh: str
    expires_in: int


class Sessions:
    """The sessions of all accounts, as one worker knows them."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, settings: SignInSettings, log: Log
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._settings = settings
        self._log = log
        self._remembered: OrderedDict[bytes, tuple[float, WebSession]] = OrderedDict()

    async def open(
        self,
        account_id: int,
        peer: str,
        client: str,
        *,
        remember: bool = False,
        client_id: str = "",
        scope: str = "",
    ) -> Opened:
        """Begin one; a browser's unless `client_id` says which application it is."""
        now = self._now()
        kind = APPLICATION if client_id else BROWSER
        session = WebSession(
            0, account_id, kind, client_id, client[:CLIENT_MAX], scope, peer, remember, now, now,
            now, 0,
        )  # fmt: skip
        session = session._replace(expires_at=self._end(session, now))
        family, secret = self._ids.token(16), self._ids.bytes(SECRET)
        access = self._access()

        async def unit(tx: Transaction) -> WebSession:
            number = await web_sessions.add(tx, session, _digest(family), sha256(secret).digest())
            await self._add_token(tx, access, account_id, number, now)
            return session._replace(id=number)

        kept = await self._store.write(unit)
        return Opened(kept, access, _join(family, secret), self._settings.access_lifetime)

    async def refresh(self, token: str, peer: str, client_id: str = "") -> Opened:
        """New tokens for a refresh token of this client; "" is a browser.

        Raises:
            Fault: AUTH_REQUIRED when it is not good.
        """
        family, secret = _split(token)
        now = self._now()
        fresh, access = self._ids.bytes(SECRET), self._access()
        if await self._store.read(web_sessions.of_family, _digest(family), now) is None:
            raise Fault(Kind.AUTH_REQUIRED, "sign in again")  # without a write: anybody may ask

        async def unit(tx: Transaction) -> Opened | WebSession | None:
            found = await web_sessions.of_family(tx, _digest(family), now)
            if found is None or found[0].client_id != client_id:
                return None
            session, kept = found
            given = sha256(secret).digest()
            if same(given, kept.previous) and now - kept.rotated_at < GRACE:
                good = _mix(kept.handover, secret)
            elif same(given, kept.refresh):
                good = fresh
                new = Refresh(sha256(fresh).digest(), given, _mix(fresh, secret), now)
                ends = self._end(session, now)
                if not await web_sessions.rotate(tx, session.id, given, new, peer, ends):
                    return None  # somebody was quicker, this very moment; asking again will do
            else:
                await web_sessions.end(tx, session.account_id, session.id)
                return session
            await self._add_token(tx, access, session.account_id, session.id, now)
            lifetime = self._settings.access_lifetime
            return Opened(session, access, _join(family, good), lifetime)

        done = await self._store.write(unit)
        if isinstance(done, Opened):
            return done
        if done is not None:
            self._log.warning(
                "sign-in.token-reused", account=done.account_id, session=done.id, peer=peer
            )
        raise Fault(Kind.AUTH_REQUIRED, "sign in again")

    async def end_by_refresh(self, token: str, client_id: str = "") -> bool:
        """End the session of a refresh token, good or not any more; whether there was one."""
        family, _ = _split(token)
        now = self._now()

        async def unit(tx: Transaction) -> bool:
            found = await web_sessions.of_family(tx, _digest(family), now)
            if found is None or found[0].client_id != client_id:
                return False
            return await web_sessions.end(tx, found[0].account_id, found[0].id)

        return await self._store.write(unit)

    async def find(self, token: str) -> WebSession | None:
        """The session of an access token; None when the token is not good."""
        digest = _digest(token)
        now = self._clock.now()
        until, session = self._remembered.get(digest, (0.0, None))
        if session is not None and until > now:
            return session
        found = await self._store.read(web_sessions.of_token, digest, int(now * 1000))
        if found is None:
            self._remembered.pop(digest, None)
            return None
        session, expires_at = found
        self._remembered[digest] = (min(now + REMEMBERED, expires_at / 1000), session)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)
        return session

    async def owner(self, token: str, protocol: str) -> int:
        """The account that a token opens for a protocol, 0: none (`login.TokenVerifier`)."""
        session = await self.find(token)
        if session is None or not allows(session, protocol):
            return 0
        return session.account_id

    def forget(self) -> None:
        """Drop what this worker remembers: something was revoked."""
        self._remembered.clear()

    def is_confirmed(self, session: WebSession) -> bool:
        """Whether the person has lately proven who it is."""
        return self._now() - session.proven_at < CONFIRMED

    async def prove(self, session: WebSession) -> None:
        """The person has just proven who it is."""
        await self._store.write(web_sessions.prove, session.id, self._now())

    async def of_account(self, account_id: int) -> list[WebSession]:
        """All sessions of an account, the one used last first."""
        return await self._store.read(web_sessions.of_account, account_id, self._now())

    async def end(self, account_id: int, session_id: int) -> None:
        """End one of an account. Raises Fault NOT_FOUND."""
        if not await self._store.write(web_sessions.end, account_id, session_id):
            raise Fault(Kind.NOT_FOUND, "there is no such session")

    async def end_token(self, token: str) -> None:
        """End one access token."""
        await self._store.write(web_sessions.end_token, _digest(token))

    async def end_others(self, account_id: int, session_id: int) -> None:
        """End all of an account but one."""
        await self._store.write(web_sessions.end_others, account_id, session_id)

    async def _add_token(
        self, tx: Transaction, access: str, account_id: int, session_id: int, now: int
    ) -> None:
        ends = now + self._settings.access_lifetime * 1000
        await web_sessions.add_token(tx, _digest(access), account_id, session_id, ends)

    def _end(self, session: WebSession, now: int) -> int:
        if session.kind == APPLICATION:
            return now + self._settings.application_days * 86_400_000
        return now + (
            self._settings.remember_days * 86_400_000 if session.remember else UNREMEMBERED
        )

    def _access(self) -> str:
        return f"mpa_{self._ids.token(SECRET)}"

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


def allows(session: WebSession, protocol: str) -> bool:
    """Whether a session's tokens are for a protocol."""
    if session.kind == BROWSER:
        return True
    return protocol not in OWN and "mail" in session.scope.split()


def _digest(text: str) -> bytes:
    return sha256(text.encode("utf-8", "surrogatepass")).digest()


def _mix(one: bytes, secret: bytes) -> bytes:
    """Seal a secret with another, or open it: both are random, and used once."""
    pad = hmac.digest(secret, b"handover", "sha256")
    return bytes(a ^ b for a, b in zip(one, pad, strict=False))


def _join(family: str, secret: bytes) -> str:
    return f"mpr_{family}.{urlsafe_b64encode(secret).decode().rstrip('=')}"


def _split(token: str) -> tuple[str, bytes]:
    """Family and secret of a refresh token; something that fits nothing for what is none."""
    family, _, secret = token.removeprefix("mpr_").partition(".")
    try:
        return family, urlsafe_b64decode(secret + "=")
    except ValueError:
        return "", b""

"""Who is it: names and passwords checked with Argon2id, throttled, and remembered.

A verification costs 35 ms of a core, so at most `parallel` run at once and one that was
right is remembered for a while under a keyed hash of everything it depended on: the name,
the password, and the stored hash it was right for. A changed password or a disabled
account is therefore noticed at once, without any cache to clear.

Wrong guesses are counted by name and address together, and by address alone, so one
attacker cannot lock the owner out; an unknown name costs the same time as a known one.
They are counted again when a verification's turn comes, so a flood of connections that
all began at once costs no more verifications than one that guesses in turn.

Beside its Argon2id hash a password is kept as SCRAM keys, in the same column, so that the
two always belong together. Who has that column can try passwords against the keys, too: as
many for a second as against the hash, though in less memory. They are made with the hash,
or after a sign-in by a client that sent the password, when an account has none.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from base64 import b64encode
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.base.limits import RateLimit, address_key
from merpati.base.log import Log
from merpati.base.metrics import Metrics
from merpati.base.settings import setting
from merpati.model.account import Account
from merpati.services.app_passwords import AppPasswords
from merpati.services.sign_in_history import SignInHistory
from merpati.store import credentials, directory, push
from merpati.store.app_passwords import AppPassword
from merpati.store.engine import Store
from merpati.wire import scram
from merpati.wire.scram import ScramKeys

REMEMBERED_MAX: Final = 20_000
PASSWORD_MAX: Final = 1024  # bytes; longer is nobody's password and somebody's attack

# OWASP's second choice; 19 MiB keeps 1 GB machines alive. research: 35 ms.
HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
SALTS: Final = "scram-salts"  # the secret that the salts of unknown names are made from

WEB: Final = "web"  # the protocol of those who type their password into our own pages

TokenVerifier = Callable[[str, str], Awaitable[int]]
"""Gives the id of the account that a bearer token opens for a protocol, 0 when it opens none.

`services/sessions.py` knows our own tokens; without a verifier no mechanism with tokens is offered.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoginSettings:
    """How sign-ins are checked and guesses are slowed down."""

    remember: int = setting(300, "How long a verified password is remembered.", unit="s")
    parallel: int = setting(1, "Password verifications at once in each worker.", reload=False)
    guesses_per_hour: int = setting(
        60, "Wrong passwords taken from one address in an hour; then it has to wait."
    )
    guesses_burst: int = setting(10, "Wrong passwords in a row before the waiting begins.")
    scram: bool = setting(
        True, "Offer SCRAM-SHA-256, by which clients sign in without sending the password."
    )
    channel_binding: bool = setting(
        False,
        "Offer SCRAM-SHA-256-PLUS; there are clients that know no tls-server-end-point, and fail.",
    )


def hash_password(password: str) -> str:
    """The form in which a password is stored. Costs 70 ms: not on the event loop."""
    hashed = HASHER.hash(password.encode())
    # The salt of the hash serves as well: it is random, and of the right length.
    salt = hashlib.sha256(hashed.encode()).digest()[: scram.SALT_LENGTH]
    return f"{hashed} {scram.derive(password, salt)}"


class Login:
    """Checks credentials for every protocol of one worker."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        settings: LoginSettings,
        metrics: Metrics,
        tokens: TokenVerifier | None = None,
        *,
        app_passwords: AppPasswords | None = None,
        history: SignInHistory | None = None,
        log: Log | None = None,
    ) -> None:
        """`tokens` says whose a bearer token is; without it there are no such mechanisms.

        `log` gets a line for each wrong guess, as programs read that keep guessers out by address.
        Who is throttled already leaves none, so the guesses bound the lines.
        """
        self._log = log
        self._app_passwords = app_passwords
        self._history = history
        self._store = store
        self._clock = clock
        self._ids = ids
        self.settings: Final = settings
        self._tokens = tokens
        self._salts = b""
        self._renewing: set[asyncio.Task[None]] = set()
        self._key = ids.bytes(32)
        self._remembered: OrderedDict[bytes, float] = OrderedDict()
        self._threads = ThreadPoolExecutor(settings.parallel, thread_name_prefix="merpati-login")
        self._turns = asyncio.Semaphore(settings.parallel)
        rate = settings.guesses_per_hour / 3600
        self._by_name = RateLimit(rate, settings.guesses_burst, clock)
        self._by_address = RateLimit(rate * 5, settings.guesses_burst * 5, clock)
        # Verified when there is no such account, so that the answer takes as long.
        self._nobody = _unmatched_hash(ids)
        self._count = metrics.counter(
            "merpati_logins_total", "Sign-ins by outcome.", ("protocol", "outcome")
        )
        self._verified = metrics.counter(
            "merpati_password_verifications_total", "Passwords put through Argon2id."
        )

    async def verify(
        self, name: str, password: str, peer: str, protocol: str, client: str = ""
    ) -> Account:
        """The account that this name and password open.

        Args:
            name: Any address of the account.
            password: As typed: the account's own, or an app password for this protocol.
            peer: The client's address, which guesses are counted by.
            protocol: "imap", "smtp", ...; `WEB` alone is the browser, where the account's own
                password always works.
            client: What it says it is, for the history.

        Raises:
            Fault: AUTH_FAILED for a wrong name or password, or a disabled account;
                TOO_MANY after too many guesses.
        """
        address = address_key(peer)
        pair = f"{address} {name.lower()}"
        self._check_guesses(pair, address, protocol)
        account = await self._usable(name)
        if account is not None and self._app_passwords is not None:
            found = await self._app_passwords.find(account.id, password)
            if found is not None:
                return self._by_app_password(account, found, name, peer, protocol)
        stored = "" if account is None else _own_password(account, protocol).partition(" ")[0]
        secret = password.encode("utf-8", "surrogatepass")
        key = self._fingerprint(name, secret, stored)
        right = bool(stored) and self._is_remembered(key)
        if not right and len(secret) <= PASSWORD_MAX:
            async with self._turns:
                self._check_guesses(pair, address, protocol)
                # Meanwhile another session of theirs may have been verified: after a restart
                # all of them come back at once.
                right = bool(stored) and self._is_remembered(key)
                if not right:
                    right = await self._matches(stored or self._nobody, secret) and bool(stored)
            if right and account is not None:
                self._remember(key)
                self._add_keys(account, password)
        # Before anything else is awaited, so that the next in turn is counted with it.
        self._note(account, protocol, peer, "password", success=right, client=client)
        return self._end(account if right else None, name, peer, protocol)

    async def credential(self, account: Account, password: str) -> str:
        """The name of a password that has opened an account, of `store.push`."""
        found = None
        if self._app_passwords is not None:
            found = await self._app_passwords.find(account.id, password)
        return push.password(account.password) if found is None else push.app_password(found.id)

    def _by_app_password(
        self, account: Account, found: AppPassword, name: str, peer: str, protocol: str
    ) -> Account:
        """The account, if this right app password may be used here."""
        assert self._app_passwords is not None
        reason = self._app_passwords.refusal(found, peer, protocol)
        means = "app password"
        self._note(account, protocol, peer, means, success=not reason, what=found.name)
        if reason:  # no guess, so not counted as one
            self._count.inc(protocol, "failed")
            raise Fault(Kind.AUTH_FAILED, reason)
        if self._history is not None:
            self._history.note_use(account.id, found.id, peer, protocol)
        return self._end(account, name, peer, protocol)

    async def scram_keys(self, name: str, peer: str, protocol: str) -> ScramKeys:
        """The keys of a name for SCRAM; made up, and always the same, for one that has none.

        Raises:
            Fault: TOO_MANY after too many guesses.
        """
        address = address_key(peer)
        self._check_guesses(f"{address} {name.lower()}", address, protocol)
        account = await self._usable(name)
        own = _own_password(account, protocol) if account else ""
        keys = scram.parse_keys(own.partition(" ")[2]) if own else None
        if keys is not None:
            return keys
        if not self._salts:
            known = await self._store.read(credentials.secret, SALTS)
            if known is None:
                fresh = self._ids.bytes(32)
                known = await self._store.write(credentials.make_secret, SALTS, fresh)
            self._salts = known
        salt = hmac.digest(self._salts, name.lower().encode("utf-8", "surrogatepass"), "sha256")
        nobody = self._ids.bytes(32)
        return ScramKeys(salt[: scram.SALT_LENGTH], scram.ITERATIONS, nobody, nobody)

    async def proven(
        self, name: str, peer: str, protocol: str, *, right: bool, means: str = "scram"
    ) -> Account:
        """The account of a name whose owner has proven to be it, or not.

        Raises:
            Fault: AUTH_FAILED, TOO_MANY, as `verify`.
        """
        address = address_key(peer)
        self._check_guesses(f"{address} {name.lower()}", address, protocol)
        account = await self._usable(name)
        self._note(account, protocol, peer, means, success=right)
        return self._end(account if right else None, name, peer, protocol)

    async def by_certificate(
        self, addresses: Sequence[str], wanted: str, peer: str, protocol: str
    ) -> Account:
        """The account that a client's certificate opens (RFC 4422 A).

        Args:
            addresses: those in the certificate, which is good.
            wanted: any address of the account to act as; empty when the certificate says it.
            peer: the client's address.
            protocol: as for `verify`.

        Raises:
            Fault: AUTH_FAILED, when none of them is of an account that may sign in, or the one
                wanted is none of theirs; or nothing is wanted and they are of several accounts.
        """
        found = [await self._usable(address) for address in addresses]
        accounts = {one.id: one for one in found if one is not None}
        if wanted:
            other = await self._usable(wanted)
            account = accounts.get(other.id) if other is not None else None
        else:
            account = next(iter(accounts.values())) if len(accounts) == 1 else None
        self._count.inc(protocol, "failed" if account is None else "ok")
        if account is None:  # nobody guesses certificates, so it is not counted as a guess
            text = "the certificate is for several accounts: say which"
            if wanted or not accounts:
                text = "the certificate is not for such an account"
            raise Fault(Kind.AUTH_FAILED, text)
        self._note(account, protocol, peer, "certificate", success=True)
        return account

    async def token_address(self, token: str, name: str, peer: str, protocol: str) -> str:
        """The address that a bearer token opens; empty when it is not good, or another's.

        Raises:
            Fault: TOO_MANY after too many guesses.
        """
        address = address_key(peer)
        self._check_guesses(f"{address} {name.lower()}", address, protocol)
        owner = await self._token_owner(token, protocol)
        if owner is None or not name:
            return owner.address if owner is not None else ""
        other = await self._usable(name)
        return owner.address if other is not None and owner.id == other.id else ""

    async def by_token(self, token: str, protocol: str) -> Account:
        """The account that a bearer token opens.

        Nobody guesses 256 bits: a token that is not good any more is told so, and not counted,
        or the browsers of an office would lock out each other every morning.

        Raises:
            Fault: AUTH_FAILED.
        """
        account = await self._token_owner(token, protocol)
        self._count.inc(protocol, "failed" if account is None else "ok")
        if account is None:
            raise Fault(Kind.AUTH_FAILED, "the token is not good, or not for this")
        return account

    def check_guesses(self, name: str, peer: str, protocol: str) -> None:
        """Raise Fault TOO_MANY for whoever has guessed too often; for what else can be guessed."""
        address = address_key(peer)
        self._check_guesses(f"{address} {name.lower()}", address, protocol)

    def count_guess(self, name: str, peer: str, protocol: str) -> None:
        """Count a wrong one."""
        address = address_key(peer)
        self._by_name.take(f"{address} {name.lower()}")
        self._by_address.take(address)
        self._count.inc(protocol, "failed")
        if self._log is not None:
            self._log.warning("sign_in.failed", peer=peer, protocol=protocol, name=name)

    @property
    def takes_tokens(self) -> bool:
        """Whether anybody knows whose a bearer token is."""
        return self._tokens is not None

    def nonce(self) -> str:
        """A fresh word that nobody can foresee."""
        return b64encode(self._ids.bytes(18)).decode()

    async def _usable(self, name: str) -> Account | None:
        """The account of any of its addresses, if it may sign in."""
        account = await self._store.read(directory.find_account, name)
        return account if account is not None and _may_sign_in(account) else None

    async def _token_owner(self, token: str, protocol: str) -> Account | None:
        """The account that a bearer token opens, if it may sign in."""
        number = await self._tokens(token, protocol) if self._tokens is not None else 0
        account = await self._store.read(directory.account_by_id, number) if number else None
        return account if account is not None and _may_sign_in(account) else None

    def _note(
        self,
        account: Account | None,
        protocol: str,
        peer: str,
        means: str,
        *,
        success: bool,
        what: str = "",
        client: str = "",
    ) -> None:
        if account is not None and self._history is not None:
            self._history.note(
                account.id, protocol, peer, means, success=success, what=what, client=client
            )

    def _end(self, account: Account | None, name: str, peer: str, protocol: str) -> Account:
        """Count how an attempt ended."""
        if account is not None:
            self._by_name.forget(f"{address_key(peer)} {name.lower()}")
            self._count.inc(protocol, "ok")
            return account
        self.count_guess(name, peer, protocol)
        raise Fault(Kind.AUTH_FAILED, "wrong name or password")

    def _add_keys(self, account: Account, password: str) -> None:
        """Give an account SCRAM keys that has none, without letting anybody wait for it."""
        if self.settings.scram and " " not in account.password:
            task = asyncio.get_running_loop().create_task(self._renew(account, password))
            self._renewing.add(task)
            task.add_done_callback(self._renewing.discard)

    async def _renew(self, account: Account, password: str) -> None:
        salt = self._ids.bytes(scram.SALT_LENGTH)
        loop = asyncio.get_running_loop()
        with suppress(Fault, RuntimeError):  # the server stops; there will be another sign-in
            keys = await loop.run_in_executor(self._threads, scram.derive, password, salt)
            new = f"{account.password} {keys}"
            await self._store.write(credentials.renew_password, account.id, account.password, new)

    def _check_guesses(self, pair: str, address: str, protocol: str) -> None:
        if self._by_name.wait(pair) or self._by_address.wait(address):
            self._count.inc(protocol, "throttled")
            raise Fault(Kind.TOO_MANY, "too many wrong passwords from your address; wait a while")

    async def _matches(self, stored: str, secret: bytes) -> bool:
        self._verified.inc()
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _matches, stored, secret)

    def _is_remembered(self, key: bytes) -> bool:
        return self._remembered.get(key, 0.0) > self._clock.monotonic()

    def _remember(self, key: bytes) -> None:
        self._remembered[key] = self._clock.monotonic() + self.settings.remember
        self._remembered.move_to_end(key)
        if len(self._remembered) > REMEMBERED_MAX:
            self._remembered.popitem(last=False)

    def _fingerprint(self, name: str, secret: bytes, stored: str) -> bytes:
        parts = (name.lower().encode("utf-8", "surrogatepass"), secret, stored.encode())
        text = b"".join(len(part).to_bytes(4, "big") + part for part in parts)
        return hmac.digest(self._key, text, hashlib.sha256)

    def close(self) -> None:
        """Let go of the threads."""
        for task in self._renewing:
            task.cancel()
        self._threads.shutdown(wait=False, cancel_futures=True)


def _may_sign_in(account: Account) -> bool:
    return not account.disabled and bool(account.password)


def _own_password(account: Account, protocol: str) -> str:
    """What the account's own password is checked against; empty where it does not work."""
    return account.password if protocol == WEB or not account.browser_only else ""


def _unmatched_hash(ids: Ids) -> str:
    """A hash of the usual cost that no password has; made up, since computing one is slow."""
    salt, digest = (b64encode(ids.bytes(size)).decode().rstrip("=") for size in (16, 32))
    cost = f"m={HASHER.memory_cost},t={HASHER.time_cost},p={HASHER.parallelism}"
    return f"$argon2id$v=19${cost}${salt}${digest}"


def _matches(stored: str, secret: bytes) -> bool:
    try:
        return HASHER.verify(stored, secret)
    except (VerificationError, InvalidHashError):
        return False

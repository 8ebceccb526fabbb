"""Signing in to our own pages: a password, and what else an account asks for.

`begin` takes the password and gives a session, or says which second factors the account has and
gives a challenge; `second` takes one of them. A passkey alone will do as well, for it asks for a
finger, a face or a PIN by itself. `confirm` asks again before what a stolen token must not be able
to do.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.base.ids import Ids
from merpati.base.limits import RateLimit, address_key
from merpati.model.account import Account
from merpati.services.login import WEB, Login
from merpati.services.passkeys import Asked, Passkeys, Site
from merpati.services.second_factor import SecondFactor
from merpati.services.sessions import Opened, Sessions
from merpati.services.sign_in_history import SignInHistory
from merpati.store import directory, tickets
from merpati.store.engine import Store
from merpati.store.web_sessions import WebSession
from merpati.wire import sasl

LIFETIME: Final = 600_000  # ms for the second factor
TRIES: Final = 5
ASKS: Final = 60  # for a passkey, from one address in a minute: strangers may, and each is a row
BEGUN: Final = "sign-in"
PURPOSE: Final = "oauth"  # of a ticket: what it lets a program do; one without is for a session


class Visitor(NamedTuple):
    """Who asks: the client's address, what it says it is, and where it thinks it is."""

    peer: str
    agent: str
    site: Site


class SignedIn(NamedTuple):
    """An account, and the tokens of its new session."""

    account: Account
    opened: Opened


class Wanted(NamedTuple):
    """The second factors that an account has: "totp", "passkey", "recovery"; one is wanted."""

    kinds: list[str]
    challenge: str


class WebSignIn:
    """Takes people through it."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        login: Login,
        sessions: Sessions,
        factors: SecondFactor,
        passkeys: Passkeys,
        history: SignInHistory,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._login = login
        self._sessions = sessions
        self._factors = factors
        self._passkeys = passkeys
        self._history = history
        self._asks = RateLimit(ASKS / 60, ASKS, clock)

    async def begin(
        self, name: str, password: str, visitor: Visitor, *, remember: bool
    ) -> SignedIn | Wanted:
        """Take a password. Raises Fault AUTH_FAILED, TOO_MANY."""
        account = await self.check_password(name, password, visitor)
        kinds = await self.wanted(account)
        if kinds:
            data = {"remember": remember, "kinds": kinds}
            return Wanted(kinds, await self.challenge(account, data))
        return await self._open(account, visitor, remember=remember)

    async def check_password(self, name: str, password: str, visitor: Visitor) -> Account:
        """The account of a name and its own password. Raises Fault AUTH_FAILED, TOO_MANY."""
        try:
            prepared = sasl.prepare_name(name), sasl.prepare_password(password)
        except SyntaxFault as fault:
            raise Fault(Kind.AUTH_FAILED, fault.text) from None
        return await self._login.verify(*prepared, visitor.peer, WEB, visitor.agent)

    async def wanted(self, account: Account) -> list[str]:
        """The second factors of an account; none when its password is enough."""
        has = await self._factors.factors(account.id)
        kinds = [("totp", has.totp), ("passkey", has.passkeys), ("recovery", has.recovery_codes)]
        return [kind for kind, there in kinds if there] if has.any else []

    async def challenge(self, account: Account, data: dict[str, Any]) -> str:
        """A ticket for the second step of an account; `data` is kept until then."""
        token = self._ids.token(24)
        ends = self._now() + LIFETIME
        await self._store.write(tickets.issue, token, BEGUN, account.id, data, ends)
        return token

    async def second(
        self, challenge: str, kind: str, answer: str | Mapping[str, Any], visitor: Visitor
    ) -> SignedIn:
        """Take the second factor. Raises Fault AUTH_FAILED, TOO_MANY."""
        if kind == "passkey":
            return await self.by_passkey(challenge, answer, visitor, remember=False)
        account, data = await self.answer(challenge, kind, str(answer), visitor)
        return await self._open(account, visitor, remember=bool(data.get("remember")))

    async def answer(
        self, challenge: str, kind: str, code: str, visitor: Visitor
    ) -> tuple[Account, dict[str, Any]]:
        """The account of a challenge, and its data, for the right code. Raises as `second`."""
        ticket = await self._store.write(tickets.attempt, challenge, BEGUN, TRIES, self._now())
        account = await self._account(ticket.account_id) if ticket is not None else None
        if ticket is None or account is None:
            raise Fault(Kind.AUTH_FAILED, "this took too long; begin again")
        try:
            await self._factors.verify(account, kind, code)
        except Fault as fault:
            if fault.kind is Kind.AUTH_FAILED:
                self._login.count_guess(account.address, visitor.peer, WEB)
                self._note(account, visitor, kind, success=False)
            raise
        if await self._store.write(tickets.use, challenge, BEGUN, self._now()) is None:
            raise Fault(Kind.AUTH_FAILED, "this took too long; begin again")
        self._note(account, visitor, kind, success=True)
        return account, ticket.data

    async def begin_passkey(self, challenge: str, visitor: Visitor) -> Asked:
        """Ask for a passkey; as the second step of a challenge. Raises AUTH_FAILED, TOO_MANY."""
        self._count_ask(visitor)
        if not challenge:
            return await self._passkeys.begin(visitor.site, 0, {})
        ticket = await self._store.read(tickets.find, challenge, BEGUN, self._now())
        if ticket is None or ticket.used_at:
            raise Fault(Kind.AUTH_FAILED, "this took too long; begin again")
        data = {"remember": ticket.data.get("remember", False)}
        return await self._passkeys.begin(visitor.site, ticket.account_id, data)

    async def ask_passkey(self, visitor: Visitor, purpose: str) -> Asked:
        """Ask for any passkey, for something else than a session. Raises TOO_MANY, UNSUPPORTED."""
        self._count_ask(visitor)
        return await self._passkeys.begin(visitor.site, 0, {PURPOSE: purpose})

    async def answer_passkey(
        self, challenge: str, credential: Mapping[str, Any], visitor: Visitor, purpose: str
    ) -> Account:
        """Whose passkey has answered what was asked for this. Raises AUTH_FAILED, TOO_MANY."""
        account, *_ = await self._passkey(challenge, credential, visitor, purpose)
        return account

    async def by_passkey(
        self,
        challenge: str,
        credential: str | Mapping[str, Any],
        visitor: Visitor,
        *,
        remember: bool,
    ) -> SignedIn:
        """Sign in by what a passkey answered, alone or as second factor. Raises AUTH_FAILED."""
        account, alone, data = await self._passkey(challenge, credential, visitor)
        return await self._open(
            account, visitor, remember=remember if alone else bool(data.get("remember"))
        )

    async def confirm(
        self, session: WebSession, kind: str, given: Mapping[str, Any], visitor: Visitor
    ) -> None:
        """Prove again who it is: "password", "totp", "recovery" or "passkey".

        Raises:
            Fault: AUTH_FAILED, TOO_MANY; DENIED for a password where there is a second factor.
        """
        account = await self._account(session.account_id)
        if account is None:
            raise Fault(Kind.AUTH_FAILED, "sign in again")
        if kind == "passkey":
            credential = given.get("credential", {})
            owner, *_ = await self._passkey(str(given.get("challenge", "")), credential, visitor)
            if owner.id != account.id:
                raise Fault(Kind.AUTH_FAILED, "this passkey is not known here")
        elif kind == "password":
            if await self.wanted(account):
                raise Fault(Kind.DENIED, "use a code or a passkey; the password is not enough")
            await self.check_password(account.address, str(given.get("password", "")), visitor)
        else:
            await self._factors.verify(account, kind, str(given.get("code", "")))
        await self._sessions.prove(session)
        self._sessions.forget()

    async def refresh(self, cookie: str, visitor: Visitor) -> SignedIn:
        """New tokens for the cookie. Raises Fault AUTH_REQUIRED."""
        opened = await self._sessions.refresh(cookie, visitor.peer)
        account = await self._account(opened.session.account_id)
        if account is None:
            await self._sessions.end(opened.session.account_id, opened.session.id)
            raise Fault(Kind.AUTH_REQUIRED, "sign in again")
        return SignedIn(account, opened)

    def guess_of_code(self, visitor: Visitor) -> None:
        """Count a wrong code of a device. Raises Fault TOO_MANY after too many."""
        self._login.check_guesses("", visitor.peer, WEB)
        self._login.count_guess("", visitor.peer, WEB)

    async def _passkey(
        self,
        challenge: str,
        credential: str | Mapping[str, Any],
        visitor: Visitor,
        purpose: str = "",
    ) -> tuple[Account, bool, dict[str, Any]]:
        self._login.check_guesses("", visitor.peer, WEB)
        if not isinstance(credential, Mapping):
            raise SyntaxFault("credential is an object")
        try:
            found, alone, data = await self._passkeys.verify(visitor.site, challenge, credential)
        except Fault as fault:
            if fault.kind is Kind.AUTH_FAILED:
                self._login.count_guess("", visitor.peer, WEB)
            raise
        if data.get(PURPOSE, "") != purpose:
            raise Fault(Kind.AUTH_FAILED, "this was asked for something else; begin again")
        account = await self._account(found.account_id)
        if account is None:
            raise Fault(Kind.AUTH_FAILED, "this passkey is not known here")
        self._note(account, visitor, "passkey", success=True, what=found.name)
        return account, alone, data

    def _count_ask(self, visitor: Visitor) -> None:
        if not self._asks.take(address_key(visitor.peer)):
            raise Fault(Kind.TOO_MANY, "too many questions from your address; wait a minute")

    async def _open(self, account: Account, visitor: Visitor, *, remember: bool) -> SignedIn:
        opened = await self._sessions.open(
            account.id, visitor.peer, visitor.agent, remember=remember
        )
        return SignedIn(account, opened)

    async def _account(self, account_id: int) -> Account | None:
        found = await self._store.read(directory.account_by_id, account_id)
        return found if found is not None and not found.disabled and found.password else None

    def _note(
        self, account: Account, visitor: Visitor, means: str, *, success: bool, what: str = ""
    ) -> None:
        self._history.note(
            account.id, WEB, visitor.peer, means, success=success, what=what, client=visitor.agent
        )

    def _now(self) -> int:
        return int(self._clock.now() * 1000)

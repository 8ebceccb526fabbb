"""Tokens by which programs use the API: made, checked, revoked."""

from __future__ import annotations

from hashlib import sha256
from typing import Annotated, Literal

from msgspec import Meta, Struct

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.model.account import Account
from merpati.model.administration import Actor
from merpati.services.administration.accounts import Address
from merpati.store import api_tokens, audit, directory
from merpati.store.api_tokens import USED_EVERY, ApiToken
from merpati.store.engine import Store, Transaction

PREFIX = "mpk_"
SECRET = 32  # bytes
TOKENS_MAX = 100  # of one account


class NewToken(Struct, frozen=True, rename="camel", kw_only=True, forbid_unknown_fields=True):
    """A token to be made: to read what its account may see, to do all it may, or only to send."""

    name: Annotated[str, Meta(min_length=1, max_length=100)]
    use: Literal["read", "full", "send"]
    expires_at: Annotated[int, Meta(ge=0, description="Unix milliseconds; 0: never.")] = 0
    senders: Annotated[
        list[Address],
        Meta(max_length=50, description="To send for these addresses only; none: all."),
    ] = []


class MadeToken(Struct, frozen=True, rename="camel", kw_only=True):
    """A token that was made; its secret is shown only now."""

    id: int
    secret: str


class TokenView(Struct, frozen=True, rename="camel", kw_only=True):
    """A token as lists show it. Times are Unix milliseconds, 0: never."""

    id: int
    address: str
    name: str
    use: str
    created_at: int
    expires_at: int
    used_at: int
    senders: list[str]


class Tokens:
    """The tokens of an installation."""

    def __init__(self, store: Store, clock: Clock, ids: Ids) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids

    async def make(self, actor: Actor, account: Account, new: NewToken) -> MadeToken:
        """Make one. Raises Fault TOO_MANY; SYNTAX for senders of one that is not to send."""
        if new.senders and new.use != "send":
            raise Fault(Kind.SYNTAX, "senders are for a token that is only to send")
        senders = [one.lower() for one in new.senders]
        secret = f"{PREFIX}{self._ids.token(SECRET)}"
        now = self._now()

        async def unit(tx: Transaction) -> ApiToken:
            if len(await api_tokens.listing(tx, account.id)) >= TOKENS_MAX:
                raise Fault(Kind.TOO_MANY, f"an account has at most {TOKENS_MAX} tokens")
            made = await api_tokens.add(
                tx, account.id, new.name, new.use, _digest(secret), now, new.expires_at,
                senders,
            )  # fmt: skip
            after = {"name": new.name, "use": new.use}
            after |= {"senders": " ".join(senders)} if senders else {}
            await audit.record(tx, actor, now, "token.add", account.address, after=after)
            return made

        made = await self._store.write(unit)
        return MadeToken(id=made.id, secret=secret)

    async def find(self, secret: str) -> tuple[Account, ApiToken]:
        """Whose a token is. Raises Fault AUTH_FAILED."""
        now = self._now()

        async def unit(tx: Transaction) -> tuple[Account | None, ApiToken | None]:
            token = await api_tokens.find(tx, _digest(secret), now)
            account = await directory.account_by_id(tx, token.account_id) if token else None
            return account, token

        account, token = await self._store.read(unit)
        if account is None or token is None or account.disabled:
            raise Fault(Kind.AUTH_FAILED, "the token is not good, or not any more")
        if now - token.used_at >= USED_EVERY:
            await self._store.write(api_tokens.used, token.id, now)
        return account, token

    async def listing(self, account_id: int = 0) -> list[TokenView]:
        """All of them, or one account's."""
        return [
            TokenView(
                id=one.id, address=address, name=one.name, use=one.use,
                created_at=one.created_at, expires_at=one.expires_at, used_at=one.used_at,
                senders=list(one.senders),
            )
            for address, one in await self._store.read(api_tokens.listing, account_id)
        ]  # fmt: skip

    async def remove(self, actor: Actor, token_id: int, account_id: int = 0) -> None:
        """Make one worthless; with `account_id` only one of that account. Raises NOT_FOUND."""
        now = self._now()

        async def unit(tx: Transaction) -> None:
            known = {one.id: address for address, one in await api_tokens.listing(tx, account_id)}
            if token_id not in known:
                raise Fault(Kind.NOT_FOUND, f"there is no token {token_id}")
            gone = await api_tokens.remove(tx, token_id)
            before = {"name": gone.name if gone else ""}
            await audit.record(tx, actor, now, "token.remove", known[token_id], before=before)

        await self._store.write(unit)

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogatepass")).digest()

"""OAuth 2.0 and OpenID Connect: people let programs in without telling them their password.

A program registers itself (RFC 7591), sends the person to our page with a PKCE challenge, gets a
code, and changes it for tokens; or, without a browser, shows a short code to type elsewhere (RFC
8628). What it gets then is a session of kind "application" (`services/sessions.py`), which its
person sees and can end.

A code is good once, for a few minutes, for the client it was made for. A second try with it means
that somebody else has it, so what the first one got is taken back (RFC 6749 4.1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.ids import Ids
from merpati.base.limits import RateLimit, address_key
from merpati.base.log import Log
from merpati.model import object_ids
from merpati.model.account import Account
from merpati.services.id_tokens import IdTokens
from merpati.services.sessions import Opened, Sessions
from merpati.store import directory, oauth_clients, tickets, web_sessions
from merpati.store.engine import Store
from merpati.store.oauth_clients import OAuthClient
from merpati.store.tickets import Ticket
from merpati.store.web_sessions import APPLICATION, WebSession
from merpati.wire import oauth_requests
from merpati.wire.oauth_requests import Authorization, OAuthFault

CODE_LIFETIME: Final = 300_000  # ms
DEVICE_LIFETIME: Final = 900_000  # ms
POLL: Final = 5  # seconds between two questions of a device
CODE: Final = "oauth-code"
DEVICE: Final = "oauth-device"
USER_CODE: Final = "oauth-user-code"
DENIED: Final = -1  # in place of an account
# No vowels, so no words; nothing that looks like something else (RFC 8628 6.1).
LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"
USER_CODE_LENGTH: Final = 8
DEVICES: Final = 30  # of one address in a row; then as many in an hour
REGISTRATIONS: Final = 20  # of one address in a row; then as many in a day


class Device(NamedTuple):
    """A device that waits for its person."""

    code: str
    client: OAuthClient
    scope: str


class OAuthProvider:
    """The issuer of tokens."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        sessions: Sessions,
        id_tokens: IdTokens,
        log: Log,
        issuer: str,
        *,
        register: bool = True,
    ) -> None:
        """`issuer`: our https address without a path; `register`: any program may."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self._sessions = sessions
        self._id_tokens = id_tokens
        self._log = log
        self.issuer: Final = issuer
        self.registers: Final = register
        self._registrations = RateLimit(REGISTRATIONS / 86_400, REGISTRATIONS, clock)
        self._devices = RateLimit(DEVICES / 3600, DEVICES, clock)
        self._polls = RateLimit(1 / (POLL - 1), 1, clock)

    # Programs

    async def register(self, document: Any, peer: str) -> dict[str, Any]:
        """Let a program be known (RFC 7591 3.1). Raises OAuthFault."""
        if not self.registers:
            raise OAuthFault("access_denied", "programs cannot register here", status=403)
        asked = oauth_requests.registration(document)
        if not self._registrations.take(address_key(peer)):
            raise OAuthFault("temporarily_unavailable", "too many registrations", status=429)
        one = OAuthClient(
            self._ids.token(16), asked.name, asked.uri, asked.redirect_uris, asked.software,
            self._now(), 0,
        )  # fmt: skip
        await self._store.write(oauth_clients.add, one)
        self._log.info("oauth.registered", client=one.id, name=one.name, peer=peer)
        return {
            "client_id": one.id,
            "client_id_issued_at": one.created_at // 1000,
            "client_name": one.name,
            "redirect_uris": one.redirect_uris,
            "grant_types": oauth_requests.GRANTS,
            "response_types": ["code"],
            "token_endpoint_auth_method": "none",
            "scope": " ".join(oauth_requests.SCOPES),
        }

    async def client(self, id_: str) -> OAuthClient:
        """A program. Raises OAuthFault."""
        found = await self._store.read(oauth_clients.find, id_) if id_ else None
        if found is None:
            raise OAuthFault("invalid_client", "this program is not known here", status=401)
        return found

    # By way of our page

    async def asked(self, fields: Mapping[str, str]) -> tuple[OAuthClient, Authorization]:
        """What a program asks a person for. Raises OAuthFault."""
        client = await self.client(fields.get("client_id", ""))
        return client, oauth_requests.authorization(fields, client.redirect_uris)

    async def allow(self, account: Account, asked: Authorization) -> str:
        """The person agrees: where the browser goes now, with a code."""
        code = self._ids.token(32)
        data = {
            "client": asked.client_id,
            "redirect": asked.redirect_uri,
            "scope": asked.scope,
            "challenge": asked.challenge,
            "nonce": asked.nonce,
            "at": self._now(),
        }
        ends = self._now() + CODE_LIFETIME
        await self._store.write(tickets.issue, code, CODE, account.id, data, ends)
        await self._store.write(oauth_clients.note_use, asked.client_id, self._now())
        self._log.info("oauth.allowed", account=account.address, client=asked.client_id)
        values = {"code": code, "state": asked.state, "iss": self.issuer}
        return oauth_requests.answer(asked.redirect_uri, values)

    def deny(self, asked: Authorization) -> str:
        """The person does not: where the browser goes now."""
        values = {"error": "access_denied", "state": asked.state, "iss": self.issuer}
        return oauth_requests.answer(asked.redirect_uri, values)

    # Without a browser

    async def begin_device(self, fields: Mapping[str, str], peer: str) -> dict[str, Any]:
        """A device asks (RFC 8628 3.1). Raises OAuthFault."""
        if not self._devices.take(address_key(peer)):
            raise OAuthFault("temporarily_unavailable", "too many devices", status=429)
        client = await self.client(fields.get("client_id", ""))
        scope = oauth_requests.scopes(fields.get("scope", ""))
        if not scope:
            raise OAuthFault("invalid_scope", "there is no such scope")
        device = self._ids.token(32)
        # 8 bytes against 20**8: what the remainder prefers is far below what anybody could use.
        number = int.from_bytes(self._ids.bytes(8), "big")
        letters = []
        for _ in range(USER_CODE_LENGTH):
            number, index = divmod(number, len(LETTERS))
            letters.append(LETTERS[index])
        user = "".join(letters)
        ends = self._now() + DEVICE_LIFETIME
        data = {"client": client.id, "scope": scope, "user": user}
        await self._store.write(tickets.issue, user, USER_CODE, 0, data, ends)
        await self._store.write(tickets.issue, device, DEVICE, 0, data, ends)
        shown = f"{user[:4]}-{user[4:]}"
        page = f"{self.issuer}/oauth/activate"
        return {
            "device_code": device,
            "user_code": shown,
            "verification_uri": page,
            "verification_uri_complete": f"{page}?user_code={shown}",
            "expires_in": DEVICE_LIFETIME // 1000,
            "interval": POLL,
        }

    async def device(self, typed: str) -> Device | None:
        """The device that shows a code, if it waits."""
        code = "".join(letter for letter in typed.upper()[:40] if letter in LETTERS)
        found = await self._store.read(tickets.find, code, USER_CODE, self._now())
        if found is None or found.account_id:
            return None
        client = await self._store.read(oauth_clients.find, found.data["client"])
        return None if client is None else Device(code, client, found.data["scope"])

    async def decide(self, device: Device, account: Account, *, allow: bool) -> None:
        """The person lets a device in, or not."""
        data = {"client": device.client.id, "scope": device.scope}
        owner = account.id if allow else DENIED
        await self._store.write(tickets.change, device.code, owner, data)
        if allow:
            await self._store.write(oauth_clients.note_use, device.client.id, self._now())
            self._log.info("oauth.allowed", account=account.address, client=device.client.id)

    # Tokens

    async def token(self, fields: Mapping[str, str], peer: str) -> dict[str, Any]:
        """What a program gets for a code, a refresh token, or a device (RFC 6749 5.1)."""
        client = await self.client(fields.get("client_id", ""))
        match fields.get("grant_type", ""):
            case "authorization_code":
                return await self._by_code(client, fields, peer)
            case "refresh_token":
                return await self._by_refresh(client, fields, peer)
            case "urn:ietf:params:oauth:grant-type:device_code":
                return await self._by_device(client, fields, peer)
            case _:
                raise OAuthFault("unsupported_grant_type", "this grant type is not served")

    async def _by_code(
        self, client: OAuthClient, fields: Mapping[str, str], peer: str
    ) -> dict[str, Any]:
        code = fields.get("code", "")
        ticket = await self._store.write(tickets.use, code, CODE, self._now())
        if ticket is None:
            await self._take_back(code)
            raise OAuthFault("invalid_grant", "this code is not good, or not any more")
        data = ticket.data
        is_right = (
            data["client"] == client.id
            and fields.get("redirect_uri", data["redirect"]) == data["redirect"]
            and oauth_requests.is_proven(fields.get("code_verifier", ""), data["challenge"])
        )
        if not is_right:
            raise OAuthFault("invalid_grant", "this code is for another program, or not proven")
        opened = await self._open(client, ticket, peer)
        kept = {**data, "session": opened.session.id}
        await self._store.write(tickets.change, code, ticket.account_id, kept)
        return await self._answer(opened, nonce=data["nonce"], at=data["at"])

    async def _take_back(self, code: str) -> None:
        """End what a code that is tried a second time has opened."""
        used = await self._store.read(tickets.find, code, CODE, self._now())
        if used is not None and "session" in used.data:
            await self._store.write(web_sessions.end, used.account_id, used.data["session"])
            self._log.warning("oauth.code-reused", account=used.account_id)

    async def _by_refresh(
        self, client: OAuthClient, fields: Mapping[str, str], peer: str
    ) -> dict[str, Any]:
        try:
            opened = await self._sessions.refresh(fields.get("refresh_token", ""), peer, client.id)
        except Fault as fault:
            raise OAuthFault("invalid_grant", fault.text) from None
        return await self._answer(opened)

    async def _by_device(
        self, client: OAuthClient, fields: Mapping[str, str], peer: str
    ) -> dict[str, Any]:
        code = fields.get("device_code", "")
        now = self._now()
        waiting = await self._store.read(tickets.find, code, DEVICE, now)
        if waiting is None or waiting.used_at or waiting.data["client"] != client.id:
            raise OAuthFault("expired_token", "begin again")
        if not self._polls.take(waiting.data["user"]):
            raise OAuthFault("slow_down", f"ask every {POLL} seconds")
        person = await self._store.read(tickets.find, waiting.data["user"], USER_CODE, now)
        if person is None or person.account_id == DENIED:
            raise OAuthFault("access_denied", "the person said no")
        if not person.account_id:
            raise OAuthFault("authorization_pending", "the person has not decided yet")
        if await self._store.write(tickets.use, code, DEVICE, now) is None:
            raise OAuthFault("expired_token", "begin again")
        return await self._answer(await self._open(client, person, peer))

    async def _open(self, client: OAuthClient, ticket: Ticket, peer: str) -> Opened:
        return await self._sessions.open(
            ticket.account_id, peer, client.name or client.id, client_id=client.id,
            scope=ticket.data["scope"],
        )  # fmt: skip

    async def _answer(self, opened: Opened, nonce: str = "", at: int = 0) -> dict[str, Any]:
        scope = opened.session.scope
        told: dict[str, Any] = {
            "access_token": opened.access,
            "token_type": "Bearer",
            "expires_in": opened.expires_in,
            "refresh_token": opened.refresh,
            "scope": scope,
        }
        if "openid" in scope.split():
            account = await self._store.read(directory.account_by_id, opened.session.account_id)
            if account is None or account.disabled:
                raise OAuthFault("invalid_grant", "this account is not there any more")
            now = self._now() // 1000
            claims = {
                "iss": self.issuer,
                "aud": opened.session.client_id,
                "iat": now,
                "exp": now + opened.expires_in,
                **claims_of(account, scope),
                **({"nonce": nonce} if nonce else {}),
                **({"auth_time": at // 1000} if at else {}),
            }
            told["id_token"] = await self._id_tokens.sign(claims)
        return told

    async def revoke(self, fields: Mapping[str, str]) -> None:
        """Give a token back (RFC 7009 2.1); one that is not good is no error."""
        client = await self.client(fields.get("client_id", ""))
        token = fields.get("token", "")
        session = await self._sessions.find(token)
        if session is not None and session.client_id == client.id:
            await self._sessions.end_token(token)
            self._sessions.forget()
        else:
            await self._sessions.end_by_refresh(token, client.id)

    async def introspect(self, token: str, account: Account) -> dict[str, Any]:
        """What a token is good for, told to the one it belongs to (RFC 7662 2.2)."""
        session = await self._sessions.find(token)
        if session is None or session.account_id != account.id:
            return {"active": False}
        return {
            "active": True,
            "scope": session.scope,
            "client_id": session.client_id,
            "username": account.address,
            "token_type": "Bearer",
            "sub": object_ids.account(account.id),
            "iss": self.issuer,
        }

    async def userinfo(self, token: str) -> dict[str, Any] | None:
        """Who the person is, for a token with that scope; None for any other."""
        session = await self._sessions.find(token)
        if session is None or not _is_for_openid(session):
            return None
        account = await self._store.read(directory.account_by_id, session.account_id)
        if account is None or account.disabled:
            return None
        return claims_of(account, session.scope)

    async def public_keys(self) -> dict[str, Any]:
        """What ID tokens are checked with."""
        return await self._id_tokens.public_keys()

    def _now(self) -> int:
        return int(self._clock.now() * 1000)


def claims_of(account: Account, scope: str) -> dict[str, Any]:
    """What a program may know of a person (OpenID Connect Core 5.4)."""
    told: dict[str, Any] = {"sub": object_ids.account(account.id)}
    words = scope.split()
    if "email" in words or "mail" in words:
        told |= {"email": account.address, "email_verified": True}
    if "profile" in words or "mail" in words:
        told |= {"name": account.name, "locale": account.language}
    return told


def _is_for_openid(session: WebSession) -> bool:
    return session.kind == APPLICATION and "openid" in session.scope.split()

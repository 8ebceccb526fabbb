"""How somebody signs in, managed by that person over HTTP: docs/reference/http-sign-in.md.

All of it wants the access token of a browser's session. What would let a thief of such a token
stay, wants besides that the person has lately proven who it is (`Confirm`).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.log import Log
from merpati.model.account import Account
from merpati.model.administration import Actor
from merpati.servers.web import json_api
from merpati.servers.web.json_api import Confirm
from merpati.servers.web.sign_in import person
from merpati.services.app_passwords import PROTOCOLS, AppPasswords, check_name
from merpati.services.http_sign_in import HttpSignIn
from merpati.services.own_password import OwnPassword
from merpati.services.passkeys import Passkeys
from merpati.services.second_factor import SecondFactor, qr
from merpati.services.sessions import Sessions
from merpati.services.setup_profiles import SetupProfiles
from merpati.services.sign_in_history import SignInHistory
from merpati.services.web_sign_in import WebSignIn
from merpati.store import audit, directory, second_factors
from merpati.store.app_passwords import AppPassword
from merpati.store.engine import Store
from merpati.store.second_factors import Passkey
from merpati.store.web_sessions import WebSession

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

HISTORY_MAX: Final = 500

Handler = Callable[["Request", Account, WebSession], Awaitable[Response]]


class Change(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    """The body of PATCH /auth/me."""

    language: Literal["en", "id"] | None = None
    name: str | None = None
    browser_only: bool | None = None


class Proof(msgspec.Struct, rename="camel"):
    """The body of /auth/confirm."""

    kind: Literal["password", "totp", "recovery", "passkey"] = "password"
    password: str = ""
    code: str = ""
    challenge: str = ""
    credential: dict[str, Any] = {}


class NewPassword(msgspec.Struct, rename="camel"):
    """The body of /auth/password."""

    current: str
    new: str


class Code(msgspec.Struct):
    """The body of /auth/totp/confirm."""

    code: str


class NewPasskey(msgspec.Struct, rename="camel"):
    """The body of POST /auth/passkeys."""

    challenge: str
    credential: dict[str, Any]
    name: str


class Name(msgspec.Struct):
    """The body of a renaming."""

    name: str


class NewAppPassword(msgspec.Struct, rename="camel"):
    """The body of POST /auth/app-passwords."""

    name: str
    protocols: list[str]
    networks: list[str] = []
    expires_at: int = 0


@dataclass(frozen=True, slots=True)
class Services:
    """What the endpoints stand on."""

    store: Store
    clock: Clock
    log: Log
    http: HttpSignIn
    sign_in: WebSignIn
    sessions: Sessions
    factors: SecondFactor
    passkeys: Passkeys
    app_passwords: AppPasswords
    history: SignInHistory
    password: OwnPassword
    profiles: SetupProfiles


class OwnAccount:
    """The endpoints."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def routes(self) -> list[BaseRoute]:
        """What is answered here: path, methods, and whether a confirmation is wanted."""
        yes, no = True, False
        table: list[tuple[str, str, Handler, bool]] = [
            ("GET", "/auth/me", self._me, no),
            ("PATCH", "/auth/me", self._change, no),
            ("POST", "/auth/confirm", self._confirm, no),
            ("POST", "/auth/password", self._password, no),
            ("POST", "/auth/totp", self._enrol, yes),
            ("POST", "/auth/totp/confirm", self._confirm_totp, no),
            ("DELETE", "/auth/totp", self._remove_totp, yes),
            ("POST", "/auth/recovery-codes", self._recovery_codes, yes),
            ("GET", "/auth/passkeys", self._passkeys, no),
            ("POST", "/auth/passkeys/begin", self._begin_passkey, yes),
            ("POST", "/auth/passkeys", self._add_passkey, yes),
            ("PATCH", "/auth/passkeys/{id}", self._rename_passkey, no),
            ("DELETE", "/auth/passkeys/{id}", self._remove_passkey, yes),
            ("GET", "/auth/app-passwords", self._app_passwords, no),
            ("POST", "/auth/app-passwords", self._add_app_password, yes),
            ("PATCH", "/auth/app-passwords/{id}", self._rename_app_password, no),
            ("DELETE", "/auth/app-passwords/{id}", self._revoke_app_password, no),
            ("GET", "/auth/sessions", self._sessions, no),
            ("DELETE", "/auth/sessions", self._end_others, no),
            ("DELETE", "/auth/sessions/{id}", self._end, no),
            ("GET", "/auth/history", self._history, no),
        ]
        return [
            Route(path, self._endpoint(handler, confirmed=confirmed), methods=[method])
            for method, path, handler, confirmed in table
        ]

    def _endpoint(self, handler: Handler, *, confirmed: bool) -> json_api.Handler:
        async def answer(request: Request) -> Response:
            account, session = await self._services.http.person(
                request.headers.get("authorization"), json_api.peer(request)
            )
            if confirmed and not self._services.sessions.is_confirmed(session):
                raise Confirm
            return await handler(request, account, session)

        return json_api.endpoint(answer)

    # Who I am

    async def _me(self, _request: Request, account: Account, session: WebSession) -> Response:
        has = await self._services.factors.factors(account.id)
        return json_api.reply(
            {
                "account": person(account),
                "session": str(session.id),
                "browserOnly": account.browser_only,
                "totp": has.totp,
                "passkeys": has.passkeys,
                "recoveryCodes": has.recovery_codes,
                "protocols": PROTOCOLS,
            }
        )

    async def _change(self, request: Request, account: Account, session: WebSession) -> Response:
        given = await json_api.body(request, Change)
        services = self._services
        changes: dict[str, str | int] = {}
        if given.language is not None:
            changes["language"] = given.language
        if given.name is not None:
            changes["name"] = check_name(given.name)
        if given.browser_only is not None and given.browser_only != account.browser_only:
            await self._set_browser_only(account, session, browser_only=given.browser_only)
        if changes:
            await services.store.write(directory.set_account, account.id, **changes)
        fresh = await services.store.read(directory.account_by_id, account.id)
        return await self._me(request, fresh or account, session)

    async def _set_browser_only(
        self, account: Account, session: WebSession, *, browser_only: bool
    ) -> None:
        services = self._services
        if not browser_only:
            if (await services.factors.factors(account.id)).any:
                text = "with a second factor the password works in the browser alone"
                raise Fault(Kind.EXISTS, text)
            if not services.sessions.is_confirmed(session):
                raise Confirm
        await services.store.write(second_factors.protect, account.id, browser_only=browser_only)
        await self._audit("browser-only" if browser_only else "everywhere", account, session)

    async def _confirm(self, request: Request, _: Account, session: WebSession) -> Response:
        given = await json_api.body(request, Proof)
        proof = msgspec.structs.asdict(given)
        await self._services.sign_in.confirm(session, given.kind, proof, json_api.visitor(request))
        return json_api.done()

    async def _password(self, request: Request, account: Account, session: WebSession) -> Response:
        given = await json_api.body(request, NewPassword)
        visitor = json_api.visitor(request)
        await self._services.sign_in.check_password(account.address, given.current, visitor)
        await self._services.password.change(account, session, given.new)
        await self._audit("password-changed", account, session)
        return json_api.done()

    # Second factors

    async def _enrol(self, _: Request, account: Account, _session: WebSession) -> Response:
        made = await self._services.factors.enrol(account)
        return json_api.reply({"secret": made.secret, "uri": made.uri, "qr": made.qr})

    async def _confirm_totp(
        self, request: Request, account: Account, session: WebSession
    ) -> Response:
        given = await json_api.body(request, Code)
        codes = await self._services.factors.confirm(account, given.code)
        await self._audit("totp-added", account, session)
        return json_api.reply({"recoveryCodes": codes})

    async def _remove_totp(self, _: Request, account: Account, session: WebSession) -> Response:
        await self._services.factors.remove(account)
        await self._audit("totp-removed", account, session)
        return json_api.done()

    async def _recovery_codes(self, _: Request, account: Account, session: WebSession) -> Response:
        if not (await self._services.factors.factors(account.id)).any:
            raise Fault(Kind.NOT_FOUND, "there is no second factor to do without")
        codes = await self._services.factors.new_codes(account)
        await self._audit("recovery-codes-made", account, session)
        return json_api.reply({"recoveryCodes": codes})

    async def _passkeys(self, _: Request, account: Account, _session: WebSession) -> Response:
        found = await self._services.passkeys.of_account(account.id)
        return json_api.reply({"passkeys": [_passkey(one) for one in found]})

    async def _begin_passkey(self, request: Request, account: Account, _: WebSession) -> Response:
        site = json_api.visitor(request).site
        asked = await self._services.passkeys.begin_making(account, site)
        return json_api.reply({"challenge": asked.challenge, "publicKey": asked.options})

    async def _add_passkey(
        self, request: Request, account: Account, session: WebSession
    ) -> Response:
        given = await json_api.body(request, NewPasskey)
        made = await self._services.passkeys.make(
            account, json_api.visitor(request).site, given.challenge, given.credential, given.name
        )
        codes = await self._services.factors.first_codes(account)
        await self._audit("passkey-added", account, session, name=made.name)
        return json_api.reply({"passkey": _passkey(made), "recoveryCodes": codes}, 201)

    async def _rename_passkey(self, request: Request, account: Account, _: WebSession) -> Response:
        given = await json_api.body(request, Name)
        await self._services.passkeys.rename(account.id, request.path_params["id"], given.name)
        return json_api.done()

    async def _remove_passkey(
        self, request: Request, account: Account, session: WebSession
    ) -> Response:
        await self._services.passkeys.remove(account.id, request.path_params["id"])
        await self._audit("passkey-removed", account, session)
        return json_api.done()

    # App passwords

    async def _app_passwords(self, _: Request, account: Account, _session: WebSession) -> Response:
        found = await self._services.app_passwords.of_account(account.id)
        return json_api.reply({"appPasswords": [_app_password(one) for one in found]})

    async def _add_app_password(
        self, request: Request, account: Account, session: WebSession
    ) -> Response:
        given = await json_api.body(request, NewAppPassword)
        made, password = await self._services.app_passwords.make(
            account.id, given.name, given.protocols, given.networks, given.expires_at
        )
        await self._audit("app-password-added", account, session, name=made.name)
        profile = ""
        if {"imap", "smtp"} <= set(made.protocols):
            ticket = await self._services.profiles.keep(account, password)
            profile = f"{json_api.origin(request)}/auth/profile/{ticket}"
        told = {
            "appPassword": _app_password(made),
            "password": password,
            "profile": profile,
            "qr": await qr(profile) if profile else "",
        }
        return json_api.reply(told, 201)

    async def _rename_app_password(
        self, request: Request, account: Account, _: WebSession
    ) -> Response:
        given = await json_api.body(request, Name)
        await self._services.app_passwords.rename(account.id, request.path_params["id"], given.name)
        return json_api.done()

    async def _revoke_app_password(
        self, request: Request, account: Account, session: WebSession
    ) -> Response:
        await self._services.app_passwords.revoke(account.id, request.path_params["id"])
        await self._audit("app-password-revoked", account, session, id=request.path_params["id"])
        return json_api.done()

    # Sessions and history

    async def _sessions(self, _: Request, account: Account, session: WebSession) -> Response:
        found = await self._services.sessions.of_account(account.id)
        return json_api.reply(
            {
                "sessions": [
                    {
                        "id": str(one.id),
                        "kind": one.kind,
                        "client": one.client,
                        "scope": one.scope,
                        "current": one.id == session.id,
                        "peer": one.peer,
                        "createdAt": one.created_at,
                        "usedAt": one.used_at,
                        "expiresAt": one.expires_at,
                    }
                    for one in found
                ]
            }
        )

    async def _end(self, request: Request, account: Account, session: WebSession) -> Response:
        number = request.path_params["id"]
        if not number.isascii() or not number.isdigit() or len(number) > 18:
            raise Fault(Kind.NOT_FOUND, "there is no such session")
        await self._services.sessions.end(account.id, int(number))
        await self._audit("session-ended", account, session, ended=number)
        return json_api.done()

    async def _end_others(self, _: Request, account: Account, session: WebSession) -> Response:
        await self._services.sessions.end_others(account.id, session.id)
        await self._audit("sessions-ended", account, session)
        return json_api.done()

    async def _history(self, request: Request, account: Account, _: WebSession) -> Response:
        wanted = request.query_params.get("limit", "100")
        limit = int(wanted) if wanted.isascii() and wanted.isdigit() and len(wanted) < 6 else 100
        found = await self._services.history.of_account(account.id, min(limit, HISTORY_MAX))
        told = [
            {
                "at": one.at,
                "firstAt": one.first_at,
                "count": one.times,
                "protocol": one.protocol,
                "peer": one.peer,
                "means": one.means,
                "what": one.what,
                "client": one.client,
                "success": one.success,
            }
            for one in found
        ]
        return json_api.reply({"history": told})

    async def _audit(self, what: str, account: Account, session: WebSession, **more: str) -> None:
        actor = Actor(account.address, "api", account.id, session.peer)
        now = int(self._services.clock.now() * 1000)
        await self._services.store.write(
            audit.record, actor, now, f"sign-in.{what}", account.address, after=more
        )
        self._services.log.info(
            "account.sign-in-changed", what=what, account=account.address, session=session.id,
            peer=session.peer, **more,
        )  # fmt: skip


def _passkey(one: Passkey) -> dict[str, Any]:
    return {"id": one.id, "name": one.name, "createdAt": one.created_at, "usedAt": one.used_at}


def _app_password(one: AppPassword) -> dict[str, Any]:
    return {
        "id": one.id,
        "name": one.name,
        "protocols": one.protocols,
        "networks": one.networks,
        "createdAt": one.created_at,
        "expiresAt": one.expires_at,
        "usedAt": one.used_at,
        "usedFrom": one.used_from,
        "usedFor": one.used_for,
    }

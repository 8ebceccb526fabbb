"""Signing in over HTTP: docs/reference/http-sign-in.md.

The cookie is looked at by two endpoints alone, and only when the browser says that our own pages
ask: there is nothing that another site could make a browser do in a person's name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from merpati.base.faults import Fault, Kind
from merpati.model import object_ids
from merpati.model.account import Account
from merpati.servers.web import json_api
from merpati.services.sessions import Sessions
from merpati.services.web_sign_in import SignedIn, Wanted, WebSignIn

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

PATH: Final = "/auth"  # the cookie goes nowhere else
COOKIE: Final = "merpati"
SECURE_COOKIE: Final = "__Secure-merpati"  # RFC 6265bis 4.1.3.1; __Host- would want the path /


class SignIn(msgspec.Struct, rename="camel"):
    """The body of /auth/sign-in."""

    name: str
    password: str
    remember: bool = False


class SecondFactor(msgspec.Struct, rename="camel"):
    """The body of /auth/second-factor."""

    challenge: str
    kind: str
    code: str = ""
    credential: dict[str, Any] = {}


class PasskeyBegin(msgspec.Struct, rename="camel"):
    """The body of /auth/passkey/begin."""

    challenge: str = ""


class PasskeyFinish(msgspec.Struct, rename="camel"):
    """The body of /auth/passkey/finish."""

    challenge: str
    credential: dict[str, Any]
    remember: bool = False


class Nothing(msgspec.Struct):
    """A body that says nothing."""


class SignInPages:
    """The endpoints."""

    def __init__(self, sign_in: WebSignIn, sessions: Sessions) -> None:
        self._sign_in = sign_in
        self._sessions = sessions

    def routes(self) -> list[BaseRoute]:
        """What is answered here."""
        handlers = {
            "/auth/sign-in": self._begin,
            "/auth/second-factor": self._second,
            "/auth/passkey/begin": self._begin_passkey,
            "/auth/passkey/finish": self._finish_passkey,
            "/auth/refresh": self._refresh,
            "/auth/sign-out": self._sign_out,
        }
        return [
            Route(path, json_api.endpoint(handler), methods=["POST"])
            for path, handler in handlers.items()
        ]

    async def _begin(self, request: Request) -> Response:
        given = await json_api.body(request, SignIn)
        done = await self._sign_in.begin(
            given.name, given.password, json_api.visitor(request), remember=given.remember
        )
        if isinstance(done, Wanted):
            return json_api.reply({"secondFactor": done.kinds, "challenge": done.challenge})
        return _signed_in(request, done)

    async def _second(self, request: Request) -> Response:
        given = await json_api.body(request, SecondFactor)
        answer = given.credential if given.kind == "passkey" else given.code
        return _signed_in(
            request,
            await self._sign_in.second(
                given.challenge, given.kind, answer, json_api.visitor(request)
            ),
        )

    async def _begin_passkey(self, request: Request) -> Response:
        given = await json_api.body(request, PasskeyBegin)
        asked = await self._sign_in.begin_passkey(given.challenge, json_api.visitor(request))
        return json_api.reply({"challenge": asked.challenge, "publicKey": asked.options})

    async def _finish_passkey(self, request: Request) -> Response:
        given = await json_api.body(request, PasskeyFinish)
        done = await self._sign_in.by_passkey(
            given.challenge, given.credential, json_api.visitor(request), remember=given.remember
        )
        return _signed_in(request, done)

    async def _refresh(self, request: Request) -> Response:
        cookie = await _cookie(request)
        try:
            return _signed_in(
                request, await self._sign_in.refresh(cookie, json_api.visitor(request))
            )
        except Fault as fault:
            answer = json_api.problem(fault)
            if fault.kind is Kind.AUTH_REQUIRED:
                _drop_cookie(request, answer)
            return answer

    async def _sign_out(self, request: Request) -> Response:
        await self._sessions.end_by_refresh(await _cookie(request))
        answer = json_api.done()
        _drop_cookie(request, answer)
        return answer


def person(account: Account) -> dict[str, Any]:
    """An account as its owner sees it."""
    return {
        "id": object_ids.account(account.id),
        "address": account.address,
        "name": account.name,
        "language": account.language,
        "isAdmin": account.is_admin,
    }


def _signed_in(request: Request, done: SignedIn) -> Response:
    opened = done.opened
    answer = json_api.reply(
        {
            "accessToken": opened.access,
            "expiresIn": opened.expires_in,
            "account": person(done.account),
        }
    )
    session = opened.session
    lifetime = (session.expires_at - session.used_at) // 1000 if session.remember else None
    name, is_secure = _cookie_name(request)
    answer.set_cookie(
        name, opened.refresh, max_age=lifetime, path=PATH, secure=is_secure, httponly=True,
        samesite="strict",
    )  # fmt: skip
    return answer


async def _cookie(request: Request) -> str:
    """The refresh token. Raises Fault DENIED for a request that is not from our own pages."""
    if not json_api.is_own(request, surely=True):
        raise Fault(Kind.DENIED, "this is for our own pages")
    await json_api.body(request, Nothing)
    return request.cookies.get(_cookie_name(request)[0], "")


def _drop_cookie(request: Request, answer: Response) -> None:
    name, is_secure = _cookie_name(request)
    answer.delete_cookie(name, path=PATH, secure=is_secure, httponly=True, samesite="strict")


def _cookie_name(request: Request) -> tuple[str, bool]:
    is_secure = request.url.scheme == "https"
    return (SECURE_COOKIE if is_secure else COOKIE), is_secure

"""OAuth 2.0 and OpenID Connect over HTTP; what they mean is in `services/oauth_provider.py`.

The page asks for the password or a passkey each time and knows no cookie, so no other site can
agree to anything in a person's name.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.servers.web import json_api, oauth_pages
from merpati.services.http_sign_in import HttpSignIn
from merpati.services.oauth_provider import Device, OAuthProvider
from merpati.services.web_sign_in import PURPOSE, WebSignIn
from merpati.store.oauth_clients import OAuthClient
from merpati.wire import http_credentials, oauth_requests
from merpati.wire.http_credentials import Token
from merpati.wire.oauth_requests import Authorization, OAuthFault

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

TOLD: Final = frozenset({Kind.AUTH_FAILED, Kind.TOO_MANY, Kind.UNSUPPORTED})  # on the page again
PASSKEY: Final = "passkey"  # a decision, and the field of what was asked of it
ANSWER_MAX: Final = 8000  # characters of what a passkey answers: its id alone has up to 1023 bytes
FORM: Final = "application/x-www-form-urlencoded"
ASKED: Final = (
    "client_id", "redirect_uri", "response_type", "scope", "state", "code_challenge",
    "code_challenge_method", "nonce", "login_hint", "prompt",
)  # fmt: skip

Fields = Mapping[str, str]


class OAuth:
    """The endpoints."""

    def __init__(self, provider: OAuthProvider, sign_in: WebSignIn, http: HttpSignIn) -> None:
        self._provider = provider
        self._sign_in = sign_in
        self._http = http

    def routes(self) -> list[BaseRoute]:
        """What is answered here."""
        form, page = self._form, _page
        return [
            Route("/.well-known/oauth-authorization-server", self._metadata),
            Route("/.well-known/openid-configuration", self._metadata),
            Route("/oauth/keys", self._keys),
            Route("/oauth/register", _json_told(self._register), methods=["POST"]),
            Route("/oauth/token", form(self._token), methods=["POST"]),
            Route("/oauth/device", form(self._device), methods=["POST"]),
            Route("/oauth/revoke", form(self._revoke), methods=["POST"]),
            Route("/oauth/introspect", form(self._introspect), methods=["POST"]),
            Route("/oauth/userinfo", _json_told(self._userinfo), methods=["GET", "POST"]),
            Route("/oauth/authorize", page(self._ask), methods=["GET"]),
            Route("/oauth/authorize", page(self._decide), methods=["POST"]),
            Route("/oauth/activate", page(self._ask_device), methods=["GET"]),
            Route("/oauth/activate", page(self._decide_device), methods=["POST"]),
        ]

    # For programs

    async def _metadata(self, _: Request) -> Response:
        """RFC 8414 2, and OpenID Connect Discovery 3."""
        issuer = self._provider.issuer
        told: dict[str, Any] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/oauth/authorize",
            "token_endpoint": f"{issuer}/oauth/token",
            "device_authorization_endpoint": f"{issuer}/oauth/device",
            "revocation_endpoint": f"{issuer}/oauth/revoke",
            "introspection_endpoint": f"{issuer}/oauth/introspect",
            "userinfo_endpoint": f"{issuer}/oauth/userinfo",
            "jwks_uri": f"{issuer}/oauth/keys",
            "scopes_supported": oauth_requests.SCOPES,
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": oauth_requests.GRANTS,
            "token_endpoint_auth_methods_supported": ["none"],
            "revocation_endpoint_auth_methods_supported": ["none"],
            "code_challenge_methods_supported": ["S256"],
            "authorization_response_iss_parameter_supported": True,  # RFC 9207 3
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "claims_supported": ["sub", "email", "email_verified", "name", "locale"],
            "ui_locales_supported": ["en", "id"],
        }
        if self._provider.registers:
            told["registration_endpoint"] = f"{issuer}/oauth/register"
        return _open(json_api.reply(told))

    async def _keys(self, _: Request) -> Response:
        return _open(json_api.reply(await self._provider.public_keys()))

    async def _register(self, request: Request) -> Response:
        try:
            document = json.loads(await json_api.raw_body(request))
        except (ValueError, RecursionError):
            raise OAuthFault("invalid_client_metadata", "the body is not JSON") from None
        told = await self._provider.register(document, json_api.peer(request))
        return json_api.reply(told, 201)

    async def _token(self, request: Request, fields: Fields) -> Response:
        told = await self._provider.token(fields, json_api.peer(request))
        return json_api.reply(told)

    async def _device(self, request: Request, fields: Fields) -> Response:
        return json_api.reply(await self._provider.begin_device(fields, json_api.peer(request)))

    async def _revoke(self, _: Request, fields: Fields) -> Response:
        await self._provider.revoke(fields)
        return json_api.reply({})

    async def _introspect(self, request: Request, fields: Fields) -> Response:
        account = await self._http.account(
            request.headers.get("authorization"), json_api.peer(request), "jmap"
        )
        return json_api.reply(await self._provider.introspect(fields.get("token", ""), account))

    async def _userinfo(self, request: Request) -> Response:
        given = http_credentials.read(request.headers.get("authorization", ""))
        told = await self._provider.userinfo(given) if isinstance(given, Token) else None
        if told is None:
            raise Fault(Kind.AUTH_FAILED, "the token is not good, or not for this")
        return json_api.reply(told)

    def _form(self, handler: Callable[[Request, Fields], Awaitable[Response]]) -> json_api.Handler:
        async def answer(request: Request) -> Response:
            return await handler(request, await _fields(request))

        return _json_told(answer)

    # For people

    async def _ask(self, request: Request) -> Response:
        client, asked = await self._provider.asked(oauth_requests.fields(request.url.query))
        return self._consent(request, client, asked)

    def _consent(
        self, request: Request, client: OAuthClient, asked: Authorization, wrong: str = "",
        name: str = "",
    ) -> Response:  # fmt: skip
        return oauth_pages.consent(
            _language(request), client.name, asked.scope.split(), _again(asked),
            place=_place(asked.redirect_uri), target=oauth_requests.form_target(asked.redirect_uri),
            name=name or asked.hint, wrong=wrong,
        )  # fmt: skip

    async def _decide(self, request: Request) -> Response:
        given = await _fields(request, ANSWER_MAX)
        client, asked = await self._provider.asked(
            {name: given[name] for name in ASKED if name in given}
        )
        if given.get("decision") not in {"allow", PASSKEY}:
            return RedirectResponse(self._provider.deny(asked), 303)
        target = oauth_requests.form_target(asked.redirect_uri)
        kept = _again(asked)
        try:
            account = await self._person(request, given, kept, client, target)
        except Fault as fault:
            if fault.kind not in TOLD:
                raise
            name = given.get("name", "")
            return self._consent(request, client, asked, wrong=fault.kind.value, name=name)
        if isinstance(account, Response):
            return account
        return RedirectResponse(await self._provider.allow(account, asked), 303)

    async def _person(
        self, request: Request, given: Fields, kept: Fields, client: OAuthClient, target: str = ""
    ) -> Account | Response:
        """Who has filled in the form; or the page that asks for a second factor or a passkey."""
        visitor = json_api.visitor(request)
        what = _purpose(kept)
        if given.get("decision") == PASSKEY:
            question = await self._sign_in.ask_passkey(visitor, what)
            return oauth_pages.passkey(
                _language(request), client.name, {**kept, PASSKEY: question.challenge},
                question.options, target=target,
            )  # fmt: skip
        if PASSKEY in given:
            answer = _object(given.get("credential", ""))
            return await self._sign_in.answer_passkey(given[PASSKEY], answer, visitor, what)
        if "challenge" not in given:
            account = await self._sign_in.check_password(
                given.get("name", ""), given.get("password", ""), visitor
            )
            kinds = await self._sign_in.wanted(account)
            if not kinds:
                return account
            challenge = await self._sign_in.challenge(account, {PURPOSE: what})
            return oauth_pages.second(
                _language(request), {**kept, "challenge": challenge}, target=target
            )
        code = given.get("code", "")
        kind = "totp" if len(code.replace(" ", "")) <= 8 else "recovery"
        account, data = await self._sign_in.answer(given["challenge"], kind, code, visitor)
        if data.get(PURPOSE) != what:  # a challenge of somewhere else, or for another program
            raise Fault(Kind.AUTH_FAILED, "begin again")
        return account

    async def _ask_device(self, request: Request) -> Response:
        code = oauth_requests.fields(request.url.query).get("user_code", "")
        if not code:
            return oauth_pages.device(_language(request))
        found = await self._provider.device(code)
        if found is None:
            await self._count(request)
            return oauth_pages.device(_language(request), code=code[:20], wrong="no-device")
        return self._device_consent(request, found)

    async def _count(self, request: Request) -> None:
        """A code that no device shows is a guess (RFC 8628 5.1)."""
        self._sign_in.guess_of_code(json_api.visitor(request))

    def _device_consent(self, request: Request, found: Device, wrong: str = "") -> Response:
        return oauth_pages.consent(
            _language(request), found.client.name, found.scope.split(), {"user_code": found.code},
            wrong=wrong,
        )  # fmt: skip

    async def _decide_device(self, request: Request) -> Response:
        given = await _fields(request, ANSWER_MAX)
        found = await self._provider.device(given.get("user_code", ""))
        if found is None:
            return oauth_pages.device(_language(request), wrong="no-device")
        kept = {"user_code": found.code}
        try:
            account = await self._person(request, given, kept, found.client)
        except Fault as fault:
            if fault.kind not in TOLD:
                raise
            return self._device_consent(request, found, wrong=fault.kind.value)
        if isinstance(account, Response):
            return account
        allowed = given.get("decision") == "allow"
        await self._provider.decide(found, account, allow=allowed)
        return oauth_pages.over(_language(request), allowed=allowed)


def _json_told(handler: json_api.Handler) -> json_api.Handler:
    """An endpoint for programs: refusals in OAuth's words (RFC 6749 5.2). They hold no cookie."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except OAuthFault as fault:
            told = {"error": fault.error, "error_description": fault.text}
            return json_api.reply(told, fault.http)
        except Fault as fault:
            return json_api.problem(fault)

    return answer


def _page(handler: json_api.Handler) -> json_api.Handler:
    """An endpoint for people; a program's mistakes go back to it where that is safe."""

    async def answer(request: Request) -> Response:
        lang = _language(request)
        if request.method == "POST" and not json_api.is_own(request):
            return oauth_pages.refused(lang, "this is for our own pages", 403)
        try:
            return await handler(request)
        except OAuthFault as fault:
            if fault.redirect is not None:
                return RedirectResponse(fault.redirect, 303)
            return oauth_pages.refused(lang, fault.text)
        except Fault as fault:
            if fault.kind is Kind.TOO_LARGE:
                return oauth_pages.refused(lang, fault.text, 413)
            return oauth_pages.later(lang)

    return answer


async def _fields(request: Request, most: int = oauth_requests.VALUE_MAX) -> dict[str, str]:
    """The fields of a form. Raises OAuthFault, Fault TOO_LARGE."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM:
        raise OAuthFault("invalid_request", f"the content type is {FORM}")
    body = await json_api.raw_body(request)
    return oauth_requests.fields(body.decode("latin-1"), most)


def _object(text: str) -> dict[str, Any]:
    """What a script has put into a field. Raises Fault AUTH_FAILED for anything but an object."""
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Fault(Kind.AUTH_FAILED, "the passkey has not answered")
    return found


def _open(answer: Response) -> Response:
    """What pages of others may read, too: there is nothing of anybody in it."""
    answer.headers["access-control-allow-origin"] = "*"
    return answer


def _again(asked: Authorization) -> dict[str, str]:
    """What was asked, as the fields that ask it."""
    return {
        "client_id": asked.client_id,
        "redirect_uri": asked.redirect_uri,
        "response_type": "code",
        "scope": asked.scope,
        "state": asked.state,
        "code_challenge": asked.challenge,
        "code_challenge_method": "S256",
        "nonce": asked.nonce,
    }


def _purpose(kept: Fields) -> str:
    return "\n".join(f"{name}={value}" for name, value in sorted(kept.items()))


def _place(uri: str) -> str:
    """Where a redirect goes, for people; empty for a program on this machine."""
    parts = urlsplit(uri)
    if parts.hostname in oauth_requests.LOOPBACK or parts.scheme not in {"http", "https"}:
        return ""
    return parts.hostname or ""


def _language(request: Request) -> str:
    return oauth_pages.language(request.headers.get("accept-language", ""))

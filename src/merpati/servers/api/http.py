"""The API over HTTP: who asks, may they, and what they send; faults become problem documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec
from starlette.responses import Response
from starlette.routing import Route

from merpati import __version__
from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.model.administration import NOBODY, Actor
from merpati.servers.api import openapi
from merpati.servers.api.openapi import PREFIX
from merpati.servers.api.operation import Call, Operation, Services, Who, check
from merpati.services.administration import tokens
from merpati.services.http_sign_in import HttpSignIn
from merpati.store import delegates
from merpati.store.api_tokens import ApiToken
from merpati.wire.http_credentials import CHALLENGE

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

STATUS: Final = {
    Kind.AUTH_REQUIRED: 401,
    Kind.AUTH_FAILED: 401,
    Kind.DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.EXISTS: 409,
    Kind.IN_USE: 409,
    Kind.TOO_LARGE: 413,
    Kind.OVER_QUOTA: 413,
    Kind.TOO_MANY: 429,
    Kind.UNAVAILABLE: 503,
    Kind.NO_SPACE: 507,
}
HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_SCHEME: Final = "bearer "


class Api:
    """The API of one worker."""

    def __init__(
        self, services: Services, sign_in: HttpSignIn, operations: Sequence[Operation]
    ) -> None:
        self._services = services
        self._sign_in = sign_in
        self.operations: Final = tuple(operations)
        self._document = b""

    def routes(self) -> list[BaseRoute]:
        """What is answered here; what is not is a problem document as well."""
        return [
            Route(f"{PREFIX}/openapi.json", self._openapi),
            *(
                Route(PREFIX + one.path, self._endpoint(one), methods=[one.method])
                for one in self.operations
            ),
            Route(PREFIX + "/{rest:path}", _nothing),
        ]

    async def _openapi(self, _request: Request) -> Response:
        if not self._document:
            made = openapi.document(self.operations, __version__)
            self._document = msgspec.json.encode(made)
        return Response(self._document, media_type="application/json", headers=HEADERS)

    def _endpoint(self, operation: Operation) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                return await self._answer(operation, request)
            except Fault as fault:
                return problem(fault)

        return endpoint

    async def _answer(self, operation: Operation, request: Request) -> Response:
        user, token = await self._user(operation, request)
        scope = NOBODY
        if operation.who is not Who.USER or operation.topic == "me":
            scope = await self._services.store.read(delegates.scope, user)
        check(operation, scope, request.path_params)
        peer = request.client.host if request.client is not None else ""
        call = Call(
            services=self._services,
            user=user,
            scope=scope,
            actor=Actor(user.address, "api", user.id, peer),
            path={name: str(value) for name, value in request.path_params.items()},
            query=_query(operation, request),
            body=await _body(operation, request),
            now=int(self._services.clock.now() * 1000),
            right=operation.right,
            token=token,
        )
        found = await operation.does(call)
        if operation.answer is None:
            return Response(status_code=204, headers=HEADERS)
        data = msgspec.json.encode(found)
        return Response(data, operation.status, HEADERS, media_type="application/json")

    async def _user(
        self, operation: Operation, request: Request
    ) -> tuple[Account, ApiToken | None]:
        """Who asks, and by which token of the API, if it is a program."""
        given = request.headers.get("authorization")
        peer = request.client.host if request.client is not None else ""
        word = given[len(_SCHEME) :].strip() if given else ""
        if given and given[: len(_SCHEME)].lower() == _SCHEME and word.startswith(tokens.PREFIX):
            account, token = await self._services.tokens.find(word)
            sends = operation.topic == "sending"
            if not (token.use == "full" or (token.use == "read" and operation.reads)
                    or (token.use == "send" and sends)):  # fmt: skip
                raise Fault(Kind.DENIED, f"this token is only to {token.use}")
            return account, token
        # Sending is what an app password for SMTP is for, too; the rest is for persons.
        protocol = "smtp" if operation.topic == "sending" else "admin"
        return await self._sign_in.account(given, peer, protocol), None


def _query(operation: Operation, request: Request) -> Any:
    if operation.query is None:
        return None
    try:
        given = dict(request.query_params)
        return msgspec.convert(given, operation.query, strict=False)
    except msgspec.ValidationError as error:
        raise Fault(Kind.SYNTAX, f"a parameter of the address is wrong: {error}") from None


async def _body(operation: Operation, request: Request) -> Any:
    if operation.body is None:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Fault(Kind.SYNTAX, "the content type of a request is application/json")
    chunks, size = [], 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > operation.body_max:
            text = f"the body of this request has at most {operation.body_max} bytes"
            raise Fault(Kind.TOO_LARGE, text)
        chunks.append(chunk)
    try:
        return msgspec.json.decode(b"".join(chunks), type=operation.body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Fault(Kind.SYNTAX, f"the body is not what it should be: {error}") from None


async def _nothing(_request: Request) -> Response:
    return problem(Fault(Kind.NOT_FOUND, f"there is no such address; see {PREFIX}/openapi.json"))


def problem(fault: Fault) -> Response:
    """The answer that a fault becomes (RFC 9457)."""
    status = STATUS.get(fault.kind, 400)
    body = {"type": "about:blank", "status": status, "code": fault.kind.value, "detail": fault.text}
    headers = dict(HEADERS)
    if status == 401:
        headers["www-authenticate"] = CHALLENGE
    return Response(
        msgspec.json.encode(body), status, headers, media_type="application/problem+json"
    )

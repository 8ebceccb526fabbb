"""The routes over which changes are pushed while a client is connected."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import urlsplit

from starlette.responses import Response
from starlette.routing import Route

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.servers.jmap import eventsource, resource, websocket
from merpati.servers.jmap.call import CredentialName
from merpati.servers.jmap.http import base_of, problem, refusal
from merpati.servers.jmap.push import Credential, Places, Watch
from merpati.wire import websocket as frames
from merpati.wire.jmap import requests

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from merpati.model.account import Account
    from merpati.net.handover import HandedOver
    from merpati.servers.jmap.http import Jmap
    from merpati.services.notify import Notify

ID_MAX: Final = 4096  # characters of Last-Event-ID


class Streams:
    """Event streams and WebSockets of one worker."""

    def __init__(self, jmap: Jmap, notify: Notify) -> None:
        self._jmap = jmap
        self._notify = notify
        self._places = Places(jmap.services.settings.push_connections)

    def routes(self) -> list[BaseRoute]:
        """What is answered here."""
        return [
            Route(resource.EVENTS, self._events, methods=["GET"]),
            Route(resource.WEBSOCKET, self._socket, methods=["GET"]),
        ]

    async def _events(self, request: Request) -> Response:
        """RFC 8620 7.3."""
        try:
            user = await self._jmap.user(request)
            wish = eventsource.Wish(request.query_params)
            last = request.headers.get("last-event-id", "")[:ID_MAX]
            leave = self._places.take(user.id)
        except Fault as fault:
            return refusal(fault, request.headers.get("authorization"))
        credential = self._credential(request, user)
        return _response(eventsource.stream(self._watch(user), wish, last, credential, leave))

    async def _socket(self, request: Request) -> Response:
        """RFC 8887 4.1."""
        try:
            user = await self._jmap.user(request)
            accepted = _accepted(request)
            leave = self._places.take(user.id)
        except SyntaxFault as fault:
            detail = {"type": "about:blank", "status": 426, "detail": fault.text}
            answer = problem(detail)
            answer.headers["upgrade"] = "websocket"
            answer.headers["sec-websocket-version"] = frames.VERSION
            return answer
        except Fault as fault:
            return refusal(fault, request.headers.get("authorization"))
        credential = self._jmap.credential(request, user)
        answer_ = partial(self._answer, user, credential, base_of(request))
        return _response(
            websocket.socket(
                accepted, answer_, self._watch(user), self._credential(request, user), leave,
                self._jmap.services.settings.request_size,
            )
        )  # fmt: skip

    async def _answer(
        self, user: Account, credential: CredentialName, base: str, value: dict[str, Any]
    ) -> dict[str, Any]:
        """The Response of a Request that came over a WebSocket."""
        jmap = self._jmap
        asked = requests.of_value(value, jmap.api.capabilities, jmap.services.settings.calls)
        told, accounts = await jmap.session(base, user)
        return await jmap.api.answer(asked, user, accounts, told["state"], credential=credential)

    def _watch(self, user: Account) -> Any:
        return partial(Watch, self._jmap.services.store, self._notify, user.id)

    def _credential(self, request: Request, user: Account) -> Credential:
        verify = self._jmap.verifier(request)
        return Credential(verify, self._jmap.services.clock, self._notify, user.id)


def _accepted(request: Request) -> str:
    """The answer to the client's key.

    Raises:
        SyntaxFault: this is no request for a WebSocket that speaks JMAP.
        Fault: DENIED for a page of another site: browsers add credentials of their own.
    """
    fields = dict(request.headers.items())
    accepted = frames.accept(request.method, request.scope["http_version"], fields)
    offered = fields.get("sec-websocket-protocol", "").split(",")
    if websocket.PROTOCOL not in {one.strip() for one in offered}:
        raise SyntaxFault(f'the subprotocol is "{websocket.PROTOCOL}" (RFC 8887 4.1)')
    origin = fields.get("origin")
    if origin is not None and urlsplit(origin).netloc != fields.get("host"):
        raise Fault(Kind.DENIED, "a page of another site cannot open this")
    return accepted


def _response(taken: HandedOver) -> Response:
    return cast("Response", taken)

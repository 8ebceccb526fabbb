"""What all endpoints with JSON bodies share: who asks, what the body says, faults as answers.

A body has to say that it is JSON: a form on another site can send many things, but not that type
without the browser asking us first (and we never agree). Where a request says from which origin it
comes, that has to be ours.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from starlette.responses import Response

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.services.passkeys import Site
from merpati.services.web_sign_in import Visitor

if TYPE_CHECKING:
    from starlette.requests import Request

BODY_MAX: Final = 65_536  # bytes
AGENT_MAX: Final = 200  # characters of what a browser says it is
HEADERS: Final = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
STATUS: Final = {
    Kind.AUTH_REQUIRED: 401,
    Kind.AUTH_FAILED: 401,
    Kind.DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.EXISTS: 409,
    Kind.IN_USE: 409,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.OVER_QUOTA: 507,
    Kind.NO_SPACE: 507,
    Kind.UNAVAILABLE: 503,
}
RETRY_AFTER: Final = "60"  # seconds, said with 429 and 503

STRANGE: Final = Fault(Kind.DENIED, "this is for our own pages")

T = TypeVar("T", bound=msgspec.Struct)
Handler = Callable[["Request"], Awaitable[Response]]


class Confirm(Fault):
    """The person has to prove again who it is; the page asks, and repeats the request."""

    def __init__(self) -> None:
        super().__init__(Kind.DENIED, "prove again that it is you")


def endpoint(handler: Handler) -> Handler:
    """A handler whose faults become problem documents (RFC 9457)."""

    async def answer(request: Request) -> Response:
        if not is_own(request):
            return problem(STRANGE)
        try:
            return await handler(request)
        except Fault as fault:
            return problem(fault)

    return answer


def problem(fault: Fault) -> Response:
    """The answer that a fault becomes."""
    status = STATUS.get(fault.kind, 400)
    code = "confirm" if isinstance(fault, Confirm) else fault.kind.value
    told = {"type": "about:blank", "status": status, "code": code, "detail": fault.text}
    body = json.dumps(told).encode()
    answer = Response(body, status, HEADERS, "application/problem+json")
    if status == 401:  # not Basic, for which browsers would put up a window of their own
        answer.headers["www-authenticate"] = "Bearer"
    if status in (429, 503):
        answer.headers["retry-after"] = RETRY_AFTER
    return answer


def reply(value: Any, status: int = 200) -> Response:
    """An answer in JSON, which nobody keeps."""
    return Response(msgspec.json.encode(value), status, HEADERS, "application/json")


def done() -> Response:
    """An answer without a body."""
    return Response(status_code=204, headers=HEADERS)


async def body(request: Request, form: type[T]) -> T:
    """What a request says. Raises Fault SYNTAX, TOO_LARGE."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise SyntaxFault("the content type is application/json")
    data = await raw_body(request)
    try:
        return msgspec.json.decode(data, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SyntaxFault(f"the body is not what it should be: {error}") from None


async def raw_body(request: Request) -> bytes:
    """The bytes of a body. Raises Fault TOO_LARGE."""
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > BODY_MAX:
            raise Fault(Kind.TOO_LARGE, f"a body has at most {BODY_MAX} bytes")
    return bytes(data)


def visitor(request: Request) -> Visitor:
    """Who asks."""
    agent = request.headers.get("user-agent", "")[:AGENT_MAX]
    # It is shown to people, on terminals, too.
    printable = "".join(letter for letter in agent if letter.isprintable())
    site = Site((request.url.hostname or "").lower(), origin(request))
    return Visitor(peer(request), printable, site)


def peer(request: Request) -> str:
    """The client's address."""
    return request.client.host if request.client is not None else ""


def origin(request: Request) -> str:
    """Our own origin, as the browser of this request has it.

    A proxy in front of us may speak TLS in our name, so the scheme is what the browser says.
    """
    host = request.headers.get("host", "").lower()
    given = request.headers.get("origin", "").lower()
    if given in {f"https://{host}", f"http://{host}"}:
        return given
    return f"{request.url.scheme}://{host}"


def is_own(request: Request, *, surely: bool = False) -> bool:
    """Whether a request comes from our own pages, as far as it says so; `surely`: it has to."""
    given = request.headers.get("origin")
    if given is not None:
        return given.lower() == origin(request)
    site = request.headers.get("sec-fetch-site")
    return not surely if site is None else site in {"same-origin", "none"}

"""JMAP's requests over HTTP: the session object, method calls, upload and download."""

from __future__ import annotations

import json
import re
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from merpati.base.faults import Fault, Kind
from merpati.model import object_ids
from merpati.servers.jmap import resource
from merpati.servers.jmap.api import Api
from merpati.servers.jmap.call import VAPID, WEBSOCKET, Access, CredentialName, Services
from merpati.servers.jmap.files import Files
from merpati.wire.http_credentials import challenge
from merpati.wire.jmap import requests
from merpati.wire.jmap.faults import RequestFault

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable, Mapping

    from starlette.requests import Request
    from starlette.routing import BaseRoute

    from merpati.model.account import Account
    from merpati.servers.jmap.files import Accounts
    from merpati.services.http_sign_in import HttpSignIn

WELL_KNOWN: Final = "/.well-known/jmap"
SESSION: Final = "/jmap/session"
NO_STORE: Final = {"cache-control": "no-cache, no-store, must-revalidate"}
# A blob never changes, so it may be kept for ever, by the client alone (RFC 8620 6.2).
FOR_EVER: Final = {"cache-control": "private, immutable, max-age=31536000"}
STATUS: Final = {
    Kind.AUTH_REQUIRED: 401,
    Kind.AUTH_FAILED: 401,
    Kind.DENIED: 403,
    Kind.NOT_FOUND: 404,
    Kind.TOO_LARGE: 413,
    Kind.TOO_MANY: 429,
    Kind.OVER_QUOTA: 413,
    Kind.UNAVAILABLE: 503,
    Kind.NO_SPACE: 507,
}
SESSIONS_MAX: Final = 256  # session objects that a worker remembers
_TYPE: Final = re.compile(
    r"[A-Za-z0-9!#$&^_.+-]{1,127}/[A-Za-z0-9!#$&^_.+-]{1,127}(;[ -~]{0,200})?"
)
_PLAIN_NAME: Final = re.compile(r"[A-Za-z0-9 !#$&'()+,.;=@\[\]^_`{}~-]{1,255}")
_RANGE: Final = re.compile(r"bytes=(\d{0,15})-(\d{0,15})")


class Jmap:
    """The HTTP side of JMAP in one worker."""

    def __init__(
        self,
        services: Services,
        sign_in: HttpSignIn,
        api: Api,
        accounts: Accounts,
        server: Mapping[str, Mapping[str, Any]],
        each: Mapping[str, Mapping[str, Any]],
    ) -> None:
        """`server` and `each`: capabilities, as `resource.session` tells them."""
        self.services: Final = services
        self._sign_in = sign_in
        self.api: Final = api
        self.accounts: Final = accounts
        self._server = server
        self._each = each
        self._files = Files(services)
        self._uploading: Counter[int] = Counter()
        self._sessions: dict[Hashable, dict[str, Any]] = {}  # by all that they depend on
        self.more: list[BaseRoute] = []  # what else is answered, of other modules
        self.vapid: Callable[[], str] | None = None  # the key of web push (RFC 9749 3)

    def routes(self) -> list[BaseRoute]:
        """What is answered here."""
        return [
            Route(WELL_KNOWN, self.told(self._session)),
            Route(SESSION, self.told(self._session)),
            Route(resource.API, self.told(self._call), methods=["POST"]),
            Route("/jmap/upload/{account}", self.told(self._upload), methods=["POST"]),
            Route("/jmap/upload/{account}/", self.told(self._upload), methods=["POST"]),
            Route("/jmap/download/{account}/{blob}/{name:path}", self.told(self._download)),
            *self.more,
        ]

    def told(
        self, answer: Callable[[Request, Account], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint for those who have signed in; faults become answers."""

        async def endpoint(request: Request) -> Response:
            try:
                return await answer(request, await self.user(request))
            except RequestFault as fault:
                return problem(fault.problem())
            except Fault as fault:
                return refusal(fault, request.headers.get("authorization"))

        return endpoint

    async def user(self, request: Request) -> Account:
        """Who asks. Raises Fault AUTH_REQUIRED, AUTH_FAILED, TOO_MANY."""
        return await self.verifier(request)()

    def verifier(self, request: Request) -> Callable[[], Awaitable[Account]]:
        """What says who asks, now and whenever it is called again."""
        peer = request.client.host if request.client is not None else ""
        return partial(self._sign_in.account, request.headers.get("authorization"), peer, "jmap")

    def credential(self, request: Request, user: Account) -> CredentialName:
        """What says what the user signed in with."""
        return partial(self._sign_in.credential, request.headers.get("authorization"), user)

    async def session(
        self, base: str, user: Account
    ) -> tuple[Mapping[str, Any], Mapping[str, Access]]:
        """The session object of a user who reached us at an address, and the accounts in it."""
        named = await self.accounts.named(user)
        key = (base, user.address, tuple(named.items()))
        told = self._sessions.get(key)
        if told is None:
            server = {**self._server, WEBSOCKET: resource.websocket(base)}
            if self.vapid is not None:
                server[VAPID] = {"applicationServerKey": self.vapid()}
            told = resource.session(base, user, named, server, self._each, self.services.settings)
            if len(self._sessions) >= SESSIONS_MAX:
                self._sessions.clear()
            self._sessions[key] = told
        return told, {id_: access for id_, (access, _) in named.items()}

    async def _session(self, request: Request, user: Account) -> Response:
        told, _ = await self.session(base_of(request), user)
        return _json(told, headers=NO_STORE)

    async def _call(self, request: Request, user: Account) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            raise RequestFault("notJSON", "the content type of a request is application/json")
        body = await self._body(request)
        asked = self.api.read(body)
        told, accounts = await self.session(base_of(request), user)
        peer = request.client.host if request.client is not None else ""
        credential = self.credential(request, user)
        answer = await self.api.answer(asked, user, accounts, told["state"], peer, credential)
        return _json(answer)

    async def _body(self, request: Request) -> bytes:
        limit = self.services.settings.request_size
        chunks, size = [], 0
        async for chunk in request.stream():
            size += len(chunk)
            if size > limit:
                text = f"a request has at most {limit} bytes"
                raise RequestFault("limit", text, "maxSizeRequest")
            chunks.append(chunk)
        return b"".join(chunks)

    async def _upload(self, request: Request, user: Account) -> Response:
        """RFC 8620 6.1."""
        access = await self._access(request, user)
        if access.read_only:
            raise Fault(Kind.DENIED, "this account is read-only")
        settings = self.services.settings
        if self._uploading[user.id] >= settings.uploads:
            text = f"at most {settings.uploads} uploads at once"
            raise RequestFault("limit", text, "maxConcurrentUpload")
        type_ = request.headers.get("content-type", "")
        if not _TYPE.fullmatch(type_):
            type_ = "application/octet-stream"
        self._uploading[user.id] += 1
        try:
            name, size = await self._files.keep(access, request.stream(), type_)
        except Fault as fault:
            if fault.kind is not Kind.TOO_LARGE:
                raise
            raise RequestFault("limit", fault.text, "maxSizeUpload", http=413) from None
        finally:
            self._uploading[user.id] -= 1
            if not self._uploading[user.id]:
                del self._uploading[user.id]
        told = {
            "accountId": request.path_params["account"],
            "blobId": object_ids.blob(name),
            "type": type_,
            "size": size,
        }
        return _json(told, status=201)

    async def _download(self, request: Request, user: Account) -> Response:
        """RFC 8620 6.2, with ranges (RFC 9110 14)."""
        access = await self._access(request, user)
        name = object_ids.read_blob(request.path_params["blob"])
        found = None if name is None else await self._files.find(access, name)
        if found is None:
            raise Fault(Kind.NOT_FOUND, "there is no such file")
        type_ = request.query_params.get("accept") or request.query_params.get("type") or ""
        headers = {
            **FOR_EVER,
            "content-type": type_ if _TYPE.fullmatch(type_) else "application/octet-stream",
            "content-disposition": _disposition(request.path_params["name"]),
            # Nothing a stranger sent may run with the rights of our own pages.
            "content-security-policy": "sandbox; default-src 'none'",
            "x-content-type-options": "nosniff",
            "accept-ranges": "bytes",
        }
        first, last = 0, found.size - 1
        status = 200
        if (wanted := _RANGE.fullmatch(request.headers.get("range", ""))) is not None:
            part = _part(wanted, found.size)
            if part is None:
                return Response(status_code=416, headers={"content-range": f"bytes */{found.size}"})
            first, last = part
            status = 206
            headers["content-range"] = f"bytes {first}-{last}/{found.size}"
        headers["content-length"] = str(last - first + 1)
        if request.method == "HEAD":
            return Response(status_code=status, headers=headers)
        return StreamingResponse(found.chunks(first, last + 1), status, headers)

    async def _access(self, request: Request, user: Account) -> Access:
        named = await self.accounts.named(user)
        found = named.get(request.path_params["account"])
        if found is None:
            raise Fault(Kind.NOT_FOUND, "there is no such account")
        return found[0]


def base_of(request: Request) -> str:
    """Scheme and host by which somebody reached us."""
    return f"{request.url.scheme}://{request.url.netloc}"


def _part(wanted: re.Match[str], size: int) -> tuple[int, int] | None:
    """The first and last byte of a range; None when there are none."""
    first, last = wanted.groups()
    if not first:
        count = min(int(last or 0), size)
        return (size - count, size - 1) if count else None
    start, end = int(first), min(int(last), size - 1) if last else size - 1
    return (start, end) if start <= end else None


def _disposition(name: str) -> str:
    """RFC 6266: a name in ASCII as it is, any other in its encoding."""
    name = name.rpartition("/")[2][:255]
    if _PLAIN_NAME.fullmatch(name):
        return f'attachment; filename="{name}"'
    return f"attachment; filename*=UTF-8''{quote(name, safe='')}"


def _json(value: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(requests.encode(value), status, headers=headers, media_type="application/json")


def problem(document: Mapping[str, Any]) -> Response:
    """A problem document (RFC 7807)."""
    body = json.dumps(document).encode()
    return Response(body, document["status"], media_type="application/problem+json")


def refusal(fault: Fault, authorization: str | None = None) -> Response:
    """The answer that a fault becomes, for a request with this Authorization field."""
    status = STATUS.get(fault.kind, 400)
    answer = problem({"type": "about:blank", "status": status, "detail": fault.text})
    if status == 401:
        answer.headers["www-authenticate"] = challenge(authorization)
    return answer

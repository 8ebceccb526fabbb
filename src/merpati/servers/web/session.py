"""HTTP over the connections that all protocols share.

uvicorn's HTTP/1.1 protocol and a Starlette application do what is HTTP. Accepting, limits,
TLS, time and draining are those of every other session (`net.listen`, `net.stream`): `_Pipe`
is the transport that uvicorn writes to, and `Web.run` hands it what arrives.

The application is made once per worker from routes that the parts of the product hand in.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from email.utils import formatdate
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import quote

import uvicorn
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, RedirectResponse
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from merpati.base.clock import Clock
from merpati.base.faults import Fault
from merpati.base.log import Log
from merpati.base.networks import LOOPBACK, Networks
from merpati.net.handover import EXTENSION, Serve
from merpati.net.stream import Connection

if TYPE_CHECKING:
    from starlette.responses import Response
    from starlette.routing import BaseRoute
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

REQUEST_TIMEOUT: Final = 75.0  # seconds for a request's header to begin and to be complete
HTTPS: Final = 443
HERE: Final = Networks(LOOPBACK)
# Authorities ask for proofs in clear text (RFC 8555 8.3).
IN_CLEAR: Final = "/.well-known/acme-challenge/"
_PORT: Final = re.compile(r":\d*\Z")
BODY_TIMEOUT: Final = 60.0  # seconds without a byte of a request's body
STRICT: Final = (b"strict-transport-security", b"max-age=31536000")
WRITE_TIMEOUT: Final = 120.0  # seconds for the client to take what fills the buffers


def refuse(fault: Fault) -> bytes:
    """What a client is told for whom there is no room."""
    body = f"{fault.text}\n".encode()
    head = "HTTP/1.1 503 Service Unavailable\r\nContent-Type: text/plain; charset=utf-8\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode() + body


class Web:
    """The HTTP application of one worker."""

    def __init__(self, routes: Sequence[BaseRoute], clock: Clock, log: Log, https: int = 0) -> None:
        """`https`: the port where the same is served over TLS; 0 when there is none.

        With one, clear text from other machines is answered with the way there.
        """
        self._https = https
        self._application = Starlette(routes=list(routes))
        self._clock = clock
        self._log = log
        # What uvicorn has to say is said by the log of the session or not worth a line.
        logging.getLogger("uvicorn").addHandler(logging.NullHandler())
        self._config = uvicorn.Config(
            self._answer, http="httptools", ws="none", lifespan="off", interface="asgi3",
            log_config=None, access_log=False, server_header=False, date_header=False,
            timeout_keep_alive=int(2 * REQUEST_TIMEOUT), loop="none",
        )  # fmt: skip
        self._config.load()
        self._state = ServerState()
        self._second = 0  # that the Date field tells

    def answer(self, routes: Sequence[BaseRoute]) -> None:
        """More routes, which come before the others."""
        self._application.router.routes[:0] = routes

    async def run(self, connection: Connection) -> None:
        """Serve one client until it goes, or takes too long.

        Raises:
            Fault: CLOSED, TIMEOUT or UNAVAILABLE.
        """
        successor = await self._requests(connection)
        if successor is not None:
            connection.deadline(None)
            await successor(connection)

    async def _requests(self, connection: Connection) -> Serve | None:
        """Answer requests; what goes on with the connection, if one asks for something else."""
        pipe = _Pipe(connection)
        http = _Http(self._config, self._state, {}, asyncio.get_running_loop())
        pipe.set_protocol(http)
        http.connection_made(pipe)
        waiting = False
        try:
            while not pipe.is_closing():
                if http.successor is not None:
                    return http.successor
                cycle: RequestResponseCycle | None = http.cycle
                idle = cycle is None or cycle.response_complete
                if idle:
                    if not waiting:  # or each byte would give a slow client more time
                        connection.deadline(REQUEST_TIMEOUT)
                elif cycle is not None and not connection.congested:
                    connection.deadline(BODY_TIMEOUT if cycle.more_body else None)
                waiting = idle
                await pipe.may_read.wait()
                if await connection.data_or_wake(idle=idle):
                    self._tell_time()
                    http.data_received(await connection.read_some())
        finally:
            http.connection_lost(None)
            pipe.abandon()
        return None

    def _tell_time(self) -> None:
        """Let answers say when they were made (RFC 9110 6.6.1)."""
        now = int(self._clock.now())
        if now != self._second:
            self._second = now
            self._state.default_headers = [(b"date", formatdate(now, usegmt=True).encode())]

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The application; its defects are logged, and answered vaguely by Starlette."""
        secured = _strictly(send) if scope.get("scheme") == "https" else send
        application: ASGIApp = self._application
        if self._https and _is_open(scope):
            application = _elsewhere(scope, self._https)
        try:
            await application(scope, receive, secured)
        except Exception as problem:  # noqa: BLE001 -- one request's defect ends that request only
            self._log.defect("http.failed", problem, path=scope.get("path", "")[:200])


def _is_open(scope: Scope) -> bool:
    """Whether a request came in clear text from another machine, and could wait for TLS."""
    if scope["type"] != "http" or scope.get("scheme") != "http":
        return False
    peer = (scope.get("client") or ("",))[0]
    return peer not in HERE and not scope["path"].startswith(IN_CLEAR)


def _elsewhere(scope: Scope, port: int) -> Response:
    """The way to the same page over TLS; what came with a password is not worked on."""
    headers = dict(scope["headers"])
    host = _PORT.sub("", headers.get(b"host", b"").decode("latin-1"))
    if scope["method"] not in ("GET", "HEAD") or b"authorization" in headers or not host:
        text = "Use https here: what you send in clear text is read on the way.\n"
        return PlainTextResponse(text, status_code=403)
    query = scope["query_string"].decode("latin-1")
    target = quote(scope["path"]) + (f"?{query}" if query else "")
    name = host if port == HTTPS else f"{host}:{port}"
    return RedirectResponse(f"https://{name}{target}", status_code=308)


def _strictly(send: Send) -> Send:
    """Let browsers come back by TLS alone (RFC 6797); they ignore it from doubtful certificates."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), STRICT]
        await send(message)

    return sending


class _Http(HttpToolsProtocol):
    """uvicorn's side of one connection.

    `successor` is what goes on with it once a request was handed over (net/handover.py).
    """

    successor: Serve | None = None

    def on_message_begin(self) -> None:
        """Let an endpoint take the connection."""
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: self._hand_over}  # type: ignore[dict-item]  # their type says so

    def _hand_over(self, serve: Serve) -> None:
        self.successor = serve
        self.cycle.disconnected = True  # uvicorn expects no answer any more
        cast("_Pipe", self.transport).wake()

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade is the endpoint's to make, or not."""

    def on_response_complete(self) -> None:
        """From now on the session is between two requests, and may be asked to end."""
        super().on_response_complete()
        cast("_Pipe", self.transport).wake()


class _Pipe(asyncio.Transport):
    """What uvicorn takes for a transport: bytes go to the connection, encrypted or not.

    `may_read` is set while uvicorn wants more.
    """

    def __init__(self, connection: Connection) -> None:
        super().__init__()
        self._connection = connection
        self._protocol: Any = None
        self._closing = False
        self._draining: asyncio.Task[None] | None = None
        self.may_read = asyncio.Event()
        self.may_read.set()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        """What the application may learn of the connection."""
        one = self._connection
        if name == "peername":
            return (one.peer, one.peer_port)
        if name == "sockname":
            return (one.local, one.local_port)
        if name == "sslcontext":
            return one.tls or default
        return default

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        """Who is told of congestion."""
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        """The same."""
        protocol: asyncio.BaseProtocol = self._protocol
        return protocol

    def is_closing(self) -> bool:
        """Whether nothing more is wanted."""
        return self._closing

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Send at once; say so when the client does not keep up."""
        if self._closing:
            return
        self._connection.write(bytes(data))
        self._connection.flush()
        if self._connection.congested and self._draining is None:
            self._protocol.pause_writing()
            self._draining = asyncio.get_running_loop().create_task(self._drain())

    async def _drain(self) -> None:
        self._connection.deadline(WRITE_TIMEOUT)
        try:
            await self._connection.drain()
            self._connection.deadline(None)
        except Fault:
            self.close()
        finally:
            self._draining = None
            self._protocol.resume_writing()

    def pause_reading(self) -> None:
        """The application has enough for now."""
        self.may_read.clear()

    def resume_reading(self) -> None:
        """It wants more."""
        self.may_read.set()
        self.wake()

    def close(self) -> None:
        """End the session once it has sent what it has."""
        self._closing = True
        self.may_read.set()
        self.wake()

    def abort(self) -> None:
        """End it at once."""
        self.close()
        self._connection.abort()

    def abandon(self) -> None:
        """The session is over."""
        self._closing = True
        if self._draining is not None:
            self._draining.cancel()

    def wake(self) -> None:
        """Let the session look at how things stand."""
        self._connection.wake()
        self._connection.expire()

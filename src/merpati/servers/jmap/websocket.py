"""JMAP over WebSocket (RFC 8887, RFC 6455): requests, responses, and StateChanges between.

A client's requests are worked on one after the other, so a client that sends more than it
reads is left to wait. Nothing is sent to one that does not take what it has been sent.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from merpati.base.faults import Fault, Kind
from merpati.net.handover import HandedOver
from merpati.servers.jmap.push import ALIVE, PAUSE, WRITE_TIMEOUT, Credential, Watch
from merpati.services import state_changes
from merpati.wire import websocket
from merpati.wire.jmap import requests
from merpati.wire.jmap.faults import RequestFault
from merpati.wire.websocket import Broken, Code, Decoder, Opcode

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from merpati.net.stream import Connection
    from merpati.services.state_changes import News

PROTOCOL: Final = "jmap"  # RFC 8887 4.1
ID_MAX: Final = 255  # characters of a request's id
# Why a session ends: the code that its client is told.
CODES: Final = {
    Kind.UNAVAILABLE: Code.GOING_AWAY,
    Kind.AUTH_FAILED: Code.POLICY,
    Kind.AUTH_REQUIRED: Code.POLICY,
    Kind.TOO_MANY: Code.POLICY,
}


def socket(
    accepted: str,
    answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
    watch: Callable[[Callable[[], None]], Watch],
    credential: Credential,
    leave: Callable[[], None],
    limit: int,
) -> HandedOver:
    """The answer to a request for a WebSocket.

    Args:
        accepted: the answer to the client's key.
        answer: makes the Response of a Request; may raise RequestFault.
        watch: makes a Watch that calls a function when there may be news.
        credential: what the client came with.
        leave: called at the end.
        limit: octets of a message.
    """

    async def serve(connection: Connection) -> None:
        try:
            with watch(connection.wake) as watching, credential.watched(connection.wake):
                connection.write(websocket.head(accepted, PROTOCOL))
                await _Session(connection, answer, watching, credential, limit).run()
        finally:
            leave()
            await connection.close()

    return HandedOver(serve)


class _Closed(Exception):  # noqa: N818 -- the ordinary end
    """The client said goodbye."""


class _Session:
    """One connection, after its handshake."""

    __slots__ = ("_answer", "_connection", "_credential", "_decoder", "_is_asked", "_watch")

    def __init__(
        self,
        connection: Connection,
        answer: Callable[[dict[str, Any]], Awaitable[dict[str, Any]]],
        watch: Watch,
        credential: Credential,
        limit: int,
    ) -> None:
        self._connection = connection
        self._answer = answer
        self._watch = watch
        self._credential = credential
        self._decoder = Decoder(limit)
        self._is_asked = False  # whether it is alive, and has not answered

    async def run(self) -> None:
        """Until either side ends it."""
        try:
            while True:
                for message in self._decoder.feed(await self._received()):
                    await self._take(message)
        except _Closed:
            return
        except Broken as fault:
            self._connection.write(websocket.close(fault.code, fault.text))
        except Fault as fault:
            if fault.kind in CODES:
                self._connection.write(websocket.close(CODES[fault.kind], fault.text))
            elif fault.kind not in {Kind.CLOSED, Kind.TIMEOUT}:
                raise

    async def _received(self) -> bytes:
        """The next bytes; tells news as it waits for them.

        Raises:
            Fault: CLOSED, TIMEOUT, UNAVAILABLE; AUTH_FAILED.
        """
        connection = self._connection
        while True:
            connection.deadline(ALIVE)
            try:
                if await connection.data_or_wake(idle=self._decoder.is_idle):
                    self._is_asked = False
                    return await connection.read_some()
            except Fault as fault:
                if fault.kind is not Kind.TIMEOUT or self._is_asked:
                    raise
                self._is_asked = True
                await self._send(Opcode.PING, b"")
            await self._credential.check()
            news = await self._watch.news()
            if news is not None:
                await self._tell(news)

    async def _take(self, message: websocket.Message) -> None:
        match message.opcode:
            case Opcode.TEXT:
                await self._credential.check()
                await self._object(message.data)
            case Opcode.BINARY:
                raise Broken(Code.UNSUPPORTED, "JMAP is text")
            case Opcode.CLOSE:
                code = websocket.close_code(message.data)
                if code == Code.NOT_GIVEN:
                    code = Code.NORMAL
                self._connection.write(websocket.frame(Opcode.CLOSE, code.to_bytes(2, "big")))
                raise _Closed
            case Opcode.PING:
                await self._send(Opcode.PONG, message.data)

    async def _object(self, text: bytes) -> None:
        """RFC 8887 4.3.1: what an object's "@type" says."""
        id_: str | None = None
        try:
            value = requests.decode_json(text)
            if not isinstance(value, dict):
                raise RequestFault("notRequest", "a message is an object")  # noqa: TRY301 -- one place answers all
            given = value.get("id")
            id_ = given if isinstance(given, str) and len(given) <= ID_MAX else None
            match value.get("@type"):
                case "Request":
                    told = {"@type": "Response", **await self._answer(value)}
                    if id_ is not None:
                        told["requestId"] = id_
                    await self._say(told)
                case "WebSocketPushEnable":
                    await self._enable(value)
                case "WebSocketPushDisable":
                    self._watch.stop()
                case _:
                    raise RequestFault("notRequest", "there is no such @type")  # noqa: TRY301 -- as above
        except RequestFault as fault:
            await self._say({"@type": "RequestError", "requestId": id_, **fault.problem()})

    async def _enable(self, value: dict[str, Any]) -> None:
        """RFC 8887 4.3.5.2."""
        names, known = value.get("dataTypes"), value.get("pushState")
        if not (
            names is None
            or (isinstance(names, list) and all(isinstance(one, str) for one in names))
        ) or not (known is None or isinstance(known, str)):
            raise RequestFault("notRequest", "dataTypes is a list of types, and pushState a text")
        types = state_changes.types_of(names)
        news = await self._watch.start(types, state_changes.read(known or ""))
        if news is not None:
            await self._tell(news)

    async def _tell(self, news: News) -> None:
        told = news.state_change()
        told["pushState"] = state_changes.written(news.known)
        await self._say(told)
        await asyncio.sleep(PAUSE)

    async def _say(self, value: dict[str, Any]) -> None:
        await self._send(Opcode.TEXT, requests.encode(value))

    async def _send(self, opcode: Opcode, data: bytes) -> None:
        """Send, and wait until the client takes it. Raises Fault CLOSED, TIMEOUT."""
        self._connection.write(websocket.frame(opcode, data))
        self._connection.deadline(WRITE_TIMEOUT)
        await self._connection.drain()

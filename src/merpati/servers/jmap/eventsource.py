"""A stream of StateChanges over HTTP (RFC 8620 7.3), as EventSource of HTML reads it.

Each event has as its id what the client knows with it; who comes back with `Last-Event-ID`
is told at once of what it missed.
"""

from __future__ import annotations

import asyncio
import re
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from merpati.base.faults import Fault, Kind
from merpati.net.handover import HandedOver
from merpati.servers.jmap.push import ALIVE, PAUSE, WRITE_TIMEOUT, Credential, Watch
from merpati.services import state_changes
from merpati.wire.jmap import requests

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from merpati.net.stream import Connection
    from merpati.services.state_changes import News

PING_LEAST: Final = 5  # seconds (RFC 8620 7.3: at most 30)
PING_MOST: Final = 900
HEAD: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
    b"X-Accel-Buffering: no\r\nConnection: close\r\n\r\n:\n\n"
)
# The account was closed, or what the client came with is not good any more.
ENDS: Final = frozenset({Kind.AUTH_FAILED, Kind.AUTH_REQUIRED, Kind.TOO_MANY})
_PING: Final = re.compile(r"[0-9]{1,15}")


class Wish:
    """What the address of a stream asks for."""

    __slots__ = ("closes", "ping", "types")

    def __init__(self, query: Mapping[str, str]) -> None:
        """Raises Fault SYNTAX for what is none of RFC 8620 7.3."""
        types = query.get("types", "*")
        self.types: Final = state_changes.types_of(None if types == "*" else types.split(","))
        closes = query.get("closeafter", "no")
        ping = query.get("ping", "0")
        if closes not in {"state", "no"} or not _PING.fullmatch(ping):
            raise Fault(Kind.SYNTAX, 'closeafter is "state" or "no", and ping a number of seconds')
        self.closes: Final = closes == "state"
        seconds = int(ping)
        self.ping: Final = seconds and min(max(seconds, PING_LEAST), PING_MOST)


def stream(
    watch: Callable[[Callable[[], None]], Watch],
    wish: Wish,
    last_id: str,
    credential: Credential,
    leave: Callable[[], None],
) -> HandedOver:
    """The answer to a request for events.

    Args:
        watch: makes a Watch that calls a function when there may be news.
        wish: what is asked for.
        last_id: of the last event that the client saw.
        credential: what it came with.
        leave: called at the end.
    """
    known = state_changes.read(last_id)
    return HandedOver(partial(_serve, watch, wish, known, credential, leave))


async def _serve(
    make: Callable[[Callable[[], None]], Watch],
    wish: Wish,
    known: dict[int, int],
    credential: Credential,
    leave: Callable[[], None],
    connection: Connection,
) -> None:
    try:
        with make(connection.wake) as watch, credential.watched(connection.wake):
            connection.write(HEAD)
            news = await watch.start(wish.types, known)
            while True:
                if news is not None:
                    connection.write(_event(news))
                    connection.deadline(WRITE_TIMEOUT)
                    await connection.drain()
                    if wish.closes:
                        return
                    await asyncio.sleep(PAUSE)
                await _wait(connection, wish.ping)
                await credential.check()
                news = await watch.news()
    except Fault as fault:
        if fault.kind not in ENDS:
            raise
    finally:
        leave()
        await connection.close()


async def _wait(connection: Connection, ping: int) -> None:
    """Return when there may be news, or it is time to look.

    Raises:
        Fault: CLOSED, UNAVAILABLE.
    """
    connection.deadline(ping or ALIVE)
    try:
        while await connection.data_or_wake(idle=True):
            await connection.read_some()  # there is nothing to say on this connection
    except Fault as fault:
        if fault.kind is not Kind.TIMEOUT:
            raise
        text = b'event: ping\ndata: {"interval":%d}\n\n' % ping if ping else b":\n\n"
        connection.write(text)
        connection.deadline(WRITE_TIMEOUT)
        await connection.drain()


def _event(news: News) -> bytes:
    data: Any = requests.encode(news.state_change())
    return b"event: state\nid: %b\ndata: %b\n\n" % (
        state_changes.written(news.known).encode(), data
    )  # fmt: skip

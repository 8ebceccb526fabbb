"""Outgoing connections, to an address that somebody else has looked up."""

from __future__ import annotations

import asyncio
import os
from typing import TYPE_CHECKING, Final

from merpati.base.faults import Fault, Kind
from merpati.net.stream import Connection

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from merpati.net.reaper import Reaper

CONNECT_TIMEOUT: Final = 30.0  # seconds; the queue tries again anyway


async def connect(
    reaper: Reaper,
    address: str,
    port: int,
    *,
    source: str | None = None,
    within: float = CONNECT_TIMEOUT,
) -> Connection:
    """A connection to an IP address, from the address `source` if given.

    Raises:
        Fault: UNAVAILABLE, with the reason in its text; TIMEOUT, after `within` seconds.
    """
    loop = asyncio.get_running_loop()
    attempt = loop.create_connection(
        lambda: Connection(loop, reaper),
        address,
        port,
        local_addr=None if source is None else (source, 0),
    )
    return await _connected(attempt, f"{address} port {port}", within)


async def connect_unix(reaper: Reaper, path: str, *, within: float = CONNECT_TIMEOUT) -> Connection:
    """A connection to the Unix socket at `path`.

    Raises:
        Fault: UNAVAILABLE, with the reason in its text; TIMEOUT, after `within` seconds.
    """
    loop = asyncio.get_running_loop()
    attempt = loop.create_unix_connection(lambda: Connection(loop, reaper), path)
    return await _connected(attempt, path, within)


async def _connected(
    attempt: Coroutine[None, None, tuple[asyncio.Transport, Connection]], name: str, within: float
) -> Connection:
    try:
        async with asyncio.timeout(within):
            _, connection = await attempt
    except TimeoutError as error:
        raise Fault(Kind.TIMEOUT, f"{name} did not answer within {within:g} s.") from error
    except OSError as error:
        # asyncio puts a text of its own into strerror
        reason = (os.strerror(error.errno) if error.errno else str(error)).lower()
        raise Fault(Kind.UNAVAILABLE, f"{name} cannot be reached: {reason}.") from error
    return connection

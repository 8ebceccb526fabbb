"""IDLE (RFC 2177): the client waits, and is told of changes as they become durable.

No task and no timer belongs to an idle session: it waits in its connection, where an
announcement wakes it. Since an announcement may be lost, the connection's own deadline
ends the wait now and then to look for itself.
"""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.servers.imap.client import Client, Done
from merpati.servers.imap.sync import sync
from merpati.wire.imap import commands, responses

LOOK_EVERY: Final = 60.0  # seconds
DONE: Final = b"DONE"
LINE_MAX: Final = 100  # bytes


async def idle(client: Client, _command: commands.Idle) -> Done:
    """IDLE, up to DONE."""
    connection = client.connection
    connection.write(responses.continuation("idling"))
    client.idling = True
    try:
        if client.view is not None:
            await sync(client, expunge=True)
        await _wait(client)
    finally:
        client.idling = False
    if client.over:
        raise Fault(Kind.CLOSED, "the mailbox was deleted")
    connection.deadline(client.services.settings.idle_timeout)
    line = await connection.read_line(LINE_MAX)
    if line.upper() != DONE:
        raise Fault(Kind.SYNTAX, "only DONE ends IDLE")
    return Done("IDLE completed")


async def _wait(client: Client) -> None:
    """Tell of changes until the client says something.

    Raises:
        Fault: TIMEOUT when it has said nothing for as long as the settings allow.
    """
    connection = client.connection
    clock = client.services.clock
    end = clock.monotonic() + client.services.settings.idle_timeout
    while not client.over:
        connection.deadline(LOOK_EVERY)
        try:
            if await connection.line_or_wake(LINE_MAX):
                return
        except Fault as fault:
            if fault.kind is not Kind.TIMEOUT or clock.monotonic() >= end:
                raise
        if client.view is not None:
            await sync(client, expunge=True)

"""IDLE (RFC 2177): the client waits, and is told of changes as they become durable.

No task and no timer belongs to an idle session: it waits in its connection, where an
announcement wakes it. Since an announcement may be lost, the connection's own deadline
ends the wait now and then to look for itself.
"""

from __future__ import annotations

from typing import Final

from merpati.base.faults import Fault, Kind
from merpati.servers.imap import watch
from merpati.servers.imap.client import Client, Done
from merpati.wire.imap import commands, responses

LOOK_EVERY: Final = 60.0  # seconds
DONE: Final = b"DONE"
LINE_MAX: Final = 100  # bytes


async def idle(client: Client, _command: commands.Idle) -> Done:
    """IDLE, up to DONE."""
    connection = client.connection
    connection.write(responses.continuation(client.said("idling")))
    await watch.tell(client)
    await wait(client)
    try:
        line = await connection.read_line(LINE_MAX)
    except Fault as fault:
        if fault.kind is not Kind.TOO_LARGE:
            raise
        line = b""
    if line.upper() != DONE:
        raise Fault(Kind.SYNTAX, "only DONE ends IDLE")
    return Done("IDLE completed")


async def wait(client: Client, *, expunge: bool = True) -> None:
    """Tell of changes until the client says something; nothing while it speaks already.

    Raises:
        Fault: TIMEOUT when it has said nothing for as long as the settings allow.
    """
    connection = client.connection
    clock = client.services.clock
    end = clock.monotonic() + client.services.settings.idle_timeout
    client.idling = True
    try:
        while not client.over:
            connection.deadline(LOOK_EVERY)
            try:
                if await connection.line_or_wake(LINE_MAX):
                    connection.deadline(client.services.settings.idle_timeout)
                    return
            except Fault as fault:
                if fault.kind is not Kind.TIMEOUT or clock.monotonic() >= end:
                    raise
            await watch.tell(client, expunge=expunge)
    finally:
        client.idling = False
    raise Fault(Kind.CLOSED, "the mailbox was deleted")

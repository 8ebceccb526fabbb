"""HTTP connections that go on as something else: a WebSocket, or a stream of events.

An endpoint gives a `HandedOver` in place of a response. The session of the connection then
lets go of everything that was HTTP, and `serve` has the connection to itself: it writes the
answer's head, too. So a connection that waits for days costs no more than itself.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from merpati.net.stream import Connection

EXTENSION: Final = "merpati.handover"  # in the scope of a request, where it is possible

Serve = Callable[[Connection], Awaitable[None]]
Scope = MutableMapping[str, Any]


class HandedOver:
    """What an endpoint answers with."""

    def __init__(self, serve: Serve) -> None:
        self._serve = serve

    async def __call__(self, scope: Scope, _receive: object, _send: object) -> None:
        """Called by the web application, as a response would be."""
        take: Callable[[Serve], None] = scope["extensions"][EXTENSION]
        take(self._serve)

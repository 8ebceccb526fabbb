"""A web listener of a test installation, and a client that asks it.

site = Site(instance, routes)
answer = await site.get("/jmap/session", user=ANA)
"""

from __future__ import annotations

import asyncio
import base64
import http.client
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from merpati.servers.web.session import Web
from tests.support.server import PASSWORD, TestInstance

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from merpati.net.stream import Connection


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class _Runs:
    web: Web
    connection: Connection

    async def run(self) -> None:
        await self.web.run(self.connection)


class Site:
    """Routes on a free port."""

    def __init__(self, instance: TestInstance, routes: Sequence[BaseRoute]) -> None:
        web = Web(routes, instance.clock, instance.log)
        self.port = instance.listen(lambda connection: _Runs(web, connection))

    async def ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        *,
        user: str = "",
        password: str = PASSWORD,
        **headers: str,
    ) -> Answer:
        """One request; names of fields with `_` for `-`."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        if user:
            both = base64.b64encode(f"{user}:{password}".encode()).decode()
            fields["authorization"] = f"Basic {both}"

        def ask() -> Answer:
            connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            try:
                connection.request(method, path, body, fields)
                response = connection.getresponse()
                told = {name.lower(): value for name, value in response.getheaders()}
                return Answer(response.status, told, response.read())
            finally:
                connection.close()

        return await asyncio.to_thread(ask)

    async def get(self, path: str, *, user: str = "", **headers: str) -> Answer:
        """GET."""
        return await self.ask("GET", path, None, user=user, **headers)

    async def post(self, path: str, value: Any, *, user: str = "", **headers: str) -> Answer:
        """POST of JSON."""
        fields = {"content_type": "application/json", **headers}
        return await self.ask("POST", path, json.dumps(value).encode(), user=user, **fields)

"""All of signing in of a test installation, and a browser that keeps its cookie."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Self

from merpati.app import sign_in
from merpati.services.login import LoginSettings
from merpati.services.sealing import Sealing
from merpati.services.sessions import SignInSettings
from merpati.wire.client_setup import Server, Setup
from tests.support.clock import FakeClock
from tests.support.http import Answer, Site
from tests.support.server import ANA, HOSTNAME, PASSWORD, TestInstance

SETUP = Setup(
    [
        Server("imap", HOSTNAME, 993, implicit_tls=True),
        Server("imap", HOSTNAME, 143, implicit_tls=False),
        Server("smtp", HOSTNAME, 465, implicit_tls=True),
    ],
    webmail=f"https://{HOSTNAME}/",
)


class SignInInstance(TestInstance):
    """An installation with `sign_in`, its `site`, and a clock that stands still."""

    __test__ = False

    clock: FakeClock

    async def __aenter__(self) -> Self:
        self.clock = FakeClock()
        await super().__aenter__()
        self.login.close()
        self.sign_in = sign_in.assemble(
            self.store, self.notify, self.clock, self.ids, self.certificates, self.metrics,
            self.log, login_settings=LoginSettings(), settings=SignInSettings(), hostname=HOSTNAME,
            sealing=Sealing(self.folder, self.ids), setup=SETUP,
        )  # fmt: skip
        self.login = self.sign_in.login
        self.site = Site(self, self.sign_in.routes)
        return self

    def browser(self) -> Browser:
        """One that has not signed in."""
        return Browser(self.site, self.clock)

    async def signed_in(self, name: str = ANA) -> Browser:
        """One whose person has."""
        browser = self.browser()
        answer = await browser.sign_in(name)
        assert answer.status == 200, answer.body
        return browser


class Browser:
    """What our pages do: a token in memory, a cookie that only the browser sees."""

    def __init__(self, site: Site, clock: FakeClock) -> None:
        self.site = site
        self.clock = clock
        self.codes: list[str] = []  # for recovery
        self.host = f"127.0.0.1:{site.port}"
        self.token = ""
        self.cookie = ""

    async def ask(self, method: str, path: str, value: Any = None, **headers: str) -> Answer:
        """A request with all that this browser has."""
        fields = {
            "host": self.host,
            "origin": f"http://{self.host}",
            "content_type": "application/json",
        }
        if self.token:
            fields["authorization"] = f"Bearer {self.token}"
        if self.cookie and path.startswith("/auth"):
            fields["cookie"] = self.cookie
        body = None if value is None else json.dumps(value).encode()
        answer = await self.site.ask(method, path, body, **{**fields, **headers})
        self._take(answer)
        return answer

    async def get(self, path: str, **headers: str) -> Answer:
        return await self.ask("GET", path, **headers)

    async def post(self, path: str, value: Any = None, **headers: str) -> Answer:
        return await self.ask("POST", path, {} if value is None else value, **headers)

    async def sign_in(
        self, name: str = ANA, password: str = PASSWORD, *, remember: bool = True
    ) -> Answer:
        given = {"name": name, "password": password, "remember": remember}
        return await self.post("/auth/sign-in", given)

    def _take(self, answer: Answer) -> None:
        given: Mapping[str, str] = answer.headers
        if "set-cookie" in given:
            self.cookie = given["set-cookie"].partition(";")[0]
        if answer.body[:1] == b"{" and answer.status == 200:
            self.token = answer.json.get("accessToken", self.token)

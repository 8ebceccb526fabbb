"""The API of a test installation, asked over HTTP by people and programs.

async with ApiInstance(tmp_path) as instance:
    answer = await instance.ask("GET", "/accounts", "admin")

`ADMIN` administers everything, `CITRA` the accounts of example.org alone, and nobody else.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Self

from merpati.model.account import Account
from merpati.model.administration import Right
from merpati.net.dns import Resolver
from merpati.net.https import Https
from merpati.net.tls import client_context
from merpati.servers.api import operations
from merpati.servers.api.http import Api
from merpati.servers.api.operation import CertificateView, ListenerView, Services, SettingView
from merpati.services.administration.hooks import Hooks
from merpati.services.administration.sending import Sending
from merpati.services.administration.tokens import Tokens
from merpati.services.backup.desk import Desk
from merpati.services.backup.keep import BackupSettings
from merpati.services.backup.routine import Routine
from merpati.services.backup.take import Source
from merpati.services.diagnose.findings import Finding, problem
from merpati.services.diagnose.marks import Mark, Marked
from merpati.services.guard import Guard, GuardSettings
from merpati.services.http_sign_in import HttpSignIn
from merpati.services.key_lookup import KeyLookup
from merpati.services.letters import Letters
from merpati.services.moderation import Moderation
from merpati.services.restore import Restore
from merpati.services.sealing import Sealing
from merpati.services.sessions import Sessions, SignInSettings
from merpati.services.sign_in_history import SignInHistory
from merpati.services.web_push import is_public
from merpati.services.webhooks import WebhookSettings
from merpati.store import delegates, directory
from merpati.store.backup.folder import Folder
from tests.support.http import Answer, Site
from tests.support.server import DOMAIN, HOSTNAME, TestInstance

PURPOSE = "mail for the domain comes here"

ADMIN = "admin@example.org"
CITRA = "citra@example.org"
OTHER = "other.test"  # a domain that Citra has nothing to do with
DEWI = f"dewi@{OTHER}"


class Quiet:
    """A machine about which nothing is known but one finding."""

    async def marks(self, domain: str) -> tuple[list[Marked], list[str]]:
        one = Marked(f"{domain}.", "MX", f"10 {HOSTNAME}.", PURPOSE, Mark.MISSING, [])
        return [one], ["PTR"]

    async def findings(self, domains: Sequence[str]) -> dict[str, list[Finding]]:
        found = problem(
            "mx", "No mail can arrive.", "It does not arrive here.", "Remove all but one."
        )
        return {name: [found] for name in (HOSTNAME, *domains)}

    def settings(self, language: str) -> list[SettingView]:  # noqa: ARG002 -- the port has it
        return []

    def listeners(self) -> list[ListenerView]:
        return []

    async def certificates(self) -> list[CertificateView]:
        return []


class ApiInstance(TestInstance):
    """An installation with two domains, an administrator, a delegate, and the API."""

    __test__ = False

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        await self.store.write(directory.add_domain, OTHER, self.now)
        self.admin = await self.add_account(ADMIN)
        self.citra = await self.add_account(CITRA)
        self.dewi = await self.add_account(DEWI)
        await self.store.write(directory.set_account, self.admin.id, is_admin=1)
        rights = list(Right)
        await self.store.write(delegates.put, self.citra.id, DOMAIN, rights)
        self.sessions = Sessions(self.store, self.clock, self.ids, SignInSettings(), self.log)
        sealing = Sealing(self.folder, self.ids)
        letters = Letters(self.accept, self.router, self.blobs, self.clock, self.ids, HOSTNAME)
        self.guard = Guard(
            self.store, letters, self.clock, GuardSettings(), self.metrics, self.log, self.limits
        )
        settings = BackupSettings(target=self.folder / "backup")
        self.backups = Desk(
            self.store, self.blobs, self.clock, self.ids, settings, self._begin_backup
        )
        services = Services(
            store=self.store, clock=self.clock, ids=self.ids, hostname=HOSTNAME, language="en",
            moderation=Moderation(self.router, letters, self.clock, self.ids), lifetime=432_000,
            restore=Restore(self.store, self.clock),
            tokens=Tokens(self.store, self.clock, self.ids),
            sending=Sending(
                self.store, self.accept, self.router, self.guard, self.clock, HOSTNAME
            ),
            history=SignInHistory(self.store, self.clock), surroundings=Quiet(),
            hooks=Hooks(self.store, sealing, WebhookSettings(loopback=True), self.clock, self.ids),
            backups=self.backups, keys=self._key_lookup(),
        )  # fmt: skip
        sign_in = HttpSignIn(self.login, self.sessions)
        self.login._tokens = self.sessions.owner
        self.api = Api(services, sign_in, operations.OPERATIONS)
        self.site = Site(self, self.api.routes())
        self._bearers: dict[int, str] = {}
        return self

    def _key_lookup(self) -> KeyLookup:
        """One that finds nothing elsewhere: nobody answers its resolver."""
        resolver = Resolver([("127.0.0.1", 9)], self.clock, timeout=0.01, attempts=1)
        https = Https(resolver, self.reaper, client_context(verify=True), allows=is_public)
        return KeyLookup(self.store, resolver, https, self.clock)

    async def _begin_backup(self) -> None:
        """Take one in this very process."""
        settings = BackupSettings(target=self.folder / "backup")
        source = Source(self.store, self.blobs, HOSTNAME, [])
        work = Routine(source, settings, self.clock, self.ids, lambda *_: None)
        await work.run(Folder(self.folder / "backup", self.ids), None, regular=True)

    async def bearer(self, account: Account) -> str:
        """The token of a browser that this account has signed in with."""
        if account.id not in self._bearers:
            opened = await self.sessions.open(account.id, "127.0.0.1", "a test")
            self._bearers[account.id] = opened.access
        return self._bearers[account.id]

    async def ask(
        self, method: str, path: str, user: Account | str | None, body: Any = None
    ) -> Answer:
        """A request by an account, or with a token."""
        headers = {}
        if isinstance(user, Account):
            user = await self.bearer(user)
        if user:
            headers["authorization"] = f"Bearer {user}"
        data = None
        if body is not None:
            headers["content_type"] = "application/json"
            data = json.dumps(body).encode()
        return await self.site.ask(method, f"/api/v1{path}", data, **headers)

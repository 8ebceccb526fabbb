"""JMAP of a test installation, called without HTTP.

async with JmapInstance(tmp_path) as instance:
    answer = await instance.call("Mailbox/get", accountId=instance.account, ids=None)
"""

from __future__ import annotations

import json
from typing import Any, Self

from merpati.app import jmap
from merpati.model import object_ids
from merpati.model.account import Account
from merpati.servers.jmap.api import Api
from merpati.servers.jmap.call import JmapSettings, Sending, Services
from merpati.servers.jmap.http import Jmap
from merpati.services.http_sign_in import HttpSignIn
from merpati.services.sealing import Sealing
from merpati.services.web_push import Vapid
from merpati.wire.jmap import requests
from tests.support.server import HOSTNAME, TestInstance


class JmapInstance(TestInstance):
    """An installation, and JMAP as `ANA` uses it unless somebody else is named."""

    __test__ = False

    async def __aenter__(self) -> Self:
        await super().__aenter__()
        self.jmap = self.build(JmapSettings())
        self.account = object_ids.account(self.ana.id)
        self.signed_in_with = ""
        return self

    async def credential(self) -> str:
        """The name of what whoever calls has signed in with (`store.push`)."""
        return self.signed_in_with

    def build(self, settings: JmapSettings) -> Jmap:
        """Another one, with other limits."""
        built = jmap.build(
            settings, self.store, self.blobs, HttpSignIn(self.login), self.clock, self.ids,
            self.log, 50_000_000, sending=Sending(self.accept, self.router),
        )  # fmt: skip
        jmap.push(built, self.notify, Vapid(Sealing(self.folder, self.ids), HOSTNAME, self.clock))
        return built

    @property
    def api(self) -> Api:
        return self.jmap.api

    @property
    def services(self) -> Services:
        return self.jmap.services

    async def request(
        self, *calls: tuple[str, dict[str, Any], str], user: Account | None = None, **more: Any
    ) -> list[Any]:
        """The method responses of a request, as a client would read them."""
        who = user or self.ana
        body = {
            "using": more.pop("using", sorted(self.api.capabilities)),
            "methodCalls": calls,
            **more,
        }
        asked = self.api.read(json.dumps(body).encode())
        named = await self.jmap.accounts.named(who)
        accounts = {id_: access for id_, (access, _) in named.items()}
        answer = await self.api.answer(asked, who, accounts, "0", credential=self.credential)
        told: dict[str, Any] = json.loads(requests.encode(answer))
        self.last = told
        responses: list[Any] = told["methodResponses"]
        return responses

    async def call(self, method: str, *, user: Account | None = None, **arguments: Any) -> Any:
        """The arguments of the one response; of an error, with "error" as its `method`."""
        [[name, told, _], *_] = await self.request((method, arguments, "0"), user=user)
        return {"method": name, **told} if name == "error" else told

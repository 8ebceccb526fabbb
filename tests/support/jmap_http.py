"""A JMAP client of one account that speaks HTTP, as the standards' examples do."""

from __future__ import annotations

from typing import Any

from merpati.servers.jmap.call import CORE, MAIL
from tests.support.http import Answer, Site
from tests.support.jmap import JmapInstance
from tests.support.server import ANA

USING = [CORE, MAIL]


class Client:
    """Uses an account as `ANA`."""

    def __init__(self, jmap: JmapInstance, site: Site) -> None:
        self.account = jmap.account
        self.every = sorted(jmap.api.capabilities)
        self.site = site

    async def raw(self, body: bytes, content_type: str = "application/json") -> Answer:
        return await self.site.ask("POST", "/jmap/api", body, user=ANA, content_type=content_type)

    async def request(self, *calls: Any, using: Any = USING, **more: Any) -> Any:
        """The Response object of a request."""
        body = {"using": using, "methodCalls": list(calls), **more}
        answer = await self.site.post("/jmap/api", body, user=ANA)
        assert answer.status == 200, answer.body
        return answer.json

    async def calls(self, *calls: tuple[str, dict[str, Any]], **more: Any) -> list[Any]:
        """The arguments of the responses to calls in the client's account; errors as of `call`."""
        given = [
            [name, {"accountId": self.account, **arguments}, str(n)]
            for n, (name, arguments) in enumerate(calls)
        ]
        told = await self.request(*given, using=self.every, **more)
        return [
            {"error": one["type"], **one} if name == "error" else one
            for name, one, _ in told["methodResponses"]
        ]

    async def call(self, method: str, **arguments: Any) -> Any:
        """The arguments of the only response; of an error, its type as "error"."""
        [told] = await self.calls((method, arguments))
        return told

    async def upload(self, data: bytes, content_type: str = "message/rfc822") -> str:
        """The id of a blob with these bytes."""
        answer = await self.site.ask(
            "POST", f"/jmap/upload/{self.account}/", data, user=ANA, content_type=content_type
        )
        assert answer.status == 201, answer.body
        id_: str = answer.json["blobId"]
        return id_

    async def add(self, message: bytes, mailbox: str = "F1", **more: Any) -> str:
        """Import a message; gives the email's id."""
        email = {"blobId": await self.upload(message), "mailboxIds": {mailbox: True}, **more}
        told = await self.call("Email/import", emails={"k": email})
        id_: str = told["created"]["k"]["id"]
        return id_

    async def email(self, id_: str, *properties: str, **arguments: Any) -> Any:
        """These properties of an email, or those that are told when none are named."""
        told = await self.call(
            "Email/get", ids=[id_], properties=list(properties) or None, **arguments
        )
        [one] = told["list"]
        return one

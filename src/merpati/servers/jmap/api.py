"""A request's calls, one after the other (RFC 8620 3.3), whatever carried the request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from merpati.base.faults import Fault
from merpati.model.account import Account
from merpati.servers.jmap.call import (
    CORE,
    Access,
    Call,
    CredentialName,
    Method,
    Services,
    no_credential,
)
from merpati.wire.jmap import references, requests
from merpati.wire.jmap.faults import MethodFault, RequestFault, method_fault
from merpati.wire.jmap.requests import Invocation, Request


class Api:
    """Answers requests by the methods of all data types."""

    def __init__(
        self, services: Services, methods: Mapping[str, Method], capabilities: frozenset[str]
    ) -> None:
        """`capabilities`: those that a request may use."""
        self._services = services
        self._methods: Final = {**methods, "Core/echo": Method(CORE, _echo)}
        self.capabilities: Final = capabilities
        self._running: Counter[int] = Counter()

    def read(self, body: bytes) -> Request:
        """The request of a JSON text. Raises RequestFault."""
        settings = self._services.settings
        if len(body) > settings.request_size:
            text = f"a request has at most {settings.request_size} bytes"
            raise RequestFault("limit", text, "maxSizeRequest")
        return requests.decode(body, self.capabilities, settings.calls)

    async def answer(
        self,
        request: Request,
        user: Account,
        accounts: Mapping[str, Access],
        state: str,
        peer: str = "",
        credential: CredentialName = no_credential,
    ) -> dict[str, Any]:
        """The Response object.

        Args:
            request: What is asked.
            user: Who asks.
            accounts: Those the user may use.
            state: of the session object.
            peer: The address that it came from.
            credential: Tells what the user signed in with.

        Raises:
            RequestFault: too many requests of this user at once.
        """
        limit = self._services.settings.requests
        if self._running[user.id] >= limit:
            text = f"at most {limit} requests at once"
            raise RequestFault("limit", text, "maxConcurrentRequests")
        self._running[user.id] += 1
        try:
            created = dict(request.created_ids or {})
            using = frozenset(request.using)
            call = Call(self._services, user, accounts, using, created, peer, credential)
            responses = await self._run(call, request)
        finally:
            self._running[user.id] -= 1
            if not self._running[user.id]:
                del self._running[user.id]
        return requests.response(
            responses, state, None if request.created_ids is None else call.created
        )

    async def _run(self, call: Call, request: Request) -> list[Invocation]:
        responses: list[Invocation] = []
        for name, arguments, call_id in request.calls:
            try:
                method = self._methods.get(name)
                if method is None or method.capability not in call.using:
                    raise MethodFault("unknownMethod")  # noqa: TRY301 -- one place answers all faults
                resolved = references.resolve(arguments, responses)
                for answer, told in await method.run(call, resolved):
                    responses.append(Invocation(answer, told, call_id))
            except Fault as fault:
                responses.append(Invocation("error", method_fault(fault).arguments(), call_id))
            except Exception as problem:  # noqa: BLE001 -- one call's defect ends that call only
                self._services.log.defect("jmap.failed", problem, method=name[:100])
                told = MethodFault("serverFail", "this is our mistake, and was logged").arguments()
                responses.append(Invocation("error", told, call_id))
        return responses


async def _echo(_call: Call, arguments: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Core/echo (RFC 8620 4)."""
    return [("Core/echo", arguments)]

"""Who makes an HTTP request, for every protocol that comes that way.

A program says it with each request: an address and a password, or a bearer token.
"""

from __future__ import annotations

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.model.account import Account
from merpati.services.login import Login
from merpati.wire import http_credentials, sasl
from merpati.wire.http_credentials import Token


class HttpSignIn:
    """Reads the Authorization field of requests."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def account(self, authorization: str | None, peer: str, protocol: str) -> Account:
        """The account that a request comes from.

        Args:
            authorization: The value of the field, None without one.
            peer: The client's address.
            protocol: For the metrics: "jmap", "dav", ...

        Raises:
            Fault: AUTH_REQUIRED without a field; AUTH_FAILED, TOO_MANY as `Login.verify`.
        """
        if not authorization:
            raise Fault(Kind.AUTH_REQUIRED, "sign in first")
        try:
            given = http_credentials.read(authorization)
            if not isinstance(given, Token):
                name = sasl.prepare_name(given.name)
                password = sasl.prepare_password(given.password)
        except SyntaxFault as fault:
            raise Fault(Kind.AUTH_FAILED, fault.text) from None
        if isinstance(given, Token):
            return await self._login.by_token(given, peer, protocol)
        return await self._login.verify(name, password, peer, protocol)

"""Who makes an HTTP request, for every protocol that comes that way.

A program says it with each request: an address and a password, or a bearer token. What only a
person may do who has signed in to our own pages (`sessions.OWN`) wants the token of a browser's
session: a password there would go past the second factor.
"""

from __future__ import annotations

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.model.account import Account
from merpati.services.login import Login
from merpati.services.sessions import OWN, Sessions
from merpati.store import push
from merpati.store.web_sessions import BROWSER, WebSession
from merpati.wire import http_credentials, sasl
from merpati.wire.http_credentials import Token


class HttpSignIn:
    """Reads the Authorization field of requests."""

    def __init__(self, login: Login, sessions: Sessions | None = None) -> None:
        """`sessions`: those of browsers; without them nobody is a person in front of one."""
        self._login = login
        self._sessions = sessions

    async def account(self, authorization: str | None, peer: str, protocol: str) -> Account:
        """The account that a request comes from.

        Args:
            authorization: The value of the field, None without one.
            peer: The client's address.
            protocol: What an app password or token has to be for: "jmap", "dav", ...;
                for "admin" and "account" only a browser's token will do.

        Raises:
            Fault: AUTH_REQUIRED without a field; AUTH_FAILED, TOO_MANY as `Login.verify`;
                DENIED for a password where only a browser's token will do.
        """
        given = _read(authorization)
        if isinstance(given, Token):
            return await self._login.by_token(given, protocol)
        if protocol in OWN:
            raise Fault(Kind.DENIED, "sign in in the browser; a password alone will not do here")
        try:
            name = sasl.prepare_name(given.name)
            password = sasl.prepare_password(given.password)
        except SyntaxFault as fault:
            raise Fault(Kind.AUTH_FAILED, fault.text) from None
        return await self._login.verify(name, password, peer, protocol)

    async def credential(self, authorization: str | None, account: Account) -> str:
        """What opened an account to a request, by the names of `store.push`."""
        given = _read(authorization)
        if isinstance(given, Token):
            session = await self._sessions.find(given) if self._sessions is not None else None
            return push.session(session.id) if session is not None else ""
        return await self._login.credential(account, sasl.prepare_password(given.password))

    async def person(self, authorization: str | None, peer: str) -> tuple[Account, WebSession]:
        """The account, and the browser's session, that a request comes from.

        Raises:
            Fault: AUTH_REQUIRED, AUTH_FAILED, DENIED for anything else.
        """
        given = _read(authorization)
        session = None
        if isinstance(given, Token) and self._sessions is not None:
            session = await self._sessions.find(given)
            if session is None:
                raise Fault(Kind.AUTH_FAILED, "the token is not good, or not any more")
        if session is None or session.kind != BROWSER:
            raise Fault(Kind.DENIED, "sign in in the browser; nothing else will do here")
        return await self.account(authorization, peer, "account"), session


def _read(authorization: str | None) -> sasl.Credentials | Token:
    if not authorization:
        raise Fault(Kind.AUTH_REQUIRED, "sign in first")
    try:
        return http_credentials.read(authorization)
    except SyntaxFault as fault:
        raise Fault(Kind.AUTH_FAILED, fault.text) from None

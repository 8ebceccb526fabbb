"""One SASL exchange of a session: challenges out, responses in, an account in the end.

The mechanisms are pure: `wire.sasl` (RFC 4616), `wire.scram` (RFC 5802, RFC 7677),
`wire.oauth` (RFC 7628). Here their questions are answered by `services.login`. Every
protocol carries the lines in its own way (SMTP: RFC 4954).

What the connection itself knows of the client takes part as a `Channel`: SCRAM is bound to
its certificate, and EXTERNAL (RFC 4422 A) is offered to whoever has shown a certificate with
an address in it.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Generator, Mapping
from typing import Any, Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.net.tls import CertificateStore, TlsInfo
from merpati.services.login import Login
from merpati.wire import oauth, sasl, scram
from merpati.wire.oauth import TokenWanted
from merpati.wire.sasl import Cancelled, Credentials, External
from merpati.wire.scram import TLS_SERVER_END_POINT, KeysWanted, Proven

_WITH_TOKENS: Final = frozenset({oauth.BEARER_NAME, oauth.XOAUTH2_NAME})

Steps = Generator[Any, Any, Credentials | Proven | External]


class Channel(msgspec.Struct, frozen=True):
    """What the connection itself lends to signing in.

    Attributes:
        bindings: channel bindings, by type (RFC 5056).
        addresses: those in the certificate that the client has shown.
    """

    bindings: Mapping[str, bytes] = msgspec.field(default_factory=dict)
    addresses: tuple[str, ...] = ()


CLEAR: Final = Channel()


def channel(login: Login, certificates: CertificateStore | None, tls: TlsInfo | None) -> Channel:
    """The channel of a connection; `tls` is None in clear text."""
    if tls is None or certificates is None:
        return CLEAR
    if not login.settings.channel_binding:
        return Channel({}, tls.addresses) if tls.addresses else CLEAR
    bindings = {TLS_SERVER_END_POINT: certificates.end_point(tls.server_name)}
    return Channel(bindings, tls.addresses)


def offered(login: Login, channel: Channel = CLEAR) -> list[str]:
    """The mechanisms there are on a connection, the best first."""
    names = [sasl.EXTERNAL_NAME] if channel.addresses else []
    if login.settings.scram:
        names += [scram.PLUS_NAME] if channel.bindings else []
        names.append(scram.PLAIN_NAME)
    if login.takes_tokens:
        names += [oauth.BEARER_NAME, oauth.XOAUTH2_NAME]
    return [*names, *sasl.MECHANISMS]


class NotAuthorised(Fault):
    """Who has proven to be somebody may not act as the one they name (RFC 4422 3.4.1)."""


class SignIn:
    """One exchange.

    Attributes:
        challenge: what to send next, in base64; None once it is over.
        account: who has signed in, once it is over.
    """

    def __init__(
        self,
        login: Login,
        mechanism: str,
        peer: str,
        protocol: str,
        channel: Channel = CLEAR,
    ) -> None:
        """Begins an exchange by one of the mechanisms `offered`.

        Args:
            login: who knows the accounts.
            mechanism: in upper case.
            peer: the client's address.
            protocol: for the metrics: "imap", "smtp", ...
            channel: what the connection lends to it.
        """
        assert mechanism in offered(login, channel), mechanism
        self._login = login
        self._peer = peer
        self._protocol = protocol
        self._means = "token" if mechanism in _WITH_TOKENS else "scram"
        self._addresses = channel.addresses
        self._steps = _start(mechanism, login, channel.bindings)
        self.challenge: bytes | None = None
        self.account: Account | None = None

    async def begin(self, initial: bytes | None) -> None:
        """Take the initial response in base64 (`=`: an empty one), or None without one.

        Raises:
            Fault: as `respond`.
        """
        first = next(self._steps)
        if initial is None:
            self.challenge = b64encode(first)
        else:
            await self._advance(b"" if initial == b"=" else sasl.decode(initial))

    async def respond(self, line: bytes) -> None:
        """Take the client's next line, without CRLF.

        Raises:
            Cancelled: it is `*`.
            SyntaxFault: it is not base64, or not what the mechanism expects.
            Fault: AUTH_FAILED, TOO_MANY, as `Login.verify`.
        """
        self.challenge = None
        if line == b"*":
            raise Cancelled("authentication was cancelled")
        await self._advance(sasl.decode(line))

    async def _advance(self, answer: Any) -> None:
        while True:
            try:
                step = self._steps.send(answer)
            except StopIteration as end:
                self.account = await self._end(end.value)
                return
            if isinstance(step, bytes):
                self.challenge = b64encode(step)
                return
            answer = await self._answer(step)

    async def _answer(self, question: KeysWanted | TokenWanted) -> Any:
        if isinstance(question, KeysWanted):
            return await self._login.scram_keys(question.name, self._peer, self._protocol)
        return await self._login.token_address(
            question.token, question.name, self._peer, self._protocol
        )

    async def _end(self, result: Credentials | Proven | External) -> Account:
        if isinstance(result, External):
            return await self._login.by_certificate(
                self._addresses, result.authzid, self._peer, self._protocol
            )
        if isinstance(result, Credentials):
            account = await self._login.verify(
                result.name, result.password, self._peer, self._protocol
            )
        else:
            account = await self._login.proven(
                result.name, self._peer, self._protocol, right=result.right, means=self._means
            )
        if result.authzid and result.authzid.lower() not in {result.name.lower(), account.address}:
            raise NotAuthorised(Kind.AUTH_FAILED, "acting for another account is not possible")
        return account


def _start(mechanism: str, login: Login, bindings: Mapping[str, bytes]) -> Steps:
    starts: dict[str, Callable[[], Steps]] = {
        **sasl.MECHANISMS,
        sasl.EXTERNAL_NAME: sasl.external,
        oauth.BEARER_NAME: oauth.bearer,
        oauth.XOAUTH2_NAME: oauth.xoauth2,
        scram.PLAIN_NAME: lambda: scram.server(login.nonce(), bindings, plus=False),
        scram.PLUS_NAME: lambda: scram.server(login.nonce(), bindings, plus=True),
    }
    return starts[mechanism]()

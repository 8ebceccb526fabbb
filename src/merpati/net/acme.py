"""An ACME authority (RFC 8555): account, order, proof, certificate.

The protocol is spoken by `acme`, the library of certbot. It is synchronous, and importing it
costs 0.6 s; so it is imported when the first certificate is ordered, and each step runs in a
thread of its own that does not keep the process from ending. How a proof gets to where the
authority looks for it is the caller's business.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import NameOID
from msgspec import Struct

from merpati.base.faults import Fault, Kind

if TYPE_CHECKING:
    from acme.client import ClientV2
    from acme.messages import OrderResource

R = TypeVar("R")

AGENT: Final = "merpati"
REQUEST_TIMEOUT: Final = 45  # seconds for one request
NONCES: Final = 4  # times that a nonce may be refused (RFC 8555 6.5), in pairs
MAX_WORDS: Final = 500  # characters of an authority's reason


class Proof(Struct, frozen=True):
    """What shows that a name is ours.

    Attributes:
        name: The host name; for a wildcard without the star.
        token: What HTTP-01 asks for (RFC 8555 8.3).
        key_authorization: What all kinds answer, or a digest of it (RFC 8555 8.1).
    """

    name: str
    token: str
    key_authorization: str


class Order(Struct, frozen=True):
    """An order under way: the proofs it wants, and what the library knows of it."""

    proofs: tuple[Proof, ...]
    challenges: tuple[Any, ...]
    resource: Any


def make_key() -> str:
    """A new private key as PEM, for an account or a certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def make_request(names: Sequence[str], private_key: str) -> bytes:
    """The request for a certificate (PKCS #10, PEM) for these names."""
    key = load_pem_private_key(private_key.encode(), None)
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, names[0])] if len(names[0]) <= 64 else []
    alternatives = x509.SubjectAlternativeName([x509.DNSName(name) for name in names])
    request = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name(subject))
        .add_extension(alternatives, critical=False)
        .sign(key, hashes.SHA256())  # type: ignore[arg-type]
    )
    return request.public_bytes(Encoding.PEM)


class Authority:
    """One authority, with our account there."""

    def __init__(
        self, directory: str, account_key: str, account_url: str = "", trusted: Path | None = None
    ) -> None:
        """Prepares; nothing is asked yet.

        Args:
            directory: The authority's URL.
            account_key: PEM.
            account_url: Empty before `register`.
            trusted: Certificates (PEM) to believe the authority's web server by, if it is none
                of the public ones.
        """
        self._directory = directory
        self._account_key = account_key
        self._account_url = account_url
        self._trusted = trusted
        self._client: ClientV2 | None = None

    async def register(self, contact: str) -> str:
        """Open the account, or find the one of this key; its URL.

        Raises:
            Fault: UNAVAILABLE, with the authority's reason.
        """
        return await _in_thread(lambda: self._register(contact))

    async def order(self, request: bytes, kind: str) -> Order:
        """Order a certificate.

        Args:
            request: From `make_request`.
            kind: How names are to be proved: `http-01`, `tls-alpn-01` or `dns-01`.

        Raises:
            Fault: UNAVAILABLE, with the authority's reason; UNSUPPORTED, it does not know `kind`.
        """
        return await _in_thread(lambda: self._order(request, kind))

    async def complete(self, order: Order, within: float) -> str:
        """Let the authority look at the proofs; the certificate's chain as PEM, leaf first.

        Raises:
            Fault: UNAVAILABLE, with what the authority met, or it took longer than so many seconds.
        """
        return await _in_thread(lambda: self._complete(order, within))

    async def renewal(self, chain: str) -> float | None:
        """When the authority advises to renew (RFC 9773), Unix seconds; None: it does not say.

        Raises:
            Fault: UNAVAILABLE.
        """
        return await _in_thread(lambda: self._renewal(chain))

    # In a thread

    def _connected(self) -> ClientV2:
        if self._client is None:
            from acme import client, messages  # noqa: PLC0415 -- 0.6 s, for who orders certificates
            from josepy.jwa import ES256  # noqa: PLC0415 -- the same
            from josepy.jwk import JWKEC  # noqa: PLC0415 -- the same

            key = load_pem_private_key(self._account_key.encode(), None)
            trusted: Any = True if self._trusted is None else str(self._trusted)

            class Network(client.ClientNetwork):
                """Tries again when the authority wants a fresh nonce, not just once."""

                def post(self, *args: Any, **kwargs: Any) -> Any:
                    for _ in range(NONCES):
                        try:
                            return super().post(*args, **kwargs)
                        except messages.Error as error:
                            if error.code != "badNonce":
                                raise
                    return super().post(*args, **kwargs)

            net = Network(
                JWKEC(key=key), alg=ES256, verify_ssl=trusted, user_agent=AGENT,
                timeout=REQUEST_TIMEOUT,
            )  # fmt: skip
            directory = client.ClientV2.get_directory(self._directory, net)
            self._client = client.ClientV2(directory, net)
            if self._account_url:
                body = messages.Registration()
                net.account = messages.RegistrationResource(uri=self._account_url, body=body)
        return self._client

    def _register(self, contact: str) -> str:
        client = self._connected()
        from acme import errors, messages  # noqa: PLC0415 -- imported already

        fresh = messages.NewRegistration.from_data(
            email=contact or None, terms_of_service_agreed=True
        )
        try:
            client.net.account = client.new_account(fresh)
        except errors.ConflictError as known:
            body = messages.Registration()
            client.net.account = messages.RegistrationResource(uri=known.location, body=body)
        assert client.net.account is not None
        self._account_url = str(client.net.account.uri)
        return self._account_url

    def _order(self, request: bytes, kind: str) -> Order:
        client = self._connected()
        from josepy.b64 import b64encode  # noqa: PLC0415 -- imported already

        assert client.net.key is not None
        thumbprint = b64encode(client.net.key.thumbprint()).decode()
        resource = client.new_order(request)
        proofs, challenges = [], []
        for authorization in resource.authorizations:
            if str(authorization.body.status.name) == "valid":  # proved not long ago
                continue
            name = authorization.body.identifier.value
            offered = [(one.to_json(), one) for one in authorization.body.challenges]
            found = next(((told, one) for told, one in offered if told.get("type") == kind), None)
            if found is None:
                kinds = ", ".join(str(told.get("type")) for told, _ in offered)
                text = f"{self._directory} does not take {kind} as a proof for {name}, but {kinds}."
                raise Fault(Kind.UNSUPPORTED, text)
            token = str(found[0]["token"])
            proofs.append(Proof(name, token, f"{token}.{thumbprint}"))
            challenges.append(found[1])
        return Order(tuple(proofs), tuple(challenges), resource)

    def _complete(self, order: Order, within: float) -> str:
        client = self._connected()
        from acme.challenges import KeyAuthorizationChallengeResponse  # noqa: PLC0415 -- the same

        class Ready(KeyAuthorizationChallengeResponse):
            """That the proof can be looked at; there is nothing else to say (RFC 8555 7.5.1)."""

            typ = "ready"

        for challenge in order.challenges:
            client.answer_challenge(challenge, Ready(key_authorization=""))
        deadline = dt.datetime.now() + dt.timedelta(seconds=within)  # noqa: DTZ005 -- the library's
        resource: OrderResource = client.poll_and_finalize(order.resource, deadline)
        return str(resource.fullchain_pem)

    def _renewal(self, chain: str) -> float | None:
        when, _ = self._connected().renewal_time(chain.encode())
        return None if when is None else when.timestamp()


async def _in_thread(work: Callable[[], R]) -> R:
    """What `work` gives, in a thread that the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[R] = loop.create_future()

    def tell(result: R | None, problem: BaseException | None) -> None:
        if done.done():  # whoever waited has gone
            return
        if problem is None:
            done.set_result(result)  # type: ignore[arg-type]
        else:
            done.set_exception(problem)

    def run() -> None:
        result, problem = None, None
        try:
            result = work()
        except Fault as fault:
            problem = fault
        except Exception as error:  # noqa: BLE001 -- of a library and those below it
            problem = Fault(Kind.UNAVAILABLE, _explain(error))
            problem.__cause__ = error
        try:
            loop.call_soon_threadsafe(tell, result, problem)
        except RuntimeError:
            return  # the loop has ended meanwhile

    threading.Thread(target=run, name="acme", daemon=True).start()
    return await done


def _explain(error: Exception) -> str:
    """What the authority, or the way to it, said."""
    reasons = []
    for authorization in getattr(error, "failed_authzrs", ()):
        name = authorization.body.identifier.value
        errors = [one.error for one in authorization.body.challenges if one.error is not None]
        reasons += [f"{name}: {error.detail or error.typ}" for error in errors]
    detail = getattr(error, "detail", None)
    text = "; ".join(reasons) or str(detail or error) or type(error).__name__
    return f"The certificate authority gives none: {' '.join(text.split())[:MAX_WORDS]}"

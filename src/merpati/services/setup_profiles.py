"""Apple's configuration profiles, signed with the server's certificate, with or without a password.

One with a password is fetched by a phone that has scanned a code, so it waits under an address that
nobody can guess, for ten minutes. The password in it is sealed with that address, of which the
store has only the hash.
"""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from hashlib import sha256
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import pkcs7

from merpati.base.clock import Clock
from merpati.base.faults import Fault, Kind
from merpati.base.ids import Ids
from merpati.model.account import Account
from merpati.net.tls import CertificateFiles, CertificateStore
from merpati.store import directory, tickets
from merpati.store.engine import Store
from merpati.wire import client_setup
from merpati.wire.client_setup import Setup

LIFETIME: Final = 600_000  # ms
KIND: Final = "profile"


class SetupProfiles:
    """Makes them."""

    def __init__(
        self, store: Store, clock: Clock, ids: Ids, setup: Setup, chain: CertificateStore | None
    ) -> None:
        """`chain`: what they are signed with; without one they are not."""
        self._store = store
        self._clock = clock
        self._ids = ids
        self.setup: Final = setup
        self._chain = chain

    async def keep(self, account: Account, password: str) -> str:
        """A ticket for a profile with an app password."""
        token = self._ids.token(24)
        data = {"password": b64encode(_mix(token, password.encode())).decode()}
        ends = int(self._clock.now() * 1000) + LIFETIME
        await self._store.write(tickets.issue, token, KIND, account.id, data, ends)
        return token

    async def kept(self, token: str) -> bytes:
        """The profile of a ticket. Raises Fault NOT_FOUND."""
        now = int(self._clock.now() * 1000)
        ticket = await self._store.read(tickets.find, token, KIND, now)
        number = ticket.account_id if ticket is not None else 0
        found = await self._store.read(directory.account_by_id, number)
        if ticket is None or found is None:
            raise Fault(Kind.NOT_FOUND, "this profile is not there any more; make a new one")
        password = _mix(token, b64decode(ticket.data["password"])).decode()
        return await self.make(found.address, found.name, password)

    async def make(self, address: str, name: str = "", password: str = "") -> bytes:
        """A profile for an address. Raises SyntaxFault as `client_setup.profile`."""
        plain = client_setup.profile(self.setup, address, name, password)
        files = self._chain.certificates[0].files if self._chain is not None else None
        if files is None:
            return plain
        return await asyncio.to_thread(_sign, plain, files)


def _mix(token: str, text: bytes) -> bytes:
    """Seal with a ticket, or open: its random key is used for this one text."""
    pad = b"".join(
        sha256(f"profile {number} {token}".encode()).digest()
        for number in range(len(text) // 32 + 1)
    )
    return bytes(one ^ other for one, other in zip(text, pad, strict=False))


def _sign(plain: bytes, files: CertificateFiles) -> bytes:
    """The same, signed (RFC 5652 5.1); unsigned with an unusual key, which devices show."""
    try:
        chain = x509.load_pem_x509_certificates(files.certificate.read_bytes())
        key = serialization.load_pem_private_key(files.key.read_bytes(), None)
        if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
            return plain
        builder = pkcs7.PKCS7SignatureBuilder().set_data(plain)
        builder = builder.add_signer(chain[0], key, hashes.SHA256())
        for one in chain[1:]:
            builder = builder.add_certificate(one)
        return builder.sign(serialization.Encoding.DER, [])
    except (OSError, ValueError):  # the files are being replaced
        return plain

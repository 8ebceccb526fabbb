"""Certificate authorities made on the spot, so that tests can have chains of any shape.

root = Authority("root")
issued = Authority("middle", signer=root).issue("mx.test")
issued.server_context(), root.client_context()
"""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID

if TYPE_CHECKING:
    from collections.abc import Sequence

HOUR = dt.timedelta(hours=1)


def der(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.DER)


def spki(certificate: x509.Certificate) -> bytes:
    return certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True)
class Issued:
    """A server's certificate, its key, and the authorities between it and the root."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey
    above: tuple[x509.Certificate, ...]

    @property
    def chain(self) -> list[bytes]:
        """As a server presents it: DER, the leaf first."""
        return [der(one) for one in (self.certificate, *self.above)]

    @property
    def chain_pem(self) -> bytes:
        return b"".join(one.public_bytes(Encoding.PEM) for one in (self.certificate, *self.above))

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(
            Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def server_context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        with tempfile.NamedTemporaryFile() as file:
            file.write(self.key_pem + self.chain_pem)
            file.flush()
            context.load_cert_chain(Path(file.name))
        return context


CA_USAGE = x509.KeyUsage(
    digital_signature=True, content_commitment=False, key_encipherment=False,
    data_encipherment=False, key_agreement=False, key_cert_sign=True, crl_sign=True,
    encipher_only=False, decipher_only=False,
)  # fmt: skip


class Authority:
    """Signs certificates; itself signed by `signer`, or by itself."""

    def __init__(
        self,
        name: str,
        *,
        signer: Authority | None = None,
        ca: bool = True,
        path_length: int | None = None,
        days: float = 2,
    ) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.name: str = name
        self.signer = signer
        limits = x509.BasicConstraints(ca=ca, path_length=path_length)
        above = signer or self
        builder = _builder(name, self.key, above.name if signer else name, above.key, days)
        if ca:
            builder = builder.add_extension(CA_USAGE, critical=True)
        self.certificate = builder.add_extension(limits, critical=True).sign(
            above.key, hashes.SHA256()
        )

    def issue(
        self,
        *names: str,
        key: ec.EllipticCurvePrivateKey | None = None,
        days: float = 1,
        addresses: Sequence[str] = (),
        mailboxes: Sequence[str] = (),
    ) -> Issued:
        """A certificate for these hosts, IP and mail addresses; `days` may be below zero."""
        own = key or ec.generate_private_key(ec.SECP256R1())
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        alternatives += [x509.IPAddress(ipaddress.ip_address(one)) for one in addresses]
        alternatives += [x509.RFC822Name(one) for one in mailboxes]
        certificate = (
            _builder(names[0] if names else "nobody", own, self.name, self.key, days)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(self.key, hashes.SHA256())
        )
        above = []
        authority: Authority | None = self
        while authority is not None and authority.signer is not None:
            above.append(authority.certificate)
            authority = authority.signer
        return Issued(certificate, own, tuple(above))

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(Encoding.PEM)

    def revocations(self, *revoked: Issued) -> bytes:
        """Its list of certificates that are not good any more, PEM (RFC 5280 5)."""
        now = dt.datetime.now(dt.UTC)
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - HOUR)
            .next_update(now + HOUR)
        )
        for one in revoked:
            number = one.certificate.serial_number
            entry = x509.RevokedCertificateBuilder().serial_number(number)
            builder = builder.add_revoked_certificate(entry.revocation_date(now - HOUR).build())
        return builder.sign(self.key, hashes.SHA256()).public_bytes(Encoding.PEM)

    def client_context(self) -> ssl.SSLContext:
        """A client's context that believes this authority alone."""
        pem = self.certificate.public_bytes(Encoding.PEM).decode()
        return ssl.create_default_context(cadata=pem)


def _builder(
    name: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: float,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    end = now + dt.timedelta(days=days)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(min(now, end) - HOUR)
        .not_valid_after(end)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key()),
            critical=False,
        )
    )

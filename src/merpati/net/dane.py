"""DANE for SMTP (RFC 7672): a host's TLSA records, and whether its certificates fit them.

Everything hangs on DNSSEC: records count only in answers that a validating resolver vouches
for, and hosts are asked for them only where the way to the host's address is signed too, for
elsewhere they could not help, and some name servers answer no question of this type (RFC
7672 2.1.3). That nobody can tell is no reason to go on without: it is what an attacker
would bring about. The mail waits.

The standard library cannot be told TLSA records, so the handshake checks nothing, and what
the peer presented is checked after it, before a byte of mail is sent.
"""

from __future__ import annotations

import asyncio
import datetime as dt
from typing import TYPE_CHECKING, Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_der_public_key,
)

from merpati.base.faults import Fault, Kind
from merpati.wire.dane import DANE_EE, DANE_TA, Tlsa, usable
from merpati.wire.tls_report import ResultType

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from merpati.net.dns import Answer, Resolver

MAX_DEPTH: Final = 10
"""Certificates looked at, and steps from a server's to an authority; real chains have 4."""

_BROKEN: Final = (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm)


class Mistrust(Fault):
    """The peer's certificates are not what its domain published; `result` is for reports."""

    def __init__(self, result: ResultType, text: str) -> None:
        super().__init__(Kind.TLS_REQUIRED, text)
        self.result: Final = result


class Published(msgspec.Struct, frozen=True):
    """What a host's signed zone says about its TLS.

    Attributes:
        base: The name the records stand at, without port (RFC 7671 7): what to ask for in the
            handshake, and one the certificate may be for.
        records: Those that can be used. Without any, but with others, mail must be encrypted
            and nobody can be believed (RFC 7672 2.2).
    """

    base: str
    records: tuple[Tlsa, ...]


async def published(resolver: Resolver, host: str, port: int) -> Published | None:
    """A host's TLSA records; None where there are none, or no proof.

    Raises:
        Fault: UNAVAILABLE, nobody can tell: the host must not be used now (RFC 7672 2.1.2).
    """
    for base in await _bases(resolver, host):
        answer = await resolver.query(f"_{port}._tcp.{base}", "TLSA")
        if answer.secure and answer.records:
            records = (Tlsa(r.usage, r.selector, r.mtype, r.cert) for r in answer.records)
            return Published(base, usable(records))
    return None


async def _bases(resolver: Resolver, host: str) -> list[str]:
    """The names under which TLSA records count: the end of the aliases, then the host itself."""
    both = (resolver.query(host, "AAAA"), resolver.query(host, "A"))
    found: list[Answer] = []
    for answer in await asyncio.gather(*both, return_exceptions=True):
        if isinstance(answer, BaseException):
            if not isinstance(answer, Fault):
                raise answer
        elif answer.records:
            found.append(answer)
    if not found:
        return []
    if all(answer.secure for answer in found):
        return list(dict.fromkeys((found[0].canonical, host)))
    if found[0].canonical != host and (await resolver.query(host, "CNAME")).secure:
        return [host]  # the alias is signed, what it leads to is not (RFC 7672 2.2.2)
    return []


def verify(
    chain: Sequence[bytes], records: Collection[Tlsa], names: Collection[str], now: float
) -> None:
    """Whether one of the records vouches for the certificates a server presented.

    Args:
        chain: As DER, the server's own first.
        records: From `published`.
        names: What the server may be called (RFC 7672 3.2.2).
        now: Unix seconds.

    Raises:
        Mistrust: None does.
    """
    certificates = [_load(der) for der in chain[:MAX_DEPTH]]
    if not certificates or certificates[0] is None:
        raise Mistrust(ResultType.VALIDATION_FAILURE, "The server's certificate cannot be read.")
    leaf = certificates[0]
    # The record itself says that this is the key of this host: neither names nor dates of
    # the certificate matter (RFC 7671 5.1).
    if any(record.usage == DANE_EE and record.matches(*_forms(leaf)) for record in records):
        return
    authorities = [record for record in records if record.usage == DANE_TA]
    if not authorities:
        text = "The server's certificate is not the one its TLSA records name."
        raise Mistrust(ResultType.VALIDATION_FAILURE, text)
    moment = dt.datetime.fromtimestamp(now, dt.UTC)
    presented = [one for one in certificates if one is not None]
    presented += [one for record in authorities if (one := _given_whole(record))]
    if not _leads_to(leaf, presented, authorities, moment):
        text = "The server's certificate is not of the authority its TLSA records name."
        raise Mistrust(ResultType.VALIDATION_FAILURE, text)
    if not any(_is_for(leaf, name) for name in names):
        text = f"The server's certificate is for none of {', '.join(names)}."
        raise Mistrust(ResultType.CERTIFICATE_HOST_MISMATCH, text)


def _leads_to(
    leaf: x509.Certificate,
    presented: Sequence[x509.Certificate],
    authorities: Collection[Tlsa],
    now: dt.datetime,
) -> bool:
    """Whether signatures lead from the leaf to an authority that a record names."""
    current = leaf
    for depth in range(MAX_DEPTH):
        if not current.not_valid_before_utc <= now <= current.not_valid_after_utc:
            text = "A certificate of the server has expired, or is not valid yet."
            raise Mistrust(ResultType.CERTIFICATE_EXPIRED, text)
        if depth and any(record.matches(*_forms(current)) for record in authorities):
            return True
        if any(_signed_by_bare_key(current, record) for record in authorities):
            return True
        above = next((one for one in presented if _issued(one, current, depth)), None)
        if above is None:
            return False
        current = above
    return False


def _issued(issuer: x509.Certificate, certificate: x509.Certificate, depth: int) -> bool:
    """Whether one certificate is an authority and signed the other, `depth` steps above a leaf."""
    if issuer is certificate or issuer.subject != certificate.issuer:
        return False
    try:
        limits = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, *_BROKEN):
        return False
    return limits.ca and (limits.path_length is None or limits.path_length >= depth)


def _signed_by_bare_key(certificate: x509.Certificate, record: Tlsa) -> bool:
    """Whether a key that the record gives whole (2 1 0) signed the certificate."""
    if record.selector != 1 or record.matching != 0:
        return False
    try:
        _check_signature(certificate, record.data)
    except _BROKEN:
        return False
    return True


def _check_signature(certificate: x509.Certificate, spki: bytes) -> None:
    key = load_der_public_key(spki)
    signature, signed = certificate.signature, certificate.tbs_certificate_bytes
    parameters = certificate.signature_algorithm_parameters
    if isinstance(key, rsa.RSAPublicKey):
        key.verify(signature, signed, parameters, certificate.signature_hash_algorithm)  # type: ignore[arg-type]
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signature, signed, parameters)  # type: ignore[arg-type]
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signature, signed)
    else:
        raise UnsupportedAlgorithm("an authority's key of this kind")


def _given_whole(record: Tlsa) -> x509.Certificate | None:
    """The authority's certificate where the record itself has it (2 0 0)."""
    return _load(record.data) if (record.selector, record.matching) == (0, 0) else None


def _load(der: bytes) -> x509.Certificate | None:
    try:
        certificate = x509.load_der_x509_certificate(der)
        certificate.public_key()
    except (x509.InvalidVersion, *_BROKEN):
        return None
    return certificate


def _forms(certificate: x509.Certificate) -> tuple[bytes, bytes]:
    """The certificate and its public key, both as DER."""
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return certificate.public_bytes(Encoding.DER), key


def _is_for(leaf: x509.Certificate, name: str) -> bool:
    """Whether a name, or a wildcard that stands for its first label, is the certificate's."""
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return False
    name = name.lower()
    known = {one.lower() for one in extension.value.get_values_for_type(x509.DNSName)}
    return name in known or "*." + name.partition(".")[2] in known

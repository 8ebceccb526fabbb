"""Is the S/MIME signature of a message good: the hash, the key, the chain, the sender.

The chain is judged by the rules that browsers have for servers, without their demands on
what a certificate is for, and by the authorities of the system or those of the settings.
Nothing is asked of the network, so nothing is known of revocation.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import mmap
import ssl
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID, NameOID
from cryptography.x509.verification import (
    ExtensionPolicy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from merpati.base.faults import SyntaxFault
from merpati.base.settings import setting
from merpati.wire.mime.tree import Part
from merpati.wire.smime import message, signed_data
from merpati.wire.smime.signed_data import SignedData, Signer

DEPTH_MAX: Final = 8  # certificates between the signer's and an authority's
_HASHES: Final[dict[str, hashes.HashAlgorithm]] = {
    "sha224": hashes.SHA224(),
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
BROKEN: Final = frozenset({"sha1", "md5"})  # RFC 8551 2.1: nobody should trust these any more
_PSS: Final = "1.2.840.113549.1.1.10"


@dataclass(frozen=True, slots=True, kw_only=True)
class SmimeSettings:
    """How S/MIME signatures are judged."""

    authorities: tuple[str, ...] = setting(
        (),
        "PEM files of authorities whose certificates are trusted, beside those of the system.",
        example=["/etc/merpati/authority.pem"],
    )


class Verdict(msgspec.Struct, frozen=True):
    """What a signature is worth (RFC 9219 4.1.1).

    Attributes:
        status: "signed/verified", "signed/failed", or "unknown" for what is encrypted.
        errors: why it failed, in sentences.
        signers: addresses of the certificates that signed.
    """

    status: str
    errors: tuple[str, ...] = ()
    signers: tuple[str, ...] = ()


class _Bad(Exception):  # noqa: N818 -- ends the judging of one signature, nobody outside sees it
    pass


class Smime:
    """Judges signatures; the authorities are read when the first one is there."""

    def __init__(self, settings: SmimeSettings) -> None:
        self._settings = settings
        self._store: Store | None = None
        self._lock = Lock()

    def verdict(
        self, content: bytes | mmap.mmap, root: Part, senders: Sequence[str], at: float
    ) -> Verdict | None:
        """What is to be thought of a message; None for one without S/MIME. Run it in a thread.

        Args:
            content: The message.
            root: Its structure.
            senders: The addresses of From, or of Sender.
            at: Unix seconds: by what time certificates are judged.
        """
        found = message.find(content, root)
        if found is None:
            return None
        try:
            kind = signed_data.kind(found.signature)
            if kind != signed_data.SIGNED_DATA:
                return Verdict("unknown")
            signed = signed_data.parse(found.signature)
        except SyntaxFault as fault:
            return Verdict("signed/failed", (f"The signature cannot be read: {fault.text}.",))
        inside = signed.content if found.content is None else found.content
        if inside is None or not signed.signers:
            return Verdict("signed/failed", ("There is nothing that is signed.",))
        errors: list[str] = []
        addresses: list[str] = []
        for signer in signed.signers:
            try:
                addresses += self._check(signer, signed, inside, senders, at)
            except _Bad as bad:
                errors.append(str(bad))
        if errors:
            return Verdict("signed/failed", tuple(errors), tuple(addresses))
        return Verdict("signed/verified", (), tuple(addresses))

    def _check(
        self, signer: Signer, signed: SignedData, content: bytes, senders: Sequence[str], at: float
    ) -> list[str]:
        """The addresses of one signer. Raises _Bad."""
        certificates = _certificates(signed.certificates)
        certificate = _certificate_of(signer, certificates)
        _check_digest(signer, content)
        try:
            _check_signature(signer, certificate, signer.attributes or content)
        except InvalidSignature:
            raise _Bad("The signature does not belong to this message.") from None
        except (UnsupportedAlgorithm, ValueError) as error:
            raise _Bad(f"The signature cannot be checked: {error}.") from None
        addresses = _addresses(certificate)
        self._check_chain(certificate, certificates, at)
        if not {one.lower() for one in senders} & {one.lower() for one in addresses}:
            named = ", ".join(addresses) or "nobody"
            raise _Bad(f"It was signed by {named}, and not by the sender.")
        return addresses

    def _check_chain(
        self, leaf: x509.Certificate, others: Iterable[x509.Certificate], at: float
    ) -> None:
        store = self._authorities()
        when = dt.datetime.fromtimestamp(at, dt.UTC)
        verifier = (
            PolicyBuilder()
            .store(store)
            .time(when)
            .max_chain_depth(DEPTH_MAX)
            .extension_policies(
                ca_policy=ExtensionPolicy.webpki_defaults_ca(),
                ee_policy=ExtensionPolicy.permit_all(),
            )
            .build_client_verifier()
        )
        try:
            verifier.verify(leaf, [one for one in others if one != leaf])
        except (VerificationError, ValueError):
            if not leaf.not_valid_before_utc <= when <= leaf.not_valid_after_utc:
                raise _Bad("The certificate of the signer was not valid at that time.") from None
            issuer = leaf.issuer.rfc4514_string()[:200]
            raise _Bad(f"The certificate of the signer was issued by {issuer}, "
                       "which is not trusted here.") from None  # fmt: skip

    def _authorities(self) -> Store:
        with self._lock:
            if self._store is None:
                found: list[x509.Certificate] = []
                system = ssl.get_default_verify_paths().cafile
                for file in (*([system] if system else []), *self._settings.authorities):
                    found += _load(Path(file))
                if not found:
                    raise _Bad("No authority is trusted here.")
                self._store = Store(found)
            return self._store


def _load(file: Path) -> list[x509.Certificate]:
    try:
        with warnings.catch_warnings():  # some authorities' own certificates break RFC 5280
            warnings.simplefilter("ignore", CryptographyDeprecationWarning)
            return list(x509.load_pem_x509_certificates(file.read_bytes()))
    except (OSError, ValueError):
        return []


def _certificates(encoded: Iterable[bytes]) -> list[x509.Certificate]:
    found = []
    for one in encoded:
        try:
            found.append(x509.load_der_x509_certificate(one))
        except ValueError:
            continue  # one that is broken helps nobody
    return found


def _certificate_of(signer: Signer, certificates: Iterable[x509.Certificate]) -> x509.Certificate:
    for one in certificates:
        if signer.key_id:
            try:
                key = one.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_KEY_IDENTIFIER)
            except (x509.ExtensionNotFound, ValueError):
                continue
            if key.value.public_bytes().endswith(signer.key_id):
                return one
        elif one.serial_number == signer.serial and one.issuer.public_bytes() == signer.issuer:
            return one
    raise _Bad("The certificate of the signer is not in the message.")


def _check_digest(signer: Signer, content: bytes) -> None:
    if signer.digest in BROKEN:
        raise _Bad(f"It was signed with {signer.digest.upper()}, which proves nothing any more.")
    if signer.digest not in _HASHES:
        raise _Bad(f"It was signed with a hash that is not known here ({signer.digest}).")
    if signer.attributes and hashlib.new(signer.digest, content).digest() != signer.message_digest:
        raise _Bad("The message was changed after it was signed.")


def _check_signature(signer: Signer, certificate: x509.Certificate, data: bytes) -> None:
    """Raises InvalidSignature, UnsupportedAlgorithm, ValueError."""
    algorithm = _HASHES[signer.digest]
    key = certificate.public_key()
    if isinstance(key, rsa.RSAPublicKey):
        if signer.algorithm == _PSS:
            pss = padding.PSS(padding.MGF1(algorithm), padding.PSS.AUTO)
            key.verify(signer.signature, data, pss, algorithm)
        else:
            key.verify(signer.signature, data, padding.PKCS1v15(), algorithm)
    elif isinstance(key, ec.EllipticCurvePublicKey):
        key.verify(signer.signature, data, ec.ECDSA(algorithm))
    elif isinstance(key, ed25519.Ed25519PublicKey):
        key.verify(signer.signature, data)
    else:
        raise UnsupportedAlgorithm("keys of that kind are not known here")


def _addresses(certificate: x509.Certificate) -> list[str]:
    """The addresses that a certificate is for (RFC 8550 3)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = names.value.get_values_for_type(x509.RFC822Name)
    except (x509.ExtensionNotFound, ValueError):
        found = []
    old = certificate.subject.get_attributes_for_oid(NameOID.EMAIL_ADDRESS)
    return list(dict.fromkeys([*found, *(str(one.value) for one in old)]))

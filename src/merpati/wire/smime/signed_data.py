"""SignedData of CMS (RFC 5652 5): who signed what, with which algorithms."""

from __future__ import annotations

from typing import Final

import msgspec

from merpati.base.faults import SyntaxFault
from merpati.wire.smime import ber
from merpati.wire.smime.ber import Element

SIGNERS_MAX: Final = 10
CERTIFICATES_MAX: Final = 30

SIGNED_DATA: Final = "1.2.840.113549.1.7.2"
ENVELOPED_DATA: Final = "1.2.840.113549.1.7.3"
AUTH_ENVELOPED_DATA: Final = "1.2.840.113549.1.9.16.1.23"
CONTENT_TYPE: Final = "1.2.840.113549.1.9.3"
MESSAGE_DIGEST: Final = "1.2.840.113549.1.9.4"
SIGNING_TIME: Final = "1.2.840.113549.1.9.5"

DIGESTS: Final = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
    "2.16.840.1.101.3.4.2.4": "sha224",
    "1.2.840.113549.2.5": "md5",
}
_EXPLICIT_0: Final = 0xA0
_EXPLICIT_1: Final = 0xA1
_KEY_ID: Final = 0x80


class Signer(msgspec.Struct, frozen=True):
    """One signature.

    Attributes:
        issuer: of the signer's certificate, encoded, with its `serial`; or empty,
        key_id: and its subject key identifier.
        digest: name of the hash, or the identifier of one that is not known.
        attributes: what is signed beside the content, as it has to be hashed; or empty.
        message_digest: that the attributes say the content has; empty without any.
        algorithm: object identifier of the signature algorithm.
        parameters: of the algorithm, encoded.
        signature: the bytes.
    """

    issuer: bytes
    serial: int
    key_id: bytes
    digest: str
    attributes: bytes
    message_digest: bytes
    algorithm: str
    parameters: bytes
    signature: bytes


class SignedData(msgspec.Struct, frozen=True):
    """What was signed (None: it stands elsewhere), certificates as DER, and the signatures."""

    content: bytes | None
    certificates: tuple[bytes, ...]
    signers: tuple[Signer, ...]


def kind(data: bytes) -> str:
    """Which content type of CMS this is, as an object identifier. Raises SyntaxFault."""
    return ber.parse(data).child(0).oid()


def parse(data: bytes) -> SignedData:
    """The SignedData of a ContentInfo.

    Raises:
        SyntaxFault: it is something else, or broken.
    """
    info = ber.parse(data)
    if info.child(0).oid() != SIGNED_DATA:
        raise SyntaxFault("this is no signature")
    signed = info.child(1).child(0)
    inside = signed.child(2)
    content = None
    if len(inside.children) > 1:
        content = inside.child(1).child(0).octets()
    certificates: list[bytes] = []
    signers: tuple[Signer, ...] = ()
    for part in signed.children[3:]:
        if part.tag == _EXPLICIT_0:
            certificates = [one.raw for one in part.children if one.tag == ber.SEQUENCE]
        elif part.tag == ber.SET:
            if len(part.children) > SIGNERS_MAX:
                raise SyntaxFault("it has too many signatures")
            signers = tuple(map(_signer, part.children))
    if len(certificates) > CERTIFICATES_MAX:
        raise SyntaxFault("it has too many certificates")
    return SignedData(content, tuple(certificates), signers)


def _signer(info: Element) -> Signer:
    who = info.child(1)
    issuer, serial, key_id = b"", 0, b""
    if who.tag == ber.SEQUENCE:
        issuer, serial = who.child(0).raw, who.child(1).integer()
    elif who.tag == _KEY_ID:
        key_id = who.value
    else:
        raise SyntaxFault("the signature does not say whose it is")
    digest = info.child(2).child(0).oid()
    at = 3
    attributes = message_digest = b""
    if info.child(at).tag == _EXPLICIT_0:
        # RFC 5652 5.4: it is hashed with the tag of a SET.
        attributes = bytes([ber.SET]) + info.child(at).raw[1:]
        message_digest = _attribute(info.child(at), MESSAGE_DIGEST)
        at += 1
    algorithm = info.child(at)
    parameters = algorithm.children[1].raw if len(algorithm.children) > 1 else b""
    return Signer(
        issuer=issuer,
        serial=serial,
        key_id=key_id,
        digest=DIGESTS.get(digest, digest),
        attributes=attributes,
        message_digest=message_digest,
        algorithm=algorithm.child(0).oid(),
        parameters=parameters,
        signature=info.child(at + 1).octets(),
    )


def _attribute(attributes: Element, wanted: str) -> bytes:
    for attribute in attributes.children:
        if attribute.child(0).oid() == wanted:
            return attribute.child(1).child(0).octets()
    raise SyntaxFault("the signature does not say what it signs")

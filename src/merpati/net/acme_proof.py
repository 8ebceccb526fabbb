"""The certificate that proves a name by TLS-ALPN-01 (RFC 8737).

It is shown to nobody but a client that asks for the protocol `acme-tls/1`, which is how an
authority looks: everybody else gets the real one meanwhile.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import ssl
import tempfile
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

ALPN: Final = "acme-tls/1"  # RFC 8737 6.2
IDENTIFIER: Final = x509.ObjectIdentifier("1.3.6.1.5.5.7.1.31")  # RFC 8737 3
DAYS: Final = 7  # it is looked at within minutes

_OCTET_STRING: Final = b"\x04\x20"  # DER: 32 octets follow


def context(name: str, key_authorization: str, now: float) -> ssl.SSLContext:
    """A server's context that proves one name; `now` is Unix seconds."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64])])
    digest = hashlib.sha256(key_authorization.encode()).digest()
    start = dt.datetime.fromtimestamp(now, dt.UTC) - dt.timedelta(days=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=DAYS))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(
            x509.UnrecognizedExtension(IDENTIFIER, _OCTET_STRING + digest), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.set_alpn_protocols([ALPN])
    with tempfile.NamedTemporaryFile() as file:  # the module takes certificates from files alone
        file.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        file.write(certificate.public_bytes(Encoding.PEM))
        file.flush()
        made.load_cert_chain(Path(file.name))
    return made

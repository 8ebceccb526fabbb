"""TLS contexts: the server's certificates by name, and what a client asks of a server."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from merpati.base.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

# Forward secrecy always. Finite-field DHE is left out: a peer makes it cost the
# server far more than itself (CVE-2002-20001). The CBC suites stay: mail servers
# of Windows 2012 R2 offer nothing better to an RSA certificate, and for mail the
# alternative is no encryption at all.
SERVER_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:!aNULL:!eNULL:!SHA1:!AESCCM"

# Any encryption beats none when nobody vouches for the peer (RFC 7435).
OPPORTUNISTIC_CIPHERS: Final = "DEFAULT:!aNULL:!eNULL:!PSK:!SRP:@SECLEVEL=1"

# Apple's mail programs refuse a certificate valid for longer, even one that its
# user has chosen to trust. It is meant to last until a real one is ordered.
SELF_SIGNED_DAYS: Final = 825


class TlsInfo(msgspec.Struct, frozen=True):
    """What a handshake agreed on, for logs, `Received:` lines and reports."""

    version: str  # "TLSv1.3"
    cipher: str  # "TLS_AES_256_GCM_SHA384"
    server_name: str  # the name the client asked for (RFC 6066 3), "" for none
    verified: bool = False  # the peer's certificate was checked and is good
    resumed: bool = False  # an earlier session was continued
    addresses: tuple[str, ...] = ()  # mail addresses in a client's certificate, which is good

    @classmethod
    def of(cls, tls: ssl.SSLObject) -> TlsInfo:
        """What the finished handshake of `tls` agreed on."""
        cipher = tls.cipher()
        name = tls.asked_name if isinstance(tls, _Session) else ""
        shown = b""
        if tls.context.verify_mode == ssl.CERT_OPTIONAL:  # a bad one would have ended it
            shown = tls.getpeercert(binary_form=True) or b""
        return cls(
            version=tls.version() or "",
            cipher=cipher[0] if cipher else "",
            server_name=name or tls.server_hostname or "",
            verified=tls.context.verify_mode == ssl.CERT_REQUIRED or bool(shown),
            resumed=bool(tls.session_reused),
            addresses=_addresses(shown) if shown else (),
        )


class _Session(ssl.SSLObject):
    """Remembers the name a client asked for, which `ssl` tells to the callback only.

    `asks_proof` is set by `net.records` when the client speaks for an authority (RFC 8737).
    """

    asked_name = ""
    asks_proof = False


class CertificateFiles(msgspec.Struct, frozen=True):
    """Where one certificate is: PEM files of its chain, leaf first, and of its key.

    `client_ca` are the authorities, and lists of what they revoked, whose certificates a
    client may sign in with; None: clients are not asked for one.
    """

    certificate: Path
    key: Path
    client_ca: Path | None = None


class LoadedCertificate(msgspec.Struct, frozen=True):
    """One certificate in use."""

    files: CertificateFiles
    names: tuple[str, ...]  # lower case, as in its subjectAltName
    not_after: float  # Unix seconds
    context: ssl.SSLContext
    end_point: bytes = b""  # the channel binding tls-server-end-point (RFC 5929 4.1)
    asking: ssl.SSLContext | None = None  # the same, and asks for the client's certificate


def server_context(certificate: Path | str, key: Path | str) -> ssl.SSLContext:
    """A server's context with one certificate, whatever name a client asks for.

    Raises:
        Fault: CONFIG, when a file is missing, unreadable, no PEM, or the key
            belongs to another certificate.
    """
    return CertificateStore([CertificateFiles(Path(certificate), Path(key))]).context


class CertificateStore:
    """Several certificates behind one context, chosen by the name a client asks for (SNI).

    `context` stays the same object for the life of the process, so listeners
    need not know of a `reload`. Its session ticket keys stay too; make the
    store before forking, and a client may resume at any worker.

    `proofs` are contexts by name that an authority gets to see (`net.acme_proof`).

    A client that names no known host gets the first certificate: a mail server
    that answers by a wrong name still encrypts, and an alert would make the
    sender fall back to plain text.

    `asking` is for the ports where people sign in: with a `client_ca` it asks for a client's
    certificate. Senders on port 25 are never asked, for some would show one that nobody here
    knows, and be refused. It is another object after the authorities have changed, so that
    nobody continues a session that the old ones vouched for.
    """

    def __init__(self, files: Sequence[CertificateFiles]) -> None:
        """Loads all of `files`.

        Raises:
            Fault: CONFIG, see `reload`.
        """
        self._by_name: dict[str, LoadedCertificate] = {}
        self._authorities: list[bytes] = []
        self.proofs: Mapping[str, ssl.SSLContext] = {}
        self.certificates: tuple[LoadedCertificate, ...] = ()
        self.context = self._front()
        self.asking = self.context
        self.reload(files)

    def reload(self, files: Sequence[CertificateFiles] | None = None) -> None:
        """Reads the files anew, or other ones; new handshakes use them at once.

        Raises:
            Fault: CONFIG, when any of them cannot be used; all old ones stay.
        """
        if files is None:
            files = [certificate.files for certificate in self.certificates]
        if not files:
            raise Fault(Kind.CONFIG, "TLS is on and no certificate is set.")
        certificates = tuple(_load(each) for each in files)
        paths = {each.client_ca: None for each in files if each.client_ca is not None}
        authorities = [_read(path, "bundle client_ca") for path in paths]
        by_name: dict[str, LoadedCertificate] = {}
        for certificate in certificates:
            for name in certificate.names:
                by_name.setdefault(name, certificate)
        self.certificates, self._by_name = certificates, by_name
        if authorities != self._authorities:
            self._authorities = authorities
            self.asking = self._asking_front(authorities) if authorities else self.context

    def find(self, name: str) -> LoadedCertificate:
        """The certificate for `name`: its own, a wildcard's, or the first."""
        name = name.lower().removesuffix(".")
        found = self._by_name.get(name)
        if found is None:  # a wildcard stands for one label, the first (RFC 9525 6.3)
            found = self._by_name.get("*." + name.partition(".")[2])
        return found or self.certificates[0]

    def end_point(self, name: str) -> bytes:
        """The channel binding tls-server-end-point of clients that ask for a name (RFC 5929)."""
        return self.find(name).end_point

    def _front(self) -> ssl.SSLContext:
        """What a handshake begins with, until the name that is asked for is known."""
        front = _bare_server_context()
        front.sslobject_class = _Session
        front.sni_callback = self._choose
        return front

    def _asking_front(self, authorities: Sequence[bytes]) -> ssl.SSLContext:
        """The same; how a certificate is judged stays what it says, by whom is the chosen one's."""
        front = self._front()
        front.verify_mode = ssl.CERT_OPTIONAL
        # What is listed is believed, though it may not be a root.
        front.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        if any(b"-----BEGIN X509 CRL-----" in each for each in authorities):
            front.verify_flags |= ssl.VERIFY_CRL_CHECK_LEAF
        return front

    def _choose(self, tls: ssl.SSLObject, name: str | None, front: ssl.SSLContext) -> None:
        session = cast("_Session", tls)
        session.asked_name = name or ""
        asks_proof = self.proofs and getattr(tls, "asks_proof", False)
        proof = self.proofs.get((name or "").lower()) if asks_proof else None
        found = self.find(name or "")
        asks = front.verify_mode is ssl.CERT_OPTIONAL
        tls.context = proof or (found.asking if asks and found.asking else found.context)


def client_context(*, verify: bool) -> ssl.SSLContext:
    """A client's context; make one of each kind and keep it (loading costs milliseconds).

    With `verify` the server must show a certificate for the name asked of a CA
    of the system; without, any certificate will do, as in opportunistic
    encryption between mail servers (RFC 7435), and `TlsInfo.verified` says so.
    """
    if verify:
        context = ssl.create_default_context()
    else:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_ciphers(OPPORTUNISTIC_CIPHERS)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def make_self_signed(
    hostnames: Sequence[str], now: float, *, days: int = SELF_SIGNED_DAYS
) -> tuple[bytes, bytes]:
    """A certificate and its key, both PEM, for a server that has no real one yet.

    `hostnames` are names and addresses, the first being the subject; 127.0.0.1
    is always added. `now` is Unix seconds; the certificate is valid from the
    day before, for peers whose clock is behind.
    """
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, hostnames[0][:64])])
    start = dt.datetime.fromtimestamp(now, dt.UTC) - dt.timedelta(days=1)
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    names = [_general_name(name) for name in dict.fromkeys([*hostnames, "127.0.0.1"])]
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + dt.timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        # Clients that hold RFC 5280 strictly, such as Python 3.13, want both.
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False
        )
    )
    certificate = builder.sign(key, hashes.SHA256())
    return certificate.public_bytes(serialization.Encoding.PEM), key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def explain(error: Exception) -> str:
    """The reason of a failed handshake or broken session, in a few words."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message or "the certificate is not valid"
    if isinstance(error, ssl.SSLError) and error.reason:
        return error.reason.lower().replace("_", " ")
    return str(error)


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name.encode("idna").decode("ascii"))


def _bare_server_context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(SERVER_CIPHERS)
    context.options |= ssl.OP_NO_RENEGOTIATION
    # One ticket per handshake, not two: a mail program resumes one connection at
    # a time, and each costs bytes and work.
    context.num_tickets = 1
    return context


def _load(files: CertificateFiles) -> LoadedCertificate:
    chain = _read(files.certificate, "certificate")
    _read(files.key, "key")  # for its error, which names the file
    try:
        leaf = x509.load_pem_x509_certificate(chain)
    except ValueError as error:
        raise Fault(
            Kind.CONFIG, f"The TLS certificate {files.certificate} is not a PEM certificate."
        ) from error
    return LoadedCertificate(
        files, _names(leaf), leaf.not_valid_after_utc.timestamp(), _own_context(files),
        _end_point(leaf), _asking_context(files),
    )  # fmt: skip


def _own_context(files: CertificateFiles) -> ssl.SSLContext:
    """A context that shows a certificate."""
    context = _bare_server_context()
    try:
        # The password is given so that OpenSSL does not ask for one on the terminal.
        context.load_cert_chain(files.certificate, files.key, password="")
    except (ssl.SSLError, ValueError) as error:
        reason = (
            f"the key {files.key} belongs to another certificate"
            if "KEY_VALUES_MISMATCH" in str(error)
            else f"it or its key {files.key} is damaged or has a password ({explain(error)})"
        )
        raise Fault(
            Kind.CONFIG, f"The TLS certificate {files.certificate} cannot be used: {reason}."
        ) from error
    return context


def _asking_context(files: CertificateFiles) -> ssl.SSLContext | None:
    """The same, that asks the client for a certificate of one of the authorities."""
    if files.client_ca is None:
        return None
    context = _own_context(files)
    _read(files.client_ca, "bundle client_ca")  # for its error, which names the file
    try:
        context.load_verify_locations(files.client_ca)
    except ssl.SSLError as error:
        raise Fault(
            Kind.CONFIG, f"The TLS bundle client_ca {files.client_ca} has no PEM certificate."
        ) from error
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _addresses(der: bytes) -> tuple[str, ...]:
    """The mail addresses that a client's certificate is for (RFC 5280 4.2.1.6), lower case."""
    try:
        leaf = x509.load_der_x509_certificate(der)
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        found = extension.value.get_values_for_type(x509.RFC822Name)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(dict.fromkeys(address.lower() for address in found))


def _end_point(leaf: x509.Certificate) -> bytes:
    """The certificate's hash, by the algorithm of its signature, or SHA-256 for a weaker one."""
    algorithm = leaf.signature_hash_algorithm
    if algorithm is None or algorithm.digest_size < hashes.SHA256.digest_size:
        algorithm = hashes.SHA256()
    return leaf.fingerprint(algorithm)


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise Fault(Kind.CONFIG, f"The TLS {what} {path} cannot be read: {reason}.") from error


def _names(leaf: x509.Certificate) -> tuple[str, ...]:
    try:
        extension = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(name.lower() for name in extension.value.get_values_for_type(x509.DNSName))

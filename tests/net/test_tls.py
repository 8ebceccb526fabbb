from __future__ import annotations

import socket
import ssl
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from msgspec import structs

from merpati.base.faults import Fault, Kind
from merpati.net.tls import (
    CertificateFiles,
    CertificateStore,
    TlsInfo,
    client_context,
    make_self_signed,
    server_context,
)
from tests.support.certificates import Authority, Issued

if TYPE_CHECKING:
    from pathlib import Path

NOW = 1_800_000_000.0


def files(folder: Path, *stems: str) -> list[CertificateFiles]:
    return [CertificateFiles(folder / f"{stem}.pem", folder / f"{stem}.key") for stem in stems]


def bounded_pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of which none waits for ever."""
    pair = socket.socketpair()
    for end in pair:
        end.settimeout(30)
    return pair


def handshake(
    server: ssl.SSLContext,
    client: ssl.SSLContext,
    name: str | None,
    session: ssl.SSLSession | None = None,
) -> tuple[TlsInfo, ssl.SSLSocket]:
    """What the server knows after a handshake, and the client's end."""
    ours, theirs = bounded_pair()
    known: list[TlsInfo] = []

    def serve() -> None:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = server.wrap_bio(incoming, outgoing, server_side=True)
        with ours:
            while True:
                try:
                    tls.do_handshake()
                except ssl.SSLWantReadError:
                    ours.sendall(outgoing.read())
                    if chunk := ours.recv(65536):
                        incoming.write(chunk)
                    else:
                        incoming.write_eof()  # the client has left; the handshake fails
                else:
                    break
            known.append(TlsInfo.of(tls))
            tls.write(b"hello")
            ours.sendall(outgoing.read())

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        secure = client.wrap_socket(theirs, server_hostname=name, session=session)
        assert secure.recv(10) == b"hello"
    finally:
        thread.join()
    return known[0], secure


def names_shown(secure: ssl.SSLSocket) -> list[str]:
    der = secure.getpeercert(binary_form=True)
    assert der is not None
    extension = x509.load_der_x509_certificate(der).extensions.get_extension_for_class(
        x509.SubjectAlternativeName
    )
    secure.close()
    return extension.value.get_values_for_type(x509.DNSName)


@pytest.mark.parametrize(
    ("asked", "shown"),
    [
        ("mail.example.net", "mail.example.net"),
        ("MAIL.Example.NET", "mail.example.net"),
        ("imap.example.com", "*.example.com"),
        ("a.imap.example.com", "mail.example.org"),  # a wildcard stands for one label
        ("unknown.example", "mail.example.org"),
        (None, "mail.example.org"),
    ],
)
def test_the_name_asked_for_chooses_the_certificate(
    certificates: Path, asked: str | None, shown: str
) -> None:
    store = CertificateStore(
        files(certificates, "mail.example.org", "mail.example.net", "any.example.com")
    )
    info, secure = handshake(store.context, client_context(verify=False), asked)
    assert names_shown(secure)[0] == shown
    assert info.server_name.lower() == (asked or "").lower()
    assert info.version == "TLSv1.3"
    assert info.cipher.startswith("TLS_")
    assert not info.verified


def test_a_reload_shows_the_new_certificate_at_once_through_the_same_context(
    certificates: Path, tmp_path: Path
) -> None:
    for end in ("pem", "key"):
        (tmp_path / f"x.{end}").write_bytes((certificates / f"mail.example.org.{end}").read_bytes())
    store = CertificateStore(files(tmp_path, "x"))
    context = store.context
    for end in ("pem", "key"):
        (tmp_path / f"x.{end}").write_bytes((certificates / f"mail.example.net.{end}").read_bytes())
    store.reload()
    _, secure = handshake(context, client_context(verify=False), "x.example")
    assert names_shown(secure)[0] == "mail.example.net"
    assert store.certificates[0].names == ("mail.example.net", "localhost")


def test_a_reload_that_fails_keeps_all_the_old_certificates(
    certificates: Path, tmp_path: Path
) -> None:
    store = CertificateStore(files(certificates, "mail.example.org"))
    with pytest.raises(Fault, match="belongs to another certificate") as wrong:
        store.reload(
            [
                *files(certificates, "mail.example.net"),
                CertificateFiles(
                    certificates / "mail.example.org.pem", certificates / "mail.example.net.key"
                ),
            ]
        )
    assert wrong.value.kind is Kind.CONFIG
    assert [each.names[0] for each in store.certificates] == ["mail.example.org"]
    _, secure = handshake(store.context, client_context(verify=False), "mail.example.net")
    assert names_shown(secure)[0] == "mail.example.org"


@pytest.mark.parametrize(
    ("certificate", "key", "text"),
    [
        (None, b"", "certificate .*x.pem cannot be read: no such file"),
        (b"", None, "key .*x.key cannot be read: no such file"),
        (b"not PEM", b"", "x.pem is not a PEM certificate"),
    ],
)
def test_what_is_wrong_with_a_file_is_said(
    tmp_path: Path, certificate: bytes | None, key: bytes | None, text: str
) -> None:
    for name, data in (("x.pem", certificate), ("x.key", key)):
        if data is not None:
            (tmp_path / name).write_bytes(data)
    with pytest.raises(Fault, match=text) as wrong:
        server_context(tmp_path / "x.pem", tmp_path / "x.key")
    assert wrong.value.kind is Kind.CONFIG


def test_a_damaged_key_is_said_to_be_one(certificates: Path, tmp_path: Path) -> None:
    (tmp_path / "x.key").write_bytes(b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END")
    with pytest.raises(Fault, match="damaged or has a password"):
        server_context(certificates / "mail.example.org.pem", tmp_path / "x.key")


def test_no_certificate_at_all_is_a_fault() -> None:
    with pytest.raises(Fault, match="no certificate is set"):
        CertificateStore([])


def test_a_session_is_resumed_with_its_ticket_even_after_a_reload(certificates: Path) -> None:
    store = CertificateStore(files(certificates, "mail.example.org"))
    client = client_context(verify=False)
    first, secure = handshake(store.context, client, "mail.example.org")
    session = secure.session
    secure.close()
    assert not first.resumed
    assert session is not None
    store.reload()
    second, secure = handshake(store.context, client, "mail.example.org", session)
    secure.close()
    assert second.resumed


def test_the_server_refuses_old_versions_and_static_keys(certificates: Path) -> None:
    context = CertificateStore(files(certificates, "mail.example.org")).context
    assert context.minimum_version == ssl.TLSVersion.TLSv1_2
    old = [each["name"] for each in context.get_ciphers() if each["protocol"] != "TLSv1.3"]
    assert old
    assert all(name.startswith("ECDHE-") for name in old)
    assert old[0].endswith("GCM-SHA384")


def test_a_verifying_client_refuses_an_unknown_certificate(certificates: Path) -> None:
    ours, theirs = bounded_pair()
    context = server_context(
        certificates / "mail.example.org.pem", certificates / "mail.example.org.key"
    )

    def serve() -> None:
        with ours, pytest.raises(ssl.SSLError):
            context.wrap_socket(ours, server_side=True)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with theirs, pytest.raises(ssl.SSLCertVerificationError):
        client_context(verify=True).wrap_socket(theirs, server_hostname="mail.example.org")
    thread.join()


def test_a_self_signed_certificate_is_what_apple_accepts() -> None:
    certificate, key = make_self_signed(["mail.example.org", "192.0.2.1"], NOW)
    leaf = x509.load_pem_x509_certificate(certificate)
    assert b"PRIVATE KEY" in key
    assert (leaf.not_valid_after_utc - leaf.not_valid_before_utc).days == 825
    assert leaf.not_valid_before_utc.timestamp() < NOW - 3600
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["mail.example.org"]
    assert [str(each) for each in names.get_values_for_type(x509.IPAddress)] == [
        "192.0.2.1",
        "127.0.0.1",
    ]
    assert leaf.signature_hash_algorithm is not None


def test_an_international_name_is_written_in_ascii() -> None:
    certificate, _ = make_self_signed(["post.bücher.example"], NOW)
    leaf = x509.load_pem_x509_certificate(certificate)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["post.xn--bcher-kva.example"]


def test_the_end_point_is_the_hash_of_the_certificate_a_client_is_shown(certificates: Path) -> None:
    names = ("mail.example.org", "mail.example.net")
    store = CertificateStore(files(certificates, *names))
    for asked, shown in ((names[0], names[0]), (names[1], names[1]), ("unknown.test", names[0])):
        leaf = x509.load_pem_x509_certificate((certificates / f"{shown}.pem").read_bytes())
        assert store.end_point(asked) == leaf.fingerprint(hashes.SHA256())


# Certificates of clients


@pytest.fixture
def people(tmp_path: Path) -> Authority:
    authority = Authority("people")
    (tmp_path / "people.pem").write_bytes(authority.pem)
    return authority


def asking(certificates: Path, folder: Path) -> CertificateStore:
    """One certificate of the server's; clients of `people` may show theirs."""
    [own] = files(certificates, "mail.example.org")
    return CertificateStore([structs.replace(own, client_ca=folder / "people.pem")])


def holder(folder: Path, issued: Issued) -> ssl.SSLContext:
    """A client with a certificate."""
    (folder / "own.pem").write_bytes(issued.key_pem + issued.chain_pem)
    context = client_context(verify=False)
    context.load_cert_chain(folder / "own.pem")
    return context


def test_a_client_shows_its_certificate_where_it_is_asked_and_nowhere_else(
    certificates: Path, tmp_path: Path, people: Authority
) -> None:
    store = asking(certificates, tmp_path)
    issued = people.issue("ana", mailboxes=["Ana@example.org", "info@example.org"])
    client = holder(tmp_path, issued)
    info, secure = handshake(store.asking, client, "mail.example.org")
    secure.close()
    assert info.verified
    assert info.addresses == ("ana@example.org", "info@example.org")
    info, secure = handshake(store.context, client, "mail.example.org")
    secure.close()
    assert (info.verified, info.addresses) == (False, ())


def test_nobody_needs_a_certificate_where_one_is_asked_for(
    certificates: Path, tmp_path: Path, people: Authority
) -> None:
    store = asking(certificates, tmp_path)
    info, secure = handshake(store.asking, client_context(verify=False), None)
    assert names_shown(secure)[0] == "mail.example.org"
    assert (info.verified, info.addresses) == (False, ())


@pytest.mark.parametrize("how", ["another authority", "over", "revoked"])
def test_a_bad_certificate_ends_the_handshake(
    how: str, certificates: Path, tmp_path: Path, people: Authority
) -> None:
    authority = Authority("others") if how == "another authority" else people
    issued = authority.issue("ana", mailboxes=["ana@example.org"], days=-1 if how == "over" else 1)
    if how == "revoked":
        (tmp_path / "people.pem").write_bytes(people.pem + people.revocations(issued))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    store = asking(certificates, tmp_path)
    server = store.asking.wrap_bio(to_server, to_client, server_side=True)
    client = holder(tmp_path, issued).wrap_bio(to_client, to_server)
    with pytest.raises(ssl.SSLCertVerificationError):  # noqa: PT012 -- which flight is its own affair
        for _ in range(4):
            for end in (client, server):
                with suppress(ssl.SSLWantReadError):
                    end.do_handshake()


def test_a_session_goes_on_until_the_authorities_change(
    certificates: Path, tmp_path: Path, people: Authority
) -> None:
    store = asking(certificates, tmp_path)
    client = holder(tmp_path, people.issue("ana", mailboxes=["ana@example.org"]))
    _, secure = handshake(store.asking, client, None)
    session = secure.session
    secure.close()
    store.reload()
    info, secure = handshake(store.asking, client, None, session)
    secure.close()
    assert info.resumed
    assert info.addresses == ("ana@example.org",)
    (tmp_path / "people.pem").write_bytes(people.pem + people.revocations())
    store.reload()
    info, secure = handshake(store.asking, client, None, session)
    secure.close()
    assert not info.resumed
    assert info.addresses == ("ana@example.org",)
    store.reload(files(certificates, "mail.example.org"))
    assert store.asking is store.context


@pytest.mark.parametrize(
    ("content", "text"),
    [(None, "client_ca .* cannot be read: no such file"), (b"no", "has no PEM certificate")],
)
def test_what_is_wrong_with_the_authorities_is_said(
    content: bytes | None, text: str, certificates: Path, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "people.pem").write_bytes(content)
    with pytest.raises(Fault, match=text):
        asking(certificates, tmp_path)

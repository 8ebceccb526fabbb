"""Signing in with a client certificate (RFC 4422 A), by the clients of the standard library."""

from __future__ import annotations

import imaplib
import poplib
import re
import smtplib
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.certificates import Authority, Issued
from tests.support.instance import Installation

pytestmark = pytest.mark.scenario

PATIENCE = 30.0  # seconds
ANI, BUDI = "ani@a.id", "budi@a.id"


@pytest.fixture(scope="module")
def people() -> Authority:
    return Authority("people")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory, people: Authority) -> Installation:
    made = Installation.make(tmp_path_factory.mktemp("external") / "a", "a.id", ANI, BUDI)
    (made.folder / "people.pem").write_bytes(people.pem)
    made.configure("tls", client_ca='"people.pem"')
    return made


@pytest.fixture(scope="module", autouse=True)
def serving(installation: Installation) -> Iterator[None]:
    with installation.serving(workers=1):
        yield


def client(installation: Installation, issued: Issued | None) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=installation.certificate)
    context.check_hostname = False
    if issued is not None:
        file = installation.folder / "client.pem"
        file.write_bytes(issued.key_pem + issued.chain_pem)
        context.load_cert_chain(file)
    return context


@contextmanager
def imap(
    installation: Installation, context: ssl.SSLContext, *, implicit: bool = True
) -> Iterator[imaplib.IMAP4]:
    if implicit:
        one: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            "127.0.0.1", installation.port("imaps"), ssl_context=context
        )
    else:
        one = imaplib.IMAP4("127.0.0.1", installation.port("imap"))
        one.starttls(context)
    try:
        yield one
    finally:
        one.shutdown()


@pytest.mark.parametrize("implicit", [True, False])
def test_imap(implicit: bool, installation: Installation, people: Authority) -> None:
    context = client(installation, people.issue("ani", mailboxes=[ANI]))
    with imap(installation, context, implicit=implicit) as one:
        assert b"AUTH=EXTERNAL" in b" ".join(one.capability()[1])
        one.authenticate("EXTERNAL", lambda _: b"")
        assert one.select()[0] == "OK"


@pytest.mark.parametrize("implicit", [True, False])
def test_submission(implicit: bool, installation: Installation, people: Authority) -> None:
    context = client(installation, people.issue("ani", mailboxes=[ANI]))
    if implicit:
        port = installation.port("submissions")
        one: smtplib.SMTP = smtplib.SMTP_SSL("127.0.0.1", port, context=context)
    else:
        one = smtplib.SMTP("127.0.0.1", installation.port("submission"))
        one.starttls(context=context)
    with one:
        one.ehlo()
        assert "EXTERNAL" in one.esmtp_features["auth"]
        assert one.docmd("AUTH", "EXTERNAL =")[0] == 235
        assert not one.sendmail(ANI, [BUDI], "From: ani@a.id\r\n\r\nhi\r\n")


@pytest.mark.parametrize("implicit", [True, False])
def test_pop3(implicit: bool, installation: Installation, people: Authority) -> None:
    context = client(installation, people.issue("ani", mailboxes=[ANI]))
    if implicit:
        port = installation.port("pop3s")
        one: poplib.POP3 = poplib.POP3_SSL("127.0.0.1", port, context=context)
    else:
        one = poplib.POP3("127.0.0.1", installation.port("pop3"))
        one.stls(context)
    assert "EXTERNAL" in one.capa()["SASL"]
    assert one._shortcmd("AUTH EXTERNAL =").startswith(b"+OK")  # type: ignore[attr-defined]
    one.stat()
    one.quit()


def test_managesieve(installation: Installation, people: Authority) -> None:
    context = client(installation, people.issue("ani", mailboxes=[ANI]))
    with socket.create_connection(("127.0.0.1", installation.port("managesieve"))) as plain:
        _heard(plain)
        plain.sendall(b"STARTTLS\r\n")
        _heard(plain)
        with context.wrap_socket(plain) as secure:
            assert re.search(rb'"SASL" ".*\bEXTERNAL\b', _heard(secure))
            secure.sendall(b'AUTHENTICATE "EXTERNAL" ""\r\n')
            assert _heard(secure).startswith(b"OK")
            secure.sendall(b"LISTSCRIPTS\r\n")
            assert _heard(secure).startswith(b"OK")


def _heard(sock: socket.socket) -> bytes:
    """What the server says up to its OK or NO."""
    data = b""
    while not re.search(rb"(?:^|\n)(?:OK|NO|BYE)[^\n]*\n\Z", data):
        more = sock.recv(4096)
        assert more, data
        data += more
    return data


def test_who_shows_no_certificate_is_not_offered_it_and_signs_in_as_ever(
    installation: Installation,
) -> None:
    with imap(installation, client(installation, None)) as one:
        assert b"EXTERNAL" not in b" ".join(one.capability()[1])
        with pytest.raises(imaplib.IMAP4.error):
            one.authenticate("EXTERNAL", lambda _: b"")


@pytest.mark.parametrize(
    ("mailboxes", "wanted", "text"),
    [
        ([ANI], ANI.upper(), ""),
        ([ANI, BUDI], BUDI, ""),
        ([ANI], BUDI, "not for such an account"),
        (["nobody@a.id"], "", "not for such an account"),
        ([ANI, BUDI], "", "say which"),
    ],
)
def test_a_certificate_opens_the_accounts_it_is_for(
    mailboxes: list[str], wanted: str, text: str, installation: Installation, people: Authority
) -> None:
    context = client(installation, people.issue("x", mailboxes=mailboxes))
    with imap(installation, context) as one:
        if text:
            with pytest.raises(imaplib.IMAP4.error, match=text):
                one.authenticate("EXTERNAL", lambda _: wanted.encode())
        else:
            one.authenticate("EXTERNAL", lambda _: wanted.encode())


def test_port_25_does_not_ask(installation: Installation) -> None:
    """A sender that would show a certificate of an authority that we do not know is served."""
    stranger = Authority("elsewhere").issue("mx.elsewhere.test")
    with smtplib.SMTP("127.0.0.1", installation.port("smtp")) as one:
        assert one.starttls(context=client(installation, stranger))[0] == 220
        assert one.ehlo()[0] == 250


def test_a_reload_believes_the_new_authorities_alone(
    installation: Installation, people: Authority
) -> None:
    fresh = Authority("new people")
    bundle = installation.folder / "people.pem"
    old = people.issue("ani", mailboxes=[ANI])
    new = fresh.issue("ani", mailboxes=[ANI])

    def opens(issued: Issued) -> bool:
        try:
            with imap(installation, client(installation, issued)) as one:
                one.authenticate("EXTERNAL", lambda _: b"")
        except (ssl.SSLError, OSError, imaplib.IMAP4.error):
            return False
        return True

    assert opens(old)
    assert not opens(new)
    bundle.write_bytes(fresh.pem)
    installation.reload()
    end = time.monotonic() + PATIENCE
    while not opens(new):
        assert time.monotonic() < end
        time.sleep(0.1)
    assert not opens(old)

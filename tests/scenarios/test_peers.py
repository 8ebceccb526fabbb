"""Mail to and from Postfix, Exim and OpenSMTPD: over TLS, by way of the DNS, both ways."""

from __future__ import annotations

import email
import email.policy
import imaplib
import re
import smtplib
import time
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from email.message import EmailMessage
from pathlib import Path
from typing import Final

import pytest

from tests.scenarios.peers import BUDI_UTF8, PEERS, Peer, free_network, need_rooms
from tests.support.dns import DnsServer, answering
from tests.support.instance import PASSWORD, Installation

pytestmark = pytest.mark.scenario

PATIENCE: Final = 60.0  # seconds for a message to arrive
ANI: Final = "ani@a.test"
ANI_UTF8: Final = "añi@a.test"

LETTER: Final = """\
From: <{sender}>\r
To: <{to}>\r
Subject: {subject}\r
Date: Sun, 22 Nov 2026 10:00:00 +0700\r
Message-ID: <{name}@letters.test>\r
MIME-Version: 1.0\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
Halo,\r
\r
..a line with dots in front, trailing blanks  \r
.\r
From here on it goes: café, ✉.\r
{long}\r
"""


class World:
    """Our server and the names everybody looks up; the peers come to it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.network = free_network()
        self.names = DnsServer(host=f"{self.network}.53")
        self.names.port = 53
        self.ours = Installation.make(folder / "a", "a.test", ANI, ANI_UTF8)
        self._numbers = iter(range(1000))
        address = f"{self.network}.1"
        old = f'service = "smtp"\nhost = "127.0.0.1"\nport = {self.ours.port("smtp")}\n'
        text = self.ours.config.read_text()
        assert old in text
        new = f'service = "smtp"\nhost = "{address}"\nport = 25\n'
        self.ours.config.write_text(text.replace(old, new))
        self.ours.configure("dns", nameservers=f'["{self.names.host}:53"]')
        self.ours.configure("outbound", sources=f'["{address}"]')
        for record in self.ours.json("dns", "a.test")["records"]:
            if record["type"] in {"MX", "TXT"}:
                self.names.set(record["name"], record["type"], record["value"])
        self.names.set("mail.a.test", "A", address)
        reverse = ".".join(reversed(address.split(".")))
        self.names.set(f"{reverse}.in-addr.arpa", "PTR", "mail.a.test.")

    def letter(self, sender: str, to: str, subject: str = "Surat") -> bytes:
        """A message of its own name, with 8-bit text."""
        name = f"letter-{next(self._numbers)}"
        long = "seribu kata " * 80
        whole = LETTER.format(sender=sender, to=to, subject=subject, name=name, long=long.strip())
        return whole.encode()

    def send(
        self, message: bytes, to: str, *, sender: str = ANI,
        mail: tuple[str, ...] = (), rcpt: tuple[str, ...] = (),
    ) -> None:  # fmt: skip
        """Its sender hands it in."""
        with smtplib.SMTP("127.0.0.1", self.ours.port("submission"), "laptop") as session:
            session.ehlo()
            secret = b64encode(f"\0{sender}\0{PASSWORD}".encode()).decode()
            assert session.docmd("AUTH PLAIN", secret)[0] == 235
            options = ("BODY=8BITMIME", *mail)
            assert not session.sendmail(sender, [to], message, options, rcpt)

    def inbox(self, address: str = ANI) -> list[bytes]:
        """Every message in an account's INBOX."""
        with imaplib.IMAP4("127.0.0.1", self.ours.port("imap"), timeout=10) as session:
            session.authenticate("PLAIN", lambda _: f"\0{address}\0{PASSWORD}".encode())
            session.enable("UTF8=ACCEPT")  # else what is not ASCII comes in other words
            _, [exists] = session.select("INBOX", readonly=True)
            if exists == b"0":
                return []
            _, found = session.fetch("1:*", "(BODY.PEEK[])")
        return [part[1] for part in found if isinstance(part, tuple)]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    need_rooms()
    one = World(tmp_path_factory.mktemp("peers"))
    with answering(one.names):
        checked = one.ours.run("dkim", "check", "a.test")  # it signs with what it has seen there
        assert checked.returncode == 0, checked.stderr
        with one.ours.serving():
            yield one


@pytest.fixture(scope="module")
def rooms(world: World) -> Iterator[Callable[[str], Peer]]:
    """Starts a peer when it is first asked for."""
    running: dict[str, Peer] = {}
    with ExitStack() as stack:

        def room(name: str) -> Peer:
            if name not in running:
                made = PEERS[name](world.folder, world.network, world.names.host)
                running[name] = stack.enter_context(made)
                running[name].publish(world.names)
            return running[name]

        yield room


@pytest.fixture(params=list(PEERS))
def peer(request: pytest.FixtureRequest, rooms: Callable[[str], Peer]) -> Peer:
    return rooms(request.param)


@pytest.fixture(params=["postfix", "exim"])
def utf8_peer(request: pytest.FixtureRequest, rooms: Callable[[str], Peer]) -> Peer:
    return rooms(request.param)


def test_a_letter_arrives_there_as_it_was_written(world: World, peer: Peer) -> None:
    sent = world.letter(ANI, peer.budi)
    world.send(sent, peer.budi)
    arrived = wait_for(peer.mail, message_id(sent), peer)
    assert arrived.endswith(b"\r\n" + sent), arrived
    fields = header(arrived.removesuffix(sent))
    assert fields["Return-Path"] == f"<{ANI}>"
    at_peer, at_ours = received(fields)
    assert re.search(r"^from mail\.a\.test \(.*by " + re.escape(peer.host), at_peer), at_peer
    if peer.takes_tls:
        assert re.search(r"TLS ?v?1\.3", at_peer), at_peer
    assert re.search(r"by mail\.a\.test with ESMTPA ", at_ours), at_ours
    assert len(fields.get_all("DKIM-Signature", [])) == 2
    sent_step = wait_for_step(world, sent, "sent")
    assert sent_step["host"] == peer.host
    if peer.takes_tls:
        assert sent_step["tls"].startswith("TLSv1.3")
    else:
        assert not sent_step.get("tls"), "after a handshake that failed it goes without"


def test_our_signatures_are_valid_to_exim(world: World, rooms: Callable[[str], Peer]) -> None:
    exim = rooms("exim")
    sent = world.letter(ANI, exim.budi)
    world.send(sent, exim.budi)
    arrived = wait_for(exim.mail, message_id(sent), exim)
    queue_id = re.search(r"\tid (\S+)", arrived.decode())
    assert queue_id is not None
    told = re.findall(rf"{queue_id[1]} DKIM: d=a\.test .* a=(\S+) .*\[(.*)\]", exim.log)
    assert sorted(told) == [
        ("ed25519-sha256", "verification succeeded"),
        ("rsa-sha256", "verification succeeded"),
    ], exim.log


def test_a_letter_from_there_is_judged_and_arrives_here(world: World, peer: Peer) -> None:
    sent = world.letter(peer.budi, ANI)
    peer.send(sent, ANI)
    arrived = wait_for(world.inbox, message_id(sent), peer)
    assert arrived.endswith(b"\r\n" + sent), arrived
    fields = header(arrived.removesuffix(sent))
    assert fields["Return-Path"] == f"<{peer.budi}>"
    at_ours, at_peer = received(fields)
    assert re.search(
        rf"^from {re.escape(peer.host)} \(.*\) by mail\.a\.test with ESMTPS ", at_ours
    ), at_ours
    assert "TLSv1.3" in at_ours
    assert f"by {peer.host}" in at_peer
    results = fields["Authentication-Results"]
    assert results.startswith("mail.a.test;")
    for proof in ("spf=pass", "dmarc=none", "iprev=pass"):
        assert proof in results, results


def test_the_delivery_notice_asked_for_comes_from_there(world: World, peer: Peer) -> None:
    sent = world.letter(ANI, peer.budi)
    world.send(
        sent, peer.budi, mail=("RET=HDRS", "ENVID=surat-42"),
        rcpt=("NOTIFY=SUCCESS,FAILURE", f"ORCPT=rfc822;{peer.budi}"),
    )  # fmt: skip
    notice = wait_for(world.inbox, message_id(sent), peer)
    if peer.name == "opensmtpd":  # its notices are for people only
        assert "successfully delivered" in " ".join(notice.decode().split())
        return
    report = report_in(notice)
    assert report["action"] == "delivered"
    assert report["reporting-mta"].endswith(peer.host), "it is the peer that says so"
    assert report["final-recipient"].lower().replace(" ", "") == f"rfc822;{peer.budi}"
    assert report["original-envelope-id"] == "surat-42"
    assert report["original-recipient"].lower().replace(" ", "") == f"rfc822;{peer.budi}"
    assert "Halo," not in notice.decode(), "RET=HDRS: no text of the message"


def test_no_notice_comes_when_none_was_asked_for(world: World, peer: Peer) -> None:
    """Neither from the peer, nor from us about what it refuses."""
    sent = world.letter(ANI, f"stranger@{peer.domain}")
    world.send(sent, f"stranger@{peer.domain}", rcpt=("NOTIFY=NEVER",))
    wait_for_step(world, sent, "failed")
    later = world.letter(ANI, ANI)
    world.send(later, ANI)
    wait_for(world.inbox, message_id(later), peer)
    assert not [one for one in world.inbox() if message_id(sent) in one]


def test_what_a_peer_refuses_comes_back_with_its_words(world: World, peer: Peer) -> None:
    stranger = f"nobody.here@{peer.domain}"
    sent = world.letter(ANI, stranger)
    world.send(sent, stranger, rcpt=("NOTIFY=SUCCESS,FAILURE",))
    bounce = wait_for(world.inbox, message_id(sent), peer)
    report = report_in(bounce)
    assert report["action"] == "failed"
    assert report["status"].startswith("5.")
    assert report["reporting-mta"].endswith("mail.a.test")
    assert report["remote-mta"].endswith(peer.host)
    assert re.search(r"smtp; ?550 ", report["diagnostic-code"]), report
    words = {
        "postfix": "User unknown in virtual mailbox table",
        "exim": "Unrouteable address",
        "opensmtpd": "Invalid recipient",
    }
    assert words[peer.name] in " ".join(bounce.decode().split())


def test_a_letter_to_nobody_here_comes_back_to_its_sender_there(world: World, peer: Peer) -> None:
    sent = world.letter(peer.budi, "stranger@a.test")
    peer.send(sent, "stranger@a.test")
    bounce = wait_for(peer.mail, message_id(sent), peer)
    assert "mailer-daemon@" in header(bounce)["From"].lower()
    text = " ".join(bounce.decode().split())
    assert "550 5.1.1" in text, text
    assert "stranger@a.test" in text


def test_addresses_in_unicode_go_there(world: World, utf8_peer: Peer) -> None:
    to = f"{BUDI_UTF8}@{utf8_peer.domain}"
    sent = world.letter(ANI_UTF8, to, "Surat untuk büdi ✉")
    world.send(sent, to, sender=ANI_UTF8, mail=("SMTPUTF8",))
    arrived = wait_for(utf8_peer.mail, message_id(sent), utf8_peer)
    assert arrived.endswith(b"\r\n" + sent), arrived
    assert f"for <{to}>" in arrived.decode()


def test_addresses_in_unicode_come_here(world: World, utf8_peer: Peer) -> None:
    sender = f"{BUDI_UTF8}@{utf8_peer.domain}"
    sent = world.letter(sender, ANI_UTF8, "Surat dari büdi ✉")
    utf8_peer.send(sent, ANI_UTF8, sender, "SMTPUTF8")
    arrived = wait_for(lambda: world.inbox(ANI_UTF8), message_id(sent), utf8_peer)
    assert arrived.endswith(b"\r\n" + sent), arrived
    assert arrived.startswith(f"Return-Path: <{sender}>\r\n".encode())
    assert b"with UTF8SMTPS" in arrived


def test_unicode_addresses_to_a_peer_without_them_come_back(
    world: World, rooms: Callable[[str], Peer]
) -> None:
    to = f"{BUDI_UTF8}@{rooms('opensmtpd').domain}"
    sent = world.letter(ANI, to)
    world.send(sent, to, mail=("SMTPUTF8",))
    bounce = wait_for(world.inbox, message_id(sent), rooms("opensmtpd"))
    assert report_in(bounce)["status"] == "5.6.7"


def test_exim_sends_in_chunks(world: World, rooms: Callable[[str], Peer]) -> None:
    exim = rooms("exim")
    sent = world.letter(exim.budi, ANI)
    sent += b"A longer text, so that it takes more than one chunk.\r\n" * 4000
    exim.send(sent, ANI)
    arrived = wait_for(world.inbox, message_id(sent), exim)
    assert arrived.endswith(b"\r\n" + sent)
    [line] = re.findall(rf"(?m)^.* => {ANI} .*$", exim.log)[-1:]
    assert " K " in line, "Exim's mark of BDAT"


def message_id(message: bytes) -> bytes:
    found = re.search(rb"(?m)^Message-ID: (<.*>)\r$", message)
    assert found is not None
    return found[1]


def header(message: bytes) -> EmailMessage:
    parsed = email.message_from_bytes(message, policy=email.policy.default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def received(message: EmailMessage) -> list[str]:
    return [" ".join(str(one).split()) for one in message.get_all("Received", [])]


def report_in(notice: bytes) -> dict[str, str]:
    """The fields of a delivery report (RFC 3464), of the message and its one recipient."""
    message = header(notice)
    assert message.get_content_type() == "multipart/report", notice
    [part] = [one for one in message.walk() if "delivery-status" in one.get_content_type()]
    text = part.as_bytes(policy=email.policy.SMTPUTF8).decode()
    fields = re.findall(r"(?m)^([A-Za-z-]+): (.*(?:\n[ \t].*)*)", text)
    return {name.lower(): " ".join(value.split()) for name, value in fields}


def wait_for(look: Callable[[], list[bytes]], mark: bytes, peer: Peer) -> bytes:
    """Looks again and again until a message with the mark is there."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = [one for one in look() if mark in one]
        if found:
            return found[0]
        assert time.monotonic() < deadline, peer.log
        time.sleep(0.1)


def wait_for_step(world: World, message: bytes, kind: str) -> dict[str, str]:
    """The details of what happened to a message, once it has."""
    deadline = time.monotonic() + PATIENCE
    while True:
        [trace] = world.ours.json("trace", message_id(message).strip(b"<>").decode())
        found = [step["detail"] for step in trace if step["kind"] == kind]
        if found:
            detail: dict[str, str] = found[0]
            return detail
        assert time.monotonic() < deadline, trace
        time.sleep(0.1)

"""Two people chat over our server with Delta Chat's core: encrypted, and without a word of it."""

from __future__ import annotations

import imaplib
import os
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from deltachat_rpc_client import Account, AttrDict, DeltaChat, EventType, Rpc

from tests.support.instance import BIN, PASSWORD, Installation

pytestmark = pytest.mark.scenario

ANA: Final = "ana@chat.id"
BENO: Final = "beno@chat.id"
SECONDS: Final = 90
DONE: Final = 1000  # of its progress
PICTURE: Final = os.urandom(300_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("server")
    with Installation.make(folder, "chat.id", ANA, BENO).serving() as one:
        yield one


def test_two_people_meet_and_chat_encrypted(server: Installation, tmp_path: Path) -> None:
    with chatting(tmp_path / "ana") as ana, chatting(tmp_path / "beno") as beno:
        sign_in(ana, server, ANA)
        sign_in(beno, server, BENO)
        with_ana = beno.secure_join(ana.get_qr_code())
        until_done(ana, EventType.SECUREJOIN_INVITER_PROGRESS)
        until_done(beno, EventType.SECUREJOIN_JOINER_PROGRESS)

        with_ana.send_text("Sudah makan siang?")
        asked = heard(ana, "Sudah makan siang?")
        assert asked.show_padlock

        picture = tmp_path / "picture.bin"
        picture.write_bytes(PICTURE)
        asked.chat.send_message(text="Belum, lihat ini", file=str(picture))
        answered = heard(beno, "Belum, lihat ini")
        assert answered.show_padlock
        assert Path(answered.file).read_bytes() == PICTURE

    letters = [letter for address in (ANA, BENO) for letter in stored(server, address)]
    assert len(letters) >= 2
    for letter in letters:
        assert b"makan siang" not in letter
        assert b"lihat ini" not in letter
    encrypted = [one for one in letters if b"Content-Type: multipart/encrypted" in one]
    assert len(encrypted) >= 2


@contextmanager
def chatting(folder: Path) -> Iterator[Account]:
    """A person's Delta Chat, in a process of its own."""
    program = BIN / "deltachat-rpc-server"
    with Rpc(accounts_dir=str(folder), rpc_server_path=str(program)) as rpc:
        account = DeltaChat(rpc).add_account()
        yield account
        account.stop_io()
    for stream in (rpc.process.stdin, rpc.process.stdout, rpc.process.stderr):
        stream.close()  # which it leaves open
    rpc.process.wait(60)


def sign_in(account: Account, server: Installation, address: str) -> None:
    """What the person types on the first screen, under its advanced settings."""
    account.add_or_update_transport(
        {
            "addr": address,
            "password": PASSWORD,
            "imapServer": "localhost",
            "imapPort": server.port("imaps"),
            "imapSecurity": "ssl",
            "smtpServer": "localhost",
            "smtpPort": server.port("submissions"),
            "smtpSecurity": "ssl",
            "certificateChecks": "acceptInvalidCertificates",
        }
    )
    account.set_config("bcc_self", "1")  # another device is in use: nothing is taken away
    account.start_io()
    account.wait_for_event(EventType.IMAP_INBOX_IDLE)


def until_done(account: Account, kind: EventType) -> None:
    """Waits until the greetings by which two people meet have all gone to and fro."""
    while account.wait_for_event(kind).progress < DONE:
        pass


def heard(account: Account, text: str) -> AttrDict:
    """The message with this text, once it has arrived and is downloaded."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        for chat in account.get_chatlist():
            for message in chat.get_messages():
                snapshot = message.get_snapshot()
                if snapshot.text == text:
                    return snapshot
        time.sleep(0.2)
    raise AssertionError(f"{text!r} did not arrive")


def stored(server: Installation, address: str) -> list[bytes]:
    """All that lies in a person's INBOX."""
    context = ssl.create_default_context(cafile=server.certificate)
    port = server.port("imaps")
    with imaplib.IMAP4_SSL("localhost", port, ssl_context=context, timeout=10) as session:
        session.login(address, PASSWORD)
        session.select("INBOX", readonly=True)
        _, parts = session.fetch("1:*", "BODY.PEEK[]")
        return [part[1] for part in parts if isinstance(part, tuple)]

"""A running server with a script: stored on the command line, run by its workers."""

from __future__ import annotations

import imaplib
import smtplib
import socket
import ssl
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.instance import PASSWORD, Installation, run

pytestmark = pytest.mark.scenario

ANI = "ani@a.id"
MAIL = b"From: dora@sender.test\r\nTo: ani@a.id\r\nSubject: Lunch\r\n\r\nAt noon?\r\n"
WAIT = 60.0  # seconds for a letter to arrive


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("sieve") / "a", "a.id", ANI)
    made.start(workers=2)
    yield made
    made.kill()


def deliver(one: Installation) -> None:
    with smtplib.LMTP("127.0.0.1", one.port("lmtp")) as lmtp:
        lmtp.sendmail("dora@sender.test", [ANI], MAIL)


def count(one: Installation, box: str, at_least: int = 0, whose: str = ANI) -> int:
    """How many messages a mailbox has, waiting for so many."""
    end = time.monotonic() + WAIT
    with imaplib.IMAP4("127.0.0.1", one.port("imap")) as imap:
        imap.login(whose, PASSWORD)
        while True:
            status, told = imap.select(box, readonly=True)
            found = int(told[0] or b"0") if status == "OK" else 0
            if found >= at_least or time.monotonic() > end:
                return found
            time.sleep(0.1)


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + WAIT
    while not true():
        assert time.monotonic() < end


def test_a_script_runs_from_the_moment_it_is_activated(served: Installation) -> None:
    deliver(served)
    assert count(served, "Archive") == 0
    done = run(
        "sieve", "put", ANI, "work", "-", "--activate", "-c", served.config,
        text='require "fileinto"; fileinto "Archive";',
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")

    def filed() -> bool:
        """Whichever of the two workers took it in."""
        before = count(served, "Archive")
        deliver(served)
        return count(served, "Archive") == before + 1

    until(lambda: all(filed() for _ in range(6)))  # the announcement has reached both
    assert count(served, "INBOX") >= 1


def test_managesieve_is_served_with_starttls(served: Installation) -> None:
    trust = ssl.create_default_context()
    trust.check_hostname, trust.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", served.port("managesieve")), timeout=10) as plain:
        heard = b""
        while b"\r\nOK " not in heard:
            heard += plain.recv(4096)
        assert b'"STARTTLS"' in heard
        plain.sendall(b"STARTTLS\r\n")
        assert plain.recv(4096).startswith(b"OK")
        with trust.wrap_socket(plain, server_hostname="localhost") as safe:
            assert safe.recv(4096).startswith(b'"IMPLEMENTATION" "Merpati"\r\n')


def test_scripts_and_the_auto_reply_see_what_is_handed_in_on_the_machine(
    served: Installation,
) -> None:
    script = """
        require ["fileinto", "envelope", "mailbox", "subaddress", "vacation"];
        vacation "I am away.";
        if envelope :detail "to" "bills" { fileinto :create "Bills"; }
    """
    done = run("sieve", "put", ANI, "away", "-", "--activate", "-c", served.config, text=script)
    assert (done.returncode, done.stderr) == (0, "")
    text = "To: ani@a.id\nSubject: Due\n\nPlease pay.\n"
    served.add_account("rumi@a.id")
    handed_in = served.sendmail("-f", "rumi@a.id", "ani+bills@a.id", text=text)
    assert (handed_in.returncode, handed_in.stderr) == (0, b"")
    assert count(served, "Bills", 1) == 1
    assert count(served, "INBOX", 1, "rumi@a.id") == 1

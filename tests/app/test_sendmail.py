from __future__ import annotations

import asyncio
import getopt
import os
import poplib
import pwd
import socket
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from merpati.app import draft, sendmail
from merpati.app.sendmail import Request, parse
from merpati.base.faults import Fault, Kind
from tests.support.instance import PASSWORD, SENDMAIL, Installation

ANI = "ani@a.id"
NOBODY = 65_534


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    made = Installation.make(tmp_path_factory.mktemp("sendmail") / "a", "a.id", ANI)
    yield made
    made.kill()


def fetch(one: Installation) -> list[bytes]:
    """The messages of ANI, the server running."""
    trust = ssl.create_default_context(cafile=one.certificate)
    pop = poplib.POP3_SSL("localhost", one.port("pop3s"), context=trust, timeout=10)
    pop.user(ANI)
    pop.pass_(PASSWORD)
    found = [b"\r\n".join(pop.retr(n)[1]) for n in range(1, len(pop.list()[1]) + 1)]
    pop.quit()
    return found


# The command line


def test_the_options_of_the_classic_program_are_understood() -> None:
    request = parse(["-t", "-i", "-f", "ani@a.id", "-F", "Ani", "-C", "/x.toml", "b@b"])
    assert request == Request("send", True, True, "ani@a.id", "Ani", "/x.toml", ["b@b"])
    assert parse(["-oi", "-fani@a.id", "--", "-b@b"]) == Request(
        dots=True, sender="ani@a.id", recipients=["-b@b"]
    )
    assert parse(["-ti"]).from_header


def test_what_is_not_acted_upon_is_taken() -> None:
    words = "-oem -odi -B8BITMIME -N never -R hdrs -v -n -U -G -O DeliveryMode=b -X log -p SMTP a@b"
    assert parse(words.split()) == Request(recipients=["a@b"])


@pytest.mark.parametrize(
    ("words", "action"),
    [("-bp", "list"), ("-q", "retry"), ("-q30m", "retry"), ("-bs", "smtp"), ("-bi", "nothing"),
     ("-V", "version"), ("--help", "help")],
)  # fmt: skip
def test_other_modes_are_chosen_by_their_option(words: str, action: str) -> None:
    assert parse(words.split()).action == action


@pytest.mark.parametrize("words", ["", "-f", "-Z a@b", "-bd", "-t -bx"])
def test_wrong_options_are_refused(words: str) -> None:
    with pytest.raises(getopt.GetoptError):
        parse(words.split())


def test_wrong_usage_is_status_64_with_the_next_step() -> None:
    done = subprocess.run([SENDMAIL, "-bd"], capture_output=True, text=True, check=False)
    assert done.returncode == 64
    assert done.stderr == (
        "merpati-sendmail: there is no mode -bd: there are -bm, -bp, -bs;"
        " see: merpati-sendmail --help\n"
    )


# Into the store, no server running


def test_a_message_is_durable_before_status_0_and_traced(installation: Installation) -> None:
    done = installation.sendmail("-f", "cron@elsewhere.test", "ani", text="Subject: 1\n\nhi\n")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert installation.json("account", "show", ANI)["emails"] == 1
    history = installation.run("trace", ANI).stdout
    user = pwd.getpwuid(os.getuid()).pw_name
    assert f"handed in on this machine by {user}; its sender is cron@elsewhere.test" in history
    assert f"delivered to {ANI}, into INBOX" in history


def test_a_subaddress_names_a_folder_as_it_does_for_mail_from_outside(
    installation: Installation, tmp_path: Path
) -> None:
    (tmp_path / "empty.mbox").write_text("From a@b.id Thu Jan  1 00:00:00 2026\nSubject: x\n\nx\n")
    file = str(tmp_path / "empty.mbox")
    installation.run("import", "mbox", ANI, file, "--mailbox", "kabar")
    before = installation.config.read_text()
    installation.configure("addresses", subaddress_folders="true")
    try:
        done = installation.sendmail("ani+kabar", text="Subject: 2\n\nhi\n")
    finally:
        installation.config.write_text(before)
    assert done.returncode == 0
    boxes = installation.json("account", "show", ANI)["mailboxes"]
    assert next(box["emails"] for box in boxes if box["name"] == "kabar") == 2


def test_an_unknown_recipient_is_status_67_and_nobody_gets_it(installation: Installation) -> None:
    before = installation.json("account", "show", ANI)["emails"]
    done = installation.sendmail(ANI, "zed", text="Subject: x\n\nhi\n")
    assert done.returncode == 67
    assert done.stderr == b"merpati-sendmail: there is no mailbox zed@a.id here\n"
    assert installation.json("account", "show", ANI)["emails"] == before


def test_nobody_named_and_what_is_no_address_are_status_65(installation: Installation) -> None:
    done = installation.sendmail("-t", text="Subject: x\n\nhi\n")
    assert (done.returncode, done.stderr) == (
        65, b"merpati-sendmail: the message names nobody in To, Cc or Bcc\n",
    )  # fmt: skip
    assert installation.sendmail("a b@c.id", text="x").returncode == 65


def test_mail_for_elsewhere_is_queued_listed_and_tried_on_demand(
    installation: Installation,
) -> None:
    text = "To: z@elsewhere.test\nBcc: y@elsewhere.test\n\nhi\n"
    assert installation.sendmail("-t", "-f", "admin", text=text).returncode == 0
    (queued,) = installation.json("queue", "list")
    assert queued["sender"] == "admin@a.id"
    assert {one["address"] for one in queued["recipients"]} == {
        "z@elsewhere.test", "y@elsewhere.test",
    }  # fmt: skip
    assert b"admin@a.id  y@elsewhere.test" in installation.sendmail("-bp").stdout
    assert installation.sendmail("-q").stdout == b"retry: 0 recipients.\n"  # they are due already
    installation.run("queue", "delete", str(queued["id"]))


def test_without_a_store_or_configuration_it_is_status_78(tmp_path: Path) -> None:
    file = tmp_path / "merpati.toml"
    file.write_text('[server]\nhostname = "mail.a.id"\n')
    for config, sentence in (
        (file, f'there is no store {tmp_path}/data/merpati.sqlite: make one with "merpati init"'),
        (tmp_path / "no.toml", f"There is no configuration file {tmp_path}/no.toml"),
    ):
        done = subprocess.run(
            [SENDMAIL, "-C", config, "a@b"], input="", capture_output=True, text=True, check=False
        )
        assert done.returncode == 78
        assert done.stderr.startswith(f"merpati-sendmail: {sentence}")


@contextmanager
def as_a_stranger(folder: Path) -> Iterator[None]:
    """For root, as nobody; for others, with the folder closed."""
    if os.geteuid() == 0:
        os.seteuid(NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    else:
        folder.chmod(0)
        try:
            yield
        finally:
            folder.chmod(0o700)


def test_a_stranger_may_not_write_the_store(installation: Installation) -> None:
    config = sendmail.find(Request(config=str(installation.config)), {})
    assert sendmail.may_write(config)
    with as_a_stranger(config.data):
        assert not sendmail.may_write(config)


# With a server running


def send(one: Installation, text: str, *recipients: str) -> int:
    """As a stranger's message goes: through the listener."""
    request = Request(config=str(one.config), recipients=recipients, sender="you@elsewhere.test")
    user = pwd.getpwuid(os.getuid())
    config = sendmail.find(request, {})
    return asyncio.run(sendmail.send(config, request, draft.read(text.encode()), user))


@pytest.mark.scenario
def test_a_message_handed_in_beside_the_server_is_seen_at_once(installation: Installation) -> None:
    text = "Subject: dots\nTo: Ani <ani@a.id>\nBcc: ani@a.id\n\n.\n..\nend\n"
    with installation.serving():
        assert installation.sendmail("-t", "-oi", "-F", "Root Ü", text=text).returncode == 0
        found = fetch(installation)[-1]
    assert found.endswith(b"\r\n\r\n.\r\n..\r\nend")
    header = found.partition(b"\r\n\r\n")[0]
    assert b"\r\nReceived: by mail.a.id with local id " in header
    assert b"From: =?utf-8?q?Root_=C3=9C?= <" in header
    assert b"bcc" not in header.lower()
    for name in (b"Date: ", b"Message-ID: <", b"Subject: dots"):
        assert b"\r\n" + name in header


@pytest.mark.scenario
def test_without_i_a_lone_dot_ends_the_message(installation: Installation) -> None:
    with installation.serving(workers=1):
        assert installation.sendmail(ANI, text="Subject: x\n\none\n.\ntwo\n").returncode == 0
        assert fetch(installation)[-1].endswith(b"\r\n\r\none")


@pytest.mark.scenario
def test_a_stranger_goes_through_the_listener(
    installation: Installation, capsys: pytest.CaptureFixture[str]
) -> None:
    with installation.serving(workers=1):
        assert send(installation, "Subject: stranger\n\nhi\n", ANI) == 0
        assert b"Subject: stranger" in fetch(installation)[-1]
        assert send(installation, "hi", "zed@a.id") == 67
        assert "zed@a.id: " in capsys.readouterr().err
    with pytest.raises(Fault, match="is the server running") as caught:
        send(installation, "hi", ANI)
    assert sendmail.STATUS.get(caught.value.kind, sendmail.TEMPORARY) == 75
    assert caught.value.kind is Kind.UNAVAILABLE


@pytest.mark.scenario
def test_smtp_is_spoken_on_standard_input_and_output(installation: Installation) -> None:
    dialogue = f"EHLO x\r\nMAIL FROM:<y@z.test>\r\nRCPT TO:<{ANI}>\r\nQUIT\r\n"
    refused = installation.sendmail("-bs", text=dialogue)
    assert refused.returncode == 75
    assert b"no server answers on 127.0.0.1:" in refused.stderr
    with installation.serving(workers=1):
        done = installation.sendmail("-bs", text=dialogue)
    assert done.returncode == 0
    assert [line[:4] for line in done.stdout.splitlines() if line[3:4] == b" "] == [
        b"220 ", b"250 ", b"250 ", b"250 ", b"221 ",
    ]  # fmt: skip


@pytest.mark.parametrize("size", [1, 2, 3, 100])
def test_a_dialogue_with_the_line_ends_of_this_machine_gets_those_of_the_network(size: int) -> None:
    def cut(text: bytes) -> list[bytes]:
        return [text[at : at + size] for at in range(0, len(text), size)]

    lines = b"EHLO x\nDATA\nwith one\r\n\n.\nQUIT\n"
    wanted = b"EHLO x\r\nDATA\r\nwith one\r\n\r\n.\r\nQUIT\r\n"
    assert b"".join(sendmail.network_lines(cut(lines))) == wanted
    counted = b"EHLO x\r\nBDAT 4 LAST\r\na\nb\n"
    assert b"".join(sendmail.network_lines(cut(counted))) == counted


@pytest.mark.scenario
def test_it_starts_quickly(installation: Installation) -> None:
    seconds = []
    for _ in range(3):
        before = os.times()
        assert installation.sendmail(ANI, text="Subject: quick\n\nhi\n").returncode == 0
        after = os.times()
        seconds.append(
            after.children_user + after.children_system
            - before.children_user - before.children_system
        )  # fmt: skip
    assert min(seconds) < 1  # of the processor; a fifth of it on an idle machine


def test_a_listener_for_everywhere_is_asked_on_loopback(installation: Installation) -> None:
    config = sendmail.find(Request(config=str(installation.config)), {})
    assert sendmail.listener(config) == ("127.0.0.1", installation.port("smtp"))
    with socket.socket() as probe:
        assert probe.connect_ex(sendmail.listener(config)) != 0

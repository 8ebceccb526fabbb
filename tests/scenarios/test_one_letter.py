"""A letter from ani@a.id to beno@b.id: two installations, real programs, the DNS between them."""

from __future__ import annotations

import email
import email.policy
import imaplib
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any, Final

import pytest

from tests.scenarios.clients import Home
from tests.support.dns import DnsServer
from tests.support.instance import PASSWORD, Installation
from tests.support.programs import need

pytestmark = pytest.mark.scenario

PATIENCE: Final = 60.0  # seconds for a letter to arrive
ANI: Final = "ani@a.id"
BENO: Final = "beno@b.id"

LETTER: Final = b"""\
From: Ani Wijaya <ani@a.id>\r
To: Beno Santoso <beno@b.id>\r
Subject: =?utf-8?q?Surat_pertama_=E2=9C=89?=\r
Date: Sun, 22 Nov 2026 10:00:00 +0700\r
Message-ID: <%s@a.id>\r
MIME-Version: 1.0\r
Content-Type: text/plain; charset=utf-8\r
Content-Transfer-Encoding: 8bit\r
\r
Halo Beno,\r
\r
..a line with dots in front, trailing blanks  \r
.\r
From here on it goes: caf\xc3\xa9, \xe2\x9c\x89.\r
"""


@dataclass
class World:
    """Two installations that find each other through the names they ask for."""

    a: Installation
    b: Installation
    names: DnsServer
    ani: Home
    beno: Home


@pytest.fixture
def world(tmp_path: Path, names: DnsServer) -> Iterator[World]:
    """a.id with Ani, who reads Indonesian, and b.id with Beno; both serve."""
    a = Installation.make(tmp_path / "a", "a.id")
    b = Installation.make(tmp_path / "b", "b.id", BENO)
    a.add_account(ANI, "--language", "id")
    for here, there in ((a, b), (b, a)):
        names.set(here.domain, "MX", f"10 mail.{here.domain}.")
        names.set(f"mail.{here.domain}", "A", "127.0.0.1")
        here.configure("dns", nameservers=f'["127.0.0.1:{names.port}"]')
        here.configure("outbound", port=str(there.port("smtp")))
    homes = [Home(tmp_path / "ani", a, ANI), Home(tmp_path / "beno", b, BENO)]
    for home in homes:
        home.folder.mkdir()
    with b.serving(), a.serving():
        yield World(a, b, names, *homes)


def test_a_letter_goes_from_one_server_to_the_other_and_to_every_reader(world: World) -> None:
    first, second = LETTER % b"first", LETTER % b"second"
    world.ani.swaks(first, BENO)
    world.ani.msmtp(second, BENO)
    arrived = wait_for(lambda: inbox(world.b, BENO), 2)

    assert world.names.asked("b.id", "MX") >= 1
    by_id = {"first" if b"<first@" in one else "second": one for one in arrived}
    for name, sent in (("first", first), ("second", second)):
        header = by_id[name].removesuffix(sent)
        assert header != by_id[name], f"{name} was changed on its way: {by_id[name]!r}"
        check_trace_fields(header)

    assert sorted(world.beno.mbsync()) == sorted(arrived)
    assert sorted(world.beno.mutt()) == sorted(arrived)
    assert world.beno.fetchmail() == b"".join(arrived)

    check_trace(world, "first@a.id")


def check_trace_fields(header: bytes) -> None:
    """Return-Path of b.id, what it found out, then one Received of each, the later one first."""
    unfolded = re.sub(rb"\r\n[ \t]+", b" ", header).decode().splitlines()
    assert len(unfolded) == 4, unfolded
    assert unfolded[0] == f"Return-Path: <{ANI}>"
    assert re.match(r"Authentication-Results: mail\.b\.id;", unfolded[1]), unfolded[1]
    at_b, at_a = unfolded[2:]
    for line, pattern in (
        (at_b, r"Received: from mail\.a\.id \(.*\[127\.0\.0\.1\]\) by mail\.b\.id with ESMTPS "),
        (at_a, r"Received: from \S+ by mail\.a\.id with ESMTPSA "),
    ):
        assert re.match(pattern, line), line
        assert "TLSv1.3" in line, line
        assert f"for <{BENO}>" in line, line


def check_trace(world: World, message_id: str) -> None:
    """Both servers tell what they did with it, a.id also what b.id said."""
    at_a, at_b = (one.json("trace", message_id)[0] for one in (world.a, world.b))
    assert [step["kind"] for step in at_a] == ["submitted", "named", "queued", "sent"]
    assert [step["kind"] for step in at_b] == ["received", "named", "judged", "delivered"]
    sent = at_a[-1]["detail"]
    assert sent["host"] == "mail.b.id"
    assert sent["tls"].startswith("TLSv1.3")
    assert at_b[0]["trace"] in sent["said"], "what b.id answered names its trace"
    assert at_b[0]["detail"]["tls"].startswith("TLSv1.3")
    told = world.a.run("trace", message_id).stdout
    assert "taken by mail.b.id for beno@b.id" in told


def test_a_letter_waits_for_a_server_that_is_away(world: World) -> None:
    world.b.stop()
    world.ani.swaks(LETTER % b"waits", BENO)
    waiting = wait_for(lambda: tried(world.a), 1)
    assert waiting[0]["sender"] == ANI
    assert waiting[0]["recipients"][0]["address"] == BENO

    world.b.start()
    done = world.a.run("queue", "retry", "all")
    assert done.returncode == 0, done.stderr

    [letter] = wait_for(lambda: inbox(world.b, BENO), 1)
    assert letter.endswith(LETTER % b"waits")
    wait_for(lambda: [1] if not world.a.json("queue", "list") else [], 1)
    steps = [step["kind"] for step in world.a.json("trace", "waits@a.id")[0]]
    assert steps == ["submitted", "named", "queued", "deferred", "sent"]


def test_a_letter_is_tried_again_by_itself(world: World) -> None:
    world.a.stop()
    world.a.configure("queue", retry="2")
    world.a.start()
    world.b.stop()
    world.ani.msmtp(LETTER % b"again", BENO)
    wait_for(lambda: tried(world.a), 1)
    world.b.start()
    [letter] = wait_for(lambda: inbox(world.b, BENO), 1)
    assert letter.endswith(LETTER % b"again")


def test_after_five_days_the_sender_is_told_in_her_language(world: World) -> None:
    library = libfaketime()
    world.b.stop()
    world.ani.swaks(LETTER % b"lost", BENO)
    wait_for(lambda: tried(world.a), 1)
    world.a.stop()
    later = {"LD_PRELOAD": library, "FAKETIME": "+6d", "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
    world.a.start(env=later)

    [bounce] = wait_for(lambda: inbox(world.a, ANI), 1)
    message = email.message_from_bytes(bounce, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert message["Subject"] == "Pesan Anda tidak dapat dikirim"
    assert message["Return-Path"] == "<>"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["In-Reply-To"] == "<lost@a.id>"
    assert message.get_content_type() == "multipart/report"
    letter, report, original = message.iter_parts()
    text = " ".join(letter.get_content().split())
    assert "tidak dapat dikirim kepada: beno@b.id" in text
    assert "Pesan ini sudah dicoba berulang kali sampai batas waktunya habis." in text
    assert "Kirim ulang lain waktu, atau hubungi orangnya dengan cara lain." in text
    assert "Final-Recipient: rfc822; beno@b.id" in report.as_string()
    assert "Action: failed" in report.as_string()
    assert original.get_content_type() == "message/rfc822"
    assert b"<lost@a.id>" in bounce
    assert world.a.json("queue", "list") == []


def inbox(server: Installation, address: str) -> list[bytes]:
    """Every message in an account's INBOX, in order."""
    with imaplib.IMAP4("127.0.0.1", server.port("imap"), timeout=10) as session:
        session.login(address, PASSWORD)
        _, [exists] = session.select("INBOX", readonly=True)
        if exists == b"0":
            return []
        _, found = session.fetch("1:*", "(BODY.PEEK[])")
    return [part[1] for part in found if isinstance(part, tuple)]


def tried(server: Installation) -> list[dict[str, Any]]:
    """What waits in the queue after a first try."""
    waiting: list[dict[str, Any]] = server.json("queue", "list")
    return [one for one in waiting if one["recipients"][0]["attempts"]]


def wait_for(look: Callable[[], list[Any]], count: int) -> list[Any]:
    """Looks again and again until so many things are there."""
    deadline = time.monotonic() + PATIENCE
    while len(found := look()) < count:
        assert time.monotonic() < deadline, f"only {found}"
        time.sleep(0.1)
    return found


def libfaketime() -> str:
    """The library that moves the clock of whoever preloads it."""
    told = subprocess.run(
        [need("faketime"), "-f", "+0", "env"], capture_output=True, text=True, check=True
    ).stdout
    [library] = re.findall(r"(?m)^LD_PRELOAD=(.*)$", told)
    return str(library)

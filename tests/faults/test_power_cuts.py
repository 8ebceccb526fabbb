"""What the server has acknowledged outlives a power cut, by the model and on a real ext4."""

from __future__ import annotations

import imaplib
import re
import subprocess
from contextlib import contextmanager, suppress
from signal import SIGKILL
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.instance import ADDRESS, DOMAIN, Instance
from tests.faults.store_listing import list_ids, uidnext
from tests.faults.tools import faultio, flakyblk, killloop, powercut
from tests.support.programs import need

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.fault

# The reply to the final dot: its last word names the message.
ACK: Final = re.compile(rb"^250 2\.\d\.\d .* as (\S+)\r?$")
SIZES: Final = (300, 4_000, 20_000, 90_000)  # bytes; the last lies in a file


@contextmanager
def serving(instance: Instance, environment: dict[str, str] | None = None) -> Iterator[None]:
    """The server with one worker, killed at the end as the power would."""
    plan = killloop.Plan(
        port=instance.smtp_port,
        serve=instance.command(workers=1),
        listing=list,
        environment=environment,
        output=instance.folder.with_name("server.log"),
    )
    server = killloop.Server(plan)
    assert server.start()
    try:
        yield
    finally:
        server.stop(SIGKILL)


def drive(instance: Instance, count: int, heard: Callable[[str, str], None]) -> None:
    """Sends so many messages; `heard` gets the fault id and the server's name of each."""
    ledger, client = killloop.Ledger(), None
    for number in range(count):
        name = f"m{number:06}"
        try:
            if client is None:
                client = killloop.Smtp(instance.smtp_port)
                client.command("EHLO fault.test")
            reply = ledger.send(client, name, ADDRESS, SIZES[number % len(SIZES)])
        except (OSError, killloop.RefusedError):
            if client is not None:
                client.close()
            client = None
        else:
            heard(name, reply.split()[-1])
    if client is not None:
        client.close()


def work_over_imap(instance: Instance) -> None:
    """What a client does to its inbox: appends, flags, moves, expunges."""
    with instance.imap() as session:
        session.select("INBOX")
        for number in range(5):
            text = f"Subject: appended {number}\r\n\r\n{'x' * number * 100}\r\n"
            session.append("INBOX", "", "", text.encode())
        session.store("1:3", "+FLAGS", r"(\Seen \Flagged)")
        session.create("Kept")
        session.copy("1:2", "Kept")
        session.append("Kept", "", "", b"Subject: gone\r\n\r\nsoon\r\n")
        session.select("Kept")
        session.store("3", "+FLAGS", r"(\Deleted)")
        session.expunge()


@pytest.mark.timeout(3_600)  # in the long form; the short one takes a minute for all
@pytest.mark.parametrize(
    ("model", "rules"),
    [("ext4", ""), ("posix", ""), ("ext4", "fsync:eio@~12"), ("ext4", "write:short@~6")],
)
def test_no_state_a_power_cut_can_leave_lacks_an_acknowledged_message(
    tmp_path: Path, library: Path, full: bool, model: powercut.Model, rules: str
) -> None:
    names: dict[str, str] = {}
    for seed in range(1, 6):  # until a rule strikes only after something was taken
        instance = Instance.make(tmp_path / f"a{seed}")
        base = powercut.Disk.take(instance.folder)
        log = tmp_path / f"log{seed}"
        surroundings = faultio.environment(
            library, instance.folder, rules=rules, seed=seed, log=log
        )
        with serving(instance, surroundings):
            drive(instance, 200 if full else 40, lambda name, given: names.update({given: name}))
            with suppress(*([OSError, imaplib.IMAP4.error] if rules else [])):
                work_over_imap(instance)
        if names:
            break
    short = powercut.Effort(points=16, drops=1, randoms=1)
    long = powercut.Effort(points=100, drops=3, randoms=2)  # some 900 states
    report = powercut.check(
        base, log, list_ids, model=model, ack=ACK, names=names, effort=long if full else short
    )
    print(report)
    assert report.acknowledged == len(names) > 0
    assert report.states >= (300 if full else 40)
    assert report.passed, report.failures[:3]


def test_every_image_of_a_real_ext4_holds_what_was_acknowledged(tmp_path: Path, full: bool) -> None:
    if why := flakyblk.usable():
        pytest.skip(f"the block device cannot be made here: {why}")
    need("mkfs.ext4")
    with flakyblk.FlakyDisk(192) as disk:
        disk.make_file_system("ext4", "-J", "size=8")
        disk.mount(tmp_path / "disk")
        instance = Instance.make(tmp_path / "disk/a")
        subprocess.run(["sync", "-f", instance.folder], check=True)
        disk.mark("made")
        with serving(instance):
            drive(instance, 80 if full else 40, lambda name, _given: disk.mark(name))
            mark_uidnext(instance, disk)
            work_over_imap(instance)
            mark_uidnext(instance, disk)
        disk.detach()
        images = 0
        for crash in disk.crashes(points=60 if full else 16, variants=1):
            if "made" not in crash.marks:
                continue
            images += 1
            with flakyblk.mounted(crash.image, tmp_path / "look") as look:
                judge(look / "a", crash, own_check=full or images % 8 == 0)
    assert images >= (60 if full else 16)


def mark_uidnext(instance: Instance, disk: flakyblk.FlakyDisk) -> None:
    """Notes what a client has seen of UIDNEXT, which may never fall again."""
    with instance.imap() as session:
        _status, answer = session.status("INBOX", "(UIDNEXT)")
        found = re.search(rb"UIDNEXT (\d+)", answer[0])
        assert found is not None
        disk.mark(f"uidnext {int(found.group(1))}")


def judge(folder: Path, crash: flakyblk.Crash, *, own_check: bool) -> None:
    """One image: everything marked is there and whole, and UIDs never fell."""
    listed = list_ids(folder)
    lost = {mark for mark in crash.marks if mark.startswith("m0")} - set(listed)
    assert lost == set(), (crash.state, len(crash.marks))
    assert [line for line in listed if line.startswith("CORRUPT")] == []
    seen = [int(mark.split()[1]) for mark in crash.marks if mark.startswith("uidnext ")]
    assert uidnext(folder) >= max(seen, default=0)
    if own_check:
        assert Instance(folder, DOMAIN, 0).check() == ""

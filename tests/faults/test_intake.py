"""What the server has acknowledged it keeps: kills, failing calls, a full disk.

Short here and in CI; `make faults FULL=1` runs the long programme.
"""

from __future__ import annotations

import os
import subprocess
import time
from contextlib import closing, contextmanager
from signal import SIGTERM
from typing import TYPE_CHECKING, Final

import pytest

from merpati.store.sqlite import AHEAD_PAGES, FRAME
from tests.faults.instance import ADDRESS, Instance
from tests.faults.store_listing import list_ids, queued
from tests.faults.tools import faultio, killloop
from tests.support.programs import need

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.fault

LARGE: Final = 300_000  # bytes; messages beyond 128 KiB lie in files
FREE_SECONDS: Final = 60  # within which intake resumes once there is room


def plan_for(instance: Instance, **changes: object) -> killloop.Plan:
    base: dict[str, object] = {
        "port": instance.smtp_port,
        "serve": instance.command(),
        "listing": lambda: list_ids(instance.folder),
        "recipient": ADDRESS,
        "size": (200, LARGE),
        "settle": 60.0,
        "settled": lambda: queued(instance.folder) == 0,
        "output": instance.folder.with_name("server.log"),
    }
    return killloop.Plan(**(base | changes))  # type: ignore[arg-type]


def test_no_acknowledged_message_is_lost_when_killed_inside_file_operations(
    tmp_path: Path, library: Path, full: bool
) -> None:
    instance = Instance.make(tmp_path / "a")
    plan = plan_for(
        instance,
        messages=10_000 if full else 300,
        sessions=10 if full else 4,
        size=(200, 80_000),
        limit=3_000.0 if full else 300.0,
        rules=f"any:kill@~{1_500 if full else 500}",
        library=library,
        watched=instance.folder,
    )
    result = killloop.Loop(plan).run()
    print(result)
    assert result.passed, result
    assert result.acknowledged == plan.messages
    assert result.kills >= (200 if full else 3)
    assert instance.check() == ""


def test_no_acknowledged_message_is_lost_when_killed_from_outside(
    tmp_path: Path, full: bool
) -> None:
    instance = Instance.make(tmp_path / "a")
    plan = plan_for(instance, messages=3_000 if full else 300, kills=100 if full else 4)
    result = killloop.Loop(plan).run()
    print(result)
    assert result.passed, result
    assert result.acknowledged == plan.messages
    assert instance.check() == ""


@pytest.mark.parametrize(
    "rules",
    ["fsync:eio@~20", "write:enospc@~50", "write:eio@~50", "write:short@~10", "open:emfile@~10"],
)
def test_no_message_is_acknowledged_that_a_failing_call_kept_from_the_disk(
    tmp_path: Path, library: Path, rules: str, full: bool
) -> None:
    for seed in range(1, 6):  # until one strikes only after something was taken
        instance = Instance.make(tmp_path / f"a{seed}")
        plan = plan_for(
            instance,
            messages=2_000 if full else 150,
            limit=300.0 if full else 25.0,
            partial=True,  # after a failed sync a server may well refuse everything
            rules=rules,
            seed=seed,
            library=library,
            watched=instance.folder,
        )
        result = killloop.Loop(plan).run()
        print(result)
        assert result.passed, result
        assert faultio.fired(instance.folder) > 0
        assert instance.check() == ""
        if result.acknowledged:
            return
    pytest.fail("no server took a message")


@contextmanager
def small_disk(folder: Path, megabytes: int) -> Iterator[Path]:
    """A disk of its own at `folder`."""
    if os.geteuid() != 0:
        pytest.skip("a small disk takes root to mount")
    mount, umount = need("mount"), need("umount")
    folder.mkdir()
    options = f"size={megabytes}m,mode=700"
    subprocess.run([mount, "-t", "tmpfs", "-o", options, "tmpfs", folder], check=True)
    try:
        yield folder
    finally:
        subprocess.run([umount, "-l", folder], check=True)


def fill(folder: Path) -> Path:
    """Leaves no room on the disk of `folder`; the file to remove for room again."""
    ballast = folder / "ballast"
    with closing(os.fdopen(os.open(ballast, os.O_WRONLY | os.O_CREAT, 0o600), "wb", 0)) as file:
        for piece in (1 << 20, 1 << 12):
            try:
                while file.write(b"\0" * piece):
                    pass
            except OSError:
                continue
    return ballast


def send(ledger: killloop.Ledger, port: int, name: str, size: int) -> bool:
    """True when the message was acknowledged; False when it was refused for now."""
    with closing(killloop.Smtp(port)) as client:
        client.command("EHLO fault.test")
        try:
            ledger.send(client, name, ADDRESS, size)
        except killloop.RefusedError as error:
            if str(error).startswith("4"):
                return False
            raise
        return True


def fetch_all(instance: Instance) -> int:
    """How many whole messages IMAP shows in the inbox."""
    with instance.imap() as session:
        session.select("INBOX", readonly=True)
        _status, parts = session.fetch("1:*", "(BODY.PEEK[])")
        return sum(isinstance(part, tuple) and b"X-Fault-Id: " in part[1] for part in parts)


def wait_until_delivered(instance: Instance, count: int) -> None:
    end = time.monotonic() + FREE_SECONDS
    while fetch_all(instance) < count and time.monotonic() < end:
        time.sleep(0.2)
    assert fetch_all(instance) == count


def test_a_full_disk_refuses_mail_for_now_keeps_what_there_is_and_recovers(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 160) as disk:
        instance = Instance.make(disk / "a")
        server = killloop.Server(plan_for(instance))
        ledger = killloop.Ledger()
        assert server.start()
        try:
            for number in range(10):
                assert send(ledger, instance.smtp_port, f"m{number}", LARGE)
            wait_until_delivered(instance, 10)
            ballast = fill(disk)
            # The log has been written ahead, so there is room for some more.
            more = 0
            while send(ledger, instance.smtp_port, f"more{more}", 100_000):
                more += 1
                assert more < AHEAD_PAGES * FRAME / 100_000, "more was taken than there is room for"
            refused = [send(ledger, instance.smtp_port, f"n{n}", 100 * 10**n) for n in range(4)]
            assert refused == [False] * 4
            assert fetch_all(instance) == 10 + more
            ballast.unlink()
            end = time.monotonic() + FREE_SECONDS
            while not send(ledger, instance.smtp_port, "late", LARGE):
                assert time.monotonic() < end, "intake did not resume"
                time.sleep(0.5)
            wait_until_delivered(instance, 11 + more)
        finally:
            server.stop(SIGTERM)
        assert sorted(list_ids(instance.folder)) == sorted(ledger.acknowledged)
        assert instance.check() == ""

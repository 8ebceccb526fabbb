"""The fault tools pass what is right and find what is wrong, on a toy server with known bugs."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import struct
import subprocess
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.faults.tools import faultio, flakyblk, killloop, powercut, toy_intake
from tests.support.instance import free_port
from tests.support.programs import need

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.fault

TOOLS: Final = Path(toy_intake.__file__).parent


@contextmanager
def running(*command: object, environment: dict[str, str] | None = None) -> Iterator[list[str]]:
    """A process that is told to end; its output, line by line, is there afterwards."""
    words = [sys.executable, *(str(word) for word in command)]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True)
    output: list[str] = []
    try:
        yield output
    finally:
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
        output += out.splitlines()


def wait_for(port: int) -> None:
    for _ in range(1500):
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    raise AssertionError(f"nothing listens on {port}")


def toy(folder: Path, mode: str, port: int) -> list[str]:
    script = TOOLS / "toy_intake.py"
    return [sys.executable, str(script), "--dir", str(folder), "--mode", mode, "--port", str(port)]


@pytest.mark.parametrize(
    ("mode", "rules", "keeps"),
    [
        ("sqlite-full", "any:kill@~60", True),
        ("maildir", "any:kill@~60", True),
        ("blob-first", "any:kill@~60", True),
        ("ack-first", "any:kill@~60", False),
        ("blob-after", "any:kill@~60", False),
        ("maildir", "fsync:eio@~10", True),
        ("sqlite-full", "write:enospc@~25", True),
    ],
)
def test_killing_inside_file_operations_tells_right_from_wrong(
    tmp_path: Path, library: Path, port: int, mode: str, rules: str, keeps: bool
) -> None:
    store = tmp_path / "store"
    store.mkdir()
    plan = killloop.Plan(
        port=port,
        serve=toy(store, mode, port),
        listing=lambda: toy_intake.listing(store, mode),
        messages=120,
        sessions=3,
        limit=200,
        rules=rules,
        library=library,
        watched=store,
    )
    result = killloop.Loop(plan).run()
    assert result.why == ""
    assert result.acknowledged == 120
    assert result.passed is keeps, result
    assert faultio.fired(store) > 0
    if "kill" in rules:
        assert result.kills > 5
    else:
        assert result.refused > 0


def record(folder: Path, mode: str, library: Path, port: int, rules: str) -> powercut.Disk:
    """Drives 20 messages into a toy server whose operations are logged beside its folder."""
    folder.mkdir()
    toy_intake.Store(folder, mode).close()
    base = powercut.Disk.take(folder)
    log = folder.with_name("log")
    surroundings = faultio.environment(library, folder, rules=rules, log=log)
    with running(*toy(folder, mode, port)[1:], environment=surroundings):
        wait_for(port)
        ledger, client = killloop.Ledger(), killloop.Smtp(port)
        for number in range(20):
            with suppress(killloop.RefusedError):
                ledger.send(client, f"m{number:06}", "b@example.test", 200 + 400 * number)
        client.close()
    return base


@pytest.mark.parametrize(
    ("mode", "model", "rules", "keeps"),
    [
        ("sqlite-full", "posix", "", True),
        ("maildir", "posix", "", True),
        ("blob-first", "posix", "", True),
        ("sqlite-full", "ext4", "", True),
        ("sqlite-normal", "ext4", "", False),
        ("maildir-nodir", "ext4", "", False),
        ("maildir-nosync", "ext4", "", False),
        ("ignore-eio", "ext4", "fsync:eio@~5:/tmp/m0", False),
        ("sqlite-full", "ext4", "fsync:lie@~3:q.db", False),
    ],
)
def test_power_cuts_by_the_model_tell_right_from_wrong(
    tmp_path: Path,
    library: Path,
    port: int,
    mode: str,
    model: powercut.Model,
    rules: str,
    keeps: bool,
) -> None:
    store = tmp_path / "store"
    base = record(store, mode, library, port, rules)
    report = powercut.check(
        base,
        tmp_path / "log",
        lambda folder: toy_intake.listing(folder, mode),
        model=model,
        effort=powercut.Effort(points=24, drops=2, randoms=1),
    )
    assert report.acknowledged > 10
    assert report.states > 24
    assert report.passed is keeps, report


def test_a_lost_reply_makes_the_sender_retry_and_is_counted_as_ambiguous(
    tmp_path: Path, port: int
) -> None:
    proxy = free_port()
    path = [TOOLS / "netfault.py", "--listen", proxy, "--to", port, "--mode", "lostreply"]
    with running(*toy(tmp_path, "maildir", port)[1:]), running(*path, "--every", 3) as output:
        wait_for(port)
        wait_for(proxy)
        plan = killloop.Plan(
            port=proxy,
            serve=[sys.executable, "-c", "import time; time.sleep(600)"],
            listing=lambda: toy_intake.listing(tmp_path, "maildir"),
            messages=40,
            sessions=2,
            limit=200,
        )
        result = killloop.Loop(plan).run()
    assert result.passed, result
    assert result.ambiguous > 0
    assert result.copies > 0
    assert json.loads(output[0])["faulty"] > 0


def ask(port: int, name: str, within: float = 30.0) -> bytes | None:
    labels = b"".join(bytes((len(label),)) + label.encode() for label in name.split("."))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(within)
        question = b"ab\1\0\0\1\0\0\0\0\0\0" + labels + b"\0\0\20\0\1"
        asking.sendto(question, ("127.0.0.1", port))
        try:
            return asking.recv(4096)
        except TimeoutError:
            return None


def test_the_dns_server_answers_as_badly_as_it_is_asked(tmp_path: Path, port: int) -> None:
    zone = tmp_path / "zone"
    zone.write_text("# a comment\ngood.test TXT hello\n", "utf-8")
    with running(TOOLS / "dnsfault.py", "--port", port, "--zone", zone) as output:
        wait_for(port)
        assert ask(port, "timeout.t", within=0.5) is None
        answers = {name: ask(port, f"{name}.t") or b"" for name in ("servfail", "x", "huge")}
        wrong, loop, good = ask(port, "wrongid.t"), ask(port, "loop.t"), ask(port, "good.test")
    assert answers["servfail"][3] & 15 == 2
    assert answers["x"][3] & 15 == 3
    assert answers["huge"][2] & 2
    assert wrong is not None
    assert wrong[:2] != b"ab"
    assert loop is not None
    assert struct.unpack("!H", loop[6:8]) == (1,)
    assert good is not None
    assert good.endswith(b"\5hello")
    assert json.loads(output[0])["timeout.t"] == 1


@pytest.mark.parametrize(("level", "keeps"), [("full", True), ("normal", False)])
def test_power_cuts_of_a_real_file_system_tell_right_from_wrong(
    tmp_path: Path, level: str, keeps: bool
) -> None:
    if why := flakyblk.usable():
        pytest.skip(f"the block device cannot be made here: {why}")
    need("mkfs.ext4")
    lost = corrupt = images = 0
    with flakyblk.FlakyDisk(48) as disk:
        disk.make_file_system("ext4", "-J", "size=4")
        disk.mount(tmp_path / "store")
        with closing(sqlite3.connect(tmp_path / "store/q.db", isolation_level=None)) as db:
            db.execute("pragma journal_mode=wal")
            db.execute(f"pragma synchronous={level}")
            db.execute("create table q(n integer primary key, body blob)")
            for number in range(60):
                db.execute("insert into q values(?, ?)", (number, os.urandom(3000)))
                disk.mark(str(number))
        disk.detach()
        for crash in disk.crashes(points=20, variants=1):
            images += 1
            with (
                flakyblk.mounted(crash.image, tmp_path / "look") as look,
                closing(sqlite3.connect(look / "q.db")) as db,
            ):
                made = db.execute("select 1 from sqlite_master where name='q'").fetchone()
                have = {str(row[0]) for row in db.execute("select n from q")} if made else set()
                lost += bool(set(crash.marks) - have)
                corrupt += db.execute("pragma integrity_check").fetchone()[0] != "ok"
    assert images >= 20
    assert corrupt == 0
    assert (lost == 0) is keeps

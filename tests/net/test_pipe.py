from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from merpati.model.delivery import Outcome
from merpati.model.envelope import Envelope, Recipient
from merpati.net.pipe import PipeSession
from tests.support.sockets import until

BOB = "bob@there.test"


def script(folder: Path, text: str) -> str:
    file = folder / "command"
    file.write_text(f"#!{sys.executable}\nimport os, sys, time\n{text}\n")
    file.chmod(0o755)
    return str(file)


def has_ended(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return not stat.exists() or stat.read_text().split()[2] == "Z"


def envelope(*recipients: str, sender: str = "ani@example.org") -> Envelope:
    return Envelope(sender=sender, recipients=tuple(Recipient(one) for one in recipients))


async def test_the_command_reads_the_message_and_knows_whom_it_is_for(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = script(
        tmp_path,
        f"open({str(out)!r}, 'ab').write(' '.join(sys.argv[1:]).encode() + b'|'"
        " + sys.stdin.buffer.read() + b'\\n')",
    )
    session = PipeSession([command, "--to={user}", "{domain}", "{sender}", "{size}", "plain"])
    results = await session.send(envelope(BOB, "dora@x.test"), [b"Subject: hi\r\n", b"\r\nhello"])
    assert [one.outcome for one in results] == [Outcome.DELIVERED] * 2
    assert out.read_bytes() == (
        b"--to=bob there.test ani@example.org 20 plain|Subject: hi\r\n\r\nhello\n"
        b"--to=dora x.test ani@example.org 20 plain|Subject: hi\r\n\r\nhello\n"
    )


@pytest.mark.parametrize(
    ("status", "outcome", "code"),
    [
        (0, Outcome.DELIVERED, "2.0.0"),
        (67, Outcome.PERMANENT, "5.1.1"),
        (69, Outcome.TEMPORARY, "4.3.0"),
        (75, Outcome.TEMPORARY, "4.3.0"),
        (77, Outcome.PERMANENT, "5.7.1"),
        (78, Outcome.TEMPORARY, "4.3.5"),
        (1, Outcome.PERMANENT, "5.3.0"),
    ],
)
async def test_the_exit_status_is_one_of_sysexits(
    tmp_path: Path, status: int, outcome: Outcome, code: str
) -> None:
    command = script(tmp_path, f"print('so it is'); sys.exit({status})")
    [result] = await PipeSession([command]).send(envelope(BOB), b"hello")
    assert (result.outcome, result.status) == (outcome, code)
    assert "so it is" in result.text


async def test_a_signal_is_temporary(tmp_path: Path) -> None:
    command = script(tmp_path, "os.kill(os.getpid(), 9)")
    [result] = await PipeSession([command]).send(envelope(BOB), b"hello")
    assert (result.outcome, "signal 9" in result.text) == (Outcome.TEMPORARY, True)


async def test_a_command_that_is_not_there_is_our_fault_not_the_sender_s() -> None:
    [result] = await PipeSession(["/nonexistent"]).send(envelope(BOB), b"hello")
    assert (result.outcome, result.status) == (Outcome.TEMPORARY, "4.3.5")


async def test_one_that_does_not_end_is_ended_with_all_it_has_started(tmp_path: Path) -> None:
    note = tmp_path / "child"
    command = script(
        tmp_path,
        f"pid = os.fork()\nif pid: open({str(note)!r}, 'w').write(str(pid))\ntime.sleep(60)",
    )
    for seconds in (1.0, 20.0):  # on a busy machine it may not get so far in one
        [result] = await PipeSession([command], seconds=seconds).send(envelope(BOB), b"hello")
        assert (result.outcome, "did not end" in result.text) == (Outcome.TEMPORARY, True)
        if note.exists() and note.read_text():
            break
    child = int(note.read_text())
    await until(lambda: has_ended(child))


async def test_one_that_does_not_read_is_no_trouble(tmp_path: Path) -> None:
    command = script(tmp_path, "sys.exit(0)")
    [result] = await PipeSession([command]).send(envelope(BOB), b"x" * 5_000_000)
    assert result.outcome is Outcome.DELIVERED


async def test_what_it_says_is_cut_and_cleaned(tmp_path: Path) -> None:
    command = script(tmp_path, "print('a\\x1b[1m\\n' + 'y' * 100_000); sys.exit(1)")
    [result] = await PipeSession([command]).send(envelope(BOB), b"hello")
    assert "\x1b" not in result.text
    assert len(result.text) < 5000


async def test_nobody_s_address_becomes_an_option(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = script(tmp_path, f"open({str(out)!r}, 'w').write('ran')")
    [result] = await PipeSession([command, "{user}"]).send(envelope("-rf@there.test"), b"hello")
    assert (result.outcome, result.status) == (Outcome.PERMANENT, "5.1.3")
    assert not out.exists()


async def test_a_place_in_an_address_is_not_filled_in(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = script(tmp_path, f"open({str(out)!r}, 'w').write(sys.argv[1])")
    await PipeSession([command, "{recipient}"]).send(envelope("{sender}@there.test"), b"hello")
    assert out.read_text() == "{sender}@there.test"


async def test_its_surroundings_are_bare_and_bounded(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = script(
        tmp_path,
        "import resource\n"
        f"open({str(out)!r}, 'w').write(' '.join(sorted(os.environ)) + '|' + os.getcwd()"
        " + '|' + str(resource.getrlimit(resource.RLIMIT_NOFILE)[0]))",
    )
    os.environ["SECRET_OF_THE_SERVER"] = "x"
    try:
        await PipeSession([command]).send(envelope(BOB), b"hello")
    finally:
        del os.environ["SECRET_OF_THE_SERVER"]
    names, folder, files = out.read_text().split("|")
    assert "SECRET_OF_THE_SERVER" not in names
    assert not os.access(folder, os.F_OK)
    assert files == "64"

from __future__ import annotations

import mmap
import signal
import subprocess
import sys
import tracemalloc
from array import array
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merpati.base.faults import Fault, Kind
from merpati.model.mailbox import INBOX_ID
from merpati.servers.pop3 import maildrop
from merpati.servers.pop3.maildrop import Maildrop, MaildropLocks, Shown, chunks, top
from merpati.store import emails
from merpati.wire import newlines
from merpati.wire.pop3 import responses
from tests.support import store as stores

HOLDER = """
import sys, time
from pathlib import Path
from merpati.servers.pop3.maildrop import MaildropLocks
lock = MaildropLocks(Path(sys.argv[1])).take(7)
print("taken", flush=True)
time.sleep(60)
"""


def drop(*sizes: int) -> Maildrop:
    uids = array("Q", range(11, 11 + len(sizes)))
    return Maildrop(1, [Shown(1, 99, 1)], uids, array("Q", sizes))


def test_marks_hide_messages_and_can_be_taken_off() -> None:
    mail = drop(100, 20, 3)
    mail.mark(2)
    assert (mail.count, mail.octets, mail.marked) == (2, 103, {1: [12]})
    assert list(mail.blocks()) == [[1, 3]]
    with pytest.raises(Fault) as caught:
        mail.check(2)
    assert caught.value.kind is Kind.NOT_FOUND
    mail.unmark_all()
    mail.check(2)
    assert (mail.count, mail.octets, mail.marked) == (3, 123, {})


def test_several_mailboxes_follow_one_another() -> None:
    boxes = [Shown(7, 70, 1), Shown(8, 80, 3), Shown(9, 90, 3)]
    mail = Maildrop(1, boxes, array("Q", [5, 6, 5]), array("Q", [10, 20, 30]))
    assert [mail.unique_id_listing(n) for n in (1, 2, 3)] == ["1 70.5", "2 70.6", "3 90.5"]
    mail.mark(1)
    mail.mark(3)
    assert mail.marked == {7: [5], 9: [5]}
    mail.note_fetched(2)
    mail.note_fetched(3)
    assert mail.take_fetched() == {7: [6]}
    assert mail.take_fetched() == {}


def test_messages_are_read_ahead_within_their_mailbox_and_a_limit() -> None:
    boxes = [Shown(7, 70, 1), Shown(8, 80, 4)]
    mail = Maildrop(1, boxes, array("Q", [5, 6, 7, 1]), array("Q", [10, 20, 30, 40]))
    assert mail.run(1, 0) == (7, [5])
    assert mail.run(1, 30) == (7, [5, 6])
    assert mail.run(1, 10**6) == (7, [5, 6, 7])
    assert mail.run(4, 10**6) == (8, [1])


@pytest.mark.parametrize("number", [0, 4, 10**10])
def test_there_is_no_message_out_of_range(number: int) -> None:
    with pytest.raises(Fault):
        drop(1, 2, 3).check(number)


def test_lines_of_listings() -> None:
    mail = drop(100, 20)
    assert mail.scan_listing(2) == "2 20"
    assert mail.unique_id_listing(2) == "2 99.12"


def test_unique_ids_stay_within_their_limit() -> None:
    largest = 2**32 - 1
    mail = Maildrop(1, [Shown(1, largest, 1)], array("Q", [largest]), array("Q", [1]))
    assert len(mail.unique_id_listing(1).split()[1]) <= responses.UNIQUE_ID_LIMIT


async def test_a_maildrop_is_the_inbox_in_order_with_exact_sizes(tmp_path: Path) -> None:
    store = await stores.sqlite(tmp_path)
    account = await stores.add_account(store)
    for text in ("A: 1\r\n\r\n", "A: 22\r\n\r\n", "A: 333\r\n\r\n"):
        await store.write(stores.add, account.id, text)
    await store.write(stores.add, account.id, "A: archive\r\n\r\n", mailbox_id=stores.ARCHIVE)
    await store.write(emails.remove, account.id, INBOX_ID, [2])
    mail = await store.read(maildrop.load, account.id)
    assert [mail.scan_listing(n) for n in (1, 2)] == ["1 8", "2 10"]
    assert [mail.uid(n) for n in (1, 2)] == [1, 3]
    assert await store.read(maildrop.find, account.id, INBOX_ID, [2]) == []
    with pytest.raises(Fault):
        await store.read(maildrop.load, 999)
    await store.close()


async def test_a_large_maildrop_opens_in_little_memory(tmp_path: Path) -> None:
    many = 30_000
    store = await stores.sqlite(tmp_path)
    account = await stores.add_account(store)

    async def fill(tx: Any) -> None:
        rows = (
            (account.id, INBOX_ID, n, 1, n, n, 1, 0, n, "", None, 0, None)
            for n in range(1, 3 * many, 3)
        )
        await tx.run_many(emails.INSERT_ROW, rows)

    await store.write(fill)
    tracemalloc.start()
    mail = await store.scan(maildrop.load, account.id)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert mail.count == many
    assert mail.octets == sum(range(1, 3 * many, 3))
    assert held < 40 * many
    assert peak < 200 * many  # so 20 MB for 100,000
    await store.close()


# Parts of messages

LINE_ENDS = st.lists(
    st.sampled_from([b"\r\n", b"\r", b"\n", b".", b"a", b"a: b\r\n", b"\r\n\r\n", b"x" * 70_000]),
    max_size=12,
).map(b"".join)


@given(LINE_ENDS, st.integers(0, 5))
def test_top_agrees_with_counting_lines(content: bytes, lines: int) -> None:
    mended = newlines.normalise(content)
    before, blank, body = (b"\r\n" + mended).partition(b"\r\n\r\n")
    wanted = before + blank + b"".join(body.splitlines(keepends=True)[:lines])
    assert b"\r\n" + mended[: top(mended, lines)] == wanted


@pytest.mark.parametrize(
    ("content", "lines", "wanted"),
    [
        (b"", 5, b""),
        (b"A: b\r\n", 5, b"A: b\r\n"),
        (b"\r\nx\r\ny\r\n", 1, b"\r\nx\r\n"),
        (b"A: b\n\nx\ny\n", 1, b"A: b\n\nx\n"),
        (b"A: b\r\n\r\nx", 0, b"A: b\r\n\r\n"),
        (b"A: b\r\n\r\nx", 9, b"A: b\r\n\r\nx"),
    ],
)
def test_top_of_odd_messages(content: bytes, lines: int, wanted: bytes) -> None:
    assert content[: top(content, lines)] == wanted


def test_top_reads_a_mapped_file_over_the_borders_of_its_pieces(tmp_path: Path) -> None:
    path = tmp_path / "message"
    path.write_bytes(b"A: b\r\n\r\n" + b"abcd\r\n" * 100_000)
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        for lines in (0, 1, 10_922, 10_923, 99_999, 100_000, 10**10):
            assert top(content, lines) == 8 + 6 * min(lines, 100_000)


@given(LINE_ENDS, st.integers(0, 200_000))
def test_pieces_of_a_large_message_are_sent_as_a_small_one_is(content: bytes, end: int) -> None:
    end = min(end, len(content))
    pieces = responses.stuff_pieces(chunks(content, 0, end))
    assert b"".join(pieces) == responses.stuff(content[:end])


# Locks


def test_a_maildrop_has_one_holder_at_a_time(tmp_path: Path) -> None:
    locks = MaildropLocks(tmp_path / "run" / "pop3")
    held = locks.take(7)
    other = locks.take(8)
    with pytest.raises(Fault) as caught:
        locks.take(7)
    assert caught.value.kind is Kind.IN_USE
    held.release()
    held.release()
    locks.take(7).release()
    other.release()


def test_a_lock_holds_across_processes_and_does_not_survive_a_kill(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLDER, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"taken\n"
        locks = MaildropLocks(tmp_path)
        with pytest.raises(Fault) as caught:
            locks.take(7)
        assert caught.value.kind is Kind.IN_USE
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        locks.take(7).release()


def test_a_refused_lock_leaves_no_descriptor_behind(tmp_path: Path) -> None:
    locks = MaildropLocks(tmp_path)
    held = locks.take(1)
    before = len(list(Path("/dev/fd").iterdir()))
    for _ in range(10):
        with pytest.raises(Fault):
            locks.take(1)
    assert len(list(Path("/dev/fd").iterdir())) == before
    held.release()


def test_a_folder_that_cannot_be_made_is_a_passing_fault(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(Fault) as caught:
        MaildropLocks(tmp_path / "file" / "pop3").take(1)
    assert caught.value.kind is Kind.UNAVAILABLE

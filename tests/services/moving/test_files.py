from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from merpati.base.faults import Fault, Kind
from merpati.model.account import Account
from merpati.model.mailbox import INBOX_ID
from merpati.services.moving import maildirs, mboxes
from merpati.services.moving.export import Exported, MaildirFormat, MboxFormat, export
from merpati.services.moving.intake import Incoming, Intake, Report, whoever_runs
from merpati.store import directory, emails, mailboxes, quota
from merpati.store.blobs import Stored
from merpati.wire import mbox
from tests.support.server import HOSTNAME, TestInstance

LETTER = b"Return-Path: <x@example.com>\r\nSubject: one\r\n\r\nhello\r\n"
if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MBOX_LINE = b"From a@b.id Tue Nov 14 22:13:20 2023\n"
AWKWARD = [
    b"From: a\r\n\r\nFrom me Tue Nov 14 22:13:20 2023\r\n>From you\r\n\r\n",
    b"Subject: lone\r\n\r\na \r and a \n here\r\n",
    b"Subject: only LF\n\nunix\n",
    b"\r\nno header\r\n",
    b"Status: RO\r\nX-Keywords: of my own\r\n\r\ntext\r\n",
    b"Subject: large\r\n\r\n" + b"x" * 70 + b"\r\n" * 1000 + b"From y" * 60_000 + b"\r\n",
]


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[TestInstance]:
    (tmp_path / "here").mkdir()
    async with TestInstance(tmp_path / "here") as running:
        yield running


async def contents(
    instance: TestInstance, account: Account
) -> dict[str, list[tuple[bytes, str, int]]]:
    """Bytes, keywords and date (in seconds) of all mail, by mailbox."""
    found = {}
    for box in await instance.store.read(mailboxes.listing, account.id):
        uids = await instance.store.read(emails.uids_of, account.id, box.id)
        columns = ("uid", "blob_id", "size", "location", "encoding", "data", "keywords",
                   "received_at")  # fmt: skip
        rows = await instance.store.read(emails.fetch, account.id, box.id, uids, columns)
        found[box.name] = [
            (
                bytes(instance.blobs.read(Stored(row[1], row[2], row[3], row[4], row[5] or b""))),
                row[6],
                row[7] // 1000,
            )
            for row in rows
        ]
    return found


async def fill(instance: TestInstance) -> None:
    """Awkward mail in many folders of ANA's."""
    account = instance.ana

    async def boxes(tx: Any) -> list[int]:
        return [
            (await mailboxes.create(tx, account.id, path, instance.now)).id
            for path in ("Projects/2026", "Grüße & more", "a.b/.c", "INBOX/Inner", "Empty")
        ]

    made = await instance.store.write(boxes)
    for number, content in enumerate([LETTER, LETTER, *AWKWARD]):
        await instance.deliver(
            content,
            mailbox_id=[INBOX_ID, *made[:4]][number % 5],
            keywords=["", "$seen", "$flagged $seen work", "$answered $forwarded $junk"][number % 4],
            received_at=1_600_000_000_000 + number * 1000,
        )


def nothing(_path: str, _count: int) -> None:
    pass


def intake(instance: TestInstance, account: Account, **options: Any) -> Intake:
    return Intake(instance.store, instance.blobs, instance.clock, account.id, **options)


async def take_maildir(one: Intake, root: Path) -> Report:
    for source in maildirs.sources(root):
        box = await one.mailbox(source.path)
        await one.take(source.path, box, maildirs.messages(source))
    return one.report


async def take_mbox(one: Intake, root: Path, kind: mbox.Kind) -> Report:
    for source in mboxes.sources(root):
        box = await one.mailbox(source.path)
        await one.take(source.path, box, mboxes.messages(source, kind, one.report))
    return one.report


async def exported(instance: TestInstance, target: MaildirFormat | MboxFormat) -> Exported:
    return await export(instance.store, instance.blobs, instance.ana.id, target, nothing)


async def test_maildir_there_and_back_changes_nothing(
    instance: TestInstance, tmp_path: Path
) -> None:
    await fill(instance)
    report = await exported(instance, MaildirFormat(tmp_path / "out", HOSTNAME))
    assert (report.written, report.known, report.skipped) == (8, 0, [])
    again = await exported(instance, MaildirFormat(tmp_path / "out", HOSTNAME))
    assert (again.written, again.known) == (0, 8)
    back = await take_maildir(intake(instance, instance.budi), tmp_path / "out")
    assert (back.found, back.added, back.skipped) == (8, 8, [])
    assert await contents(instance, instance.budi) == await contents(instance, instance.ana)


@pytest.mark.parametrize("kind", [mbox.Kind.MBOXRD, mbox.Kind.MBOXCL2])
async def test_mbox_there_and_back_changes_nothing(
    instance: TestInstance, tmp_path: Path, kind: mbox.Kind
) -> None:
    await fill(instance)
    report = await exported(instance, MboxFormat(tmp_path / "out", kind))
    assert (report.written, report.skipped) == (8, [])
    again = await exported(instance, MboxFormat(tmp_path / "out", kind))
    assert (again.written, again.known) == (0, 8)
    back = await take_mbox(intake(instance, instance.budi), tmp_path / "out", mbox.Kind.AUTO)
    assert (back.added, back.skipped) == (8, [])
    assert await contents(instance, instance.budi) == await contents(instance, instance.ana)


async def test_a_second_run_adds_nothing_and_finds_what_is_new(
    instance: TestInstance, tmp_path: Path
) -> None:
    await fill(instance)
    await exported(instance, MaildirFormat(tmp_path / "out", HOSTNAME))
    await take_maildir(intake(instance, instance.budi), tmp_path / "out")
    await instance.store.write(emails.remove, instance.budi.id, INBOX_ID, [1])
    (tmp_path / "out" / "new" / "1700000000.late").write_bytes(b"Subject: late\n\nnew\n")
    again = await take_maildir(intake(instance, instance.budi), tmp_path / "out")
    assert (again.added, again.known) == (1, 8)  # what was deleted here stays so
    inbox = (await contents(instance, instance.budi))["INBOX"]
    assert [content for content, _, _ in inbox][-1] == b"Subject: late\r\n\r\nnew\r\n"


async def test_the_same_message_twice_in_a_folder_stays_two(
    instance: TestInstance, tmp_path: Path
) -> None:
    root = tmp_path / "mail"
    (root / "cur").mkdir(parents=True)
    for name in ("1.a:2,S", "2.b:2,"):
        (root / "cur" / name).write_bytes(b"Subject: same\n\n")
    for _ in range(2):
        await take_maildir(intake(instance, instance.budi), root)
        assert len((await contents(instance, instance.budi))["INBOX"]) == 2


async def test_foreign_names_lead_to_the_mailboxes_of_that_role(
    instance: TestInstance, tmp_path: Path
) -> None:
    for name in (".Sent Items", ".Surat Sampah", ".Work.Sub"):
        (tmp_path / "mail" / name / "cur").mkdir(parents=True)
        (tmp_path / "mail" / name / "new").mkdir()
        (tmp_path / "mail" / name / "cur" / "1.x:2,").write_bytes(b"Subject: x\n\n")
    await take_maildir(intake(instance, instance.budi), tmp_path / "mail")
    found = {name for name, mail in (await contents(instance, instance.budi)).items() if mail}
    assert found == {"Sent", "Junk", "Work/Sub"}


async def test_nested_directories_of_mbsync_are_folders(
    instance: TestInstance, tmp_path: Path
) -> None:
    for name in ("INBOX", "Work/Sub"):
        (tmp_path / "mail" / name / "cur").mkdir(parents=True)
        (tmp_path / "mail" / name / "cur" / "1.x:2,F").write_bytes(b"Subject: x\n\n")
    await take_maildir(intake(instance, instance.budi), tmp_path / "mail")
    found = {name: mail for name, mail in (await contents(instance, instance.budi)).items() if mail}
    assert {name: mail[0][1] for name, mail in found.items()} == {
        "INBOX": "$flagged", "Work/Sub": "$flagged"
    }  # fmt: skip


async def test_thunderbirds_tree_of_files_is_folders(
    instance: TestInstance, tmp_path: Path
) -> None:
    line = b"From - Tue Nov 14 22:13:20 2023\r\nSubject: x\r\n\r\n\r\n"
    (tmp_path / "Work.sbd").mkdir()
    for name in ("Inbox", "Work", "Work.sbd/Sub", "Inbox.msf"):
        (tmp_path / name).write_bytes(line)
    assert [one.path for one in mboxes.sources(tmp_path)][:3] == ["INBOX", "Work", "Work/Sub"]


async def test_broken_files_are_named_and_the_rest_comes_in(
    instance: TestInstance, tmp_path: Path
) -> None:
    root = tmp_path / "mail"
    (root / "cur").mkdir(parents=True)
    (root / "cur" / "1.empty:2,").touch()
    (root / "cur" / "2.gone:2,").symlink_to(root / "nowhere")
    (root / "cur" / "3.good:2,").write_bytes(b"Subject: good\n\n")
    os.mkfifo(root / "cur" / "4.fifo")
    report = await take_maildir(intake(instance, instance.budi), root)
    assert report.added == 1
    assert [reason for _, reason in report.skipped] == ["it is empty"]


def test_a_live_maildir_may_rename_its_files_meanwhile(tmp_path: Path) -> None:
    for part in ("cur", "new", "tmp"):
        (tmp_path / part).mkdir()
    files = [tmp_path / "cur" / "1.a,S=5:2,", tmp_path / "new" / "2.b", tmp_path / "cur" / "3.c:2,"]
    for file in files:
        file.write_bytes(b"x: y\n")
    [source] = maildirs.sources(tmp_path)
    found = list(maildirs.messages(source))
    files[0].rename(tmp_path / "cur" / "1.a,S=5:2,S")
    files[1].rename(tmp_path / "cur" / "2.b:2,")
    files[2].unlink()
    assert [b"".join(one.read()) for one in found[:2]] == [b"x: y\r\n"] * 2
    with pytest.raises(FileNotFoundError):
        list(found[2].read())


async def test_files_that_dovecot_has_packed_are_unpacked(
    instance: TestInstance, tmp_path: Path
) -> None:
    plain = b"Subject: x\n\n" + b"y" * 5000 + b"\n"
    cur = mail_in(tmp_path / "mail") / "cur"
    for name, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress),
                       ("zst", zstd.compress)):  # fmt: skip
        (cur / f"2.{name},S=5013,W=5016:2,SZ").write_bytes(pack(plain))
    (cur / "3.cut:2,").write_bytes(gzip.compress(plain)[:-9])
    (cur / "4.lz4:2,").write_bytes(b"Dovecot-LZ4\r\x2a\x9b\xc5\x00\x00")
    report = await take_maildir(intake(instance, instance.budi), tmp_path / "mail")
    assert [reason for _, reason in report.skipped] == [
        "it is packed, and damaged",
        "Dovecot has encrypted it, or packed it with LZ4; use: merpati import imap",
    ]
    found = (await contents(instance, instance.budi))["INBOX"]
    assert [content for content, _, _ in found[1:]] == [plain.replace(b"\n", b"\r\n")] * 4


async def test_a_dry_run_stores_nothing_and_counts_all(
    instance: TestInstance, tmp_path: Path
) -> None:
    await fill(instance)
    await exported(instance, MaildirFormat(tmp_path / "out", HOSTNAME))
    before = await contents(instance, instance.budi)
    report = await take_maildir(intake(instance, instance.budi, dry_run=True), tmp_path / "out")
    assert report.added == 8
    assert await contents(instance, instance.budi) == before


async def test_the_quota_ends_an_import_and_can_be_ignored(
    instance: TestInstance, tmp_path: Path
) -> None:
    small = await instance.add_account("small@example.org", quota=100)
    root = tmp_path / "mail"
    (root / "cur").mkdir(parents=True)
    for number in range(5):
        (root / "cur" / f"{number}.x").write_bytes(b"Subject: %d\n\n" % number + b"x" * 90)
    with pytest.raises(Fault) as refused:
        await take_maildir(intake(instance, small), root)
    assert refused.value.kind is Kind.OVER_QUOTA
    assert "merpati account set small@example.org --quota SIZE" in refused.value.text
    assert (await contents(instance, small))["INBOX"] == []
    report = await take_maildir(intake(instance, small, ignore_quota=True), root)
    assert report.added == 5
    with pytest.raises(IndexError):  # the quota holds again
        await instance.deliver(LETTER, small)


async def test_whose_room_is_missing_is_said(instance: TestInstance, tmp_path: Path) -> None:
    root = mail_in(tmp_path / "mail")

    async def refused(words: str, values: tuple[Any, ...] = ()) -> str:
        async def unit(tx: Any) -> None:
            await tx.run(words, *values)

        await instance.store.write(unit)
        with pytest.raises(Fault) as fault:
            await take_maildir(intake(instance, instance.budi), root)
        return fault.value.text

    budi = "budi@example.org"
    many = "UPDATE account SET quota_emails = 1, emails = emails + 1 WHERE id = $1"
    assert f"merpati account set {budi} --messages NUMBER" in await refused(
        many, (instance.budi.id,)
    )
    off = "UPDATE account SET disabled = 1 WHERE id = $1"
    assert f"merpati account enable {budi}" in await refused(off, (instance.budi.id,))
    again = "UPDATE account SET disabled = 0, quota_emails = 0 WHERE id = $1"
    limited = await instance.store.read(directory.domain, "example.org")
    await instance.store.write(quota.limit_domain, limited.id, 1, 0)
    assert "merpati domain set example.org --quota SIZE" in await refused(
        again, (instance.budi.id,)
    )


async def test_memory_is_bounded_by_a_batch(instance: TestInstance) -> None:
    taken: list[int] = []

    def many() -> Iterator[Incoming]:
        for number in range(600):
            taken.append(number)
            yield Incoming(str(number), lambda: [b"Subject: x\r\n\r\n"], 0, frozenset())

    one = intake(instance, instance.budi)
    steps: list[int] = []
    one._progress = lambda _path, count: steps.append(count)
    await one.take("INBOX", await one.mailbox("INBOX"), many())
    assert steps == [250, 250, 100]


@pytest.fixture
def other_user() -> Iterator[None]:
    """This process is another user for a while, as root becomes the owner of the data."""
    if os.geteuid() != 0:
        yield  # it is nobody's superuser already
        return
    os.seteuid(65534)
    yield
    os.seteuid(0)


def mail_in(directory: Path) -> Path:
    (directory / "cur").mkdir(parents=True)
    (directory / "cur" / "1.x:2,").write_bytes(b"Subject: x\n\n")
    return directory


def close(path: Path) -> None:
    """Closed to everybody but root."""
    path.chmod(0)


def test_a_folder_that_may_not_be_read_is_named_and_the_rest_comes_in(other_user: None) -> None:
    root = Path(tempfile.mkdtemp())  # pytest's own are closed to others
    for name in (".Closed", ".Inner", ".Open"):
        mail_in(root / name)
    close(root / ".Closed")
    close(root / ".Inner" / "cur")
    report = Report()
    assert [one.path for one in maildirs.sources(root, report)] == ["Open"]
    assert sorted(report.skipped) == [
        (str(root / ".Closed"), f"it is closed to the user {whoever_runs()}"),
        (str(root / ".Inner" / "cur"), f"it is closed to the user {whoever_runs()}"),
    ]
    close(root)
    with pytest.raises(Fault, match="is closed to the user"):
        maildirs.sources(root)
    root.chmod(0o700)
    shutil.rmtree(root, ignore_errors=True)


def test_a_file_of_mail_that_may_not_be_read_is_named_and_the_rest_comes_in(
    other_user: None,
) -> None:
    root = Path(tempfile.mkdtemp())
    (root / "Sub").mkdir()
    for name in ("Open", "Closed", "Sub/Inner"):
        (root / name).write_bytes(MBOX_LINE + b"Subject: x\n\n\n")
    (root / "Gone").symlink_to(root / "nowhere")
    close(root / "Closed")
    close(root / "Sub")
    report = Report()
    found = {
        one.path: len(list(mboxes.messages(one, mbox.Kind.AUTO, report)))
        for one in mboxes.sources(root, report=report)
    }
    assert found == {"Closed": 0, "Open": 1}
    assert {name for name, _ in report.skipped} == {
        str(root / name) for name in ("Closed", "Sub", "Gone")
    }
    with pytest.raises(Fault, match="is closed to the user"):
        mboxes.sources(root / "Closed")
    with pytest.raises(Fault, match="does not exist"):
        mboxes.sources(root / "nowhere")
    shutil.rmtree(root, ignore_errors=True)


def test_no_directory_with_mail_is_passed_over_without_a_word(tmp_path: Path) -> None:
    root = mail_in(tmp_path)
    (root / ".Fresh" / "new").mkdir(parents=True)
    (root / ".Fresh" / "new" / "1.x").write_bytes(b"Subject: x\n\n")
    mail_in(root / ".a..b")
    report = Report()
    found = {one.path: one.count for one in maildirs.sources(root, report)}
    assert found == {"INBOX": 1, "Fresh": 1}
    assert report.skipped == [(str(root / ".a..b"), "no folder is called so; give it another name")]


def test_folders_that_links_lead_to_are_read_once(tmp_path: Path) -> None:
    elsewhere = mail_in(tmp_path / "disk2" / "big")
    root = mail_in(tmp_path / "Maildir")
    (root / ".Big").symlink_to(elsewhere)
    (root / ".Again").symlink_to(elsewhere)
    (root / ".Loop").symlink_to(root)
    found = maildirs.sources(root)
    assert [one.path for one in found] == ["INBOX", "Again"]


def test_every_mailbox_has_a_file_of_its_own_and_comes_back(tmp_path: Path) -> None:
    target = mboxes.Target(tmp_path, mbox.Kind.MBOXRD)
    paths = {"INBOX", "Mail", "mbox", "Work", "Work.mbox/Sub", "Work.sbd/Sub", "Work/Sub", "a.msf"}
    for path in sorted(paths):
        target.close(path, target.open(path), "1")
    assert {one.path for one in mboxes.sources(tmp_path)} == paths
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "mbox").write_bytes(MBOX_LINE)
    assert [one.path for one in mboxes.sources(tmp_path / "old")] == ["INBOX"]


@pytest.mark.parametrize("kind", ["maildir", "mbox"])
async def test_dates_before_1970_go_out_and_come_back(
    instance: TestInstance, tmp_path: Path, kind: str
) -> None:
    await instance.deliver(LETTER, received_at=-300_000_000_000)
    if kind == "maildir":
        await exported(instance, MaildirFormat(tmp_path / "out", HOSTNAME))
        await take_maildir(intake(instance, instance.budi), tmp_path / "out")
    else:
        await exported(instance, MboxFormat(tmp_path / "out", mbox.Kind.MBOXRD))
        await take_mbox(intake(instance, instance.budi), tmp_path / "out", mbox.Kind.AUTO)
    assert [date for _, _, date in (await contents(instance, instance.budi))["INBOX"]] == [
        -300_000_000
    ]


def test_a_message_whose_line_has_no_date_has_that_of_its_header(tmp_path: Path) -> None:
    file = tmp_path / "Old"
    file.write_bytes(
        b"From a@b.id\nDate: Tue, 14 Nov 2023 22:13:20 +0000\n\none\n\n"
        b"From a@b.id\nSubject: two\n\nFrom here on\n\nFrom there on\n\n"
    )
    os.utime(file, (1000, 1000))
    [source] = mboxes.sources(file)
    found = [
        (one.received_at, b"".join(one.read()))
        for one in mboxes.messages(source, mbox.Kind.AUTO, Report())
    ]
    assert [received_at for received_at, _ in found] == [1_700_000_000_000, 1_000_000]
    assert found[1][1] == (b"Subject: two\r\n\r\nFrom here on\r\n\r\nFrom there on\r\n")

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from merpati.model.mailbox import INBOX_ID
from merpati.net.remote import Account, Remote
from merpati.services.moving.servers import Copied, Job, Options, Servers
from merpati.store import email_keywords, emails, mailboxes
from merpati.store.blobs import Stored
from merpati.store.email_keywords import Change
from tests.services.moving.test_files import contents, fill
from tests.support import imap
from tests.support.imap_source import Source
from tests.support.server import ANA, BUDI, PASSWORD, TestInstance

FRESH = b"Subject: fresh\r\n\r\nnew\r\n"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[TestInstance]:
    async with TestInstance(tmp_path) as running:
        yield running


def nothing(*_: Any) -> None:
    pass


async def copy(instance: TestInstance, port: int, /, **options: Any) -> Copied:
    """ANA's mail into BUDI's account, over IMAP."""
    remote = Remote("127.0.0.1", port, "none")
    servers = Servers(instance.store, instance.blobs, instance.clock, Options(**options), nothing)
    [copied] = await servers.copy_all([Job(remote, Account(ANA, PASSWORD), BUDI)], 1)
    return copied


async def test_everything_of_an_account_is_copied_once(instance: TestInstance) -> None:
    await fill(instance)
    port = imap.serve(instance)
    first = await copy(instance, port, hashes=True)
    assert first.problem == ""
    assert first.report.added == 8
    assert await contents(instance, instance.budi) == await contents(instance, instance.ana)
    assert all(one.is_equal for one in first.compared)
    assert sum(one.octets_there for one in first.compared) == sum(
        one.octets_here for one in first.compared
    )
    again = await copy(instance, port)
    assert (again.report.found, again.report.added, again.flags) == (0, 0, 0)


async def test_a_second_pass_brings_what_has_changed_since(instance: TestInstance) -> None:
    await fill(instance)
    port = imap.serve(instance)
    await copy(instance, port)
    await instance.deliver(FRESH)
    await instance.store.write(
        email_keywords.change, instance.ana.id, INBOX_ID, [1], Change.SET,
        frozenset({"$flagged", "work"}),
    )  # fmt: skip
    await instance.store.write(emails.remove, instance.ana.id, INBOX_ID, [2])
    again = await copy(instance, port, delete=True)
    assert (again.report.added, again.flags, again.removed) == (1, 1, 1)
    here, there = await contents(instance, instance.budi), await contents(instance, instance.ana)
    assert here == there


async def test_what_was_deleted_there_stays_here_unless_it_shall_go(
    instance: TestInstance,
) -> None:
    await instance.deliver(FRESH)
    port = imap.serve(instance)
    await copy(instance, port)
    await instance.store.write(emails.remove, instance.ana.id, INBOX_ID, [1])
    assert (await copy(instance, port)).removed == 0
    assert len((await contents(instance, instance.budi))["INBOX"]) == 1


async def test_a_difference_is_told(instance: TestInstance) -> None:
    await instance.deliver(FRESH)
    await instance.deliver(FRESH + b"more\r\n")
    port = imap.serve(instance)
    await copy(instance, port)
    await instance.store.write(emails.remove, instance.budi.id, INBOX_ID, [1])
    [inbox] = [one for one in (await copy(instance, port)).compared if one.folder == "INBOX"]
    assert (inbox.there, inbox.here, inbox.is_equal) == (2, 1, False)
    assert (inbox.gone_here, inbox.missing) == (1, 0)


async def test_a_new_uidvalidity_copies_nothing_twice(instance: TestInstance) -> None:
    await instance.deliver(FRESH)
    port = imap.serve(instance)
    await copy(instance, port)

    async def renew(tx: Any) -> None:
        await tx.run(
            "UPDATE mailbox SET uidvalidity = uidvalidity + 1 WHERE account_id = $1",
            instance.ana.id,
        )

    await instance.store.write(renew)
    again = await copy(instance, port)
    assert (again.report.found, again.report.added, again.report.known) == (1, 0, 1)


async def put_back(instance: TestInstance, uid: int) -> None:
    """ANA moves a message out of the INBOX and back: it has another UID."""
    columns = ("uid", "blob_id", "size", "location", "encoding", "data")
    [row] = await instance.store.read(emails.fetch, instance.ana.id, INBOX_ID, [uid], columns)
    content = bytes(instance.blobs.read(Stored(row[1], row[2], row[3], row[4], row[5] or b"")))
    await instance.store.write(emails.remove, instance.ana.id, INBOX_ID, [uid])
    await instance.deliver(content)


async def test_what_was_moved_away_and_back_there_is_not_removed_here(
    instance: TestInstance,
) -> None:
    await instance.deliver(FRESH)
    port = imap.serve(instance)
    await copy(instance, port)
    await put_back(instance, 1)
    for _ in range(2):
        again = await copy(instance, port, delete=True)
        assert (again.report.added, again.removed) == (0, 0)
        assert len((await contents(instance, instance.budi))["INBOX"]) == 1
        [inbox] = [one for one in again.compared if one.folder == "INBOX"]
        assert (inbox.there, inbox.here, inbox.gone_here) == (1, 1, 0)


async def test_what_comes_back_there_after_a_run_comes_back_here(instance: TestInstance) -> None:
    await instance.deliver(FRESH)
    port = imap.serve(instance)
    await copy(instance, port)
    await instance.store.write(emails.remove, instance.ana.id, INBOX_ID, [1])
    assert (await copy(instance, port, delete=True)).removed == 1
    await instance.deliver(FRESH)
    again = await copy(instance, port, delete=True)
    assert again.report.added == 1
    assert len((await contents(instance, instance.budi))["INBOX"]) == 1


async def test_a_second_copy_that_comes_later_is_a_second_email(instance: TestInstance) -> None:
    await instance.deliver(FRESH)
    port = imap.serve(instance)
    await copy(instance, port)
    await instance.deliver(FRESH)
    assert (await copy(instance, port)).report.added == 1
    await instance.store.write(emails.remove, instance.ana.id, INBOX_ID, [1])
    assert (await copy(instance, port, delete=True)).removed == 1
    assert len((await contents(instance, instance.budi))["INBOX"]) == 1


async def test_after_a_new_uidvalidity_the_right_one_of_two_copies_is_removed(
    instance: TestInstance,
) -> None:
    source = Source({b"INBOX": [FRESH, FRESH, letter("other")]})
    source.flags = {(b"INBOX", 1): rb"\Flagged"}
    await copy_source(instance, source)
    source.uidvalidity += 1
    source.first = 2
    source.flags = {(b"INBOX", 2): rb"\Flagged", (b"INBOX", 4): rb"\Seen"}
    again = await copy_source(instance, source)
    assert (again.report.added, again.flags) == (0, 1), "a flag that changed meanwhile comes too"
    del source.folders[b"INBOX"][0]
    source.first = 3
    assert (await copy_source(instance, source, delete=True)).removed == 1
    found = (await contents(instance, instance.budi))["INBOX"]
    assert [keywords for _, keywords, _ in found] == ["", "$seen"]


async def test_what_went_while_the_uidvalidity_changed_goes_when_all_the_rest_came(
    instance: TestInstance,
) -> None:
    source = Source({b"INBOX": [letter("a"), letter("b"), letter("c")]})
    await copy_source(instance, source)
    source.uidvalidity += 1
    del source.folders[b"INBOX"][0]
    source.unreadable = {(b"INBOX", 2)}
    assert (await copy_source(instance, source, delete=True)).removed == 0, "it may be that one"
    source.unreadable = set()
    assert (await copy_source(instance, source, delete=True)).removed == 1
    assert await subjects(instance) == {"INBOX": ["b", "c"]}


async def test_what_another_folder_still_has_is_not_removed(instance: TestInstance) -> None:
    names = [b"e&AwE-t&AOk-", b"&AOk-t&AOk-"]  # both are one mailbox here
    source = Source({name: [letter("same")] for name in names})
    await copy_source(instance, source)
    source.folders[names[0]].clear()
    for _ in range(2):
        await copy_source(instance, source, delete=True)
        assert await subjects(instance) == {"\u00e9t\u00e9": ["same"]}


async def test_a_server_under_another_name_brings_nothing_twice_and_loses_nothing(
    instance: TestInstance,
) -> None:
    source = Source({b"INBOX": [FRESH, FRESH]})
    await copy_source(instance, source)
    async with source.serving() as port:
        remote = Remote("localhost", port, "none")
        servers = Servers(
            instance.store, instance.blobs, instance.clock, Options(delete=True), nothing
        )
        for left in (2, 1):
            del source.folders[b"INBOX"][left:]
            [copied] = await servers.copy_all([Job(remote, Account(ANA, PASSWORD), BUDI)], 1)
            assert (copied.problem, copied.report.added) == ("", 0)
            assert len((await contents(instance, instance.budi))["INBOX"]) >= left


async def test_a_server_that_sends_all_twice_adds_once(instance: TestInstance) -> None:
    source = Source({b"INBOX": [letter("a"), letter("b")]}, twice=True)
    assert (await copy_source(instance, source)).report.added == 2
    assert await subjects(instance) == {"INBOX": ["a", "b"]}


async def test_a_dry_run_counts_and_stores_nothing(instance: TestInstance) -> None:
    await fill(instance)
    before = await contents(instance, instance.budi)
    copied = await copy(instance, imap.serve(instance), dry_run=True)
    assert (copied.problem, copied.report.added) == ("", 8)
    assert await contents(instance, instance.budi) == before


async def test_a_wrong_password_ends_one_account_only(instance: TestInstance) -> None:
    await instance.deliver(FRESH)
    remote = Remote("127.0.0.1", imap.serve(instance), "none")
    jobs = [
        Job(remote, Account(ANA, "wrong"), BUDI),
        Job(remote, Account(ANA, PASSWORD), "nobody@example.org"),
        Job(remote, Account(ANA, PASSWORD), BUDI),
    ]
    servers = Servers(instance.store, instance.blobs, instance.clock, Options(), nothing)
    wrong, nobody, right = await servers.copy_all(jobs, 3)
    assert "127.0.0.1 port" in wrong.problem
    assert "there is no account nobody@example.org" in nobody.problem
    assert (right.problem, right.report.added) == ("", 1)


@pytest.mark.parametrize("security", ["tls", "starttls"])
async def test_over_tls_only_a_good_certificate_is_believed(
    instance: TestInstance, security: str, tmp_path: Path
) -> None:
    await instance.deliver(FRESH)
    port = imap.serve(instance, tls=security == "tls", plain=False)
    found = []
    authority = tmp_path / "authority.pem"
    authority.write_bytes(instance.certificates.certificates[0].files.certificate.read_bytes())
    for trusted in ("", str(authority)):
        remote = Remote("localhost", port, security, authority=trusted)
        servers = Servers(instance.store, instance.blobs, instance.clock, Options(), nothing)
        found += await servers.copy_all([Job(remote, Account(ANA, PASSWORD), BUDI)], 1)
    assert "certificate" in found[0].problem
    assert (found[1].problem, found[1].report.added) == ("", 1)


async def test_a_role_there_is_the_same_role_here(instance: TestInstance) -> None:
    async def box(tx: Any) -> int:
        await mailboxes.rename(tx, instance.ana.id, "Sent", "Gesendetes", instance.now)
        found = await mailboxes.find(tx, instance.ana.id, "Gesendetes")
        assert found is not None
        return found.id

    await instance.deliver(FRESH, mailbox_id=await instance.store.write(box))
    await copy(instance, imap.serve(instance))
    assert len((await contents(instance, instance.budi))["Sent"]) == 1


def letter(text: str) -> bytes:
    return f"Subject: {text}\r\n\r\n{text}\r\n".encode()


async def subjects(instance: TestInstance) -> dict[str, list[str]]:
    """BUDI's mail by mailbox, of those that hold any."""
    found = await contents(instance, instance.budi)
    return {
        name: [message.split(b"\r\n")[0][9:].decode() for message, _, _ in mail]
        for name, mail in found.items()
        if mail
    }


async def copy_source(instance: TestInstance, source: Source, **options: Any) -> Copied:
    async with source.serving() as port:
        return await copy(instance, port, **options)


async def test_two_folders_that_become_one_mailbox_lose_nothing(instance: TestInstance) -> None:
    names = [b"INBOX", b"e&AwE-t&AOk-", b"&AOk-t&AOk-"]  # the first \u00e9 in two characters
    source = Source({name: [letter(str(n))] for n, name in enumerate(names)})
    for added in (3, 0):
        copied = await copy_source(instance, source, hashes=True)
        assert (copied.problem, copied.report.added) == ("", added)
        assert all(one.is_equal for one in copied.compared)
    assert await subjects(instance) == {"INBOX": ["0"], "\u00e9t\u00e9": ["1", "2"]}


async def test_folders_with_names_that_are_kept_free_here_come_in(instance: TestInstance) -> None:
    source = Source({b"Shared": [letter("a")], b"Other Users/bob": [letter("b")]})
    copied = await copy_source(instance, source)
    assert copied.problem == ""
    assert await subjects(instance) == {"Shared_": ["a"], "Other Users_/bob": ["b"]}


async def test_folders_of_others_are_left_out_unless_they_are_wanted(
    instance: TestInstance,
) -> None:
    folders = {
        b"INBOX": [letter("a")], b"INBOX.Work": [letter("b")], b"user.bob": [letter("c")],
        b"News": [letter("d")],
    }  # fmt: skip
    namespaces = b'(("INBOX." ".")) (("user." ".")) (("" "."))'
    source = Source(folders, separator=b".", namespaces=namespaces)
    copied = await copy_source(instance, source)
    assert copied.left_out == ["user/bob", "News"]
    assert await subjects(instance) == {"INBOX": ["a"], "Work": ["b"]}
    copied = await copy_source(instance, source, everything=True)
    assert copied.left_out == []
    assert await subjects(instance) == {
        "INBOX": ["a"], "Work": ["b"], "user/bob": ["c"], "News": ["d"]
    }  # fmt: skip


async def test_what_lies_in_the_inbox_alone_is_not_taken_for_a_prefix(
    instance: TestInstance,
) -> None:
    folders = {b"INBOX": [letter("a")], b"INBOX/Sub": [letter("b")]}
    await copy_source(instance, Source(folders, namespaces=b'(("" "/")) NIL NIL'))
    assert await subjects(instance) == {"INBOX": ["a"], "INBOX/Sub": ["b"]}


@pytest.mark.parametrize("how", ["unreadable", "refused"])
async def test_a_message_that_the_server_cannot_read_is_named_and_the_rest_comes(
    instance: TestInstance, how: str
) -> None:
    folders = {name: [letter(f"{n}") for n in range(5)] for name in (b"INBOX", b"Work")}
    source = Source(folders)
    setattr(source, how, {(b"INBOX", 2), (b"INBOX", 3)})
    for added in (8, 0):
        copied = await copy_source(instance, source, hashes=True)
        assert (copied.problem, copied.report.added) == ("", added)
        assert [name for name, _ in copied.report.skipped] == ["INBOX UID 2", "INBOX UID 3"]
        assert "port" in copied.report.skipped[0][1]
    [inbox] = [one for one in copied.compared if one.folder == "INBOX"]
    assert (inbox.there, inbox.here, inbox.missing, inbox.differ) == (5, 3, 2, 0)
    assert await subjects(instance) == {"INBOX": ["0", "3", "4"], "Work": list("01234")}


async def test_a_folder_that_is_all_damaged_is_left_for_the_next(instance: TestInstance) -> None:
    source = Source({b"INBOX": [letter(f"{n}") for n in range(60)], b"Work": [letter("w")]})
    source.unreadable = {(b"INBOX", uid) for uid in range(1, 61)}
    copied = await copy_source(instance, source)
    assert copied.problem == ""
    assert copied.report.skipped[-1][1].startswith("35 more messages were not asked for")
    assert source.sessions < 60
    assert await subjects(instance) == {"Work": ["w"]}


async def test_dates_before_1970_stay(instance: TestInstance) -> None:
    await copy_source(
        instance, Source({b"INBOX": [letter("a")]}, date=b" 1-Jan-1960 12:00:00 +0700")
    )
    [(_, _, received_at)] = (await contents(instance, instance.budi))["INBOX"]
    assert received_at == int(datetime(1960, 1, 1, 5, tzinfo=UTC).timestamp())


async def test_two_imports_at_once_add_nothing_twice(instance: TestInstance) -> None:
    source = Source({b"INBOX": [letter(f"{n}") for n in range(300)]})
    async with source.serving() as port:
        found = await asyncio.gather(*(copy(instance, port) for _ in range(3)))
    assert sum(one.report.added for one in found) == 300
    assert sum(one.report.added + one.report.known for one in found) == 900
    assert len((await contents(instance, instance.budi))["INBOX"]) == 300


async def test_a_second_run_says_what_is_here_already(instance: TestInstance) -> None:
    source = Source({b"INBOX": [letter(f"{n}") for n in range(3)]})
    await copy_source(instance, source)
    source.folders[b"INBOX"].append(letter("new"))
    tried = await copy_source(instance, source, dry_run=True)
    assert (tried.report.added, tried.report.known) == (1, 3)
    again = await copy_source(instance, source)
    assert (again.report.added, again.report.known) == (1, 3)


async def test_a_mailbox_that_was_renamed_here_goes_on_and_a_deleted_one_stays_empty(
    instance: TestInstance,
) -> None:
    source = Source({b"Work": [letter("a")], b"Old": [letter("b")], b"INBOX": []})
    await copy_source(instance, source)

    async def tidy(tx: Any) -> None:
        await mailboxes.rename(tx, instance.budi.id, "Work", "Arbeit", instance.now)
        await mailboxes.destroy(tx, instance.budi.id, "Old", instance.now)

    await instance.store.write(tidy)
    for name in source.folders:
        source.folders[name].append(letter(f"new in {name.decode()}"))
    again = await copy_source(instance, source, delete=True)
    assert (again.problem, again.report.added, again.removed) == ("", 3, 0)
    assert await subjects(instance) == {
        "INBOX": ["new in INBOX"], "Arbeit": ["a", "new in Work"], "Old": ["new in Old"]
    }  # fmt: skip
    [old] = [one for one in again.compared if one.folder == "Old"]
    assert (old.there, old.here, old.gone_here, old.missing) == (2, 1, 1, 0)

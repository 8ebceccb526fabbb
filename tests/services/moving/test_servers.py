from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from merpati.model.mailbox import INBOX_ID
from merpati.net.remote import Account, Remote
from merpati.services.moving.servers import Copied, Job, Options, Servers
from merpati.store import email_keywords, emails, mailboxes
from merpati.store.email_keywords import Change
from tests.services.moving.test_files import contents, fill
from tests.support import imap
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

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.model import rights as letters
from merpati.model.account import Account
from merpati.store import audit, directory, mailboxes, members, quota, rights
from tests.support.imap import Client, serve
from tests.support.server import ANA, BUDI, TestInstance
from tests.support.store import INBOX

MESSAGE = b"Subject: one\r\n\r\nhello\r\n"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[TestInstance]:
    async with TestInstance(tmp_path) as one:
        yield one


async def desk(instance: TestInstance, held: str = letters.LEVELS["write"]) -> Account:
    account = await instance.store.write(
        members.add_shared, "info@example.org", name="Desk", now=instance.now
    )
    await instance.store.write(members.put, account.id, ANA, held=held)
    return account


async def test_members_work_in_a_shared_mailbox_as_in_their_own(instance: TestInstance) -> None:
    account = await desk(instance)
    await instance.deliver(MESSAGE, account=account)
    ana = await Client.connect(serve(instance), ANA)
    listed = await ana.ok('LIST "" "Shared/Desk/%"')
    assert [line.rpartition(b"/")[2] for line in listed] == [
        b'INBOX"', b'Archive"', b'Drafts"', b'Junk"', b'Sent"', b'Trash"',
    ]  # fmt: skip
    assert b"\\Sent" not in b"".join(listed)  # special uses are for the account's own programs
    await ana.ok('SELECT "Shared/Desk/INBOX"')
    await ana.ok('MOVE 1 "Shared/Desk/Archive"')
    assert ana.numbers == []
    await ana.ok('CREATE "Shared/Desk/INBOX/Done"')
    done = await instance.store.read(mailboxes.get, account.id, "INBOX/Done")
    assert done.total == 0
    await ana.command('DELETE "Shared/Desk/INBOX/Done"')
    assert ana.text.startswith("NO [NOPERM]")
    await ana.close()


async def test_messages_go_to_a_shared_mailbox_and_take_its_room(instance: TestInstance) -> None:
    account = await desk(instance)
    await instance.deliver(MESSAGE, keywords="$flagged $seen")
    ana = await Client.connect(serve(instance), ANA, "INBOX")
    await ana.ok('COPY 1 "Shared/Desk/INBOX"')
    assert "COPYUID" in ana.text
    usage = await instance.store.read(quota.of_account, account.id)
    assert usage is not None
    assert (usage.used, usage.emails) == (len(MESSAGE), 1)
    await instance.store.write(directory.set_account, account.id, quota_emails=1)
    await ana.command('MOVE 1 "Shared/Desk/INBOX"')
    assert ana.text.startswith("NO [OVERQUOTA]")
    assert len(ana.numbers) == 1
    await ana.command('APPEND "Shared/Desk/INBOX" {8+}\r\na: b\r\n\r\n')
    assert ana.text.startswith("NO [OVERQUOTA]")
    await ana.close()


async def test_object_ids_of_shared_mailboxes_are_unlike_ones_own(instance: TestInstance) -> None:
    await desk(instance)
    ana = await Client.connect(serve(instance), ANA)
    (own,) = await ana.ok("STATUS INBOX (MAILBOXID)")
    (other,) = await ana.ok('STATUS "Shared/Desk/INBOX" (MAILBOXID)')
    assert own.rpartition(b"MAILBOXID ")[2] != other.rpartition(b"MAILBOXID ")[2]
    await ana.close()


async def test_only_members_see_the_quota_of_a_shared_mailbox(instance: TestInstance) -> None:
    account = await desk(instance, "lr")
    await instance.store.write(directory.set_account, account.id, quota=10_240)
    port = serve(instance)
    ana, budi = await Client.connect(port, ANA), await Client.connect(port, BUDI)
    told = await ana.ok('GETQUOTAROOT "Shared/Desk/INBOX"')
    assert told == [
        b'* QUOTAROOT "Shared/Desk/INBOX" info@example.org',
        b"* QUOTA info@example.org (STORAGE 0 10)",
    ]
    assert await ana.ok("GETQUOTA info@example.org") == told[1:]
    await budi.command("GETQUOTA info@example.org")
    assert budi.text.startswith("NO")
    await ana.close()
    await budi.close()


async def test_an_administrator_sets_quotas_of_accounts_and_domains(
    instance: TestInstance,
) -> None:
    await instance.store.write(directory.set_account, instance.ana.id, is_admin=1)
    await instance.deliver(MESSAGE, account=instance.budi)
    ana = await Client.connect(serve(instance), ANA)
    (told,) = await ana.ok(f"SETQUOTA {BUDI} (STORAGE 20 MESSAGE 7)")
    assert told == b"* QUOTA budi@example.org (STORAGE 1 20 MESSAGE 1 7)"
    (told,) = await ana.ok("SETQUOTA example.org (MESSAGE 2)")
    assert told == b"* QUOTA example.org (MESSAGE 1 2)"
    roots = await ana.ok("GETQUOTAROOT INBOX")
    assert roots[0] == b'* QUOTAROOT "INBOX" ana@example.org example.org'
    (told,) = await ana.ok(f"SETQUOTA {BUDI} ()")
    assert told == b"* QUOTA budi@example.org ()"
    noted = await instance.store.read(audit.listing)
    assert [(one.who, one.via, one.action, one.subject) for one in noted] == [
        (ANA, "imap", "account.change", BUDI),
        (ANA, "imap", "domain.change", "example.org"),
        (ANA, "imap", "account.change", BUDI),
    ]
    await ana.ok("APPEND INBOX {8+}\r\na: b\r\n\r\n")
    await ana.command("APPEND INBOX {8+}\r\na: b\r\n\r\n")
    assert ana.text.startswith("NO [OVERQUOTA]")
    await ana.close()


async def share(instance: TestInstance, account: Account, held: str, negative: str = "") -> None:
    """What somebody may do, and may not, in Ana's INBOX."""
    give = instance.store.write
    await give(rights.grant, instance.ana.id, [INBOX], account.id, held)
    await give(rights.grant, instance.ana.id, [INBOX], account.id, negative, negative=True)


async def test_a_quota_is_for_those_who_may_read_a_mailbox_of_the_account(
    instance: TestInstance,
) -> None:
    await instance.store.write(directory.set_account, instance.ana.id, quota=10_240)
    budi = await Client.connect(serve(instance), BUDI)
    for held, negative in (("", ""), ("", "lr"), ("lr", "r"), ("i", "")):
        await share(instance, instance.budi, held, negative)
        await budi.command(f"GETQUOTA {ANA}")
        assert budi.text.startswith("NO [NONEXISTENT]"), (held, negative)
    await share(instance, instance.budi, "lr")
    assert await budi.ok(f"GETQUOTA {ANA}") == [b"* QUOTA ana@example.org (STORAGE 0 10)"]
    await budi.close()


async def test_what_a_domain_holds_is_for_its_own_people(instance: TestInstance) -> None:
    home = await instance.store.read(directory.domain, "example.org")
    await instance.store.write(quota.limit_domain, home.id, 10_240, 0)
    await instance.store.write(directory.add_domain, "far.example", instance.now)
    eve = await instance.add_account("eve@far.example")
    await share(instance, eve, "lr")
    await share(instance, instance.budi, "lr")
    port = serve(instance)
    inbox = f'"Other Users/{ANA}/INBOX"'
    for name, roots in ((BUDI, f"{ANA} example.org"), ("eve@far.example", ANA)):
        client = await Client.connect(port, name)
        (told, *_) = await client.ok(f"GETQUOTAROOT {inbox}")
        assert told.decode() == f"* QUOTAROOT {inbox} {roots}"
        await client.close()


async def test_mail_moves_between_accounts_of_a_full_domain(instance: TestInstance) -> None:
    await share(instance, instance.budi, letters.ALL)
    await instance.deliver(MESSAGE, account=instance.budi)
    home = await instance.store.read(directory.domain, "example.org")
    await instance.store.write(quota.limit_domain, home.id, 0, 1)
    budi = await Client.connect(serve(instance), BUDI, "INBOX")
    await budi.command(f'COPY 1 "Other Users/{ANA}/INBOX"')
    assert budi.text.startswith("NO [OVERQUOTA]")
    await budi.ok(f'MOVE 1 "Other Users/{ANA}/INBOX"')
    assert await instance.store.read(quota.of_domain, home.id) == quota.Usage(0, 1, len(MESSAGE), 1)
    await budi.close()


async def test_a_move_that_finds_no_room_leaves_the_mail_where_it_was(
    instance: TestInstance,
) -> None:
    await share(instance, instance.budi, letters.ALL)
    await instance.deliver(MESSAGE, account=instance.budi)
    await instance.store.write(directory.set_account, instance.ana.id, quota=1)
    budi = await Client.connect(serve(instance), BUDI, "INBOX")
    await budi.command(f'MOVE 1 "Other Users/{ANA}/INBOX"')
    assert budi.text.startswith("NO [OVERQUOTA]")
    usage = await instance.store.read(quota.of_account, instance.budi.id)
    assert usage == quota.Usage(0, 0, len(MESSAGE), 1)
    assert len(await budi.ok("FETCH 1 RFC822.SIZE")) == 1
    await budi.close()


async def test_messages_go_to_the_folder_of_somebody_whose_account_is_disabled(
    instance: TestInstance,
) -> None:
    await share(instance, instance.budi, letters.ALL)
    await instance.store.write(directory.set_account, instance.ana.id, disabled=1)
    budi = await Client.connect(serve(instance), BUDI)
    await budi.ok(f'APPEND "Other Users/{ANA}/INBOX" {{8+}}\r\na: b\r\n\r\n')
    await budi.close()


async def test_nobody_finds_out_which_accounts_there_are(instance: TestInstance) -> None:
    await desk(instance)
    budi = await Client.connect(serve(instance), BUDI)
    for command in ("CREATE", "GETQUOTAROOT", "RENAME Trash"):
        said = set()
        for name in (
            "Shared/Desk", "Shared/None", f"Other Users/{ANA}", "Other Users/none@example.org",
        ):  # fmt: skip
            await budi.command(f'{command} "{name}/INBOX"')
            said.add(budi.text.replace(name, "there"))
        assert said == {"NO [NOPERM] that takes the right 'k' above there/INBOX"}
    await budi.close()


async def test_notify_tells_of_what_others_begin_and_cease_to_share(
    instance: TestInstance,
) -> None:
    """RFC 5465 5.4, 5.9: a mailbox that may be seen now is new to this client."""
    account = await desk(instance, "lr")
    budi = await Client.connect(serve(instance), BUDI)
    await budi.ok("NOTIFY SET (subtree Shared (MailboxName MessageNew MessageExpunge))")
    write, put = instance.store.write, members.put
    for who, name in ((BUDI, "Desk"), ("anyone", "Counter")):
        await write(put, account.id, who, held="lr")
        told = await budi.ok("NOOP")
        assert b'* LIST (\\HasNoChildren) "/" "Shared/Desk/INBOX"' in told
        await write(members.rename_shared, account, name)
        told = await budi.ok("NOOP")
        old = b' ("OLDNAME" ("Shared/Desk/INBOX"))' if name != "Desk" else b""
        new = f'* LIST (\\HasNoChildren) "/" "Shared/{name}/INBOX"'.encode()
        assert told[:1] == ([new + old] if old else [])
        await write(members.remove, account.id, who)
        told = await budi.ok("NOOP")
        assert f'* LIST (\\NonExistent) "/" "Shared/{name}/INBOX"'.encode() in told
    await budi.close()


async def test_special_uses_are_given_by_the_owner_alone(instance: TestInstance) -> None:
    await share(instance, instance.budi, letters.ALL)
    await instance.store.write(mailboxes.destroy, instance.ana.id, "Trash")
    budi = await Client.connect(serve(instance), BUDI)
    await budi.command(f'CREATE "Other Users/{ANA}/INBOX/Bin" (USE (\\Trash))')
    assert budi.text.startswith("NO [USEATTR]")
    assert await instance.store.read(mailboxes.by_role, instance.ana.id, "trash") is None
    await budi.close()

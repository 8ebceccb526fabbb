"""What an account has chosen for POP3, and headers for clients that know ASCII only."""

from __future__ import annotations

import asyncio
import unicodedata
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from merpati.base.faults import Fault
from merpati.model.mailbox import INBOX_ID
from merpati.services.login import hash_password
from merpati.store import directory, emails, mailboxes, pop3
from merpati.store.engine import Transaction
from merpati.store.pop3 import Policy
from tests.servers.pop3.server import Client, Pop3Server
from tests.support.clock import FakeClock
from tests.support.server import ANA, PASSWORD

LETTER = b"Subject: one\r\n\r\ntext\r\n"
FOREIGN = "Subject: Grüße\r\nFrom: Jürgen <jürgen@grün.de>\r\n\r\nschön\r\n".encode()


async def choose(server: Pop3Server, **chosen: Any) -> None:
    instance = server.instance
    await instance.store.write(pop3.set_policy, instance.ana.id, Policy(**chosen))


async def fetch_all(server: Pop3Server, port: int, *, quit_it: bool = True) -> int:
    """A session that fetches everything; how many messages that were."""
    async with server.client(port) as client:
        count = int((await client.ask("STAT")).split()[1])
        for number in range(1, count + 1):
            assert (await client.ask(f"RETR {number}")).startswith("+OK")
            await client.lines()
        if quit_it:
            assert (await client.ask("QUIT")) == "+OK bye"
    return count


async def keywords(server: Pop3Server) -> list[str]:
    instance = server.instance
    uids = await instance.store.read(emails.uids_of, instance.ana.id, INBOX_ID)
    rows = await instance.store.read(
        emails.fetch, instance.ana.id, INBOX_ID, uids, ("uid", "keywords")
    )
    return [row[1] for row in rows]


async def test_without_a_choice_fetching_changes_nothing(server: Pop3Server) -> None:
    await server.instance.deliver(LETTER)
    port = server.listen()
    assert await fetch_all(server, port) == 1
    assert await fetch_all(server, port) == 1
    assert await keywords(server) == [""]


async def test_fetching_may_mark_as_seen(server: Pop3Server) -> None:
    await choose(server, mark_seen=True)
    for _ in range(2):
        await server.instance.deliver(LETTER)
    async with server.client(server.listen()) as client:
        await client.ask("TOP 2 0")
        await client.lines()
        await client.ask("RETR 1")
        await client.lines()
        await client.ask("QUIT")
    assert await keywords(server) == ["$seen", ""]


async def test_what_was_fetched_may_be_hidden_though_it_stays(server: Pop3Server) -> None:
    await choose(server, hide_fetched=True)
    await server.instance.deliver(LETTER)
    port = server.listen()
    assert await fetch_all(server, port) == 1
    await server.instance.deliver(LETTER)
    assert await fetch_all(server, port) == 1
    assert await fetch_all(server, port) == 0
    assert await keywords(server) == ["", ""]


async def test_what_was_fetched_may_be_removed_some_days_later(server: Pop3Server) -> None:
    clock = FakeClock()
    server.services = replace(server.services, clock=clock)
    await choose(server, expire_days=7)
    await server.instance.deliver(LETTER)
    port = server.listen()
    found = []
    for _ in range(3):
        found.append(await fetch_all(server, port))
        clock.advance(4 * 86_400)
    assert found == [1, 1, 0]
    async with server.client(port) as client:
        await client.ask("CAPA")
        assert "EXPIRE 7" in await client.lines()


async def session_ends(server: Pop3Server) -> None:
    """Waits until nobody has the maildrop."""
    async with asyncio.timeout(10):
        for _ in range(1000):
            with suppress(Fault):
                server.services.locks.take(server.instance.ana.id).release()
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("chosen", [{"hide_fetched": True}, {"expire_days": 7}])
async def test_what_a_session_fetched_that_broke_off_is_neither_hidden_nor_removed(
    server: Pop3Server, chosen: dict[str, Any]
) -> None:
    """RFC 1939 6: without QUIT nothing is removed; the client may have got half of it."""
    clock = FakeClock()
    server.services = replace(server.services, clock=clock)
    await choose(server, **chosen)
    await server.instance.deliver(LETTER)
    port = server.listen()
    assert await fetch_all(server, port, quit_it=False) == 1
    await session_ends(server)
    clock.advance(8 * 86_400)
    assert await fetch_all(server, port) == 1
    clock.advance(8 * 86_400)
    assert await fetch_all(server, port) == 0


async def test_several_mailboxes_may_be_shown_and_deleted_from(server: Pop3Server) -> None:
    instance = server.instance

    async def junk(tx: Any) -> int:
        found = await mailboxes.by_role(tx, instance.ana.id, "junk")
        assert found is not None
        return found

    junk_id = await instance.store.read(junk)
    await choose(server, folders=("Junk", "INBOX"))
    await instance.deliver(LETTER)
    await instance.deliver(LETTER.replace(b"one", b"junk"), mailbox_id=junk_id)
    async with server.client(server.listen()) as client:
        await client.ask("RETR 1")
        assert "Subject: junk" in await client.lines()
        await client.ask("RETR 2")
        assert "Subject: one" in await client.lines()
        await client.ask("DELE 1")
        await client.ask("QUIT")
    assert await keywords(server) == [""]
    assert await instance.store.read(emails.uids_of, instance.ana.id, junk_id) == []


async def test_a_mailbox_that_was_chosen_twice_is_shown_once(server: Pop3Server) -> None:
    await choose(server, folders=("INBOX", "Archive", "inbox"))
    await server.instance.deliver(LETTER)
    assert await fetch_all(server, server.listen()) == 1


async def test_a_mailbox_that_is_not_there_cannot_be_chosen(server: Pop3Server) -> None:
    with pytest.raises(Fault, match="no mailbox"):
        await choose(server, folders=("Nowhere",))


async def test_a_choice_of_a_mailbox_that_goes_leaves_the_inbox(server: Pop3Server) -> None:
    await choose(server, folders=("Archive",))
    instance = server.instance
    await instance.store.write(mailboxes.destroy, instance.ana.id, "Archive")
    await instance.deliver(LETTER)
    assert await fetch_all(server, server.listen()) == 1


async def _first(client: Client) -> list[str]:
    for line in (f"USER {ANA}", f"PASS {PASSWORD}"):
        assert (await client.ask(line)).startswith("+OK")
    assert (await client.ask("RETR 1")).startswith("+OK")
    return await client.lines()


async def test_headers_come_in_ascii_unless_the_client_says_utf8(server: Pop3Server) -> None:
    await server.instance.deliver(FOREIGN)
    port = server.listen()
    async with server.client(port, sign_in=False) as client:
        lines = await _first(client)
    assert lines[0] == "Subject: =?utf-8?b?R3LDvMOfZQ==?="
    assert all(line.isascii() for line in lines[:-1])
    assert "schön" in lines[-1]
    async with server.client(port, sign_in=False) as client:
        assert (await client.ask("UTF8")).startswith("+OK")
        assert "Subject: Grüße" in await _first(client)


@pytest.mark.parametrize("said", [(), ("UTF8",)])
async def test_names_and_passwords_may_be_in_utf8_however_they_are_composed(
    server: Pop3Server, said: tuple[str, ...]
) -> None:
    """RFC 6856 2.2: the argument USER of the capability."""

    async def unit(tx: Transaction) -> None:
        await directory.add_account(
            tx, "andré@example.org", name="André", password=hash_password("señor ño"), now=0
        )

    await server.instance.store.write(unit)
    for composed in (str, partial(unicodedata.normalize, "NFD")):
        async with server.client(server.listen(), sign_in=False) as client:
            for line in said:
                assert (await client.ask(line)).startswith("+OK")
            assert await client.ask(composed("USER andré@example.org")) == "+OK"
            assert (await client.ask(composed("PASS señor ño"))).startswith("+OK 0 messages")


async def test_large_messages_are_treated_the_same(server: Pop3Server) -> None:
    await server.instance.deliver(FOREIGN + b"x" * 70 + b"\r\n" + b"y\r\n" * 100_000)
    async with server.client(server.listen(), sign_in=False) as client:
        lines = await _first(client)
    assert lines[0] == "Subject: =?utf-8?b?R3LDvMOfZQ==?="
    assert lines[-1] == "y"
    assert len(lines) == 100_005


async def test_many_that_imap_removes_meanwhile_do_not_end_the_session(server: Pop3Server) -> None:
    instance = server.instance
    for _ in range(30):
        await instance.deliver(LETTER)
    async with server.client(server.listen()) as client:
        await instance.store.write(emails.remove, instance.ana.id, INBOX_ID, list(range(2, 30)))
        await client.ask("DELE 1")
        for number in range(2, 30):
            assert (await client.ask(f"RETR {number}")).startswith("-ERR no such message")
        assert await client.ask("QUIT") == "+OK bye"
    assert await keywords(server) == [""]


async def test_a_message_that_imap_removes_meanwhile_harms_nobody(server: Pop3Server) -> None:
    instance = server.instance
    for _ in range(3):
        await instance.deliver(LETTER)
    async with server.client(server.listen()) as client:
        await instance.store.write(emails.remove, instance.ana.id, INBOX_ID, [2])
        assert (await client.ask("RETR 1")).startswith("+OK")
        await client.lines()
        assert (await client.ask("RETR 2")).startswith("-ERR no such message")
        assert (await client.ask("RETR 3")).startswith("+OK")
        await client.lines()
        await client.ask("DELE 3")
        assert await client.ask("QUIT") == "+OK bye"
    assert await keywords(server) == [""]

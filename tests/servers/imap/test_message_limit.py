"""MESSAGELIMIT (RFC 9738): no command takes more messages than that."""

from __future__ import annotations

from pathlib import Path

from merpati.servers.imap.client import ImapSettings
from tests.support.imap import Client, serve
from tests.support.server import TestInstance

LIMIT = 1000


async def test_the_newest_are_taken_and_the_rest_is_named(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        await instance.deliver(b"Subject: many\r\n\r\n")
        client = await Client.connect(
            serve(instance, settings=ImapSettings(messages_at_once=LIMIT)), mailbox="INBOX"
        )
        assert b"MESSAGELIMIT=1000" in (await client.ok("CAPABILITY"))[0]
        while len(client.numbers) <= LIMIT:
            await client.ok("COPY 1:* INBOX")
        count = len(client.numbers)
        lowest = count - LIMIT + 1
        fetched = await client.ok("FETCH 1:* FLAGS")
        assert len(fetched) == LIMIT
        assert fetched[0].startswith(b"* %d FETCH" % lowest)
        assert client.text.startswith(f"OK [MESSAGELIMIT {LIMIT} {lowest}] ")
        stored = await client.ok("UID STORE 1:* +FLAGS (\\Seen)")
        assert len(stored) == LIMIT
        assert client.text.startswith(f"OK [MESSAGELIMIT {LIMIT} {lowest}] ")
        await client.command("UID COPY 1:* Archive")
        assert client.text.startswith(f"NO [MESSAGELIMIT {LIMIT} {lowest}] ")
        await client.command("MOVE 1:* Archive")
        assert client.text.startswith("NO [MESSAGELIMIT")
        status = await client.ok("STATUS Archive (MESSAGES)")
        assert b"MESSAGES 0" in status[0]
        await client.ok("FETCH 1:1000 FLAGS")
        assert client.text == "OK FETCH completed"
        assert b" 1:%d" % count in (await client.ok("SEARCH RETURN (ALL) ALL"))[0]
        await client.close()


async def test_batches_are_no_larger(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(
            serve(instance, settings=ImapSettings(messages_at_once=LIMIT)), mailbox="INBOX"
        )
        await client.command("UIDBATCHES 1001")
        assert client.text.startswith("NO [MESSAGELIMIT 1000]")
        await client.ok("UIDBATCHES 1000")
        await client.close()

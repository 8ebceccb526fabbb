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


async def test_a_part_that_is_too_large_is_refused_as_a_whole(tmp_path: Path) -> None:
    """RFC 9738 3.1, its last example but one; RFC 10022 3.1.3.1."""
    async with TestInstance(tmp_path) as instance:
        await instance.deliver(b"Subject: many\r\n\r\n")
        port = serve(instance, settings=ImapSettings(messages_at_once=LIMIT))
        client = await Client.connect(port, mailbox="INBOX")
        while len(client.numbers) <= LIMIT:
            await client.ok("COPY 1:* INBOX")
        count = len(client.numbers)
        assert not await client.command("UID FETCH 1:* FLAGS (PARTIAL -1:-1001)")
        assert client.text.startswith(f"NO [MESSAGELIMIT {LIMIT}] ")
        found = await client.ok("UID FETCH 1:* FLAGS (PARTIAL 1:2)")
        assert [line.split()[1] for line in found] == [b"1", b"2"]
        assert client.text == "OK FETCH completed"
        assert await client.ok("UIDBATCHES 5000") == [b'* UIDBATCHES (TAG "t%d") %d:1' % (
            client._tags, count
        )]  # fmt: skip
        # one that is there in vain costs nobody the others
        await client.ok(r"STORE 1 +FLAGS.SILENT (\Deleted)")
        assert b"* 1 EXPUNGE" in await client.ok("UID EXPUNGE 1:*")
        assert client.text == "OK EXPUNGE completed"
        # what is gone and what was not looked at are both told
        other = await Client.connect(port, mailbox="INBOX")
        await other.ok(f"STORE {count - 1} +FLAGS.SILENT (\\Deleted)")
        await other.ok("EXPUNGE")
        told = await client.command("FETCH 1:* (FLAGS UID)")
        assert told[-1].startswith(b"* NO [MESSAGELIMIT 1000 ")
        assert client.text.startswith("NO [EXPUNGEISSUED]")
        await client.close()
        await other.close()

from __future__ import annotations

from pathlib import Path

import pytest

from merpati.servers.imap import store
from tests.support.imap import Client, serve
from tests.support.server import TestInstance

MESSAGE = b"Subject: hi\r\n\r\nhello\r\n"
COUNT = 7


async def test_a_store_in_steps_tells_each_message_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "STEP", 2)
    monkeypatch.setattr(store, "LONG", 1)
    async with TestInstance(tmp_path) as instance:
        for _ in range(COUNT):
            await instance.deliver(MESSAGE)
        port = serve(instance)
        one = await Client.connect(port, mailbox="INBOX")
        other = await Client.connect(port, mailbox="INBOX")
        await one.ok("STORE 2 +FLAGS.SILENT (\\Answered)")
        told = await one.ok("STORE 1:* +FLAGS (\\Flagged)")
        assert [line.split()[1] for line in told] == [b"%d" % n for n in range(1, COUNT + 1)]
        assert b"\\Answered \\Flagged" in told[1]
        assert await one.ok("NOOP") == []
        heard = await other.ok("NOOP")
        assert sum(b"\\Flagged" in line for line in heard) == COUNT
        await one.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")
        assert len(await one.ok("EXPUNGE")) == COUNT
        await one.close()
        await other.close()


async def test_a_conditional_store_in_steps_names_what_it_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "STEP", 2)
    async with TestInstance(tmp_path) as instance:
        for _ in range(COUNT):
            await instance.deliver(MESSAGE)
        client = await Client.connect(serve(instance), mailbox="INBOX")
        (line,) = [line for line in await client.ok("FETCH 7 MODSEQ") if b"FETCH" in line]
        modseq = int(line.split(b"(")[-1].split(b")")[0])
        await client.ok("STORE 3,6 +FLAGS.SILENT (\\Answered)")
        await client.ok(f"STORE 1:* (UNCHANGEDSINCE {modseq}) +FLAGS.SILENT (\\Flagged)")
        assert "[MODIFIED 3,6]" in client.text
        await client.close()

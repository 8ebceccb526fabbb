"""Large messages for clients without UTF8=ACCEPT; the small ones are in the dialogues."""

from __future__ import annotations

from pathlib import Path

from merpati.wire.mime import downgrade
from tests.support.imap import Client, serve
from tests.support.server import TestInstance

HEAD = "From: björn@exämple.org\r\nContent-Type: text/plain\r\n\r\n".encode()
BODY = b"0123456789\r\n" * 200_000


async def test_a_large_message_changes_in_its_header_alone(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        await instance.deliver(HEAD + BODY)
        client = await Client.connect(serve(instance), mailbox="INBOX")
        text = b"".join(await client.ok("FETCH 1 BODY.PEEK[]"))
        assert downgrade.header(HEAD) + BODY in text
        await client.ok("ENABLE UTF8=ACCEPT")
        assert HEAD + BODY in b"".join(await client.ok("FETCH 1 BODY.PEEK[]"))
        await client.close()

"""Many messages in one APPEND (MULTIAPPEND, RFC 3502), as programs send that move mailboxes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from merpati.servers.imap import append
from merpati.store import blobs
from tests.support.imap import Client, serve
from tests.support.server import TestInstance

if TYPE_CHECKING:
    from pathlib import Path

BODY = b"Subject: %d\r\n\r\n" + b"x" * 1000 + b"\r\n"


def command(count: int) -> bytes:
    """One APPEND of so many messages, with literals that wait for nobody."""
    messages = (BODY % number for number in range(count))
    return b"APPEND INBOX" + b"".join(b" {%d+}\r\n%s" % (len(one), one) for one in messages)


async def test_a_thousand_at_once_are_taken(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance), mailbox="INBOX")
        await client.ok(command(append.MESSAGES_MAX))
        assert len(client.numbers) == append.MESSAGES_MAX
        await client.close()


async def test_one_more_is_refused_and_none_is_kept(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance), mailbox="INBOX")
        await client.command(command(append.MESSAGES_MAX + 1))
        assert client.text == "NO [LIMIT] at most 1000 messages at once"
        assert await client.ok("STATUS INBOX (MESSAGES)") == [b'* STATUS "INBOX" (MESSAGES 0)']
        await client.close()


async def test_what_memory_shall_not_hold_waits_in_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(append, "HELD_MAX", 5000)
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance), mailbox="INBOX")
        await client.ok(command(30))
        for number in (1, 4, 5, 30):
            fetched = await client.ok(f"FETCH {number} BODY.PEEK[]")
            assert BODY % (number - 1) in b"\r\n".join(fetched) + b"\r\n"
        kept = [file for file in (tmp_path / "blobs").rglob("*") if file.is_file()]
        assert 20 <= len(kept) <= 26
        assert all(file.stat().st_size < blobs.INLINE_MAX for file in kept)
        await client.close()


async def test_the_mailbox_filled_last_is_missed_once_it_is_gone(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await Client.connect(serve(instance))
        other = await Client.connect(serve(instance))
        message = b" {5+}\r\na: b\n"
        await client.ok("CREATE Old")
        await client.ok(b"APPEND Old" + message)
        await other.ok("DELETE Old")
        for _ in range(2):
            await client.command(b"APPEND Old" + message)
            assert client.text.startswith("NO [TRYCREATE]")
        await client.ok("CREATE Old")
        await client.ok(b"APPEND Old" + message)
        assert await client.ok("STATUS Old (MESSAGES)") == [b'* STATUS "Old" (MESSAGES 1)']
        await client.close()
        await other.close()

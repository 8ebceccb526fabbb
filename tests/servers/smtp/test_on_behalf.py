from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.model.mailbox import INBOX_ID
from merpati.servers.smtp.legal import Role
from merpati.store import emails, members
from merpati.store.blobs import Stored
from merpati.store.members import Send
from tests.support.server import ANA, BUDI, TestInstance
from tests.support.smtp import PLAIN, Client, serve

DESK = "info@example.org"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[TestInstance]:
    async with TestInstance(tmp_path) as one:
        await one.store.write(members.add_shared, DESK, name="Desk", now=one.now)
        yield one


async def send(instance: TestInstance, header: str) -> tuple[str, bytes]:
    """Ana sends as the desk; the last reply, and what Budi has got."""
    port = serve(instance, Role.SUBMISSION, login_without_tls=True)
    async with Client(port) as client:
        await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")
        reply = await client.say(f"MAIL FROM:<{DESK}>")
        if not reply.startswith("250"):
            return reply, b""
        await client.say(f"RCPT TO:<{BUDI}>", "DATA")
        client.write(header.encode() + b"\r\nhello\r\n.\r\n")
        reply = await client.reply()
    return reply, await received(instance)


async def received(instance: TestInstance) -> bytes:
    """The message in Budi's INBOX."""
    columns = ("uid", "blob_id", "size", "location", "encoding", "data")
    [row] = await instance.store.read(emails.fetch, instance.budi.id, INBOX_ID, [1], columns)
    return bytes(instance.blobs.read(Stored(*row[1:])))


async def put(instance: TestInstance, how: Send) -> None:
    desk = await instance.store.read(members.shared, DESK)
    await instance.store.write(members.put, desk.id, ANA, held="lr", send=how)


async def test_who_may_only_read_a_shared_mailbox_sends_nothing_with_it(
    instance: TestInstance,
) -> None:
    await put(instance, Send.NOT)
    reply, _ = await send(instance, f"From: {DESK}\r\n")
    assert reply == f"550 5.7.1 {DESK} is not an address of {ANA}"


async def test_send_as_leaves_no_trace_of_who_sent_it(instance: TestInstance) -> None:
    await put(instance, Send.AS)
    reply, message = await send(instance, f"From: {DESK}\r\n")
    assert reply.startswith("250")
    assert b"Sender:" not in message
    assert f"Return-Path: <{DESK}>".encode() in message


async def test_send_on_behalf_says_who_sent_it(instance: TestInstance) -> None:
    await put(instance, Send.BEHALF)
    reply, message = await send(instance, f"From: {DESK}\r\n")
    assert reply.startswith("250")
    assert f"\r\nSender: {ANA}\r\n".encode() in message


async def test_a_sender_that_the_client_names_is_kept(instance: TestInstance) -> None:
    await put(instance, Send.BEHALF)
    _, message = await send(instance, f"Sender: Ana <{ANA}>\r\nFrom: {DESK}\r\n")
    assert message.count(b"Sender:") == 1

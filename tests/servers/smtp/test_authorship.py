"""SMTP submission under the name of somebody else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.servers.smtp.legal import Role
from merpati.wire.smtp.paths import parse_address
from tests.support.server import ANA, BUDI, TestInstance
from tests.support.smtp import PLAIN, Client, serve

FORGED = f"From: {BUDI}\r\n\r\nhello\r\n".encode()
REFUSED = f"550 5.7.1 From and Sender: {BUDI} is not an address of {ANA}"


@pytest.fixture
async def instance(tmp_path: Path) -> AsyncIterator[TestInstance]:
    async with TestInstance(tmp_path) as one:
        yield one


async def begin(client: Client, sender: str = ANA) -> None:
    await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")
    await client.say(f"MAIL FROM:<{sender}>", f"RCPT TO:<{BUDI}>")


async def test_a_borrowed_from_is_refused_and_the_session_goes_on(instance: TestInstance) -> None:
    async with Client(serve(instance, Role.SUBMISSION, login_without_tls=True)) as client:
        await begin(client)
        await client.say("DATA")
        client.write(FORGED + b".\r\n")
        assert await client.reply() == REFUSED
        await client.say(f"MAIL FROM:<{ANA}>", f"RCPT TO:<{BUDI}>", "DATA")
        client.write(f"From: {ANA}\r\n\r\nhello\r\n.\r\n".encode())
        assert (await client.reply()).startswith("250")


async def test_it_is_refused_in_chunks_too(instance: TestInstance) -> None:
    async with Client(serve(instance, Role.SUBMISSION, login_without_tls=True)) as client:
        await begin(client)
        client.write(b"BDAT %d LAST\r\n" % len(FORGED) + FORGED)
        assert await client.reply() == REFUSED


async def test_the_null_sender_opens_no_way_round(instance: TestInstance) -> None:
    async with Client(serve(instance, Role.SUBMISSION, login_without_tls=True)) as client:
        await begin(client, sender="")
        await client.say("DATA")
        client.write(FORGED + b".\r\n")
        assert await client.reply() == REFUSED


async def test_a_device_that_has_its_sender_from_us_names_itself_as_it_likes(
    instance: TestInstance,
) -> None:
    port = serve(instance, Role.DEVICE, sender=parse_address(ANA))
    async with Client(port) as client:
        await client.say("EHLO c", f"MAIL FROM:<{ANA}>", f"RCPT TO:<{BUDI}>", "DATA")
        client.write(b"From: scanner@printer.invalid\r\n\r\nhello\r\n.\r\n")
        assert (await client.reply()).startswith("250")

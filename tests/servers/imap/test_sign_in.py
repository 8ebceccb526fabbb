"""AUTHENTICATE (RFC 3501 6.2.2) with each mechanism, and what is offered when."""

from __future__ import annotations

import asyncio
from base64 import b64decode, b64encode
from pathlib import Path

import pytest

from merpati.services.login import LoginSettings
from merpati.store import directory
from tests.support.imap import Client, serve
from tests.support.scram_steps import ScramSteps
from tests.support.server import ANA, PASSWORD, TestInstance


async def fresh(port: int) -> Client:
    """A client that has not signed in."""
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    await client.line()
    return client


async def say(client: Client, data: bytes) -> bytes:
    client.writer.write(data + b"\r\n")
    return await client.line()


@pytest.mark.parametrize("initial", [True, False])
async def test_scram(initial: bool, tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await fresh(serve(instance))
        steps = ScramSteps(ANA, PASSWORD)
        command = b"a AUTHENTICATE SCRAM-SHA-256"
        first = b64encode(steps.first)
        if initial:
            challenge = await say(client, command + b" " + first)
        else:
            assert await say(client, command) == b"+ "
            challenge = await say(client, first)
        assert challenge.startswith(b"+ ")
        final = steps.final(b64decode(challenge[2:]))
        signature = await say(client, b64encode(final))
        assert b64decode(signature[2:]) == steps.signature
        assert (await say(client, b"")).startswith(b"a OK [CAPABILITY")
        await client.ok("SELECT INBOX")
        await client.close()


async def test_a_wrong_password_by_scram_is_refused(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await fresh(serve(instance))
        steps = ScramSteps(ANA, "wrong")
        challenge = await say(client, b"a AUTHENTICATE SCRAM-SHA-256 " + b64encode(steps.first))
        final = steps.final(b64decode(challenge[2:]))
        assert (await say(client, b64encode(final))).startswith(b"a NO [AUTHENTICATIONFAILED]")
        await client.close()


async def test_bearer_tokens_where_somebody_knows_them(tmp_path: Path) -> None:
    async def owner(token: str, protocol: str) -> int:
        return instance.ana.id if (token, protocol) == ("good", "imap") else 0

    async with TestInstance(tmp_path) as instance:
        instance.login._tokens = owner
        port = serve(instance)
        for mechanism, message in {
            "OAUTHBEARER": f"n,a={ANA},\x01auth=Bearer good\x01\x01",
            "XOAUTH2": f"user={ANA}\x01auth=Bearer good\x01\x01",
        }.items():
            client = await fresh(port)
            line = f"a AUTHENTICATE {mechanism} ".encode() + b64encode(message.encode())
            assert (await say(client, line)).startswith(b"a OK")
            await client.close()
            client = await fresh(port)
            bad = b64encode(message.replace("good", "bad").encode())
            refused = await say(client, f"a AUTHENTICATE {mechanism} ".encode() + bad)
            assert b"invalid_token" in b64decode(refused[2:]) or b"401" in b64decode(refused[2:])
            assert (await say(client, b"AQ==")).startswith(b"a NO [AUTHENTICATIONFAILED]")
            await client.close()


async def test_an_exchange_can_be_cancelled(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        client = await fresh(serve(instance))
        assert await say(client, b"a AUTHENTICATE PLAIN") == b"+ "
        assert (await say(client, b"*")).startswith(b"a BAD")
        await client.ok(f"LOGIN {ANA} {PASSWORD}")
        await client.close()


async def test_only_what_is_set_is_offered(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        instance.login.settings = LoginSettings(scram=False)  # type: ignore[misc]
        client = await fresh(serve(instance))
        [line] = await client.ok("CAPABILITY")
        assert b"SCRAM" not in line
        assert b"OAUTHBEARER" not in line
        assert b"AUTH=PLAIN" in line
        assert (await say(client, b"x AUTHENTICATE SCRAM-SHA-256")).startswith(b"x NO [CANNOT]")
        await client.close()


async def test_who_signs_in_to_a_nearly_full_mailbox_is_told(tmp_path: Path) -> None:
    async with TestInstance(tmp_path) as instance:
        for _ in range(9):
            await instance.deliver(b"Subject: x\r\n\r\n")
        port = serve(instance)
        for limit, told in ((11, False), (10, True)):
            await instance.store.write(directory.set_account, instance.ana.id, quota_emails=limit)
            client = await fresh(port)
            notice = b"* NO [OVERQUOTA] your mailbox is nearly full"
            assert notice not in await client.ok(f"LOGIN {ANA} {PASSWORD}")  # RFC 9208 4.3.1
            assert (notice in await client.ok("SELECT INBOX")) is told
            assert notice not in await client.ok("SELECT INBOX")
            await client.close()

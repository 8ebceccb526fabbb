"""SCRAM-SHA-256-PLUS over real TLS: bound by tls-server-end-point (RFC 5929 4) on each version."""

from __future__ import annotations

import asyncio
import ssl
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Self

import pytest

from merpati.servers.smtp.legal import Role
from merpati.services.login import Login, LoginSettings
from merpati.wire.scram import TLS_SERVER_END_POINT
from tests.support.post import Post
from tests.support.scram_steps import ScramSteps
from tests.support.server import ANA, PASSWORD
from tests.support.smtp import serve

VERSIONS = [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3]


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        system.login.close()
        system.login = Login(
            system.store, system.clock, system.ids, LoginSettings(channel_binding=True),
            system.metrics,
        )  # fmt: skip
        yield system


class Client:
    """A client over TLS of one version."""

    def __init__(self, port: int, post: Post, version: ssl.TLSVersion) -> None:
        self._port = port
        self._context = post.client_context
        self._context.minimum_version = self._context.maximum_version = version

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            "127.0.0.1", self._port, ssl=self._context, server_hostname="localhost"
        )
        self.tls: ssl.SSLObject = self._writer.get_extra_info("ssl_object")
        await self._reader.readline()
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def say(self, line: str) -> str:
        self._writer.write(line.encode() + b"\r\n")
        reply = b""
        while reply[3:4] != b" ":
            reply = await self._reader.readline()
            if b"AUTH" in reply:
                self.offered = reply.decode().partition("AUTH ")[2].split()
        return reply.decode()

    async def sign_in(self, steps: ScramSteps) -> str:
        first = b64encode(steps.first).decode()
        challenge = await self.say(f"AUTH SCRAM-SHA-256-PLUS {first}")
        if not challenge.startswith("334"):
            return challenge
        answer = await self.say(b64encode(steps.final(b64decode(challenge[4:]))).decode())
        return await self.say("") if answer.startswith("334") else answer


@pytest.mark.parametrize("version", VERSIONS)
async def test_the_certificate_that_was_shown_binds_on_tls_1_2_and_1_3(
    post: Post, version: ssl.TLSVersion
) -> None:
    port = serve(post, Role.SUBMISSIONS)
    async with Client(port, post, version) as client:
        assert client.tls.version() == f"TLSv1.{version.name[-1]}"
        await client.say("EHLO c")
        assert client.offered[0] == "SCRAM-SHA-256-PLUS"
        shown = sha256(client.tls.getpeercert(binary_form=True) or b"").digest()
        steps = ScramSteps(ANA, PASSWORD, kind=TLS_SERVER_END_POINT, binding=shown)
        assert (await client.sign_in(steps)).startswith("235")


@pytest.mark.parametrize("version", VERSIONS)
async def test_who_was_shown_another_certificate_sits_behind_somebody_and_is_refused(
    post: Post, version: ssl.TLSVersion
) -> None:
    port = serve(post, Role.SUBMISSIONS)
    async with Client(port, post, version) as client:
        await client.say("EHLO c")
        other = sha256(b"the certificate of the one in between").digest()
        steps = ScramSteps(ANA, PASSWORD, kind=TLS_SERVER_END_POINT, binding=other)
        assert (await client.sign_in(steps)).startswith("535")


async def test_a_binding_that_there_is_not_ends_the_exchange_and_plain_scram_still_works(
    post: Post,
) -> None:
    port = serve(post, Role.SUBMISSIONS)
    async with Client(port, post, ssl.TLSVersion.TLSv1_3) as client:
        await client.say("EHLO c")
        steps = ScramSteps(ANA, PASSWORD, kind="tls-exporter", binding=b"x" * 32)
        assert not (await client.sign_in(steps)).startswith("235")
        assert "SCRAM-SHA-256" in client.offered

"""GNU SASL, in msmtp, proves to us that SCRAM is spoken as others speak it."""

from __future__ import annotations

import asyncio
from pathlib import Path

from merpati.servers.smtp.legal import Role
from tests.support.post import Post
from tests.support.programs import need
from tests.support.server import ANA, BUDI, PASSWORD
from tests.support.smtp import serve

CONFIG = """\
host 127.0.0.1
port {port}
from {sender}
user {sender}
password {password}
auth scram-sha-256
tls off
"""


async def send(folder: Path, port: int, password: str) -> int:
    config = folder / "msmtprc"
    config.write_text(CONFIG.format(port=port, sender=ANA, password=password))
    config.chmod(0o600)
    process = await asyncio.create_subprocess_exec(
        need("msmtp"), "-C", str(config), BUDI, stdin=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    await process.communicate(b"Subject: proven\n\nhello\n")
    assert process.returncode is not None
    return process.returncode


async def test_msmtp_signs_in_with_scram_and_a_wrong_password_does_not(tmp_path: Path) -> None:
    async with Post(tmp_path) as post:
        port = serve(post, Role.SUBMISSION, login_without_tls=True)
        assert await send(tmp_path, port, PASSWORD) == 0
        assert await send(tmp_path, port, "wrong") != 0
        [message] = await post.inbox(post.budi)
        assert b"Subject: proven" in message

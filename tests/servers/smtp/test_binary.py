"""BODY=BINARYMIME (RFC 3030 3): any bytes in, the very same bytes out, and lines in between."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from merpati.servers.smtp.legal import Role
from tests.support import imap
from tests.support.post import Post
from tests.support.server import ANA, BUDI
from tests.support.smtp import PLAIN, Client, serve

CARL = "carl@there.test"
PICTURE = bytes(range(256)) * 400 + b"\r\n.\r\nQUIT\r\n" + b"\n\r\r\n" + b"x" * 2000
TYPE = b"Content-Type: multipart/%b; boundary=b\r\nContent-Transfer-Encoding: binary\r\n\r\n"
PART = b"--b\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
MESSAGE = b"Subject: any\r\n" + TYPE % b"mixed" + PART + PICTURE + b"\r\n--b--\r\n"


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        yield system
        assert "Traceback" not in system.logged()


async def deliver(client: Client, content: bytes, sender: str, recipient: str) -> str:
    """A binary message in two chunks; the reply to the last."""
    await client.say(f"MAIL FROM:<{sender}> BODY=BINARYMIME", f"RCPT TO:<{recipient}>")
    half = len(content) // 2
    client.write(b"BDAT %d\r\n" % half + content[:half])
    first = await client.reply()
    assert first.startswith("250"), first
    client.write(b"BDAT %d LAST\r\n" % (len(content) - half) + content[half:])
    return await client.reply()


@pytest.mark.parametrize("role", [Role.MX, Role.LMTP, Role.SUBMISSION])
async def test_any_bytes_come_back_by_imap_as_they_were(post: Post, role: Role) -> None:
    async with Client(serve(post, role, login_without_tls=True)) as client:
        hello = await client.say("LHLO c" if role is Role.LMTP else "EHLO c")
        assert "250-BINARYMIME" in hello
        if role is Role.SUBMISSION:
            await client.say(f"AUTH PLAIN {PLAIN}")
        sender = ANA if role is Role.SUBMISSION else CARL
        assert (await deliver(client, MESSAGE, sender, BUDI)).startswith("250")
    [message] = await post.inbox(post.budi)
    assert b"\0" not in message
    assert max(map(len, message.split(b"\r\n"))) < 200
    reader = await imap.Client.connect(imap.serve(post), BUDI, "INBOX")
    reader.writer.write(b"a FETCH 1 (BINARY.PEEK[1])\r\n")
    line = await reader.reader.readuntil(b"\r\n")
    while b"BINARY[1]" not in line:
        line = await reader.reader.readuntil(b"\r\n")
    found = re.search(rb"~?\{(\d+)\}\r\n$", line)
    assert found is not None, line
    assert await reader.reader.readexactly(int(found[1])) == PICTURE
    await reader.close()


async def test_it_goes_on_as_lines_to_servers_without_binarymime(post: Post) -> None:
    sink = await post.sink("there.test")
    async with Client(serve(post, Role.SUBMISSION, login_without_tls=True)) as client:
        await client.say("EHLO c", f"AUTH PLAIN {PLAIN}")
        assert (await deliver(client, MESSAGE, ANA, CARL)).startswith("250")
    await post.work()
    [sent] = sink.messages
    assert "BINARYMIME" not in sent.mail
    assert sent.content.isascii()
    assert b"Content-Transfer-Encoding: 8bit\r\n" in sent.content
    assert b"Content-Transfer-Encoding: base64\r\n" in sent.content


@pytest.mark.parametrize(
    "content",
    [
        b"Subject: s\r\n" + TYPE % b"signed" + PART + PICTURE + b"\r\n--b--\r\n",
        b"Subject: a NUL in text\r\n\r\nhello \0\r\n",
        b"Subject: a line end in text\r\n\r\nhello\nthere\r\n",
    ],
)
async def test_what_cannot_be_encoded_is_refused_while_its_sender_listens(
    post: Post, content: bytes
) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c")
        assert (await deliver(client, content, CARL, ANA)).startswith("550 5.6.2")
        assert (await deliver(client, MESSAGE, CARL, ANA)).startswith("250")
    assert len(await post.inbox(post.ana)) == 1
    assert not list((post.folder / "blobs" / "incoming").glob("*"))


async def test_a_lone_line_end_in_the_header_is_refused_as_ever(post: Post) -> None:
    async with Client(serve(post)) as client:
        await client.say("EHLO c", f"MAIL FROM:<{CARL}> BODY=BINARYMIME", f"RCPT TO:<{ANA}>")
        content = b"Subject: a\nFrom: b\r\n\r\n"
        client.write(b"BDAT %d LAST\r\n" % len(content) + content)
        assert (await client.reply()).startswith("550 5.6.0")

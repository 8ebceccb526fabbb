"""Hostile SMTP dialogues: tests/support/hostile.py.

    python -m tests.servers.smtp.test_hostile 100000 [SEED]

plays that many against one server; the test plays a few.
"""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Final

from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import SmtpSettings
from tests.support import hostile
from tests.support.hostile import GROWTH_MAX, WAIT_MAX, Outcome, Vocabulary
from tests.support.post import Post
from tests.support.server import BUDI
from tests.support.smtp import PLAIN, Client, serve

SHORT: Final = 400

WORDS: Final = (
    b"EHLO c", b"HELO c", b"EHLO", b"EHLO [::1]", b"MAIL FROM:<carl@there.test>", b"MAIL FROM:<>",
    b"MAIL FROM:<carl@there.test> SIZE=99999999999999999999", b"MAIL FROM:<a@b> BODY=8BITMIME",
    b"MAIL FROM:<ana@example.org> SMTPUTF8", b"RCPT TO:<ana@example.org>", b"RCPT TO:<>",
    b"RCPT TO:<budi@example.org> NOTIFY=NEVER", b"RCPT TO:<x@there.test>", b"RCPT TO:<postmaster>",
    b"DATA", b"RSET", b"NOOP", b"QUIT", b"HELP", b"VRFY ana", b"EXPN team", b"STARTTLS",
    b"AUTH PLAIN", b"AUTH LOGIN", b"AUTH PLAIN " + PLAIN.encode(), b"AUTH PLAIN =", b"AUTH X", b"*",
    base64.b64encode(b"ana@example.org"), b".", b"..", b"Subject: x", b"", b"BDAT 5 LAST",
    b"BDAT 20", b"BDAT 0 LAST", b"BDAT 99999999", b"BDAT x", b"LHLO c",
    b"XCLIENT ADDR=127.0.0.1", b"ETRN example.org", b"MAIL FROM:<a@b> RET=HDRS ENVID=x",
    b"GET / HTTP/1.1", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"\x00" * 40, b"\xff\xfe",
    "RCPT TO:<bücher@example.org>".encode(), b"MAIL FROM:<" + b"a" * 3000 + b"@b.test>",
    b"RCPT TO:<" + b'"' * 300 + b"@example.org>", b"x" * 15_000, b"MAIL FROM:" + b"<" * 900,
)  # fmt: skip
OPENINGS: Final = (
    b"EHLO c\r\nMAIL FROM:<carl@there.test>\r\nRCPT TO:<ana@example.org>\r\nDATA\r\n",
    b"EHLO c\r\nMAIL FROM:<carl@there.test>\r\nRCPT TO:<ana@example.org>\r\n",
    b"EHLO c\r\nAUTH PLAIN " + PLAIN.encode() + b"\r\nMAIL FROM:<ana@example.org>\r\n",
    b"EHLO c\r\nSTARTTLS\r\n",
    b"",
)
SMTP: Final = Vocabulary(OPENINGS, WORDS)


async def play(folder: Path, count: int, seed: int) -> Outcome:
    """A campaign against a server of its own, on its MX and its submission port."""
    async with Post(folder) as post:
        settings = SmtpSettings(message_size=20_000, errors=10, tarpit=0)
        ports = [
            serve(post, Role.MX, settings=settings),
            serve(post, Role.SUBMISSION, settings=settings, login_without_tls=True),
        ]

        async def behave() -> None:
            async with Client(ports[0]) as client:
                await client.say("EHLO good.test")
                reply = await client.send(b"Subject: x\r\n\r\nhi\r\n.\r\n", "d@good.test", BUDI)
                assert reply.startswith("250"), reply

        found = await hostile.campaign(post, ports, SMTP, behave, count, seed)
        assert "Traceback" not in post.logged(), post.logged()
        assert [file for file in post.files() if file.parent.name == "incoming"] == []
        for message in await post.inbox(post.ana):
            assert message.startswith(b"Return-Path: <")
    return found


async def test_hostile_dialogues_harm_nobody(tmp_path: Path) -> None:
    found = await play(tmp_path, SHORT, 1)
    assert found.longest < WAIT_MAX
    assert found.grown < GROWTH_MAX


if __name__ == "__main__":
    hostile.main(play)

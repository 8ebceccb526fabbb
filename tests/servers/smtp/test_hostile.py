"""Hostile dialogues: a client that says anything, breaks off anywhere, and never stops.

    python -m tests.servers.smtp.test_hostile 100000 [SEED]

plays that many against one server; the test plays a few. What must hold: every session
answers or ends, nothing is logged as a defect, memory stays where it was, and a client that
behaves is served all the while.
"""

from __future__ import annotations

import asyncio
import base64
import gc
import random
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from merpati.servers.smtp.legal import Role
from merpati.servers.smtp.policy import SmtpSettings
from tests.support.post import Post
from tests.support.server import BUDI
from tests.support.smtp import PLAIN, Client, serve

SHORT: Final = 400
AT_ONCE: Final = 20
END: Final = 10.0  # seconds in which a session must have ended once its client has
GROWTH_MAX: Final = 64 * 1024  # KiB more than after the first tenth

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
ENDS: Final = (b"\r\n",) * 12 + (b"\n", b"\r", b"\r\r\n", b"\n\r", b"", b" \r\n", b"\t\r\n")
OPENINGS: Final = (
    b"EHLO c\r\nMAIL FROM:<carl@there.test>\r\nRCPT TO:<ana@example.org>\r\nDATA\r\n",
    b"EHLO c\r\nMAIL FROM:<carl@there.test>\r\nRCPT TO:<ana@example.org>\r\n",
    b"EHLO c\r\nAUTH PLAIN " + PLAIN.encode() + b"\r\nMAIL FROM:<ana@example.org>\r\n",
    b"EHLO c\r\nSTARTTLS\r\n",
    b"",
)


def dialogue(chance: random.Random) -> Iterator[bytes]:
    """Pieces to send, cut anywhere."""
    talk = chance.choice(OPENINGS)
    for _ in range(chance.randrange(25)):
        line = chance.choice(WORDS)
        if chance.random() < 0.2:
            line = mutated(line, chance)
        talk += line + chance.choice(ENDS)
    if chance.random() < 0.1:
        talk += chance.randbytes(chance.randrange(5000))
    while talk:
        cut = chance.choice((1, 5, 50, 500, len(talk)))
        yield talk[:cut]
        talk = talk[cut:]


def mutated(line: bytes, chance: random.Random) -> bytes:
    """One change to a line."""
    at = chance.randrange(len(line) + 1)
    return chance.choice(
        (
            line[:at],
            line[:at] + chance.randbytes(chance.randrange(1, 8)) + line[at:],
            line[:at] + line,
            line[:at] + line[at + 1 :],
        )
    )


async def attack(port: int, chance: random.Random) -> None:
    """One client: it says its dialogue, sometimes without listening, and leaves somehow."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    deaf = chance.random() < 0.1
    try:
        if chance.random() < 0.9:  # the others speak before they are greeted
            await reader.readline()
        for piece in dialogue(chance):
            writer.write(piece)
            if not deaf:
                await writer.drain()
            if chance.random() < 0.3:
                await asyncio.sleep(0)
        if chance.random() < 0.3:
            writer.transport.abort()
            return
        writer.write_eof()
        async with asyncio.timeout(END):
            while await reader.read(65_536):
                pass
    except TimeoutError:
        raise AssertionError("a session did not end") from None
    except OSError:
        pass  # the server had enough
    finally:
        writer.close()


async def behave(post: Post, port: int, stop: asyncio.Event) -> float:
    """A client that does nothing wrong, until told to stop; the longest wait for a message."""
    longest = 0.0
    while not stop.is_set():
        begun = time.monotonic()
        async with Client(port) as client:
            await client.say("EHLO good.test")
            reply = await client.send(b"Subject: x\r\n\r\nhi\r\n.\r\n", "d@good.test", BUDI)
            assert reply.startswith("250"), reply
        longest = max(longest, time.monotonic() - begun)
        await asyncio.sleep(0.02)
    return longest


async def campaign(folder: Path, count: int, seed: int) -> tuple[float, int]:
    """Plays so many dialogues; the longest wait of who behaves, and KiB grown."""
    async with Post(folder) as post:
        settings = SmtpSettings(message_size=20_000, errors=10, tarpit=0)
        ports = [
            serve(post, Role.MX, settings=settings),
            serve(post, Role.SUBMISSION, settings=settings, login_without_tls=True),
        ]
        stop = asyncio.Event()
        good = asyncio.create_task(behave(post, ports[0], stop))
        grown, first = 0, 0
        for done in range(0, count, AT_ONCE):
            await asyncio.gather(
                *(
                    attack(ports[n % 2], random.Random(f"{seed} {done + n}"))
                    for n in range(min(AT_ONCE, count - done))
                )
            )
            if done <= count // 10:
                gc.collect()
                first = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - first
        stop.set()
        longest = await good
        async with asyncio.timeout(END):
            while any(listener.active for listener in post._listeners):  # noqa: ASYNC110 -- no event
                await asyncio.sleep(0.01)
        assert "Traceback" not in post.logged(), post.logged()
        incoming = [file for file in post.files() if file.parent.name == "incoming"]
        assert incoming == []
        for message in await post.inbox(post.ana):
            assert message.startswith(b"Return-Path: <")
    return longest, grown


async def test_hostile_dialogues_harm_nobody(tmp_path: Path) -> None:
    longest, grown = await campaign(tmp_path, SHORT, 1)
    assert longest < 2.0
    assert grown < GROWTH_MAX


def main() -> None:
    """The long form."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else int(time.time())
    print(f"{count} dialogues, seed {seed}")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        longest, grown = asyncio.run(campaign(Path(folder), count, seed))
    spent = time.monotonic() - begun
    print(f"{count / spent:.0f}/s; slowest good message {longest:.2f} s; grown by {grown} KiB")
    assert grown < GROWTH_MAX, "memory grows"


if __name__ == "__main__":
    main()

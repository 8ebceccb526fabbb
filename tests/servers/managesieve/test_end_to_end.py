"""Scripts by ManageSieve, mail by LMTP, and what IMAP shows of it: the RFCs' own examples.

Every case of tests/corpora/sieve that files, keeps or throws away, with the envelope and the
message it names. What scripts send is looked for in the queue.
"""

from __future__ import annotations

import asyncio
import re
import tomllib
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final

import pytest

from merpati.servers.smtp.legal import Role
from merpati.wire.managesieve import commands
from merpati.wire.managesieve.responses import Condition
from tests.servers.managesieve.server import ManageSieveServer
from tests.support import filtering, imap, smtp
from tests.support.post import Post
from tests.support.server import ANA

CORPUS: Final = Path(__file__).parents[2] / "corpora" / "sieve"
SENDER: Final = "sender@there.test"
# Cases of these fields alone; what others say of the world is for the interpreter's own tests.
PLAIN: Final = frozenset({"name", "script", "message", "sender", "actions", "again"})
# What a delivery changes: the moment, and fields that are added to the top.
ELSEWHERE: Final = re.compile(r"currentdate|received|:count|environment|mailboxexists|\bdate\b")
FILES: Final = frozenset({"fileinto", "keep", "implicit", "discard"})
LOAD: Final = 120.0  # seconds
MARKS: Final = re.compile(r"( copy| create| \(.*\)| #\d+| id=\S+)*$")  # of an action in the corpus


def _cases() -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    found = []
    for path in sorted(CORPUS.glob("*.toml")):
        corpus = tomllib.loads(path.read_text("utf-8"))
        for case in corpus["case"]:
            wanted = case.get("actions")
            plain = wanted and all(
                each.split()[0] in FILES and "*" not in each and " use=" not in each
                for each in wanted
            )
            if plain and case.keys() <= PLAIN and not ELSEWHERE.search(case["script"]):
                found.append((f"{path.stem} {case['name']}", case, corpus["message"]))
    return found


CASES: Final = _cases()


@pytest.fixture
async def post(tmp_path: Path) -> AsyncIterator[Post]:
    async with Post(tmp_path) as system:
        filtering.install(system)
        yield system


def _expected(actions: list[str]) -> Counter[str]:
    """How many messages lie where; a mailbox that there is not leaves them in INBOX."""
    found: Counter[str] = Counter()
    for action in actions:
        verb, _, rest = action.partition(" ")
        if verb in {"keep", "implicit"}:
            found["INBOX"] += 1
        elif verb == "fileinto":
            name = MARKS.sub("", rest)
            found["INBOX" if name.upper() == "INBOX" else name] += 1
    return Counter(dict.fromkeys(found, 1))


def _quoted(name: str) -> str:
    escaped = name.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


async def _deliver(port: int, content: bytes, sender: str) -> str:
    """By LMTP; the last reply."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = b"\r\n".join(b"." + line if line.startswith(b".") else line
                        for line in content.split(b"\r\n"))  # fmt: skip
    talk = [f"LHLO test\r\nMAIL FROM:<{sender}>\r\nRCPT TO:<{ANA}>\r\nDATA\r\n".encode()]
    talk += [body, b"" if body.endswith(b"\r\n") else b"\r\n", b".\r\nQUIT\r\n"]
    writer.write(b"".join(talk))
    try:
        async with asyncio.timeout(30):
            said = (await reader.read()).decode().splitlines()
    finally:
        writer.close()
    return said[-2]


def test_there_are_cases() -> None:
    assert len(CASES) >= 40


async def test_the_examples_of_the_rfcs_do_what_they_say_from_end_to_end(post: Post) -> None:
    """One server for all: each case on mailboxes that are empty before it."""
    server = ManageSieveServer(post)
    sieve_port, lmtp_port = server.listen(), smtp.serve(post, Role.LMTP)
    imap_port = imap.serve(post)
    wrong = []
    async with (
        asyncio.timeout(LOAD), AsyncExitStack() as stack, server.client(sieve_port) as manager
    ):  # fmt: skip
        reading = await imap.Client.connect(imap_port)
        stack.push_async_callback(reading.close)
        for name, case, messages in CASES:
            stored = await manager.ask(commands.PutScript("case", case["script"].encode()))
            assert stored.condition is Condition.OK, (name, stored)
            assert (await manager.ask(commands.SetActive("case"))).condition is Condition.OK
            expected = _expected(case["actions"])
            for box in expected - Counter({"INBOX": 1}):
                await reading.command(f"CREATE {_quoted(box)}")
            content = messages[case["message"]].replace("\n", "\r\n").encode()
            sender = case.get("sender", SENDER)
            reply = await _deliver(lmtp_port, content, sender)
            found = Counter(await filtering.counts(post, post.ana))
            if not reply.startswith("250") or found != expected:
                wrong.append((name, reply, dict(found), case["actions"]))
            for box in found:
                await reading.ok(f"SELECT {_quoted(box)}")
                await reading.ok(r"STORE 1:* +FLAGS.SILENT (\Deleted)")
                await reading.ok("EXPUNGE")
    assert not wrong, wrong


async def test_a_refusal_is_the_reply_of_lmtp(post: Post) -> None:
    server = ManageSieveServer(post)
    lmtp_port = smtp.serve(post, Role.LMTP)
    script = b'require "ereject"; ereject "No thanks.";'
    async with server.client(server.listen()) as manager:
        await manager.ask(commands.PutScript("no", script))
        await manager.ask(commands.SetActive("no"))
        reply = await _deliver(lmtp_port, b"Subject: hi\r\n\r\nhello\r\n", SENDER)
        assert reply == "550 5.7.1 No thanks."
        await manager.ask(commands.SetActive(""))
        reply = await _deliver(lmtp_port, b"Subject: hi\r\n\r\nhello\r\n", SENDER)
        assert reply.startswith("250 2.0.0")

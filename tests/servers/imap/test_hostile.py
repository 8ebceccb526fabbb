"""Hostile IMAP dialogues: tests/support/hostile.py.

    python -m tests.servers.imap.test_hostile 100000 [SEED]

plays that many against one server; the test plays a few.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from merpati.servers.imap.session import ImapSettings
from tests.support import hostile
from tests.support.hostile import GROWTH_MAX, WAIT_MAX, Outcome, Vocabulary
from tests.support.imap import Client, serve
from tests.support.server import ANA, BUDI, PASSWORD, TestInstance

SHORT: Final = 400
LOGIN: Final = f"a LOGIN {ANA} {PASSWORD}\r\n".encode()
SELECT: Final = LOGIN + b"b SELECT INBOX\r\n"
IMAP: Final = Vocabulary(
    openings=(SELECT, SELECT, SELECT, LOGIN, b"a STARTTLS\r\n", b""),
    words=(
        b"1 FETCH 1:* (FLAGS ENVELOPE BODYSTRUCTURE)",
        b"2 FETCH 1 BODY[]",
        b"3 FETCH 1 BODY[1.2.3]<0.5>",
        b"4 FETCH 4294967295:* UID",
        b"5 FETCH 0 FLAGS",
        b"6 FETCH 1:2,3:4,* (BODY.PEEK[HEADER.FIELDS (A B)])",
        b"7 UID FETCH 1:* ALL",
        b"8 STORE 1:* +FLAGS (\\Deleted)",
        b"9 STORE 1 -FLAGS.SILENT (a b c)",
        b"a UID STORE 1:3 FLAGS ()",
        b"b EXPUNGE",
        b"c UID EXPUNGE 1:*",
        b"d SEARCH ALL",
        b"e SEARCH OR (FROM x) NOT (BODY y) SINCE 1-Jan-2000",
        b"f UID SEARCH CHARSET UTF-8 TEXT {3}\r\nabc",
        b"g SEARCH " + b"NOT " * 500 + b"ALL",
        b"h SEARCH " + b"(" * 900,
        b"i SELECT INBOX",
        b"j EXAMINE Drafts",
        b"k SELECT nowhere",
        b"l CREATE a/b/c",
        b'm CREATE ""',
        b"n DELETE a",
        b"o RENAME INBOX old",
        b'p LIST "" *',
        b'q LIST "" ' + b"*%" * 60,
        b'r LSUB "" *',
        b"s STATUS INBOX (MESSAGES UIDNEXT SIZE)",
        b"t COPY 1:* Trash",
        b"u MOVE 1:* Archive",
        b"v UID COPY 1 INBOX",
        b"w IDLE",
        b"DONE",
        b"x NOOP",
        b"y CHECK",
        b"z CLOSE",
        b"A UNSELECT",
        b"B LOGOUT",
        b"C CAPABILITY",
        b"D ID NIL",
        b"E NAMESPACE",
        b"F ENABLE CONDSTORE QRESYNC",
        b"G AUTHENTICATE PLAIN",
        b"H AUTHENTICATE PLAIN =",
        b"*",
        b"+",
        b"I APPEND INBOX {5}\r\nhello",
        b"J APPEND INBOX (\\Seen) {10+}\r\n0123456789",
        b"K APPEND INBOX {99999999999}",
        b"L APPEND nowhere {5+}\r\nhello",
        b"M APPEND INBOX {0+}\r\n",
        b"N LOGIN {3+}\r\nabc {2+}\r\nde",
        b"O LOGIN {4294967296}",
        b"P STARTTLS",
        b"",
        b" ",
        b"tag",
        b"tag ",
        b"\x00 NOOP",
        b"\xff\xfe NOOP",
        b"Q FETCH 1 (" + b"BODY[" * 200,
        b"R SELECT " + b"x" * 70_000,
        b"S NOOP " + b"(" * 5000,
        b"T SELECT INBOX (QRESYNC (1 2 1:100))",
        b"U FETCH 1:* FLAGS (CHANGEDSINCE 1 VANISHED)",
        b"V STORE 1 (UNCHANGEDSINCE 0) +FLAGS x",
        b"W SEARCH RETURN (MIN MAX COUNT SAVE) 1:*",
        b"X UID FETCH $ FLAGS",
        b"GET / HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b'Y LIST (SUBSCRIBED REMOTE) ("" a) (b {1+}\r\nc) RETURN (STATUS (MESSAGES) CHILDREN)',
    ),
)


async def play(folder: Path, count: int, seed: int) -> Outcome:
    """A campaign against a server of its own, over IMAP and IMAP without a password in clear."""
    async with TestInstance(folder) as instance:
        hostile.let_guess(instance)
        settings = ImapSettings(message_size=20_000, errors=10)
        ports = [serve(instance, settings=settings), serve(instance, plain=False)]
        for number in range(3):
            await instance.deliver(b"Subject: %d\r\n\r\nhello\r\n" % number)

        async def behave() -> None:
            client = await Client.connect(ports[0], BUDI, "INBOX")
            await client.ok("NOOP")
            await client.close()

        return await hostile.campaign(instance, ports, IMAP, behave, count, seed)


async def test_hostile_dialogues_harm_nobody(tmp_path: Path) -> None:
    found = await play(tmp_path, SHORT, 1)
    assert found.longest < WAIT_MAX
    assert found.grown < GROWTH_MAX


if __name__ == "__main__":
    hostile.main(play)

"""Hostile POP3 dialogues: tests/support/hostile.py.

    python -m tests.servers.pop3.test_hostile 100000 [SEED]

plays that many against one server; the test plays a few.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.servers.pop3.server import Pop3Server
from tests.support import hostile
from tests.support.hostile import GROWTH_MAX, WAIT_MAX, Outcome, Vocabulary
from tests.support.server import ANA, PASSWORD, TestInstance

SHORT: Final = 400
NAME: Final = b"USER " + ANA.encode() + b"\r\n"
OPEN: Final = NAME + b"PASS " + PASSWORD.encode() + b"\r\n"
POP3: Final = Vocabulary(
    openings=(OPEN, OPEN, OPEN, NAME, b"STLS\r\n", b""),
    words=(
        b"STAT",
        b"LIST",
        b"LIST 1",
        b"LIST 0",
        b"LIST 99999999999999999999",
        b"UIDL",
        b"UIDL 2",
        b"RETR 1",
        b"RETR 2 3",
        b"RETR -1",
        b"TOP 1 0",
        b"TOP 1 99999999999",
        b"TOP 1",
        b"DELE 1",
        b"DELE 1",
        b"RSET",
        b"NOOP",
        b"NOOP x",
        b"QUIT",
        b"CAPA",
        b"STLS",
        b"USER x",
        b"PASS y",
        b"PASS " + b"p" * 5000,
        b"APOP x y",
        b"AUTH",
        b"AUTH PLAIN",
        b"AUTH PLAIN =",
        b"AUTH X",
        b"*",
        b"=",
        b"",
        b" ",
        b"UTF8",
        b"LANG *",
        b"\x00" * 30,
        b"\xff\xfe",
        b"x" * 15_000,
        b"GET / HTTP/1.1",
        b"retr 1",
        b"RETR\t1",
        b"RETR 1 ",
        b"RETR  1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ),
)


async def play(folder: Path, count: int, seed: int) -> Outcome:
    """A campaign against a server of its own."""
    async with TestInstance(folder) as instance:
        hostile.let_guess(instance)
        server = Pop3Server(instance)
        ports = [server.listen(), server.listen(login_without_tls=False)]
        carla = await instance.add_account("carla@example.org")
        for number in range(3):
            await instance.deliver(b"Subject: %d\r\n\r\nhello\r\n" % number)
            await instance.deliver(b"Subject: %d\r\n\r\nhello\r\n" % number, carla)

        async def behave() -> None:
            server.connections.clear()
            async with server.client(ports[0], sign_in=False) as client:
                for command in ("USER carla@example.org", f"PASS {PASSWORD}", "STAT", "QUIT"):
                    answer = await client.ask(command)
                    assert answer.startswith("+OK"), answer

        return await hostile.campaign(instance, ports, POP3, behave, count, seed)


async def test_hostile_dialogues_harm_nobody(tmp_path: Path) -> None:
    found = await play(tmp_path, SHORT, 1)
    assert found.longest < WAIT_MAX
    assert found.grown < GROWTH_MAX


if __name__ == "__main__":
    hostile.main(play)

"""Hostile ManageSieve dialogues: tests/support/hostile.py.

    python -m tests.servers.managesieve.test_hostile 100000 [SEED]

plays that many against one server; the test plays a few.
"""

from __future__ import annotations

from base64 import b64encode
from pathlib import Path
from typing import Final

from merpati.wire.managesieve import commands
from merpati.wire.managesieve.responses import Condition
from tests.servers.managesieve.server import ManageSieveServer
from tests.support import hostile
from tests.support.hostile import GROWTH_MAX, WAIT_MAX, Outcome, Vocabulary
from tests.support.server import ANA, PASSWORD, TestInstance

SHORT: Final = 400
CARLA: Final = "carla@example.org"
OPEN: Final = b'AUTHENTICATE "PLAIN" "%b"\r\n' % b64encode(f"\0{ANA}\0{PASSWORD}".encode())
MANAGESIEVE: Final = Vocabulary(
    openings=(OPEN, OPEN, OPEN, b"STARTTLS\r\n", b'AUTHENTICATE "PLAIN"\r\n', b""),
    words=(
        b"CAPABILITY",
        b"LISTSCRIPTS",
        b'HAVESPACE "a" 100',
        b'HAVESPACE "a" 99999999999999999999',
        b'PUTSCRIPT "a" {5+}\r\nkeep;',
        b'PUTSCRIPT "b" {7+}\r\nkeep;\r\n',
        b'PUTSCRIPT "a" {1048577+}',
        b'PUTSCRIPT "a" {4294967295+}',
        b'PUTSCRIPT "a" {99999999999+}',
        b'PUTSCRIPT "a" "keep"',
        b'CHECKSCRIPT "if allof(' + b"not " * 3000 + b'true) { keep; }"',
        b'CHECKSCRIPT {20+}\r\nif header ["a" "b"] ',
        b"CHECKSCRIPT {0+}",
        b'SETACTIVE "a"',
        b'SETACTIVE ""',
        b'GETSCRIPT "a"',
        b"GETSCRIPT {1+}\r\na",
        b"GETSCRIPT {1}\r\na",
        b"GETSCRIPT {9000+}",
        b'GETSCRIPT "\xff"',
        b'RENAMESCRIPT "a" "b"',
        b'DELETESCRIPT "b"',
        b"NOOP",
        b'NOOP "x"',
        b"NOOP {3+}\r\nxyz {3+}\r\nxyz {3+}\r\nxyz {3+}\r\nxyz",
        b"UNAUTHENTICATE",
        b"LOGOUT",
        b"STARTTLS",
        b'AUTHENTICATE "PLAIN" "="',
        b'AUTHENTICATE "SCRAM-SHA-256" "biwsbj1hbmEscj1hYmM="',
        b'AUTHENTICATE "X"',
        b'"*"',
        b'"="',
        b"",
        b" ",
        b'"',
        b"{",
        b"{5+}",
        b"\x00" * 30,
        b"\xff\xfe",
        b"x" * 15_000,
        b"GET / HTTP/1.1",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ),
)


async def play(folder: Path, count: int, seed: int) -> Outcome:
    """A campaign against a server of its own."""
    async with TestInstance(folder) as instance:
        hostile.let_guess(instance)
        server = ManageSieveServer(instance)
        ports = [server.listen(), server.listen(login_without_tls=False)]
        await instance.add_account(CARLA)

        async def behave() -> None:
            server.connections.clear()
            async with server.client(ports[0], name=CARLA) as client:
                for command in (
                    commands.PutScript("mine", b"keep;"),
                    commands.SetActive("mine"),
                    commands.GetScript("mine"),
                    commands.Logout(),
                ):
                    answer = await client.ask(command)
                    assert answer.condition is Condition.OK, answer

        return await hostile.campaign(instance, ports, MANAGESIEVE, behave, count, seed)


async def test_hostile_dialogues_harm_nobody(tmp_path: Path) -> None:
    found = await play(tmp_path, SHORT, 1)
    assert found.longest < WAIT_MAX
    assert found.grown < GROWTH_MAX


if __name__ == "__main__":
    hostile.main(play)

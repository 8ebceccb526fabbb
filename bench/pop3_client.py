"""A POP3 client for measuring: it asks for many messages at once and keeps nothing."""

from __future__ import annotations

import io
import socket
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from bench.target import Target

SECONDS: Final = 300.0
BATCH: Final = 100  # messages asked for at once; an answer is awaited before the next
END: Final = b"\r\n.\r\n"


def download(target: Target, user: int, count: int) -> int:
    """Fetches the first so many messages of a maildrop; how many bytes came."""
    with (
        socket.create_connection(("127.0.0.1", target.ports.pop3), SECONDS) as session,
        session.makefile("rb") as answers,
    ):
        answers.readline()
        for words in (f"USER {target.user(user)}", f"PASS {target.password}"):
            session.sendall(f"{words}\r\n".encode())
            said = answers.readline()
            if not said.startswith(b"+OK"):
                raise RuntimeError(said.decode(errors="replace"))
        total = 0
        for start in range(1, count + 1, BATCH):
            numbers = range(start, min(start + BATCH, count + 1))
            session.sendall(b"".join([b"RETR %d\r\n" % number for number in numbers]))
            total += _drink(answers, len(numbers))
        session.sendall(b"QUIT\r\n")
        answers.readline()
    return total


def _drink(answers: io.BufferedReader, count: int) -> int:
    """Reads so many messages; how many bytes they were."""
    total, tail = 0, b""
    while count:
        piece = answers.read1(1 << 20)
        if not piece:
            raise EOFError(tail)
        total += len(piece)
        whole = tail + piece
        count -= whole.count(END)
        tail = whole[-4:]
    return total

"""Replies of a peer, line by line; what was read renders and reads back the same."""

from __future__ import annotations

from merpati.base.faults import SyntaxFault
from merpati.wire.dsn import classify
from merpati.wire.smtp import limits
from merpati.wire.smtp.replies import Reply, ReplyParser, render

SEEDS: list[bytes] = [
    b"220 mx.example.com ESMTP",
    b"250-mx.example.com\n250-SIZE 1000\n250 AUTH=LOGIN PLAIN",
    b"550-5.1.1 no such user\n550 5.1.1 here",
    b"250-mx.example.com\n250 LIMITS MAILMAX=100 RCPTMAX=50 RCPTDOMAINMAX=1",
    b"421",
    b"250-\n250 ",
]


def _read(lines: list[bytes]) -> list[Reply]:
    parser = ReplyParser()
    return [reply for line in lines if (reply := parser.feed(line)) is not None]


def target(data: bytes) -> None:
    try:
        replies = _read(data.split(b"\n"))
    except SyntaxFault:
        return
    for reply in replies:
        limits.announced(reply.capabilities())
        classify(reply)
        if any(len(line.encode()) > 400 for line in reply.lines):
            continue  # folded when written
        rendered = render(reply.code, reply.enhanced, "\n".join(reply.lines), utf8=True)
        if _read(rendered.split(b"\r\n")[:-1]) != [reply]:
            raise AssertionError(reply)

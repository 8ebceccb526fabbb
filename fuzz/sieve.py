"""Sieve scripts: any bytes are a program or a list of what is wrong, and any program ends."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from merpati.wire.sieve import edits, grammar, program, rules, writer
from merpati.wire.sieve.budget import Limits
from merpati.wire.sieve.compiler import compile_script
from merpati.wire.sieve.interpreter import run
from merpati.wire.sieve.message import Envelope, read
from merpati.wire.sieve.program import SieveFault

SEEDS: list[bytes] = [
    part.partition("'''")[0].encode()
    for path in sorted(Path(__file__).parents[1].glob("tests/corpora/sieve/*.toml"))
    for part in path.read_text().split("script = '''\n")[1:]
]
DICTIONARY: list[bytes] = [
    *(b'"', b"{", b"}", b"(", b")", b"[", b"]", b",", b";", b"\\", b"text:\r\n", b"\r\n.\r\n"),
    *(b"/*", b"*/", b"# rule: x\r\n", b"#| keep;\r\n", b"${1}", b"${hex:40}", b"100K"),
    *(b"if ", b"elsif ", b"else ", b"not ", b"anyof (", b"allof (", b"foreverypart {", b"break;"),
    *(b":matches", b":regex", b":count", b":index 1", b":mime", b":anychild", b"*?*?"),
    b'require ["variables", "fileinto", "body", "regex", "mime", "foreverypart", "editheader"];',
]
MESSAGE = (
    b'From: "A" <a@example.com>\r\nSubject: =?utf-8?q?=C3=A9?= x\r\nReceived: a; bad date\r\n'
    b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\ntext\r\n--b\r\n"
    b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n\r\nx\r\n--b--\r\n"
)
ENVELOPE = Envelope(
    sender="a@example.com",
    recipient="me+x@example.org",
    now=datetime(2026, 11, 22, tzinfo=UTC),
    owner="me@example.org",
)
LIMITS = Limits(work=100_000, text=100_000)


def target(data: bytes) -> None:
    _written_again(data)
    try:
        compiled = compile_script(data, limit=64 * 1024)
    except SieveFault:
        return
    stored = program.encode(compiled)
    assert program.decode(stored) == compiled
    for message in (MESSAGE, data):
        steps = run(compiled, read(message), ENVELOPE, LIMITS, explained=True)
        answer: Any = None
        try:
            while True:
                question = steps.send(answer)
                answer = compiled if type(question).__name__ == "Script" else None
        except StopIteration as end:
            outcome = end.value
        assert outcome.actions
        for edition in outcome.editions:
            edits.render(message, edition)


def _written_again(data: bytes) -> None:
    """What is written reads the same; rules come back as they were."""
    try:
        tree = grammar.read(data, 64 * 1024)
    except SieveFault:
        return
    written = writer.write(tree)
    again = grammar.read(written)
    assert _bare(again.commands) == _bare(tree.commands)
    assert writer.write(again) == written
    sheet = rules.write_rules(rules.parse_rules(data))
    assert rules.write_rules(rules.parse_rules(sheet)) == sheet


def _bare(nodes: list[grammar.Node]) -> list[Any]:
    """Commands without their places and comments."""
    return [
        (
            node.name,
            [(type(one), getattr(one, "texts", None) or getattr(one, "value", None)
              or getattr(one, "name", None)) for one in node.arguments],
            _bare(node.tests),
            node.grouped,
            None if node.block is None else _bare(node.block),
        )
        for node in nodes
    ]  # fmt: skip

"""The commands of the imaptest scripts: each is read, or refused, as the script expects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from merpati.wire.imap import lexer, parser
from merpati.wire.imap.lexer import BadCommand, CommandReader

SCRIPTS = Path(__file__).parents[2] / "corpora" / "imaptest"
OFFERED = {
    *("condstore", "esearch", "id", "list-extended", "list-status", "move", "namespace"),
    *("qresync", "special-use", "uidplus", "unselect"),
}
NAMES = {name.decode().lower() for name in parser.NAMES} | {"uid"}
VERDICTS = {"ok", "no", "bad", '""'}
TEXTS = {"mailbox": "box", "sep": "/", "user": "me", "username": "me", "password": "pw"}


def value(match: re.Match[str]) -> str:
    name = match[1] or match[2]
    return "$" if name is None else TEXTS.get(name, "7")


def commands(text: str) -> Iterator[tuple[str, str]]:
    """Verdict (empty if the script gives none with it) and command of each command line."""
    body = re.sub(r"\{\{\{.*?\n\}\}\}", "", text, flags=re.DOTALL)
    for line in body.splitlines():
        words = line.split()
        if words and words[0].isdigit():
            words = words[1:]
        verdict = words.pop(0) if words and words[0] in VERDICTS else ""
        if words and words[0].startswith("tag"):
            words = words[1:]
        if words and words[0].lower() in NAMES and words[0][0] not in "*!?#":
            start = line.index(words[0], line.index(verdict) + len(verdict) if verdict else 0)
            yield verdict, re.sub(r"\$(?:\{(\w+)\}|(\w+)|\$)", value, line[start:])


def offered(path: Path) -> list[tuple[str, str]]:
    """The commands of a script, none if it needs what is not offered."""
    head, _, body = path.read_text("latin-1").partition("\n\n")
    needed = re.search(r"^capabilities: *(.*)$", head, re.MULTILINE)
    if needed and not set(needed[1].lower().split()) <= OFFERED:
        return []
    return list(commands(body if ":" in head else head + "\n\n" + body))


FOUND = {
    path.name: found
    for path in sorted(SCRIPTS.iterdir())
    if path.is_file() and path.suffix != ".mbox" and path.name != "LICENSE"
    for found in [offered(path)]
    if found
}


def test_the_scripts_hold_many_commands() -> None:
    assert len(FOUND) > 35
    assert sum(map(len, FOUND.values())) > 500


@pytest.mark.parametrize("name", FOUND)
def test_commands_are_read_as_the_script_expects(name: str) -> None:
    for verdict, command in FOUND[name]:
        if command.split()[0].lower() == "append":  # the script's player supplies the message
            continue
        reader = CommandReader(lexer.BEFORE_LOGIN if name == "id" else lexer.AFTER_LOGIN)
        line = b"tag " + command.encode("latin-1")
        assert len(line) <= reader.limits.line
        assert reader.feed(line) is None
        if verdict == "bad":
            with pytest.raises(BadCommand):
                parser.parse(reader)
        else:
            parser.parse(reader)

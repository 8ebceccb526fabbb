"""Every sentence that a command can print exists in Indonesian, and no dictionary has a stale one.

A sentence in English is the key of its translation, so a changed sentence would lose it without
a word. Here the sources are read: each sentence must have its entry, and each entry its sentence.
"""

from __future__ import annotations

import argparse
import getopt
import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

import merpati
from merpati.app import cli, config, language
from merpati.app.config import GROUPS
from merpati.app.indonesian import COMMANDS, PHRASES
from merpati.app.installation import LISTENER
from merpati.app.listeners import Listener
from merpati.base import settings
from merpati.services.indonesian import SERVICES
from merpati.store.damage import Damage
from merpati.wire.sieve import explain
from tests.support import dictionaries

SOURCE: Final = Path(merpati.__file__).parent
DOCTOR: Final = Path(__file__).parents[1] / "corpora" / "doctor"
SOURCES: Final = [file for file in SOURCE.rglob("*.py") if "indonesian" not in file.parts]
APP: Final = [file for file in SOURCES if file.is_relative_to(SOURCE / "app")]
TELLING: Final = [*APP, *(SOURCE / "services").rglob("*.py"), *(SOURCE / "store").rglob("*.py")]
FLOORS: Final = ("base", "model", "net", "store", "services", "app")
TYPED: Final = ("merpati ", "curl ")  # what to type is the same in every language
LIBRARY: Final = [Path(argparse.__file__), Path(getopt.__file__)]  # usage errors are theirs

# What no reader of Indonesian is told: names of leases, help of metrics, and what is stored.
SILENT: Final = {
    "backup turn", "dmarc counts", "dmarc reports", "dmarc history", "complaints history",
    "tls counts", "tls reports",
    "tls history", "web push", "member add", "member remove", "a command sends no report",
    "held by an administrator", "its password is known to others", "the old one stays in use",
}  # fmt: skip

# Put together where no source shows it as a whole; each stands here with how it was tried.
PIECES: Final = {
    "none, read, write or all, or letters of RFC 4314",
    "https://...",
    "with the flags x1",
    "x0, x2: all is well.",
}
COMPOSED: Final = {
    # the plan of `config apply`, the limits of `guard set` and the actions of Sieve
    *(f"{what} per {span}: {{value}}" for what in ("messages", "recipients", "strangers")
      for span in ("hour", "day")),
    # by the names of the errors of the operating system
    "connection refused", "network is unreachable", "no route to host",
    "invalid int value: {value}",
    # by the steps of a connection, in net/smtp_link.py
    "{host} closed the connection, at step {step}.",
    "{host} did not answer in time, at step {step}.",
    # by what TLS was doing, in net/channel.py
    "The TLS handshake with {peer} failed: {reason}.",
    "The TLS session with {peer} failed: {reason}.",
    "{test} is true: {found}", "{test} is false: {found}",
    "any (own)",
    # by what a script files with, in app/commands/sieve.py
    "the message is filed into {mailbox}, which is made if it is missing with the flags {flags}",
}  # fmt: skip


def parser_of(name: str) -> argparse.ArgumentParser:
    module = importlib.import_module(f"merpati.app.commands.{cli.MODULES.get(name, name)}")
    parser = language.Parser(prog=f"merpati {name}", description=module.__doc__)
    module.configure(parser)
    return parser


def helped(parser: argparse.ArgumentParser) -> Iterator[str]:
    """Every text that the help of a command and of its actions has."""
    yield (parser.description or "").strip()
    for action in parser._actions:  # argparse has no other way to them
        if action.help and action.help != argparse.SUPPRESS:
            yield action.help
        if isinstance(action, argparse._SubParsersAction):
            yield from (one.help or "" for one in action._choices_actions)
            for part in action.choices.values():
                yield from helped(part)


def missing(texts: Iterator[str] | list[str]) -> set[str]:
    """Those without an entry, or with a part that has none."""
    stripped = {text.strip() for text in texts}
    return {
        text for text in stripped - SILENT - PIECES
        if dictionaries.is_sentence(text) and not PHRASES.knows(text)
    }  # fmt: skip


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "sendmail"])
def test_every_help_text_of_a_command_is_there_in_both_languages(name: str) -> None:
    assert missing(text for text in helped(parser_of(name)) if text) == set()


def test_the_overview_says_what_each_command_is_for_in_both() -> None:
    assert missing(list(cli.COMMANDS.values())) == set()


@pytest.mark.parametrize("file", APP, ids=lambda file: file.stem)
def test_every_sentence_in_the_sources_of_the_commands_is_there_in_both(file: Path) -> None:
    if file.stem == "health":  # it speaks to programs
        return
    whole = dictionaries.sentences(file)
    lines = [
        line
        for text in whole
        for line in ([text] if PHRASES.knows(text.strip()) else text.split("\n"))
    ]
    told = [line for line in lines if dictionaries.reads_like_one(line)]
    assert {line for line in missing(told) if not line.startswith(TYPED)} == set()


@pytest.mark.parametrize("call", [("say", 0), ("tell", 0), ("print_table", 2), ("_say", 0)])
def test_every_word_that_a_command_prints_is_there_in_both(call: tuple[str, int]) -> None:
    texts = [text for file in APP for text in dictionaries.arguments(file, *call)]
    lines = [
        line for text in texts for line in text.split("\n") if dictionaries.reads_like_one(line)
    ]
    assert texts
    assert {line for line in missing(lines) if not line.startswith(TYPED)} == set()


def test_every_fault_of_the_floors_below_is_there_in_both() -> None:
    files = [file for floor in FLOORS for file in (SOURCE / floor).rglob("*.py")]
    faults = [text for file in files for text in dictionaries.arguments(file, "Fault", 1)]
    assert len(faults) > 250
    assert missing(faults) == set()


def test_why_something_was_left_out_of_an_import_is_there_in_both() -> None:
    files = (SOURCE / "services" / "moving").glob("*.py")
    reasons = [text for file in files for text in dictionaries.arguments(file, "skip", 1)]
    assert len(reasons) > 1
    assert missing(reasons) == set()


def test_every_setting_and_what_can_be_wrong_with_it_is_there_in_both() -> None:
    groups = {**GROUPS, LISTENER: Listener}
    texts = [settings.summary(group) for group in groups.values()]
    for group in groups.values():
        texts += [one.text for one in settings.declared(group).values()]
        texts += [one.unit for one in settings.declared(group).values() if len(one.unit) > 1]
    assert missing([text for text in texts if text != "bytes"]) == set()
    owners = {
        Path(str(importlib.import_module(group.__module__).__file__)) for group in groups.values()
    }
    files = [*owners, SOURCE / "base" / "values.py", SOURCE / "base" / "settings.py",
             SOURCE / "model" / "networks.py"]  # fmt: skip
    wrong = [
        text
        for file in files
        if file.exists()
        for text in dictionaries.arguments(file, "ValueError", 0)
    ]
    said = [f"file: [table] {text}" for text in wrong if dictionaries.reads_like_one(text)]
    assert len(said) > 25
    assert missing(said) == set()
    assert missing(list(config.HEADER)) == set()


def test_damages_and_what_scripts_do_are_there_in_both() -> None:
    assert missing([one.value for one in Damage]) == set()
    fields = {
        name: "true" if name == "result" else "x1"
        for text in explain.SENTENCES.values()
        for name in re.findall(r"\{(\w+)\}", text)
    }
    told = [text.format_map(fields) for text in explain.SENTENCES.values()]
    assert missing([text for text in told if dictionaries.reads_like_one(text)]) == set()


def test_every_entry_still_has_its_sentence() -> None:
    known = dictionaries.literals([*SOURCES, *LIBRARY])
    whole = [
        re.sub(r"x\d+", "\n", text) for file in TELLING for text in dictionaries.sentences(file)
    ]
    cases = [file.read_text() for file in DOCTOR.glob("*.toml")]
    text = re.sub(r"[ \t]+", " ", "\n".join([known, *whole, *cases]))
    stale = {
        english
        for book in (*COMMANDS, *SERVICES)
        for english in book
        if not all(words in text for words in dictionaries.own_words(english))
    }
    assert stale - COMPOSED == set()


def test_no_entry_stands_in_two_dictionaries() -> None:
    books = [*COMMANDS, *SERVICES]
    assert sum(map(len, books)) == len({english for book in books for english in book})


def test_an_entry_uses_every_field_of_its_english_and_no_other() -> None:
    books = {english: other for book in COMMANDS for english, other in book.items()}
    assert dictionaries.unknown_fields(books) == []


def test_no_english_is_left_in_what_commands_say_in_indonesian() -> None:
    left = {
        other: words
        for book in COMMANDS
        for other in book.values()
        if (
            words := dictionaries.english_in(
                re.sub(r"(: to, cc|--to|set-ntp|merpati|chmod) [^;]*|: to, cc.*", "", other)
            )
        )
    }
    assert left == {}

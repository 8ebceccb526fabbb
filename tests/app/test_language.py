"""The command line in English and Indonesian; each text of the commands covered has both."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from merpati.app import cli, language
from merpati.app.commands import doctor
from merpati.app.indonesian import COMMANDS, PHRASES
from merpati.services.diagnose.findings import ok, problem
from tests.app.conftest import Merpati
from tests.support import dictionaries

COVERED: Final = (
    "init", "serve", "account", "domain", "dns", "doctor", "queue", "trace", "check", "backup",
    "audit",
)  # fmt: skip
FOLDER: Final = Path(doctor.__file__).parent
BOOKS: Final = {one: text for book in COMMANDS for one, text in book.items()}


@pytest.fixture
def indonesian(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MERPATI_LANG", "id")


def parser_of(name: str) -> argparse.ArgumentParser:
    module = importlib.import_module(f"merpati.app.commands.{name}")
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


@pytest.mark.parametrize("name", COVERED)
def test_every_help_text_of_a_command_is_there_in_both_languages(name: str) -> None:
    texts = {text for text in helped(parser_of(name)) if text}
    assert {text for text in texts if not PHRASES.knows(text)} == set()


@pytest.mark.parametrize("name", [*COVERED, "sign_in"])
def test_every_line_that_a_command_prints_is_there_in_both_languages(name: str) -> None:
    file = FOLDER / f"{name}.py"
    texts = [text.strip() for text in dictionaries.arguments(file, "say", 0)]
    texts += dictionaries.arguments(file, "print_table", 2)
    texts += dictionaries.arguments(file, "Fault", 1)
    spoken = {text for text in texts if dictionaries.is_sentence(text)}
    assert {text for text in spoken if not PHRASES.knows(text)} == set()


@pytest.mark.parametrize("text", cli.COMMANDS.values())
def test_the_overview_says_what_each_command_is_for_in_both(text: str) -> None:
    assert PHRASES.knows(text)


def test_an_entry_uses_no_field_that_its_english_has_not() -> None:
    assert dictionaries.unknown_fields(BOOKS) == []


def test_no_entry_stands_in_two_dictionaries() -> None:
    assert sum(map(len, COMMANDS)) == len(BOOKS)


@pytest.mark.usefixtures("indonesian")
def test_the_overview_in_indonesian() -> None:
    told = cli.usage()
    assert told.startswith("pemakaian: merpati PERINTAH [ARGUMEN]\n")
    assert "  queue      surat yang menunggu dikirim\n" in told


@pytest.mark.usefixtures("indonesian")
def test_help_in_indonesian(merpati: Merpati) -> None:
    done = merpati("backup", "--help")
    assert done.out.startswith("pemakaian: merpati backup ")
    assert "Cadangkan semuanya ke sebuah folder" in done.out
    assert "merpati backup verify [DEST]   baca setiap berkas" in done.out
    assert "\nopsi:\n" in done.out
    assert "tampilkan bantuan ini lalu keluar" in done.out
    assert "buat akun" in merpati("account", "--help").out
    assert "misalnya 2GB; 0: tanpa kuota" in merpati("account", "add", "--help").out


@pytest.mark.usefixtures("indonesian")
def test_wrong_usage_in_indonesian(merpati: Merpati) -> None:
    done = merpati("domain", "add")
    assert done.status == 2
    assert done.err.startswith("pemakaian: merpati domain add [-h]")
    assert done.err.endswith("merpati domain add: galat: argumen berikut harus diberikan: domain\n")
    assert (
        "galat: argumen --quota: 'x' bukan ukuran"
        in merpati("domain", "set", "a.id", "--quota", "x").err
    )
    assert merpati("dommain").err == "merpati: tidak ada perintah dommain; maksud Anda domain?\n"


@pytest.mark.usefixtures("indonesian")
def test_what_commands_do_is_told_in_indonesian(merpati: Merpati) -> None:
    said = merpati("domain", "add", "b.id").out
    assert said == "b.id sekarang dilayani di sini. Terbitkan catatannya: merpati dns b.id\n"
    assert merpati("domain", "add", "b.id").err == "merpati domain: domain b.id sudah ada\n"
    assert merpati("account", "add", "ana@b.id").out.startswith("Akun ana@b.id sudah siap.\n")
    listed = merpati("account", "list", "b.id").out
    assert listed.startswith("ALAMAT ")
    assert "  tanpa" in listed
    assert merpati("queue", "list").out == "Antrean kosong.\n"
    assert "semua beres." in merpati("check").out
    assert "PTR: pihak yang memberi Anda alamat IP" in merpati("dns", "b.id").out
    assert "<alamat IPv4 server ini>" in merpati("dns", "b.id").out


@pytest.mark.usefixtures("indonesian")
def test_programs_read_english_whatever_is_spoken(merpati: Merpati) -> None:
    found = merpati("dns", "a.id", "--json").json
    assert found["records"][0]["purpose"] == "where this server is"


@pytest.mark.usefixtures("indonesian")
def test_findings_in_indonesian() -> None:
    found = {
        "a.id": [
            problem("mx", "No mail can arrive.", "It does not arrive here.", "Remove all but one."),
            ok("ptr", "192.0.2.1 leads back to mail.a.id."),
        ]
    }
    assert doctor.tell(found) == [
        "a.id",
        "  MASALAH  mx   Tidak ada surat yang dapat masuk.",
        "                Sebab:   Surat itu tidak sampai ke sini.",
        "                Lakukan: Hapus semuanya kecuali satu.",
        "  baik     ptr  192.0.2.1 mengarah kembali ke mail.a.id.",
        "",
        "1 masalah.",
    ]


def test_the_locale_decides_when_nothing_else_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MERPATI_LANG", "LC_ALL", "LC_MESSAGES"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("LANG", "id_ID.UTF-8")
    assert language.tell("The queue is empty.") == "Antrean kosong."
    monkeypatch.setenv("LANG", "en_US.UTF-8")
    assert language.tell("The queue is empty.") == "The queue is empty."

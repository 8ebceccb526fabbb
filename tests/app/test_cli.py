from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from merpati.app import cli
from tests.app.conftest import Merpati
from tests.support.instance import SENDMAIL, run

# What takes long to load and `merpati --help` does not need.
HEAVY = {"asyncio", "apsw", "cryptography", "dns", "msgspec", "uvloop", "ssl", "json"}


def imported_by(code: str) -> set[str]:
    script = f"import sys; {code}; print(*sys.modules, file=sys.stderr)"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(done.stderr.split())


def test_help_loads_nothing_that_takes_long() -> None:
    found = imported_by("from merpati.app import cli; cli.main(['--help'])")
    assert found.isdisjoint(HEAVY)
    assert "merpati.app.cli" in found


def test_sendmail_loads_no_server_no_resolver_and_no_tls() -> None:
    found = imported_by("import merpati.app.sendmail")
    assert found.isdisjoint({"dns", "cryptography", "uvicorn", "uvloop"})
    assert not [name for name in found if name.startswith("merpati.servers")]


def test_the_command_without_words_explains_itself_and_is_wrong_usage(merpati: Merpati) -> None:
    assert merpati() == (cli.WRONG_USAGE, "", cli.usage())


def test_the_overview_has_every_command(merpati: Merpati) -> None:
    done = merpati("--help")
    assert (done.status, done.err) == (0, "")
    for name in cli.COMMANDS:
        assert f"\n  {name} " in done.out


@pytest.mark.parametrize("name", [name for name in cli.COMMANDS if name != "sendmail"])
def test_every_command_has_help_that_is_its_docstring(name: str, merpati: Merpati) -> None:
    done = merpati(name, "--help")
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"usage: merpati {name}")
    about = (
        importlib.import_module(f"merpati.app.commands.{cli.MODULES.get(name, name)}").__doc__ or ""
    )
    assert about.strip().splitlines()[0] in done.out


def test_the_version_is_shown(merpati: Merpati) -> None:
    assert merpati("--version") == (0, "merpati 0.1.0\n", "")


def test_a_misspelt_command_is_wrong_usage_with_what_was_meant(merpati: Merpati) -> None:
    assert merpati("acount") == (
        2, "", "merpati: there is no command acount; did you mean account?\n",
    )  # fmt: skip
    assert merpati("xyzzy") == (2, "", "merpati: there is no command xyzzy; see: merpati --help\n")


def test_wrong_options_are_wrong_usage(merpati: Merpati) -> None:
    done = merpati("account", "add")
    assert done.status == 2
    assert "the following arguments are required: address" in done.err


def test_without_a_configuration_every_place_is_named(tmp_path: Path) -> None:
    done = run("account", "list", env={"MERPATI_CONFIG": ""}, cwd=tmp_path)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("merpati account: There is no configuration file: not given")
    assert len(done.stderr.splitlines()) == 1


def test_a_named_configuration_that_is_missing_is_one_line(tmp_path: Path) -> None:
    done = run("queue", "list", "-c", tmp_path / "none.toml")
    assert done.returncode == 1
    assert done.stderr == (
        f"merpati queue: There is no configuration file {tmp_path}/none.toml:"
        ' check -c, or make one with "merpati init".\n'
    )


def test_a_list_whose_reader_leaves_ends_quietly(folder: Path) -> None:
    script = f"{sys.executable} -m merpati.app.cli config show -c {folder}/merpati.toml | true"
    done = subprocess.run(script, shell=True, capture_output=True, text=True, check=False)
    assert done.stderr == ""


@pytest.mark.parametrize("words", [("--help",), ("config", "sample"), ("--version",)])
def test_a_disk_that_is_full_of_output_is_one_line(words: tuple[str, ...]) -> None:
    script = [sys.executable, "-m", "merpati.app.cli", *words]
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(script, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == (
        f"merpati {words[0]}: the output cannot be written, the disk is full; free some space\n"
    )


def test_with_closed_standard_streams_no_file_takes_their_place(folder: Path) -> None:
    script = f"{sys.executable} -m merpati.app.cli account list -c {folder}/merpati.toml <&- >&-"
    done = subprocess.run(script, shell=True, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_words_that_are_not_utf_8_are_wrong_usage(merpati: Merpati) -> None:
    done = merpati("account", "show", "a\udcff@a.id")
    assert (done.status, done.err) == (
        2, "merpati account: what was typed is not UTF-8; type it again\n",
    )  # fmt: skip


@pytest.mark.parametrize("number", ["-1", "x", "257"])
def test_workers_are_a_number_that_can_be(merpati: Merpati, number: str) -> None:
    done = merpati("serve", f"--workers={number}")
    assert done.status == 2
    assert f"'{number}' is not a number from 0 to 256" in done.err


def test_a_role_that_there_is_not_is_wrong_usage(merpati: Merpati) -> None:
    done = merpati("serve", "--role", "mx", "postman")
    assert done.status == 2
    assert "argument --role: invalid choice: 'postman'" in done.err


def test_the_console_scripts_are_installed() -> None:
    assert run("--version").stdout == "merpati 0.1.0\n"
    done = subprocess.run([SENDMAIL, "-V"], capture_output=True, text=True, check=True)
    assert done.stdout == "merpati 0.1.0\n"

"""Backups to a bucket by the commands, over a network that is cut on the way."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from merpati.store.backup import bucket as buckets
from merpati.store.backup import repository as repositories
from merpati.store.backup import seal
from tests.app.conftest import Merpati
from tests.support.seaweed import KEY_ID, SECRET, SeaweedFs, Wire

LETTERS = 12
SIZE = 60_000


@pytest.fixture(autouse=True)
def quick_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half a second and 128 MiB for each opening are for those who guess."""
    monkeypatch.setattr(seal, "_COST", {"n": 2**4, "r": 8, "p": 1})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SeaweedFs]:
    with SeaweedFs(tmp_path_factory.mktemp("s3")) as one:
        one.bucket("backups")
        yield one


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    """The options that every command wants."""
    key, passphrase = tmp_path / "key", tmp_path / "passphrase"
    key.write_text(f"{KEY_ID}\n{SECRET}\n")
    passphrase.write_text("burung merpati terbang\n")
    for file in (key, passphrase):
        file.chmod(0o600)
    return ["--bucket-key-file", str(key), "--passphrase-file", str(passphrase)]


def mail(folder: Path) -> Path:
    root = folder / "maildir"
    for name in ("cur", "new", "tmp"):
        (root / name).mkdir(parents=True)
    for n in range(LETTERS):
        text = f"From: x@y.z\r\nSubject: letter {n}\r\n\r\n{os.urandom(SIZE // 2).hex()}\r\n"
        (root / "cur" / f"{n}:2,S").write_bytes(text.encode())
    return root


def test_a_backup_goes_on_where_the_network_was_cut_and_everything_comes_back(
    merpati: Merpati, folder: Path, server: SeaweedFs, tmp_path: Path, files: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(repositories, "PACK_SIZE", 100_000)
    monkeypatch.setattr(buckets, "RETRIES", 1)
    monkeypatch.setattr(buckets, "STALE", timedelta(seconds=-60))
    merpati("account", "add", "ani@a.id", "--password-stdin", text="merpati terbang\n")
    merpati("import", "maildir", "ani@a.id", str(mail(tmp_path)))
    wire = Wire(server.port, cut_after=LETTERS * SIZE // 3)
    url = f"http://127.0.0.1:{wire.port}/backups/merpati"
    cut = merpati("backup", url, *files)
    assert wire.was_cut.is_set(), cut
    assert (cut.status, "it goes on where it ended" in cut.err) == (1, True)
    assert "127.0.0.1 cannot be reached" in cut.err
    wire.mend()
    listed = merpati("backup", "list", url, *files, "--json").json
    assert (listed["snapshots"], "cannot be reached" in listed["runs"][0]["problem"]) == ([], True)

    taken = merpati("backup", url, *files, "--json").json
    assert (taken["messages"], taken["damaged"]) == (LETTERS, [])
    assert 0 < taken["written"] < taken["bytes"] * 0.4  # random hex packs to a half: part was there
    again = merpati("backup", url, *files, "--json").json
    assert again["written"] < 50_000
    proof = merpati("backup", "verify", url, *files)
    assert (proof.status, "2 snapshots" in proof.out, "all is well" in proof.out) == (0, True, True)
    pruned = merpati("backup", "prune", url, *files, "--json").json
    assert len(pruned["removed"]) == 1

    elsewhere = tmp_path / "elsewhere"
    done = merpati("restore", url, "--to", str(elsewhere), *files)
    assert done.status == 0, done.err
    assert f"2 accounts, {LETTERS} messages" in done.out
    checked = merpati("check", "-c", str(elsewhere / "merpati.toml"))
    assert checked.out == f"2 accounts, {LETTERS} messages: all is well.\n"
    merpati("account", "remove", "ani@a.id", "--yes")
    brought = merpati("restore", url, "--account", "ani@a.id", "--mailbox", "INBOX", *files)
    assert f"{LETTERS} emails came back" in brought.out
    wire.close()
    for file in folder.rglob("*"):  # the store and its log among them
        assert not file.is_file() or SECRET.encode() not in file.read_bytes(), file
    shutil.rmtree(elsewhere)


def test_a_bucket_wants_its_key_and_a_passphrase(
    merpati: Merpati, server: SeaweedFs, files: list[str]
) -> None:
    url = f"{server.url}/backups/other"
    without = merpati("backup", url)
    assert without.status == 1
    assert "name the file of its key: --bucket-key-file" in without.err
    plain = merpati("backup", url, *files[:2])
    assert "what goes there is encrypted" in plain.err
    nothing = merpati("restore", url, "--account", "ani@a.id", *files)
    assert f"{url} is no backup" in nothing.err


def test_regular_backups_go_to_the_bucket_that_the_settings_name(
    merpati: Merpati,
    folder: Path,
    server: SeaweedFs,
    files: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("os.nice", lambda _more: 0)  # it would be this process's for good
    url = f"{server.url}/backups/regular"
    config = folder / "merpati.toml"
    before = config.read_text()
    try:
        lines = f'[backup]\nbucket = "{url}"\nbucket_key_file = "{files[1]}"\n'
        config.write_text(before.replace("[backup]\n", lines))
        refused = merpati("backup")
        assert "a bucket wants passphrase_file and bucket_key_file, too" in refused.err
        lines += f'passphrase_file = "{files[3]}"\n'
        config.write_text(before.replace("[backup]\n", lines))
        assert merpati("backup", "--regular").status == 0
        (run,) = merpati("backup", "list", "--json").json["runs"][:1]
        assert (run["target"], run["problem"], run["verifiedAt"] > 0) == (url, "", True)
    finally:
        config.write_text(before)

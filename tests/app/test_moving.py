"""import, export, collector and pop3 on an installation without a running server."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from merpati.store import directory, remote
from merpati.store.remote import RemoteMessage
from merpati.store.sqlite import SqliteStore
from tests.app.conftest import Merpati

ADDRESS = "admin@a.id"
MBOX = b"From a@b.id Tue Nov 14 22:13:20 2023\nSubject: one\n\nhello\n\n"


def test_an_mbox_comes_in_once_and_goes_out_again(merpati: Merpati, tmp_path: Path) -> None:
    file = tmp_path / "Old.mbox"
    file.write_bytes(MBOX * 3)
    done = merpati("import", "mbox", ADDRESS, str(file))
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(f"{ADDRESS}: 3 added (69 B), 0 were here already")
    assert merpati("import", "mbox", ADDRESS, str(file), "--json").json["known"] == 3
    out = merpati("export", "mbox", ADDRESS, str(tmp_path / "out"))
    assert out.out.startswith(f"{ADDRESS}: 3 written")
    assert (tmp_path / "out" / "Old.mbox").read_bytes().count(b"\nSubject: one\n") == 3
    assert merpati("import", "forget", ADDRESS).out.startswith("Forgotten: 1 imported")


def test_what_cannot_be_read_is_named_and_fails_the_command(
    merpati: Merpati, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "Good").write_bytes(MBOX)
    (tmp_path / "Bad").write_bytes(b"no mbox\n")
    done = merpati("import", "mbox", ADDRESS, str(tmp_path))
    assert done.status == 1
    assert "1 added" in done.out
    assert "Bad: it does not begin with a line From" in done.out
    monkeypatch.setenv("MERPATI_LANG", "id")
    assert "Bad: tidak diawali baris From" in merpati("import", "mbox", ADDRESS, str(tmp_path)).out


def test_a_path_without_mail_is_told(merpati: Merpati, tmp_path: Path) -> None:
    done = merpati("import", "maildir", ADDRESS, str(tmp_path))
    assert done.status == 1
    assert "is no Maildir" in done.err


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("user,pass\na,b\n", "no such column: pass"),
        ("user\nana\n", "account 1: password is missing"),
        ("user,password,security\nana,x,maybe\n", "security is one of"),
    ],
)
def test_a_list_of_accounts_that_is_wrong_names_the_place(
    merpati: Merpati, tmp_path: Path, text: str, wanted: str
) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text(text)
    done = merpati("import", "imap", "--accounts", str(file), "--host", "127.0.0.1")
    assert done.status == 1
    assert wanted in done.err


def test_accounts_that_are_not_complete_are_named_at_the_end(
    merpati: Merpati, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "accounts.csv"
    file.write_text(f"User;Password;Target\r\nana;x;{ADDRESS}\r\nbudi;x;nobody@a.id\r\n")
    words = ("--accounts", str(file), "--host", "127.0.0.1", "--port", "1", "--security", "none")
    done = merpati("import", "imap", *words)
    assert done.status == 1
    assert f"2 of 2 accounts not complete: {ADDRESS}, nobody@a.id; mend" in done.err
    monkeypatch.setenv("MERPATI_LANG", "id")
    told = merpati("import", "imap", *words)
    assert f"2 dari 2 akun belum lengkap: {ADDRESS}, nobody@a.id; perbaiki" in told.err
    assert "terputus: 127.0.0.1 port 1 tidak terjangkau: koneksi ditolak." in told.out


def test_a_collector_is_kept_changed_and_removed(merpati: Merpati, folder: Path) -> None:
    words = ("--host", "127.0.0.1", "--user", "ana", "--no-check", "--every", "5m")
    done = merpati("collector", "add", ADDRESS, *words, text="geheim\n")
    assert done.status == 0, done.err
    number = done.out.split()[1]
    assert b"geheim" not in (folder / "data" / "merpati.sqlite").read_bytes()
    assert "geheim" not in merpati("collector", "show", number, "--json").out
    assert merpati("collector", "set", number, "--host", "localhost", "--delete").status == 0
    shown = merpati("collector", "show", number, "--json").json
    assert (shown["host"], shown["keep_days"], shown["every"]) == ("localhost", 0, 300)
    assert merpati("collector", "set", number, "--every", "5").status == 1
    assert merpati("collector", "remove", number).status == 0
    assert merpati("collector", "show", number).status == 1


def test_what_a_collector_could_not_have_is_named(
    merpati: Merpati, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = ("--host", "127.0.0.1", "--user", "ana", "--no-check")
    number = merpati("collector", "add", ADDRESS, *words, text="geheim\n").out.split()[1]

    async def note() -> None:
        store = SqliteStore(folder / "data" / "merpati.sqlite")
        account = await store.read(directory.account, ADDRESS)
        opened = await store.write(
            remote.open_folder, account.id, f"collector:{number}", "INBOX", 0, 0
        )
        rows = [
            RemoteMessage("u1", remote.NOT_HERE, "", 1, tries=3, problem="h port 1 said: gone"),
            RemoteMessage("u2", remote.NOT_HERE, "", 1, problem="a mail loop"),
        ]
        await store.write(remote.remember, account.id, opened.id, rows)
        await store.close()

    asyncio.run(note())
    shown = merpati("collector", "show", number).out
    assert "u1: tried 3 times, and tried again: h port 1 said: gone\n" in shown
    assert "u2: left there: a mail loop\n" in shown
    found = merpati("collector", "show", number, "--json").json["not_here"]
    assert found[0] == {"name": "u1", "tries": 3, "problem": "h port 1 said: gone"}
    monkeypatch.setenv("MERPATI_LANG", "id")
    assert "u1: sudah dicoba 3 kali, dan dicoba lagi: " in merpati("collector", "show", number).out


def test_the_standard_port_follows_the_protocol(merpati: Merpati) -> None:
    words = ("--host", "127.0.0.1", "--user", "ana", "--no-check")
    number = merpati("collector", "add", ADDRESS, *words, text="geheim\n").out.split()[1]
    for change, port in (
        (("--protocol", "imap"), 993), (("--security", "starttls"), 143),
        (("--port", "10143"), 10143), (("--security", "tls"), 10143),
    ):  # fmt: skip
        assert merpati("collector", "set", number, *change).status == 0
        assert merpati("collector", "show", number, "--json").json["port"] == port


def test_a_server_that_is_not_there_is_told_at_once(merpati: Merpati) -> None:
    done = merpati(
        "collector", "add", ADDRESS, "--host", "127.0.0.1", "--port", "1", "--security", "none",
        "--user", "ana", text="x\n",
    )  # fmt: skip
    assert done.status == 1
    assert "127.0.0.1 port 1 cannot be reached" in done.err


def test_what_is_chosen_for_pop3_is_shown(merpati: Merpati) -> None:
    done = merpati(
        "pop3", "set", ADDRESS, "--folders", "INBOX, Junk", "--expire", "30", "--mark-seen", "yes"
    )
    assert done.status == 0
    shown = merpati("pop3", "show", ADDRESS, "--json").json
    assert shown == {
        "folders": ["INBOX", "Junk"], "expire_days": 30, "mark_seen": True, "hide_fetched": False
    }  # fmt: skip
    assert merpati("pop3", "set", ADDRESS, "--expire", "soon").status == 2
    assert "no mailbox" in merpati("pop3", "set", ADDRESS, "--folders", "Nowhere").err
    assert "removed       never" in merpati("pop3", "set", ADDRESS, "--default").out

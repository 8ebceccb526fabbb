"""Scripts and automatic replies on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.conftest import Merpati

OWNER = "admin@a.id"
SCRIPT = 'require "fileinto";\nif header :contains "subject" "lunch" {\n  fileinto "Archive";\n}\n'
MAIL = "From: dora@sender.test\nSubject: Lunch at noon\n\nSee you.\n"


@pytest.fixture
def mail(tmp_path: Path) -> Path:
    path = tmp_path / "mail.eml"
    path.write_bytes(MAIL.replace("\n", "\r\n").encode())
    return path


def test_a_script_is_stored_activated_shown_and_removed(merpati: Merpati) -> None:
    assert merpati("sieve", "list", OWNER).out == (
        f"No script yet: merpati sieve put {OWNER} NAME FILE\n"
    )
    done = merpati("sieve", "put", OWNER, "work", "-", "--activate", text=SCRIPT)
    assert (done.out, done.err) == (f"work runs for {OWNER} from now on.\n", "")
    assert merpati("sieve", "show", OWNER, "work").out == SCRIPT
    [listed] = merpati("sieve", "list", OWNER, "--json").json
    assert (listed["name"], listed["active"], listed["size"]) == ("work", True, len(SCRIPT))
    assert merpati("sieve", "remove", OWNER, "work").err == (
        'merpati sieve: "work" is the active script; activate another one first\n'
    )
    assert merpati("sieve", "deactivate", OWNER).out == f"No script runs for {OWNER}.\n"
    assert merpati("sieve", "remove", OWNER, "work").out == "work is removed.\n"


def test_a_wrong_script_is_not_stored(merpati: Merpati) -> None:
    done = merpati("sieve", "put", OWNER, "bad", "-", text="keep")
    assert done.status == 1
    assert done.err.startswith("merpati sieve: line 1, column")
    assert merpati("sieve", "list", OWNER, "--json").json == []


def test_a_script_for_everybody_runs_where_it_is_included(merpati: Merpati) -> None:
    assert merpati("sieve", "put", "everybody", "spam", "-", text="keep;").status == 0
    assert merpati("sieve", "activate", "everybody", "spam").err == (
        "merpati sieve: scripts for everybody run where they are included\n"
    )
    assert merpati("sieve", "remove", "everybody", "spam").status == 0


def test_what_would_happen_is_explained_line_by_line(
    merpati: Merpati, tmp_path: Path, mail: Path
) -> None:
    script = tmp_path / "script.sieve"
    script.write_text(SCRIPT)
    lines = merpati("sieve", "test", str(script), str(mail)).out.splitlines()
    assert lines[0].startswith("  line 2:")
    assert "is true" in lines[0]
    assert lines[-2:] == ["What would happen:", "  the message is filed into Archive"]
    found = merpati("sieve", "test", str(script), str(mail), "--json").json
    assert found["actions"] == ["the message is filed into Archive"]


def test_what_would_happen_is_explained_in_indonesian(
    merpati: Merpati, tmp_path: Path, mail: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MERPATI_LANG", "id")
    script = tmp_path / "script.sieve"
    script.write_text(
        'require ["fileinto", "imap4flags", "mailbox"];\n'
        'if not header :is "X-None" "x" { fileinto :flags "work" "Archive"; }\n'
        'if header :contains "Subject" "" { fileinto :create :flags "work" "New"; }\n'
    )
    told = merpati("sieve", "test", str(script), str(mail)).out
    assert "header salah: tidak ada yang ditemukan, yang dicari is" in told
    assert "header benar: ditemukan " in told
    assert told.splitlines()[-2:] == [
        "  pesan dimasukkan ke Archive dengan tanda work",
        "  pesan dimasukkan ke New, yang dibuat bila belum ada, dengan tanda work",
    ]


def test_a_stored_script_is_tried_on_the_mailboxes_of_its_account(
    merpati: Merpati, mail: Path
) -> None:
    script = 'require ["mailbox", "fileinto"]; if mailboxexists "Archive" { discard; }'
    merpati("sieve", "put", OWNER, "boxes", "-", text=script)
    done = merpati("sieve", "test", "boxes", str(mail), "--account", OWNER)
    assert done.out.splitlines()[-1] == "  the message is thrown away"
    merpati("sieve", "remove", OWNER, "boxes")


def test_an_automatic_reply_is_set_and_taken_off(merpati: Merpati) -> None:
    assert merpati("sieve", "auto-reply", OWNER).out == f"{OWNER} answers nobody automatically.\n"
    done = merpati("sieve", "auto-reply", OWNER, "--subject", "Away")
    assert done.err == "merpati sieve: an auto-reply needs words: add --text TEXT\n"
    done = merpati(
        "sieve", "auto-reply", OWNER, "--text", "Back soon.", "--to", "2126-12-24", "--json"
    )
    assert (done.json["is_enabled"], done.json["text"]) == (True, "Back soon.")
    assert merpati("sieve", "auto-reply", OWNER).out.startswith(
        f"{OWNER} answers everybody once in seven days up to 2126-12-2"
    )
    assert merpati("sieve", "auto-reply", OWNER, "--off").status == 0
    assert merpati("sieve", "auto-reply", OWNER, "--from", "soon").status == 2

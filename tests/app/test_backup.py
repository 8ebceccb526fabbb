from __future__ import annotations

from pathlib import Path

from tests.app.conftest import Merpati


def mail(folder: Path, count: int) -> Path:
    root = folder / "maildir"
    for name in ("cur", "new", "tmp"):
        (root / name).mkdir(parents=True)
    for n in range(count):
        text = f"From: x@y.z\r\nSubject: letter {n}\r\n\r\nhello {n}\r\n"
        (root / "cur" / f"{n}:2,S").write_bytes(text.encode())
    return root


def test_a_backup_is_taken_listed_verified_and_brought_back(
    merpati: Merpati, tmp_path: Path
) -> None:
    merpati("account", "add", "ani@a.id", "--password-stdin", text="merpati terbang\n")
    merpati("import", "maildir", "ani@a.id", str(mail(tmp_path, 3)))
    target = str(tmp_path / "backup")
    taken = merpati("backup", target, "--json").json
    assert (taken["messages"], taken["damaged"]) == (3, [])
    again = merpati("backup", target)
    assert "3 messages" in again.out
    listed = merpati("backup", "list", target, "--json").json
    assert [one["messages"] for one in listed["snapshots"]] == [3, 3]
    assert listed["runs"][0]["snapshot"] == listed["snapshots"][1]["name"]
    proof = merpati("backup", "verify", target)
    assert (proof.status, "all is well" in proof.out) == (0, True)

    elsewhere = tmp_path / "elsewhere"
    done = merpati("restore", target, "--to", str(elsewhere))
    assert done.status == 0, done.err
    assert "2 accounts, 3 messages" in done.out
    assert "no keys" in done.out
    checked = merpati("check", "-c", str(elsewhere / "merpati.toml"))
    assert checked.out == "2 accounts, 3 messages: all is well.\n"
    assert (elsewhere / "data" / "merpati.sqlite").stat().st_mode & 0o022 == 0
    second = merpati("restore", target, "--to", str(elsewhere))
    assert (second.status, "is not empty" in second.err) == (1, True)


def test_one_account_is_shown_and_brought_back(merpati: Merpati, tmp_path: Path) -> None:
    merpati("account", "add", "budi@a.id", "--password-stdin", text="merpati terbang\n")
    merpati("import", "maildir", "budi@a.id", str(mail(tmp_path, 2)))
    target = str(tmp_path / "backup")
    merpati("backup", target)
    shown = merpati("restore", target, "--account", "budi@a.id", "--list").out
    assert "\nINBOX         2\n" in shown
    merpati("account", "remove", "budi@a.id", "--yes")
    trial = merpati("restore", target, "--account", "budi@a.id", "--dry-run").out
    assert "would be made anew" in trial
    assert merpati("account", "show", "budi@a.id").status == 1
    done = merpati("restore", target, "--account", "budi@a.id")
    assert "is made anew.\n2 emails came back" in done.out
    assert "0 emails came back" in merpati("restore", target, "--account", "budi@a.id").out
    missing = merpati("restore", target, "--account", "budi@a.id", "--mailbox", "Nowhere")
    assert (missing.status, "had no mailbox Nowhere" in missing.err) == (1, True)


def test_an_encrypted_backup_has_the_keys_and_wants_its_passphrase(
    merpati: Merpati, tmp_path: Path, folder: Path
) -> None:
    file = tmp_path / "passphrase"
    file.write_text("burung merpati terbang\n")
    file.chmod(0o600)
    target = str(tmp_path / "backup")
    words = ("--passphrase-file", str(file))
    assert merpati("backup", target, *words).status == 0
    refused = merpati("restore", target, "--to", str(tmp_path / "r"))
    assert (refused.status, "is encrypted" in refused.err) == (1, True)
    done = merpati("restore", target, "--to", str(tmp_path / "r"), *words)
    assert "no keys" not in done.out
    key = tmp_path / "r" / "tls" / "key.pem"
    assert key.read_bytes() == (folder / "tls" / "key.pem").read_bytes()
    assert key.stat().st_mode & 0o777 == 0o600
    file.chmod(0o644)
    assert "too open" in merpati("backup", target, *words).err


def test_wrong_words_are_answered_with_what_to_do(merpati: Merpati, tmp_path: Path) -> None:
    none = merpati("backup")
    assert none.status == 1
    assert "name a folder, or set target in [backup]" in none.err
    assert merpati("backup", "list", "a", "b").status == 2
    assert merpati("restore", str(tmp_path), "--mailbox", "X").status == 2
    nothing = merpati("restore", str(tmp_path))
    assert "is no backup" in nothing.err

"""Mail of a Dovecot is copied, collected, and read from its files; and goes back into them."""

from __future__ import annotations

import json
import mailbox
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.dovecot import MASTER, PASSWORD, Dovecot, dovecot
from tests.support import instance
from tests.support.instance import Installation

pytestmark = pytest.mark.scenario

LETTER = b"From: a@example.com\nTo: ana@b.id\nSubject: %d\n\nFrom now on.\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    with Installation.make(tmp_path_factory.mktemp("server"), "b.id").serving() as one:
        yield one


@pytest.fixture
def other() -> Iterator[Dovecot]:
    with dovecot(separator=".") as one:
        yield one


def merpati(server: Installation, *words: str, password: str = PASSWORD) -> Any:
    done = instance.run(
        *words, "--json", "-c", server.config,
        env={"MERPATI_IMPORT_PASSWORD": password, "MERPATI_COLLECTOR_PASSWORD": password},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


def boxes(server: Installation, address: str) -> dict[str, int]:
    shown = merpati(server, "account", "show", address)
    return {box["name"]: box["emails"] for box in shown["mailboxes"] if box["emails"]}


def test_a_whole_dovecot_moves_in_while_the_server_runs(
    server: Installation, other: Dovecot, tmp_path: Path
) -> None:
    for user in ("one", "two"):
        server.add_account(f"{user}@b.id")
        for number in range(30):
            other.put(user, LETTER % number, ["", ".Work.Sub", ".Sent Stuff"][number % 3], "S")
    listed = tmp_path / "accounts.csv"
    listed.write_text("user,target\none,one@b.id\ntwo,two@b.id\n")
    words = (
        "import", "imap", "--accounts", str(listed), "--host", "127.0.0.1", "--port",
        str(other.imap), "--security", "none", "--master", MASTER, "--hashes",
    )  # fmt: skip
    for added in (30, 0):
        found = merpati(server, *words)
        assert [one["added"] for one in found] == [added, added]
        for one in found:
            assert one["problem"] == ""
            assert {(each["there"], each["here"]) for each in one["folders"]} == {(10, 10)}
            assert sum(each["differ"] for each in one["folders"]) == 0
    assert boxes(server, "two@b.id") == {"INBOX": 10, "Work/Sub": 10, "Sent": 10}
    other.put("two", LETTER % 99)
    assert [one["added"] for one in merpati(server, *words)] == [0, 1]


def test_the_files_of_a_dovecot_move_in_and_out_again(
    server: Installation, other: Dovecot, tmp_path: Path
) -> None:
    server.add_account("files@b.id")
    for number in range(12):
        other.put("files", LETTER % number, ["", ".Work"][number % 2], "FS")
    root = other.folder / "mail" / "files" / "Maildir"
    assert merpati(server, "import", "maildir", "files@b.id", str(root))["added"] == 12
    assert merpati(server, "import", "maildir", "files@b.id", str(root))["known"] == 12
    merpati(server, "export", "maildir", "files@b.id", str(tmp_path / "out"))
    theirs = mailbox.Maildir(tmp_path / "out", create=False)
    assert sorted(str(one["Subject"]) for one in theirs) == sorted(map(str, range(0, 12, 2)))
    assert {one.get_flags() for one in theirs} == {"FS"}
    assert theirs.list_folders().count("Work") == 1
    merpati(server, "export", "mbox", "files@b.id", str(tmp_path / "mbox"))
    with closing(mailbox.mbox(tmp_path / "mbox" / "Work.mbox", create=False)) as file:
        assert [str(one["Subject"]) for one in file] == list(map(str, range(1, 12, 2)))
        assert {one.get_flags() for one in file} == {"ROF"}


@pytest.mark.parametrize("protocol", ["pop3", "imap"])
def test_mail_is_collected_from_a_dovecot(
    server: Installation, other: Dovecot, protocol: str
) -> None:
    user = f"{protocol}user"
    server.add_account(f"{user}@b.id")
    for number in range(3):
        other.put(user, LETTER % number)
    port = other.pop3 if protocol == "pop3" else other.imap
    done = instance.run(
        "collector", "add", f"{user}@b.id", "--protocol", protocol, "--host", "127.0.0.1",
        "--port", str(port), "--security", "none", "--user", user, "--delete", "-c", server.config,
        text=f"{PASSWORD}\n",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    added = done.stdout.split()[1]
    ran = instance.run("collector", "run", added, "-c", server.config)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert boxes(server, f"{user}@b.id") == {"INBOX": 3}
    assert other.count(user) == 0
    [listed] = merpati(server, "collector", "list", f"{user}@b.id")
    assert (listed["collected"], listed["failures"]) == (3, 0)
    assert PASSWORD not in json.dumps(listed)
    removed = instance.run("collector", "remove", added, "-c", server.config)
    assert removed.returncode == 0, removed.stderr


def test_a_dovecot_that_numbers_its_messages_anew_brings_none_twice(
    server: Installation, other: Dovecot
) -> None:
    numbers = {}
    for protocol in ("pop3", "imap"):
        server.add_account(f"anew{protocol}@b.id")
        for subject in (1, 2, 2):
            other.put(f"anew{protocol}", LETTER % subject)
        done = instance.run(
            "collector", "add", f"anew{protocol}@b.id", "--protocol", protocol,
            "--host", "127.0.0.1", "--port", str(getattr(other, protocol)), "--security", "none",
            "--user", f"anew{protocol}", "--leave", "-c", server.config, text=f"{PASSWORD}\n",
        )  # fmt: skip
        numbers[f"anew{protocol}"] = done.stdout.split()[1]
    for there in (3, 4):
        for user, number in numbers.items():
            if there == 4:
                other.put(user, LETTER % 3)
            ran = instance.run("collector", "run", number, "-c", server.config)
            assert ran.returncode == 0, ran.stdout + ran.stderr
            assert boxes(server, f"{user}@b.id") == {"INBOX": there}
            for file in (other.folder / "mail" / user / "Maildir").glob("dovecot*"):
                file.unlink()
        time.sleep(1.1)  # Dovecot takes the second for UIDVALIDITY

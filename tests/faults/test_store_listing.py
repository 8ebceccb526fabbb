"""The listing that judges the fault runs sees what is there, and what is damaged."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from merpati.store import schema
from merpati.store.blobs import Compression, content_hash
from merpati.store.engine import Dialect
from tests.faults.store_listing import DATABASE, list_ids, queued, uidnext

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def fill(table: str, db: sqlite3.Connection, **values: object) -> None:
    """A row of which only some columns matter."""
    columns = {row[1]: 0 for row in db.execute(f"PRAGMA table_info({table})")} | values
    names, marks = ", ".join(columns), ", ".join("?" * len(columns))
    db.execute(f"INSERT INTO {table} ({names}) VALUES ({marks})", tuple(columns.values()))


def add_blob(db: sqlite3.Connection, number: int, content: bytes, location: str = "") -> None:
    digest = content_hash(content)
    fill("blob", db, id=number, hash=digest, size=len(content), refs=1, location=location)
    fill("message", db, blob_id=number)
    if not location:
        encoding, data = Compression().pack(content)
        fill("body", db, blob_id=number, encoding=encoding, data=data)


@pytest.fixture
def db(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """One email inline, one in a file, and one message with two queued recipients."""
    file = tmp_path / "data/blobs/ab/cd"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"X-Fault-Id: large\r\n\r\n" + b"x" * 300)
    with closing(sqlite3.connect(tmp_path / "data" / DATABASE, isolation_level=None)) as db:
        for step in schema.migrations():
            for statement in schema.statements(step.sql, Dialect.SQLITE):
                db.execute(statement)
        add_blob(db, 1, b"X-Fault-Id: small\r\n\r\n" + b"y" * 300)
        add_blob(db, 2, file.read_bytes(), "ab/cd")
        add_blob(db, 3, b"Subject: x\r\nX-Fault-Id: waits\r\n\r\n")
        fill("mailbox", db, account_id=1, id=1, role="inbox", uidnext=3)
        for number in (1, 2):
            row = {"account_id": 1, "mailbox_id": 1, "uid": number, "email_id": number}
            fill("mailbox_email", db, **row, blob_id=number)
        fill("queue_message", db, id=7, blob_id=3)
        fill("queue_recipient", db, message_id=7, n=0)
        fill("queue_recipient", db, message_id=7, n=1)
        yield db


def test_everything_that_holds_a_message_is_listed(tmp_path: Path, db: sqlite3.Connection) -> None:
    assert sorted(list_ids(tmp_path)) == ["large", "small", "waits", "waits"]
    assert queued(tmp_path) == 2
    assert uidnext(tmp_path) == 3


def test_an_email_in_two_mailboxes_counts_once(tmp_path: Path, db: sqlite3.Connection) -> None:
    fill("mailbox", db, account_id=1, id=2, name="two", uidnext=2)
    fill("mailbox_email", db, account_id=1, mailbox_id=2, uid=1, email_id=1, blob_id=1)
    assert list_ids(tmp_path).count("small") == 1


@pytest.mark.parametrize(
    ("damage", "wanted"),
    [
        ("DELETE FROM body WHERE blob_id = 1", "CORRUPT blob 1: neither body nor file"),
        ("UPDATE body SET data = x'00' WHERE blob_id = 1", "CORRUPT blob 1: "),
        ("UPDATE blob SET hash = x'00' WHERE id = 2", "CORRUPT blob 2: other bytes"),
        ("UPDATE blob SET location = 'ab/none' WHERE id = 2", "CORRUPT blob 2: [Errno 2]"),
        ("DELETE FROM blob WHERE id = 3", "CORRUPT queue 7.0: its message is not there"),
        ("DELETE FROM queue_message", "CORRUPT queue 7.1: its message is not there"),
        ("UPDATE mailbox SET uidnext = 2", "CORRUPT 1 times: uid at or beyond uidnext"),
        ("DELETE FROM mailbox", "CORRUPT 2 times: email in a mailbox that is not there"),
        ("DELETE FROM message WHERE blob_id = 1", "CORRUPT 1 times: email without its parsed"),
        ("UPDATE blob SET refs = 0 WHERE id = 1", "CORRUPT blob 1: held and marked for removal"),
    ],
)
def test_damage_is_found(tmp_path: Path, db: sqlite3.Connection, damage: str, wanted: str) -> None:
    db.execute(damage)
    assert any(line.startswith(wanted) for line in list_ids(tmp_path)), list_ids(tmp_path)


def test_a_file_that_is_no_database_is_corrupt_and_a_missing_one_is_empty(tmp_path: Path) -> None:
    assert list_ids(tmp_path) == []
    (tmp_path / DATABASE).write_bytes(b"no database" * 100)
    assert list_ids(tmp_path)[0].startswith("CORRUPT database")

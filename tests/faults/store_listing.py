"""Reads the SQLite store of a server that is down, without the server's own store code.

Only the decompression of bodies is the product's. Everything the fault runs know
about the schema stands here.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

from merpati.base.faults import Fault
from merpati.store.blobs import Compression, content_hash

DATABASE: Final = "merpati.sqlite"
_ID: Final = re.compile(rb"(?im)^X-Fault-Id: (\S+)")

# Every holder of a message: an email once however many mailboxes it is in, and each
# recipient that is still queued.
_HOLDERS: Final = """
    SELECT DISTINCT 'email ' || account_id || '.' || email_id, blob_id FROM mailbox_email
    UNION ALL
    SELECT 'queue ' || r.message_id || '.' || r.n, m.blob_id
    FROM queue_recipient r LEFT JOIN queue_message m ON m.id = r.message_id
"""
_BLOBS: Final = """
    SELECT b.id, b.hash, b.size, b.refs, b.location, c.encoding, c.data
    FROM blob b LEFT JOIN body c ON c.blob_id = b.id
"""
# Sentence, and a query that must find nothing.
_LAWS: Final = {
    "uid at or beyond uidnext": """
        SELECT count(*) FROM mailbox_email e JOIN mailbox m
        ON m.account_id = e.account_id AND m.id = e.mailbox_id WHERE e.uid >= m.uidnext
    """,
    "email in a mailbox that is not there": """
        SELECT count(*) FROM mailbox_email e LEFT JOIN mailbox m
        ON m.account_id = e.account_id AND m.id = e.mailbox_id WHERE m.id IS NULL
    """,
    "email without its parsed structure": """
        SELECT count(*) FROM mailbox_email e LEFT JOIN message m
        ON m.blob_id = e.blob_id WHERE m.blob_id IS NULL
    """,
}


def database(folder: Path) -> Path | None:
    """The SQLite file somewhere below `folder`; None before there is one."""
    return next(iter(sorted(folder.rglob(DATABASE))), None)


def _open(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def queued(folder: Path) -> int:
    """How many recipients are still queued."""
    path = database(folder)
    if path is None:
        return 0
    with _open(path) as db:
        return int(db.execute("SELECT count(*) FROM queue_recipient").fetchone()[0])


def uidnext(folder: Path) -> int:
    """The highest UIDNEXT of the inboxes; 0 when there is none."""
    path = database(folder)
    if path is None:
        return 0
    with _open(path) as db:
        found = db.execute("SELECT max(uidnext) FROM mailbox WHERE role = 'inbox'").fetchone()
        return int(found[0] or 0)


def _content(row: tuple[int, bytes, int, int, str, int, bytes], folder: Path) -> bytes:
    """The bytes of a blob; `OSError`, `ValueError` or `Fault` when they are not what was stored."""
    _id, digest, size, _refs, location, encoding, data = row
    if location:
        content = (folder / "blobs" / location).read_bytes()
    elif data is None:
        raise ValueError("neither body nor file")
    else:
        content = Compression().unpack(encoding, data, size)
    if content_hash(content) != digest:
        raise ValueError("other bytes than were stored")
    return content


def list_ids(folder: Path) -> list[str]:
    """The `X-Fault-Id` of every message that is stored or queued, and `CORRUPT ...` lines.

    A message counts once for each email and once for each queued recipient; a
    message without an `X-Fault-Id` is not listed, but it is looked at.
    """
    path = database(folder)
    if path is None:
        return []
    try:
        with _open(path) as db:
            return _list(db, path.parent)
    except sqlite3.DatabaseError as error:
        return [f"CORRUPT database: {error}"]


def _list(db: sqlite3.Connection, data: Path) -> list[str]:
    whole = db.execute("PRAGMA integrity_check").fetchone()[0]
    if whole != "ok":
        return [f"CORRUPT database: {whole}"]
    out: list[str] = []
    for sentence, query in _LAWS.items():
        if count := db.execute(query).fetchone()[0]:
            out.append(f"CORRUPT {count} times: {sentence}")
    contents: dict[int, bytes] = {}
    refs: dict[int, int] = {}
    for row in db.execute(_BLOBS):
        refs[row[0]] = row[3]
        try:
            contents[row[0]] = _content(row, data)
        except (OSError, ValueError, Fault) as error:
            out.append(f"CORRUPT blob {row[0]}: {error}")
    held: Counter[int] = Counter()
    for holder, blob_id in db.execute(_HOLDERS):
        held[blob_id] += 1
        if blob_id not in contents:
            out.append(f"CORRUPT {holder}: its message is not there")
            continue
        head = contents[blob_id].partition(b"\r\n\r\n")[0]
        if found := _ID.search(head):
            out.append(found.group(1).decode())
    out += [f"CORRUPT blob {n}: held and marked for removal" for n in held if not refs.get(n, 1)]
    return out


if __name__ == "__main__":
    print("\n".join(list_ids(Path(sys.argv[1]))))

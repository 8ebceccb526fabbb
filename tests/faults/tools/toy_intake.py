"""A minimal SMTP intake that proves the fault tools: right ways to take a message, and wrong ones.

sqlite-full     SQLite WAL, synchronous=FULL, commit before 250         right
sqlite-normal   the same with synchronous=NORMAL                        a power cut loses mail
ack-first       250 before the commit                                   kill -9 loses mail
maildir         tmp, sync of the file, rename, sync of the folder       right
maildir-nodir   without the sync of the folder                          the rename is lost
maildir-nosync  without any sync                                        empty or missing files
blob-first      blob and its folder synced, then the row committed      right
blob-after      the row committed before the blob                       a row without a blob
ignore-eio      as maildir, but errors of sync are ignored              mail that is not there
"""

from __future__ import annotations

import argparse
import os
import re
import secrets
import socketserver
import sqlite3
import threading
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MODES: Final = (
    *("sqlite-full", "sqlite-normal", "ack-first", "blob-first", "blob-after"),
    *("maildir", "maildir-nodir", "maildir-nosync", "ignore-eio"),
)
END: Final = b"\r\n.\r\n"
_ID: Final = re.compile(rb"(?im)^X-Fault-Id: (\S+)")


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class Store:
    """Keeps messages below `root` in the way of `mode`."""

    def __init__(self, root: Path, mode: str) -> None:
        self._root, self._mode, self._lock = root, mode, threading.Lock()
        for name in ("tmp", "new", "blob"):
            (root / name).mkdir(parents=True, exist_ok=True)
        _sync_folder(root)
        if mode.startswith(("maildir", "ignore")):
            return
        self._db = sqlite3.connect(root / "q.db", check_same_thread=False, isolation_level=None)
        level = "normal" if mode == "sqlite-normal" else "full"
        self._db.execute("pragma journal_mode=wal")
        self._db.execute(f"pragma synchronous={level}")
        self._db.execute("pragma wal_autocheckpoint=64")
        self._db.execute(
            "create table if not exists q"
            "(n integer primary key, id text, sha text, body blob, name text)"
        )

    def close(self) -> None:
        if hasattr(self, "_db"):
            self._db.close()

    def _row(self, fault_id: str, body: bytes, name: str | None = None) -> None:
        row = (fault_id, sha256(body).hexdigest(), None if name else body, name)
        with self._lock:
            self._db.execute("insert into q(id, sha, body, name) values(?, ?, ?, ?)", row)

    def _sync(self, descriptor: int) -> None:
        try:
            os.fsync(descriptor)
        except OSError:
            if self._mode != "ignore-eio":
                raise

    def _file(self, folder: str, name: str, body: bytes, *, sync: bool, sync_folder: bool) -> None:
        old, new = self._root / "tmp" / name, self._root / folder / name
        data = memoryview(sha256(body).hexdigest().encode() + b"\n" + body)
        descriptor = os.open(old, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            while data:
                data = data[os.write(descriptor, data) :]
            if sync:
                self._sync(descriptor)
        except OSError:
            old.unlink()
            raise
        finally:
            os.close(descriptor)
        old.rename(new)
        if not sync_folder:
            return
        try:
            _sync_folder(self._root / folder)
        except OSError:
            if self._mode != "ignore-eio":
                new.unlink()  # it is not acknowledged, and the sender will try again
                raise

    def put(self, fault_id: str, body: bytes, acknowledge: Callable[[], None]) -> None:
        """Keeps a message; `OSError` or `sqlite3.Error` when it could not."""
        name = f"{fault_id}.{os.getpid()}.{secrets.token_hex(6)}"
        match self._mode:
            case "ack-first":
                acknowledge()
                self._row(fault_id, body)
                return
            case "sqlite-full" | "sqlite-normal":
                self._row(fault_id, body)
            case "blob-first":
                self._file("blob", name, body, sync=True, sync_folder=True)
                self._row(fault_id, body, name)
            case "blob-after":
                self._row(fault_id, body, name)
                self._file("blob", name, body, sync=False, sync_folder=False)
            case _:
                synced = self._mode != "maildir-nosync"
                folder = synced and self._mode != "maildir-nodir"
                self._file("new", name, body, sync=synced, sync_folder=folder)
        acknowledge()


def _whole(folder: Path) -> dict[str, bool]:
    """Per file, whether its content has the hash of its first line."""
    found = {}
    for path in folder.iterdir() if folder.is_dir() else ():
        head, _, body = path.read_bytes().partition(b"\n")
        found[path.name] = sha256(body).hexdigest().encode() == head
    return found


def listing(root: Path, mode: str) -> list[str]:
    """The id of each stored message; `CORRUPT id` for one that is there but not whole."""
    if mode.startswith(("maildir", "ignore")):
        files = _whole(root / "new").items()
        return [("" if good else "CORRUPT ") + name.split(".")[0] for name, good in files]
    if not (root / "q.db").exists():
        return []
    blobs, out = _whole(root / "blob"), []
    with closing(sqlite3.connect(root / "q.db")) as db:
        try:
            if db.execute("pragma integrity_check").fetchone()[0] != "ok":
                return ["CORRUPT database"]
            if not db.execute("select 1 from sqlite_master where name='q'").fetchone():
                return []
            rows = db.execute("select id, sha, body, name from q").fetchall()
        except sqlite3.DatabaseError as error:
            return [f"CORRUPT database: {error}"]
    for fault_id, digest, body, name in rows:
        good = blobs.get(name, False) if name else sha256(body).hexdigest() == digest
        out.append(fault_id if good else f"CORRUPT {fault_id}")
    return out


class Session(socketserver.StreamRequestHandler):
    """One SMTP session that agrees to everything."""

    server: Server

    def _say(self, text: str) -> None:
        self.request.sendall(text.encode() + b"\r\n")

    def _data(self) -> None:
        self._say("354 go")
        data = bytearray()
        while not data.endswith(END):
            line = self.rfile.readline(65536)
            if not line:
                return
            data += line
        found = _ID.search(data)
        name = found.group(1).decode() if found else "none"
        body = bytes(data[: -len(END)])
        try:
            self.server.store.put(name, body, lambda: self._say(f"250 2.0.0 queued as {name}"))
        except (OSError, sqlite3.Error) as error:
            self._say(f"451 4.3.0 {type(error).__name__}")

    def handle(self) -> None:
        self._say("220 toy")
        while line := self.rfile.readline(1000):
            verb = line[:4].upper()
            if verb == b"DATA":
                self._data()
            elif verb == b"QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")


class Server(socketserver.ThreadingTCPServer):
    """Listens on loopback over one store."""

    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, port: int, store: Store) -> None:
        self.store = store
        super().__init__(("127.0.0.1", port), Session)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client went away: the fault tools do that all the time."""


def main() -> None:
    parser = argparse.ArgumentParser(description="a toy SMTP intake with known bugs")
    parser.add_argument("--dir", type=Path, required=True)
    parser.add_argument("--mode", choices=MODES, default="sqlite-full")
    parser.add_argument("--port", type=int, default=2525)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(listing(options.dir, options.mode)))
    else:
        Server(options.port, Store(options.dir, options.mode)).serve_forever()


if __name__ == "__main__":
    main()

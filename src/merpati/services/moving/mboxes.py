"""mbox files as sources and targets of messages (wire/mbox.py).

A file is one mailbox. In a directory each file is one, and directories are levels; Thunderbird
keeps what lies below `Work` in a directory `Work.sbd`. Its indexes (.msf) are passed over.
"""

from __future__ import annotations

import json
import mmap
import os
import stat
from collections.abc import Iterable, Iterator
from functools import partial
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind, SyntaxFault
from merpati.services.moving.intake import Incoming, Report, expect_readable, reason
from merpati.wire import maildir, mbox, pieces
from merpati.wire.mbox import Entry, Marks

SUFFIX: Final = ".mbox"
BELOW: Final = ".sbd"
NO_MBOX: Final = frozenset({".msf", ".dat", ".html", ".json", ".lock", ".part", ".cmeta"})
STATE: Final = ".merpati-export.json"
NAME_MAX: Final = 240  # octets of a file's name without its suffix
COUNT_CHUNK: Final = 1024 * 1024
INBOXES: Final = frozenset({"inbox", "mbox", "mail"})  # what programs call the file of INBOX
INBOX_FILE: Final = f"inbox{SUFFIX}"


class Source(msgspec.Struct, frozen=True):
    """A file: the mailbox it stands for, and how many octets it holds."""

    path: str
    file: Path
    size: int


def sources(root: Path, mailbox: str = "", report: Report | None = None) -> list[Source]:
    """The mailboxes of a file or a directory; what may not be read is noted in the report.

    Args:
        root: The file or directory.
        mailbox: What a single file stands for.
        report: Of the import.

    Raises:
        Fault: NOT_FOUND when there is none; DENIED when it may not be read.
    """
    report = Report() if report is None else report
    expect_readable(root)
    if root.is_file():
        path = mailbox or _path((root.name,)) or "INBOX"
        return [Source(path, root, root.stat().st_size)]
    if (root / "cur").is_dir() and (root / "new").is_dir():
        raise Fault(Kind.NOT_FOUND, f"{root} is a Maildir; use: merpati import maildir")
    found = []

    def unread(problem: OSError) -> None:
        report.skip(str(problem.filename), reason(problem))

    for folder, _, files in os.walk(root, onerror=unread):
        for name in files:
            file = Path(folder) / name
            its = None if name.startswith(".") else _path(file.relative_to(root).parts)
            if its is None or file.suffix in NO_MBOX:
                continue
            try:
                about = file.stat()
            except OSError as problem:
                unread(problem)
                continue
            if stat.S_ISREG(about.st_mode) and (about.st_size or file.suffix == SUFFIX):
                found.append(Source(its, file, about.st_size))
    if not found:
        raise Fault(Kind.NOT_FOUND, f"{root} is no mbox file, and no directory with such files")
    return sorted(found, key=lambda one: (one.path != "INBOX", one.path))


def messages(source: Source, kind: mbox.Kind, report: Report) -> Iterator[Incoming]:
    """Every message of a file; what is no mbox is noted in the report."""
    if not source.size:
        return
    try:
        with source.file.open("rb") as file:
            content = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (OSError, ValueError) as problem:  # closed to us; emptied since it was found
        report.skip(str(source.file), reason(problem))
        return
    with content:
        fallback = int(source.file.stat().st_mtime * 1000)
        try:
            for number, entry in enumerate(mbox.entries(content, kind), 1):
                found = mbox.marks(content, entry)
                if found.internal:
                    continue
                date = mbox.date_of(found) if entry.date is None else entry.date
                received_at = fallback if date is None else date * 1000
                yield Incoming(
                    f"{source.file}:{number}",
                    partial(_read, content, entry, found),
                    received_at,
                    found.keywords,
                )
        except SyntaxFault as fault:
            report.skip(str(source.file), fault.text)


def _read(content: mmap.mmap, entry: Entry, found: Marks) -> Iterable[bytes]:
    return mbox.message(content, entry, found)


def _path(parts: tuple[str, ...]) -> str | None:
    """The mailbox of a file, by its way from the root."""
    name = parts[-1].removesuffix(SUFFIX)
    if len(parts) == 1 and (parts[0].lower() in INBOXES or parts[0].lower() == INBOX_FILE):
        return "INBOX"
    return maildir.level_path([part.removesuffix(BELOW) for part in parts[:-1]] + [name])


class Target:
    """A directory that mailboxes are written to, a file for each.

    A file is written beside its place and renamed, so it is whole or not there. What each was
    made from is noted, and a mailbox that has not changed since is not written again.
    """

    def __init__(self, root: Path, kind: mbox.Kind, *, dry_run: bool = False) -> None:
        self._root = root
        self._kind = kind
        if not dry_run:
            root.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            self._state = dict(json.loads((root / STATE).read_text()))
        except (OSError, ValueError):
            self._state = {}

    def is_current(self, path: str, version: str) -> bool:
        """Whether a mailbox lies there as it is now; `version` changes whenever it does."""
        wanted = f"{self._kind.value} {version}"
        return self._state.get(path) == wanted and self._file(path).exists()

    def open(self, path: str) -> Path:
        """Begin a mailbox; the file to append to."""
        part = self._file(path).with_name(self._file(path).name + ".part")
        part.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.unlink(missing_ok=True)
        part.touch(mode=0o600)
        return part

    def add(
        self, part: Path, content: pieces.Content, received_at: int, keywords: frozenset[str]
    ) -> None:
        """Append an email; `received_at` in Unix milliseconds. Raises OSError."""
        with part.open("ab") as file:
            for piece in mbox.render(content, self._kind, received_at // 1000, keywords):
                file.write(piece)

    def close(self, path: str, part: Path, version: str) -> None:
        """A mailbox is whole."""
        part.rename(self._file(path))
        self._state[path] = f"{self._kind.value} {version}"
        (self._root / STATE).write_text(json.dumps(self._state, indent=1))

    def _file(self, path: str) -> Path:
        levels = [_level(level) for level in path.split("/")]
        return self._root.joinpath(*map(_directory, levels[:-1]), levels[-1] + SUFFIX)


def _directory(level: str) -> str:
    """A level that holds others; no file of a mailbox has its name, and it is read as it is."""
    if not level.endswith((SUFFIX, BELOW)):
        return level
    stem, _, suffix = level.rpartition(".")
    return f"{stem}&AC4-{suffix}"


def _level(name: str) -> str:
    """A level as a file's name, and none too long."""
    written = maildir.level_directory(name)
    if len(written) > NAME_MAX:
        digest = blake2b(written.encode(), digest_size=8).hexdigest()
        return f"{written[: NAME_MAX - 20]}~{digest}"
    return written

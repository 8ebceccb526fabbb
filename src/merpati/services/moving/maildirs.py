"""Maildir and Maildir++ folders as sources and targets of messages (wire/maildir.py).

Two ways to keep folders are read, together too: directories `.Archive.2024` beside the cur of
INBOX (Maildir++), and directories within directories, each with its own cur (mbsync's Verbatim,
Dovecot's LAYOUT=fs). What is written is Maildir++. A directory that may not be read is named and
the rest comes in; one that a symbolic link leads to is read like any other, once.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from hashlib import blake2b
from pathlib import Path
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.services.moving import packed
from merpati.services.moving.intake import Incoming, Report, closed, expect_readable, reason
from merpati.wire import maildir, pieces
from merpati.wire.maildir import KEYWORDS_FILE, SUBSCRIPTIONS_FILE

DIRECTORY_MAX: Final = 250  # octets of a name; file systems take 255
DEPTH_MAX: Final = 30  # directories below each other


class Source(msgspec.Struct, frozen=True):
    """A folder: the mailbox it stands for, its directory, and how many messages it holds."""

    path: str
    directory: Path
    count: int


def sources(root: Path, report: Report | None = None) -> list[Source]:
    """Every folder below a directory, INBOX first; what may not be read is noted in the report.

    Raises:
        Fault: NOT_FOUND when there is none; DENIED when the directory may not be read.
    """
    report = Report() if report is None else report
    expect_readable(root)
    found = sorted(_walk(root, report), key=lambda one: (one.path != "INBOX", one.path))
    if not found and report.skipped and root.is_dir():
        raise closed(Path(report.skipped[0][0]))
    if not found:
        text = (
            f"{root} is no Maildir: it has no directories cur and new, nor folders that have; for"
            " mbox files use: merpati import mbox"
        )
        raise Fault(Kind.NOT_FOUND, text)
    return found


def messages(source: Source) -> Iterator[Incoming]:
    """Every message of a folder, in the order of their file names, which is that of arrival."""
    table = maildir.parse_keywords(_read(source.directory / KEYWORDS_FILE))
    files = [(name, "new") for name in _names(source.directory / "new")]
    files += [(name, "cur") for name in _names(source.directory / "cur")]
    for name, place in sorted(files):
        found = maildir.parse_name(name)
        letters = found.letters if place == "cur" else ""
        file = source.directory / place / name
        yield Incoming(
            str(file),
            _reader(file, verbatim=found.is_verbatim),
            _time(file, found.time),
            maildir.keywords_of(letters, table),
        )


def _walk(root: Path, report: Report) -> Iterator[Source]:
    waiting = [(root, 0)]
    visited: set[str] = set()  # where symbolic links lead to may have been reached already
    while waiting:
        directory, depth = waiting.pop(0)
        real = os.path.realpath(directory)
        if real in visited:
            continue
        visited.add(real)
        path = _path(directory.relative_to(root).parts)
        try:
            below = _directories(directory)
            if any((directory / part).is_dir() for part in ("cur", "new")):
                count = sum(len(_names(directory / part)) for part in ("cur", "new"))
                if path is not None:
                    yield Source(path, directory, count)
                elif count:
                    report.skip(str(directory), "no folder is called so; give it another name")
        except OSError as problem:
            report.skip(str(problem.filename or directory), reason(problem))
            continue
        if depth < DEPTH_MAX:
            waiting += [(each, depth + 1) for each in below]


def _path(relative: tuple[str, ...]) -> str | None:
    """The mailbox of a directory, by its way from the root."""
    if not relative:
        return "INBOX"
    if relative[-1].startswith("."):  # Maildir++, below another folder perhaps
        below = maildir.folder_path(relative[-1])
        above = _path(relative[:-1])
        if below is None or above is None:
            return None
        return below if above == "INBOX" else f"{above}/{below}"
    return maildir.level_path(relative)


def _directories(directory: Path) -> list[Path]:
    """Directories that may be folders, those themselves before links to them. Raises OSError."""
    with os.scandir(directory) as entries:
        found = [
            (entry.is_symlink(), entry.path)
            for entry in entries
            if entry.is_dir() and entry.name not in {"cur", "new", "tmp"}
        ]
    return [Path(path) for _, path in sorted(found)]


def _names(directory: Path) -> list[str]:
    """The files of a directory; those that begin with a dot are no messages. Raises OSError."""
    try:
        with os.scandir(directory) as entries:
            return [
                entry.name
                for entry in entries
                if not entry.name.startswith(".") and entry.is_file()
            ]
    except FileNotFoundError:
        return []


def _reader(file: Path, *, verbatim: bool) -> Callable[[], Iterable[bytes]]:
    def read() -> Iterator[bytes]:
        carried = b""
        for chunk in packed.chunks(_place(file)):
            if verbatim:
                yield chunk
                continue
            whole = carried + chunk
            carried = b"\r" if whole.endswith(b"\r") else b""
            yield pieces.to_crlf(whole.removesuffix(carried))
        if carried:
            yield carried

    return read


def _place(file: Path) -> Path:
    """Where a message is by now: a server that goes on renames it when it is read or flagged."""
    if file.exists():
        return file
    base, cur = maildir.parse_name(file.name).base, file.parent.parent / "cur"
    found = (cur / name for name in _names(cur) if maildir.parse_name(name).base == base)
    return next(found, file)


def _time(file: Path, named: int) -> int:
    """When it was received, Unix milliseconds: the file's own time, which servers set to that."""
    try:
        return file.stat().st_mtime_ns // 1_000_000
    except OSError:
        return named * 1000


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            return opened.read(maildir.KEYWORDS_FILE_MAX)
    except OSError:
        return b""


class Target:
    """A Maildir++ that messages are written to.

    A file is written in tmp and renamed to cur, under a name that is made from the email, so
    a second run finds what is there; an email whose flags have changed is renamed.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._tables: dict[Path, list[str]] = {}
        self._there: dict[str, str] = {}
        self._directory = root

    def open(self, path: str) -> None:
        """Go on with a mailbox."""
        name = maildir.folder_directory(path)
        if len(name) > DIRECTORY_MAX:  # its name is then nearly the same
            name = (
                f"{name[: DIRECTORY_MAX - 20]}~{blake2b(name.encode(), digest_size=8).hexdigest()}"
            )
        self._directory = self._root / name if name else self._root
        for part in ("cur", "new", "tmp"):
            (self._directory / part).mkdir(parents=True, exist_ok=True, mode=0o700)
        if name:
            (self._directory / "maildirfolder").touch(mode=0o600)
        known = maildir.parse_keywords(_read(self._directory / KEYWORDS_FILE))
        self._table = [known[number] for number in sorted(known)]
        self._there = {
            maildir.parse_name(one).base.partition(",")[0]: one
            for one in _names(self._directory / "cur")
        }

    def has(self, unique: str, keywords: frozenset[str]) -> bool:
        """Whether an email is there already; its flags are brought up to date."""
        name = self._there.get(unique)
        if name is None:
            return False
        found = maildir.parse_name(name)
        wanted = "".join(sorted(self._letters(keywords)))
        if found.letters != wanted:
            cur = self._directory / "cur"
            (cur / name).rename(cur / f"{found.base}:2,{wanted}")
        return True

    def add(
        self, unique: str, content: pieces.Content, received_at: int, keywords: frozenset[str]
    ) -> None:
        """Write an email; `received_at` in Unix milliseconds. Raises OSError."""
        regular = pieces.is_regular(content)
        temporary = self._directory / "tmp" / unique
        size = 0
        with temporary.open("wb") as file:
            for piece in pieces.pieces(content, 0, len(content)):
                size += file.write(pieces.to_lf(piece) if regular else piece)
        # Servers give a message its date by the time of its file.
        os.utime(temporary, ns=(received_at * 1_000_000, received_at * 1_000_000))
        name = maildir.render_name(unique, self._letters(keywords), size, len(content))
        temporary.rename(self._directory / "cur" / name)

    def subscriptions(self, paths: Iterable[str]) -> None:
        """Write which mailboxes are subscribed, as Dovecot does."""
        lines = [maildir.folder_directory(path).removeprefix(".") or "INBOX" for path in paths]
        (self._root / SUBSCRIPTIONS_FILE).write_text("".join(f"{line}\n" for line in lines))

    def _letters(self, keywords: frozenset[str]) -> str:
        fresh = [
            keyword
            for keyword in sorted(keywords)
            if not maildir.has_letter(keyword) and keyword not in self._table
        ]
        if fresh and len(self._table) < maildir.KEYWORDS_MAX:
            self._table += fresh[: maildir.KEYWORDS_MAX - len(self._table)]
            table = maildir.render_keywords(self._table)
            (self._directory / KEYWORDS_FILE).write_bytes(table)
        return maildir.letters_of(keywords, self._table)

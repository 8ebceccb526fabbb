"""What a snapshot is: the tables of one moment and the messages that they name."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Final

import msgspec

from merpati.base.faults import Fault, Kind
from merpati.store.backup import rows
from merpati.store.backup.repository import Repository
from merpati.store.engine import Row

FORMAT: Final = 1
_SECONDS: Final = "%Y%m%dT%H%M%S"


class File(msgspec.Struct, frozen=True):
    """A file beside the store: its name below the installation's folder, and its bytes."""

    name: str
    mode: int
    data: bytes


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What a snapshot consists of.

    Attributes:
        created_at: The moment that it shows, Unix milliseconds.
        schema: The schema's number.
        sequences: The last id that each table had given.
        blobs: How many messages, each once, and `octets` their bytes.
        lost: Messages whose bytes were damaged in the store already: id and reason.
        files: The configuration; in an encrypted repository also the keys.
    """

    format: int
    created_at: int
    hostname: str
    version: str
    engine: str
    schema: int
    tables: list[rows.Stored]
    sequences: dict[str, int]
    blobs: int
    octets: int
    lost: list[tuple[int, str]]
    files: list[File]


class Snapshot(msgspec.Struct, frozen=True):
    """A snapshot of a repository: its name there, and its manifest."""

    name: str
    manifest: Manifest

    def stored(self, table: str) -> rows.Stored:
        """A table of it. Raises Fault CORRUPT when it has none of that name."""
        for one in self.manifest.tables:
            if one.table.name == table:
                return one
        raise Fault(Kind.CORRUPT, f"the snapshot {self.name} has no table {table}")


def stamp(created_at: int) -> str:
    """How a snapshot's name begins: its moment, so that names sort by time."""
    seconds = datetime.fromtimestamp(created_at // 1000, UTC).strftime(_SECONDS)
    return f"{seconds}.{created_at % 1000:03}Z"


def moment(name: str) -> datetime:
    """When a snapshot was taken, from its name. Raises Fault CORRUPT."""
    try:
        return datetime.strptime(name.partition("-")[0], f"{_SECONDS}.%fZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise Fault(Kind.CORRUPT, f"{name} is no name of a snapshot") from error


def find(repository: Repository, name: str = "") -> Snapshot:
    """A snapshot by its name or the beginning of it; the latest when none is named.

    Raises:
        Fault: NOT_FOUND, CORRUPT; CONFIG for one of a newer release.
    """
    names = [one for one in repository.snapshots() if one.startswith(name)]
    if not names:
        text = f"{repository.place.name} has no snapshot {name}".rstrip()
        raise Fault(Kind.NOT_FOUND, f"{text}; see: merpati backup list {repository.place.name}")
    manifest: Manifest = repository.read_snapshot(names[-1], Manifest)
    if manifest.format > FORMAT:
        raise Fault(Kind.CONFIG, f"the snapshot {names[-1]} is of a newer release; upgrade")
    return Snapshot(names[-1], manifest)


def table(repository: Repository, stored: rows.Stored, *, of: int | None = None) -> Iterator[Row]:
    """The rows of a table, a chunk in memory at a time.

    With `of` only those whose key begins with it; other chunks are not even read.
    """
    chunks = stored.chunks
    for number, chunk in enumerate(chunks):
        if of is not None:
            following = chunks[number + 1].first[0] if number + 1 < len(chunks) else of
            if chunk.first[0] > of or following < of:
                continue
        for row in rows.load(repository.get(chunk.digest)):
            if of is None or row[0] == of:
                yield row


def dicts(
    repository: Repository, snapshot: Snapshot, name: str, *, of: int | None = None
) -> Iterator[dict[str, object]]:
    """The rows of a table with their columns' names."""
    stored = snapshot.stored(name)
    for row in table(repository, stored, of=of):
        yield dict(zip(stored.table.columns, row, strict=True))
